//! The border every input crosses before it is applied: secrets stay out, large content becomes a reference.

use super::RunError;
use crate::{
    ports::{BlobKeeper, StorageError},
    protocol::{BlobRef, Content, Op, ToolAnswer},
    redact::Redactor,
    thread::{Answer, BLOB_THRESHOLD_BYTES, Input},
};

/// All texts of one tool's output together.
const MAX_OUTPUT_BYTES: usize = 256 * 1024;

/// Takes secrets out of an input and puts its large content into blobs. The driver does so with every input; a host whose
/// inputs are recorded before they reach the driver does it where they are made.
///
/// # Errors
/// When it cannot be done. The input must not be kept then.
pub async fn cross_boundary<K: BlobKeeper + ?Sized>(
    input: Input,
    redactor: &Redactor,
    blobs: &K,
) -> Result<Input, RunError> {
    let mut input = redactor.scrub_value(input)?;
    let of_tools = !matches!(input, Input::Submitted(ref submission) if submission.op.starts_a_turn());
    for content in contents(&mut input) {
        if of_tools {
            cap(content);
        }
        offload(content, blobs).await?;
    }
    Ok(input)
}

/// Cuts the middle out of texts that together are larger than any tool's output may be, so that one call cannot fill the
/// model's window. Tools cap far below; this holds for those that do not.
fn cap(content: &mut [Content]) {
    let mut left = MAX_OUTPUT_BYTES;
    for part in content {
        let Content::Text { text } = part else { continue };
        if text.len() > left {
            *text = without_middle(text, left);
        }
        left = left.saturating_sub(text.len());
    }
}

fn without_middle(text: &str, bytes: usize) -> String {
    let (head, tail) = (text.floor_char_boundary(bytes / 2), text.ceil_char_boundary(text.len() - bytes / 2));
    let cut = tail - head;
    format!(
        "{}\n[{cut} bytes were left out here: no output is larger than {MAX_OUTPUT_BYTES} bytes]\n{}",
        &text[..head],
        &text[tail..]
    )
}

/// Every list of content that an input can carry.
fn contents(input: &mut Input) -> Vec<&mut Vec<Content>> {
    match input {
        Input::Submitted(submission) => match &mut submission.op {
            Op::UserTurn { items, .. } | Op::UserInput { items } => vec![items],
            Op::DynamicToolResponse { response, .. } => vec![&mut response.content],
            _ => Vec::new(),
        },
        Input::Answered { answer: Answer::Tool { answer }, .. }
        | Input::Lost { evidence: Some(answer), .. } => match answer {
            ToolAnswer::Finished { output } | ToolAnswer::Cancelled { output } => vec![&mut output.content],
            ToolAnswer::Asks { .. }
            | ToolAnswer::NotStarted
            | ToolAnswer::Unknown { .. }
            | ToolAnswer::Fatal { .. } => Vec::new(),
        },
        Input::Answered { answer: Answer::Hooked { hooked }, .. } => vec![&mut hooked.patch.attachments],
        Input::Opened(_)
        | Input::Resumed
        | Input::Moved { .. }
        | Input::Answered { .. }
        | Input::Lost { evidence: None, .. } => Vec::new(),
    }
}

async fn offload<K: BlobKeeper + ?Sized>(contents: &mut [Content], blobs: &K) -> Result<(), StorageError> {
    for content in contents {
        if let Content::Text { text } = content
            && text.len() > BLOB_THRESHOLD_BYTES
        {
            let id = blobs.keep(text.as_bytes()).await?;
            let blob = BlobRef { id, bytes: text.len() as u64, media_type: "text/plain".into() };
            *content = Content::Blob { blob };
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_that_is_too_large_loses_its_middle() {
        let (small, large) = ("a".repeat(1_000), "ä".repeat(MAX_OUTPUT_BYTES));
        let mut content = vec![Content::text(small.clone()), Content::text(large), Content::text("more")];
        cap(&mut content);
        let texts: Vec<&str> = content
            .iter()
            .map(|part| match part {
                Content::Text { text } => text.as_str(),
                _ => "",
            })
            .collect();
        assert_eq!(texts[0], small);
        assert!(
            texts[1].starts_with("ää") && texts[1].ends_with("ää") && texts[1].contains("were left out here")
        );
        assert!(texts.iter().map(|text| text.len()).sum::<usize>() < MAX_OUTPUT_BYTES + 500, "capped");
        assert!(texts[2].starts_with("\n[4 bytes were left out here"), "{}", texts[2]);
    }
}
