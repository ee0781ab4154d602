//! Lists of what there is: skills, custom prompts, models, MCP servers, features, prompts that were said.

use crate::{
    args::{FeaturesArgs, HistoryArgs, ListArgs},
    commands::show::Form,
    exit::{Exit, Failure},
    host::Host,
    output,
    view::clean_line,
};
use agent_core::{HistoryEntry, Listing, McpServer, ModelInfo, Named, PromptInfo, Query, Refusal, SkillInfo};
use config::{FEATURES, PromptHistory};
use serde_json::{Value, json};

/// The longest that a prompt of the past is shown, in letters.
const PROMPT_CHARS: usize = 160;

fn form(json: bool) -> Form {
    if json { Form::Json } else { Form::Lines }
}

/// Looks something up and tells it.
pub(super) async fn list(host: &Host, query: Query, args: &ListArgs) -> Result<Exit, Failure> {
    let left_out = match query {
        Query::Skills => host.skills(&host.wishes().directory()).warnings,
        Query::CustomPrompts => host.custom_prompts().warnings,
        _ => Vec::new(),
    };
    if matches!(query, Query::Skills | Query::CustomPrompts) {
        // Those of a project that is not trusted are not listed.
        host.tell_notices();
    }
    left_out.iter().for_each(|warning| output::warn(warning));
    let listing = host.look_up(query).await.map_err(refused)?;
    tell(&listing, form(args.json));
    Ok(Exit::Done)
}

pub(super) fn refused(refusal: Refusal) -> Failure {
    Failure::new(Exit::Failed, refusal.to_string())
}

/// The prompts that were said, the oldest first.
pub(super) fn history(host: &Host, args: &HistoryArgs) -> Result<Exit, Failure> {
    let kept = PromptHistory::new(host.wishes().home(), host.wishes().config().history);
    let meta = kept.meta().map_err(|error| Failure::backend(&error))?;
    if meta.entries == 0 && !args.json {
        output::remark("no prompt is remembered yet");
    }
    for offset in meta.entries.saturating_sub(args.limit)..meta.entries {
        let entry = kept.entry(meta.log_id, offset).map_err(|error| Failure::backend(&error))?;
        let Some(entry) = entry else { continue };
        if args.json {
            let mut value = json!(entry);
            (value["log_id"], value["offset"]) = (meta.log_id.into(), offset.into());
            output::result(&value.to_string());
        } else {
            output::result(&said_once(offset, &entry));
        }
    }
    Ok(Exit::Done)
}

/// A prompt of the past, on one line.
pub(super) fn said_once(offset: u64, entry: &HistoryEntry) -> String {
    let text = clean_line(&entry.text);
    let mut shown: String = text.chars().take(PROMPT_CHARS).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("{offset:>5}  {shown}")
}

/// All features, and whether they are on.
pub(super) fn features(host: &Host, args: &FeaturesArgs) -> Exit {
    let on = &host.wishes().config().features;
    for info in FEATURES {
        let is_on = info.feature.is_some_and(|feature| on.is_on(feature));
        if args.json {
            output::result(
                &json!({ "name": info.name, "stage": info.stage.word(), "on": is_on, "about": info.about })
                    .to_string(),
            );
            continue;
        }
        let state = if is_on { "on" } else { "off" };
        output::result(&format!("{:<20} {:<12} {state:<4} {}", info.name, info.stage.word(), info.about));
    }
    Exit::Done
}

/// Tells what was looked up.
pub(super) fn tell(listing: &Listing, form: Form) {
    let (rows, nothing) = rows(listing);
    if rows.is_empty() && form == Form::Lines {
        output::remark(nothing);
    }
    for Row { lines, value } in rows {
        match form {
            Form::Json => output::result(&value.to_string()),
            Form::Lines => lines.iter().for_each(|line| output::result(line)),
        }
    }
}

/// The same in lines.
pub(super) fn told(listing: &Listing) -> Vec<String> {
    let (rows, nothing) = rows(listing);
    if rows.is_empty() {
        return vec![nothing.to_owned()];
    }
    rows.into_iter().flat_map(|row| row.lines).collect()
}

/// What there is, and what is said where there is nothing.
fn rows(listing: &Listing) -> (Vec<Row>, &'static str) {
    match listing {
        Listing::Skills { skills } => (skills.iter().map(skill).collect(), "there are no skills here"),
        Listing::CustomPrompts { prompts } => {
            (prompts.iter().map(prompt).collect(), "there are no prompts of your own here")
        }
        Listing::Models { models } => (models.iter().map(model).collect(), "no model is known"),
        Listing::McpTools { servers } => {
            (servers.iter().map(server).collect(), "no MCP server is configured; everturn mcp add adds one")
        }
        _ => (Vec::<Row>::new(), "there is nothing to list"),
    }
}

struct Row {
    lines: Vec<String>,
    value: Value,
}

fn skill(skill: &SkillInfo) -> Row {
    let line = format!("${:<20} {:<6} {}", skill.name, skill.scope, clean_line(&skill.description));
    Row { lines: vec![line, format!("    {}", clean_line(&skill.path))], value: json!(skill) }
}

fn prompt(prompt: &PromptInfo) -> Row {
    let hint = prompt.argument_hint.as_deref().map(|hint| format!(" {hint}")).unwrap_or_default();
    let called = clean_line(&format!("/prompts:{}{hint}", prompt.name));
    Row { lines: vec![format!("{called:<32} {}", clean_line(&prompt.description))], value: json!(prompt) }
}

fn model(model: &ModelInfo) -> Row {
    let mark = if model.current { "*" } else { " " };
    let line = format!("{mark} {:<28} {}", clean_line(&model.name), clean_line(&model.description));
    Row { lines: vec![line.trim_end().to_owned()], value: json!(model) }
}

fn server(server: &McpServer) -> Row {
    let heading = format!("{}: {} (auth: {})", server.name, clean_line(&server.status), server.auth);
    let part = |what: &'static str, all: &[Named]| {
        let line = move |one: &Named| {
            let about = clean_line(one.description.lines().next().unwrap_or_default());
            format!("    {what} {}  {about}", clean_line(&one.name)).trim_end().to_owned()
        };
        all.iter().map(line).collect::<Vec<_>>()
    };
    let parts = [
        part("tool", &server.tools),
        part("resource", &server.resources),
        part("template", &server.templates),
    ];
    Row { lines: std::iter::once(heading).chain(parts.concat()).collect(), value: json!(server) }
}
