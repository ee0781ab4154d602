//! Trying a row, and telling how it went.
#![expect(clippy::print_stdout, reason = "the table is what the suite is read for")]

use super::{
    arena::Arena,
    row::{Control, Row, Tries, Under},
};
use crate::world::{call, function};
use agent_core::{
    Containment, EffectId, Grant, Operation, Payload, PrepareRequest, Prepared, ThreadKey, ToolAnswer,
    ToolCallHandler, ToolRequest, TurnId,
};
use serde_json::{Value, json};
use tools::sandbox::Level;

/// How wide a cell of the table gets, in characters.
const CELL_CHARS: usize = 110;
/// A part of the names of the rows that are to be tried alone.
const ONLY: &str = "EVERTURN_ESCAPE_ROWS";
/// What an attempt prints that reached something which leaves no trace outside.
const REACHED: &str = "GOT OUT";

/// What came of an attempt.
struct Seen {
    /// By what it can be told that it got out.
    breaches: Vec<String>,
    /// What the model is told.
    message: String,
}

/// Tries every row inside, and outside where that proves something. Prints the table, fails for every row that got out.
pub(super) async fn all(title: &str, rows: &[Row]) {
    let mut table =
        format!("\n## {title}\n\n| attempt | why it fails | seen | unconfined |\n|---|---|---|---|\n");
    let mut faults = Vec::new();
    let wanted = std::env::var(ONLY).unwrap_or_default();
    for row in rows.iter().filter(|row| row.name.contains(&wanted)) {
        if let Some(missing) = row.needs.iter().find_map(|need| need.missing()) {
            table += &format!("| {} | {} | skipped: {missing} | |\n", row.name, row.holds);
            continue;
        }
        let seen = attempt(row, Grant::Sandboxed, row.under, Level::Best).await;
        let told = row.told.is_empty() || row.told.iter().any(|words| seen.message.contains(words));
        if !told {
            faults.push(format!("{}: the model is not told why: {:?}", row.name, seen.message));
        }
        faults.extend(seen.breaches.iter().map(|breach| format!("{}: GOT OUT: {breach}", row.name)));
        let shown = seen.breaches.first().map_or_else(|| gist(&seen.message, row), |it| format!("**{it}**"));
        let control = control(row).await.unwrap_or_else(|fault| {
            faults.push(format!("{}: {fault}", row.name));
            fault
        });
        table += &format!("| {} | {} | {} | {} |\n", row.name, row.holds, cell(&shown), cell(&control));
    }
    println!("{table}");
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// Tries the rows where only Landlock and seccomp hold commands, which is enough for the policy that nothing may be written.
pub(super) async fn all_by_landlock(title: &str, rows: &[Row]) {
    let mut table = format!("\n## {title}, by Landlock alone\n\n| attempt | seen |\n|---|---|\n");
    let mut faults = Vec::new();
    let wanted = std::env::var(ONLY).unwrap_or_default();
    for row in rows.iter().filter(|row| row.name.contains(&wanted)) {
        // What is not tried unconfined is about namespaces.
        let proves = matches!(row.control, Control::GetsOut(_)) && row.name != NEEDS_NAMESPACES;
        if !proves || row.needs.iter().any(|need| need.missing().is_some()) {
            continue;
        }
        let seen = attempt(row, Grant::Sandboxed, Under::ReadOnly, Level::Landlock).await;
        table += &format!("| {} | {} |\n", row.name, cell(&gist(&seen.message, row)));
        faults.extend(seen.breaches.iter().map(|breach| format!("{}: GOT OUT: {breach}", row.name)));
    }
    println!("{table}");
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// What the same attempt does where nothing holds it. It is an error if it does nothing there either.
async fn control(row: &Row) -> Result<String, String> {
    let needs = match row.control {
        Control::Untried(why) => return Ok(format!("not tried: {why}")),
        Control::GetsOut(needs) => needs,
    };
    if let Some(missing) = needs.iter().find_map(|need| need.missing()) {
        return Ok(format!("not tried: {missing}"));
    }
    let seen = attempt(row, Grant::Unconfined, row.under, Level::Best).await;
    let out = seen.breaches.into_iter().next();
    out.ok_or_else(|| format!("the same does nothing where nothing holds it: {}", seen.message))
}

async fn attempt(row: &Row, grant: Grant, under: Under, level: Level) -> Seen {
    let mut arena = Arena::with(under, level, row.environment);
    (row.arrange)(&arena);
    arena.remember();
    let (name, payload) = request_of(row, &arena);
    let (message, mut breaches) = answer(&arena, name, payload, grant).await;
    breaches.extend(arena.breaches());
    if message.contains(REACHED) {
        let line = message.lines().find(|line| line.contains(REACHED)).unwrap_or_default();
        breaches.push(line.to_owned());
    }
    let path = std::env::var("PATH").unwrap_or_default();
    if message.contains(&format!("PATH={path}")) {
        breaches.push("the environment of the host was read".to_owned());
    }
    for secret in arena.secrets() {
        if message.contains(&secret) {
            breaches.push("a secret was read".to_owned());
        }
    }
    let breaches = breaches.iter().map(|breach| arena.plain(breach)).collect();
    Seen { breaches, message: arena.plain(&message) }
}

fn request_of(row: &Row, arena: &Arena) -> (&'static str, Payload) {
    let with_limit = |mut arguments: Value| {
        arguments["timeout_ms"] = json!(row.limit_ms);
        function(&arguments)
    };
    match row.tries {
        Tries::Line(script) => ("exec_command", with_limit(json!({ "cmd": arena.fill(script) }))),
        Tries::Tool("shell", arguments) => {
            ("shell", with_limit(serde_json::from_str(&arena.fill(arguments)).unwrap()))
        }
        Tries::Tool(name, arguments) => {
            (name, function(&serde_json::from_str(&arena.fill(arguments)).unwrap()))
        }
        Tries::Patch(text) => ("apply_patch", Payload::Freeform { input: arena.fill(text) }),
    }
}

/// The way of a call through the registry, as the agent goes it. A call that is known to lead out beforehand is
/// started all the same, as if that had been overlooked.
pub(super) async fn answer(
    arena: &Arena,
    name: &str,
    payload: Payload,
    grant: Grant,
) -> (String, Vec<String>) {
    let key = ThreadKey::for_test("thread");
    let (turn, cwd, sandbox) = (TurnId(1), arena.workspace(), arena.sandbox.clone());
    let call = call(name, payload);
    let asked = PrepareRequest {
        key: key.clone(),
        turn,
        call: call.clone(),
        cwd: cwd.clone(),
        sandbox: sandbox.clone(),
    };
    let preparation = match arena.registry.prepare(asked).await {
        Prepared::Rejected { message } => return (format!("refused: {message}"), Vec::new()),
        Prepared::Ready(preparation) => *preparation,
    };
    let mut message = String::new();
    match &preparation.containment {
        Containment::Escapes { reason } => message = format!("refused before it ran: {reason}\n"),
        Containment::Uncontained { reason } if grant == Grant::Sandboxed => {
            return (String::new(), vec![format!("nothing holds it: {reason}")]);
        }
        _ => {}
    }
    let request = ToolRequest {
        key: key.clone(),
        turn,
        effect: EffectId(3),
        attempt: 1,
        call,
        preparation,
        grant,
        cwd,
        sandbox,
        traceparent: None,
        reply: None,
        amendment: None,
    };
    let Operation { answer, mut cancel } = arena.registry.start(request);
    let answer = answer.0.await.into_answer();
    cancel.disarm();
    arena.registry.acknowledge(&key, EffectId(3));
    match answer {
        ToolAnswer::Finished { output } | ToolAnswer::Cancelled { output } => {
            (message + &output.plain_text(), Vec::new())
        }
        other if grant == Grant::Sandboxed => (message, vec![format!("no answer for the model: {other:?}")]),
        other => (format!("{message}{other:?}"), Vec::new()),
    }
}

/// What only a process table of the command's own keeps from it: that others are there, and what they were started as.
const NEEDS_NAMESPACES: &str = "command lines of other processes";

/// The line of a message that says most.
fn gist(message: &str, row: &Row) -> String {
    let says = |line: &&str| row.told.iter().any(|words| line.contains(words));
    let line = message.lines().find(says).or_else(|| message.lines().last());
    line.unwrap_or_default().to_owned()
}

/// Text that fits into a cell of the table.
fn cell(text: &str) -> String {
    let text: String = text.replace('|', "\\|").replace('\n', " ");
    if text.chars().count() <= CELL_CHARS {
        return text;
    }
    text.chars().take(CELL_CHARS - 1).chain(['…']).collect()
}
