//! [`AnswerArgs`]: an answer that is more than yes or no.

use super::{CONFIGURED_AGAIN, Layers};
use crate::answering::Said;
use clap::{ArgGroup, Args};

#[derive(Debug, Args)]
#[command(
    after_help = CONFIGURED_AGAIN,
    group = ArgGroup::new("said").args(["text", "option", "fields", "json", "decline", "cancel", "fail"])
)]
pub(crate) struct AnswerArgs {
    /// The question's id, as `everturn approvals` prints it.
    pub(crate) id: String,
    /// The answer: a text, an option's label, or what a client's tool returned.
    text: Option<String>,
    /// The option with this number.
    #[arg(long, value_name = "N")]
    option: Option<usize>,
    /// A field of a form, or the answer to one of several questions; may be given several times.
    #[arg(long = "field", value_name = "NAME=VALUE", value_parser = field)]
    fields: Vec<(String, String)>,
    /// The whole answer as JSON: the form, the answers by question, or what a client's tool returned.
    #[arg(long, value_name = "JSON")]
    json: Option<String>,
    /// Say no to an MCP server.
    #[arg(long)]
    decline: bool,
    /// Say neither yes nor no to an MCP server.
    #[arg(long)]
    cancel: bool,
    /// A client's tool failed, and why.
    #[arg(long, value_name = "WHY")]
    fail: Option<String>,
    /// Do not go on with the turn here when nobody else serves the thread.
    #[arg(long)]
    pub(crate) no_run: bool,
    #[command(flatten)]
    pub(crate) layers: Layers,
}

fn field(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.trim().to_owned(), value.to_owned()))
}

impl AnswerArgs {
    /// What is answered; clap lets only one of them through.
    pub(crate) fn said(&self) -> Said {
        match self {
            Self { text: Some(text), .. } => Said::Text(text.clone()),
            Self { option: Some(number), .. } => Said::Option(*number),
            Self { json: Some(json), .. } => Said::Json(json.clone()),
            Self { fail: Some(why), .. } => Said::Failed(why.clone()),
            Self { decline: true, .. } => Said::Decline,
            Self { cancel: true, .. } => Said::Cancel,
            Self { fields, .. } if !fields.is_empty() => Said::Fields(fields.clone()),
            _ => Said::Nothing,
        }
    }
}
