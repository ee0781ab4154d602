//! What is kept and shown of output.

use super::*;
use agent_core::testing::RecordingSink;
use agent_core::{LiveKind, ThreadKey};
use proptest::prelude::*;
use std::sync::Arc;

const SECRET: &str = "s3cret-välue-0123456789";

fn redactor() -> Redactor {
    Redactor::new([SECRET.to_owned(), "s3cret-välue".to_owned()])
}

fn decoded(chunks: &[&[u8]]) -> String {
    let mut decoder = Decoder::default();
    let mut text: String = chunks.iter().map(|chunk| decoder.decode(chunk)).collect();
    text.push_str(&decoder.finish());
    text
}

#[test]
fn characters_cut_between_chunks_come_whole() {
    assert_eq!(decoded(&[b"a\xc3", b"\xa4b\xf0", b"\x9f", b"\xa6\x80"]), "aäb\u{1f980}");
    assert_eq!(decoded(&[b"\xff\xc3", b"x", b"\xf0\x9f"]), "\u{fffd}\u{fffd}x\u{fffd}");
}

proptest! {
    #[test]
    fn any_cuts_decode_like_the_whole(bytes in proptest::collection::vec(any::<u8>(), 0..64), cut in 0_usize..64, then in 0_usize..64) {
        let first = cut.min(bytes.len());
        let second = (first + then).min(bytes.len());
        let pieces = [&bytes[..first], &bytes[first..second], &bytes[second..]];
        prop_assert_eq!(decoded(&pieces), String::from_utf8_lossy(&bytes).into_owned());
    }

    #[test]
    fn any_pieces_scrub_like_the_whole(
        parts in proptest::collection::vec(prop_oneof![
            Just(SECRET.to_owned()), Just("s3cret-välue".to_owned()), "[a-zä3 \n-]{0,12}", Just("s3cret".to_owned())
        ], 0..12),
        size in 1_usize..40,
        delay in prop_oneof![Just(Delay::Full), Just(Delay::Line)],
    ) {
        let text = parts.concat();
        let mut scrubber = Scrubber::new(redactor(), delay);
        let chars: Vec<char> = text.chars().collect();
        let mut clean: String =
            chars.chunks(size).map(|piece| scrubber.push(&piece.iter().collect::<String>())).collect();
        clean.push_str(&scrubber.finish());
        prop_assert_eq!(clean, redactor().scrub(&text));
    }

    #[test]
    fn what_is_kept_and_what_is_omitted_make_the_whole(
        lines in proptest::collection::vec("[aä\n]{0,30}", 0..20), cap in 8_usize..100,
    ) {
        let text = lines.concat();
        let mut capped = Capped::new(cap);
        for line in &lines {
            capped.push(line);
        }
        let kept = capped.finish();
        if let Some((head, rest)) = kept.split_once("\n… ") {
            let (numbers, tail) = rest.split_once(" …\n").unwrap();
            let omitted: usize = numbers.split(' ').next().unwrap().parse().unwrap();
            prop_assert!(text.starts_with(head) && text.ends_with(tail));
            prop_assert_eq!(head.len() + omitted + tail.len(), text.len());
            prop_assert!(head.len() + tail.len() <= cap);
        } else {
            prop_assert_eq!(kept, text);
        }
    }
}

#[test]
fn the_cut_says_what_is_missing() {
    let mut capped = Capped::new(8);
    for text in ["abc\n", "1\n2\n3\n", "4\n5\n", "xyz\n"] {
        capped.push(text);
    }
    assert_eq!(capped.finish(), "abc\n\n… 10 bytes (5 lines) omitted: output is capped at 8 bytes …\nxyz\n");
}

fn transcript(sink: &Arc<RecordingSink>, cap_bytes: usize) -> Transcript {
    let sink: Arc<dyn agent_core::EventSink> = sink.clone();
    Transcript::new(&redactor(), cap_bytes, LiveOutput::of_item(sink, ThreadKey::for_test("t"), "item"))
}

fn shown(sink: &RecordingSink) -> Vec<String> {
    let text = |kind| match kind {
        LiveKind::Output(text) => text,
        other => panic!("{other:?}"),
    };
    sink.live_pieces().into_iter().map(|live| text(live.kind)).collect()
}

#[test]
fn a_secret_split_over_reads_is_neither_kept_nor_shown() {
    let sink = Arc::new(RecordingSink::default());
    let mut transcript = transcript(&sink, 1024);
    for byte in format!("before {SECRET} after").bytes() {
        transcript.take(&[byte]);
        transcript.flush();
    }
    assert_eq!(transcript.finish(), "before [redacted] after");
    assert_eq!(shown(&sink).concat(), "before [redacted] after");
}

#[test]
fn what_begins_no_secret_is_shown_at_once() {
    let sink = Arc::new(RecordingSink::default());
    let mut transcript = transcript(&sink, 1024);
    transcript.take(b"one\ntw");
    transcript.flush();
    assert_eq!(shown(&sink), ["one\ntw"]);
    assert_eq!(transcript.finish(), "one\ntw");
}

#[test]
fn a_secret_at_the_cut_of_the_cap_is_not_kept_in_part() {
    let sink = Arc::new(RecordingSink::default());
    let mut transcript = transcript(&sink, 16);
    transcript.take(format!("xx{SECRET}{}", "y".repeat(100)).as_bytes());
    let kept = transcript.finish();
    assert!(kept.starts_with("xx[redac") && !kept.contains("s3"), "{kept}");
}

#[test]
fn live_pieces_are_few_and_bounded() {
    let sink = Arc::new(RecordingSink::default());
    let mut transcript = transcript(&sink, 1024);
    let started = std::time::Instant::now();
    for _ in 0..10_000 {
        transcript.take(&[b'x'; 100]);
    }
    let periods = started.elapsed().as_millis() / FLUSH_EVERY.as_millis() + 2;
    transcript.finish();
    let pieces = shown(&sink);
    let bytes: usize = pieces.iter().map(String::len).sum();
    assert!(bytes <= 256 * 1024 + 100, "{bytes} bytes shown");
    assert!(pieces.iter().all(|piece| piece.len() <= 8 * 1024));
    assert!(pieces.len() as u128 <= 33 + periods, "{} pieces", pieces.len());
    assert!(pieces.last().unwrap().ends_with("not shown while the command runs …\n"));
}
