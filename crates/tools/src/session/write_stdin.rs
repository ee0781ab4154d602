//! `write_stdin`: type into a session, look at what it prints, end it.

use super::{
    COLS, MAX_YIELD_MS, ROWS, WRITE_YIELD_MS,
    answer::{Account, Call, settle},
    keeper::Cause,
    keys::typed,
    opened::{Patience, Session, Waited},
};
use crate::{
    arguments::{Arguments, Field, Need, Shape, schema},
    command::typed_line,
    ledger::{Opened, Page},
    output::LiveOutput,
    tool::{Host, Tool, cancelled_early, failed, no_ledger},
};
use agent_core::{
    Access, Class, Containment, Grant, Preparation, PrepareRequest, Repeat, Subject, ThreadKey, ToolAnswer,
    ToolKind, ToolRequest, ToolSpec, Verdict,
};
use async_trait::async_trait;
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const NAME: &str = "write_stdin";
const ABOUT: &str = "Types into a session of `exec_command`, waits, and returns what it printed since it was last asked. Named \
     keys: <enter> <tab> <esc> <eof> <ctrl-a> to <ctrl-z> <up> <down> <left> <right> <home> <end> <pageup> <pagedown> \
     <backspace> <delete> <f1> and so on; <lt> is a plain `<`. Nothing is added: end a line with <enter>. Without `chars` it \
     only waits and returns new output.";
/// Most text typed at once.
const MAX_CHARS_BYTES: usize = 64 * 1024;
/// How much of what is typed is shown to who has to approve it, in characters.
const SHOWN_CHARS: usize = 200;

const FIELDS: &[Field] = &[
    Field {
        name: "session_id",
        about: "The session.",
        shape: Shape::Whole { min: 0, max: u64::MAX },
        need: Need::Required,
    },
    Field {
        name: "chars",
        about: "What to type, for example `print(1)<enter>` or `<ctrl-c>`.",
        shape: Shape::Text,
        need: Need::Optional,
    },
    Field {
        name: "yield_time_ms",
        about: "How long to wait for output: until the command ends or, after typing, until it is quiet, but no longer than \
                this. 250 by default.",
        shape: Shape::Whole { min: 1, max: MAX_YIELD_MS },
        need: Need::Optional,
    },
    ROWS,
    COLS,
    Field {
        name: "close",
        about: "Whether to end the session after this: its command and all of its processes are stopped.",
        shape: Shape::Flag,
        need: Need::Optional,
    },
];

/// The tool.
pub(crate) struct WriteStdin;

/// What a call asks for.
struct Asked {
    id: u64,
    chars: String,
    limit: Duration,
    /// A new size; what is not said of it stays.
    rows: Option<u16>,
    cols: Option<u16>,
    after: After,
}

/// What becomes of the session after the call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    GoesOn,
    Ends,
}

impl Asked {
    fn read(text: &str) -> Result<Self, String> {
        let arguments = Arguments::read(NAME, FIELDS, text)?;
        let chars = arguments.text("chars").unwrap_or_default().to_owned();
        if chars.len() > MAX_CHARS_BYTES {
            return Err(format!(
                "{NAME}: `chars` has {} bytes, at most {MAX_CHARS_BYTES} can be typed at once. Write a file, or type it in parts.",
                chars.len()
            ));
        }
        let yield_ms = arguments.whole("yield_time_ms").unwrap_or(WRITE_YIELD_MS);
        let side = |name| arguments.whole(name).and_then(|side| u16::try_from(side).ok());
        Ok(Self {
            id: arguments.whole("session_id").unwrap_or_default(),
            chars,
            limit: Duration::from_millis(yield_ms),
            rows: side(ROWS.name),
            cols: side(COLS.name),
            after: if arguments.flag("close") { After::Ends } else { After::GoesOn },
        })
    }

    fn types(&self) -> bool {
        !self.chars.is_empty()
    }

    /// What is typed as a shell would read it, if anything is.
    fn line(&self) -> Option<String> {
        let typed = String::from_utf8_lossy(&typed(&self.chars)).replace('\r', "\n");
        self.types().then(|| typed.replace(|c: char| c.is_control() && c != '\n' && c != '\t', ""))
    }

    fn summary(&self, session: Option<&Session>) -> String {
        let name = session.map(|session| format!(" (`{}`)", session.name.about)).unwrap_or_default();
        let what = match (self.types(), self.after) {
            (true, _) => format!("type {}", shown(&self.chars)),
            (false, After::Ends) => "end it".to_owned(),
            (false, After::GoesOn) => "look".to_owned(),
        };
        format!("session {}{name}: {what}", self.id)
    }
}

#[async_trait]
impl Tool for WriteStdin {
    fn spec(&self) -> ToolSpec {
        ToolSpec::new(NAME, ABOUT, ToolKind::Function { parameters: schema(FIELDS) })
    }

    async fn prepare(&self, host: &Host, request: &PrepareRequest) -> Result<Preparation, String> {
        let asked = Asked::read(request.call.payload.text())?;
        host.ready_to_run(&request.key);
        let session = host.sessions.find(&request.key, asked.id);
        // What is typed is carried out where the session runs, whatever the policy is now.
        let containment = match &session {
            Some(session) if asked.types() && !session.is_within(&request.sandbox, Grant::Sandboxed) => {
                Containment::Escapes { reason: session.reach().to_owned() }
            }
            _ => Containment::Contained,
        };
        let (class, verdict) = match asked.line() {
            Some(line) => typed_line(host, request, &line).await?,
            None => (Class::Safe, Verdict::Silent),
        };
        let named = [request.call.payload.text().to_owned()];
        Ok(Preparation {
            // What it takes out of the session is gone, so it never runs twice; and it runs alone.
            access: Access::Mutating,
            repeat: Repeat::Never,
            class,
            verdict,
            containment,
            subject: Subject::Other { summary: asked.summary(session.as_deref()) },
            digest: host.digest(request, &named, &request.cwd),
            timeout_ms: u64::try_from(asked.limit.as_millis()).unwrap_or(MAX_YIELD_MS),
            justification: None,
            amendment: None,
        })
    }

    async fn run(&self, host: &Host, request: &ToolRequest, stop: &CancellationToken) -> ToolAnswer {
        let asked = match Asked::read(request.call.payload.text()) {
            Ok(asked) => asked,
            Err(message) => return failed(message),
        };
        if stop.is_cancelled() {
            return cancelled_early();
        }
        let (ledger, run) = (Arc::clone(&host.ledger), request.clone());
        let opened = tokio::task::spawn_blocking(move || match ledger.open(&run)? {
            Opened::Fresh(mut page) => page.begin_here().map(|()| Opened::Fresh(page)),
            Opened::Known => Ok(Opened::Known),
        });
        let page = match opened.await {
            Ok(Ok(Opened::Fresh(page))) => page,
            Ok(Ok(Opened::Known)) => return host.recover(request.clone()).await,
            Ok(Err(error)) => return no_ledger(&error),
            Err(error) => return ToolAnswer::Unknown { note: format!("the harness failed: {error}") },
        };
        match host.sessions.find(&request.key, asked.id) {
            Some(session) => serve(host, request, stop, &asked, &session, page).await,
            None => missing(host, &request.key, asked.id, page).await,
        }
    }
}

/// Does what the call asks for.
async fn serve(
    host: &Host,
    request: &ToolRequest,
    stop: &CancellationToken,
    asked: &Asked,
    session: &Session,
    page: Page,
) -> ToolAnswer {
    if let Some(refusal) = refusal(asked, session, request) {
        return settle(host, page, failed(refusal)).await;
    }
    let began = Instant::now();
    session.touch();
    let watching = session.watch(LiveOutput::new(Arc::clone(&host.sink), request));
    let mut notes = Vec::new();
    if let Err(error) = asked.resize(session) {
        notes.push(format!("The terminal keeps its size: {error}."));
    }
    let typed = typed(&asked.chars);
    let deadline = began + asked.limit;
    let patience =
        if asked.types() { Patience::UntilQuiet { since: session.pieces() } } else { Patience::Whole };
    let written = session.write(&typed, stop, deadline).await;
    if written < typed.len() && session.end().is_none() {
        notes.push(format!(
            "Only {written} of {} bytes could be typed: the program does not read.",
            typed.len()
        ));
    }
    let waited = session.wait(stop, deadline, patience).await;
    if asked.after == After::Ends && waited != Waited::Interrupted {
        session.stop(Cause::Closed).await;
    }
    drop(watching);
    let end = session.end();
    let mut account = Account::of(session, began, Call::GoesOn);
    for note in notes {
        account.note(&note);
    }
    let answer = match (&end, waited) {
        (Some(end), _) => account.ended(session, end.clone()),
        (None, Waited::Interrupted) => account.left(session),
        (None, Waited::Yielded | Waited::Ended) => account.open(session),
    };
    let answer = settle(host, page, answer).await;
    session.touch();
    if end.is_some() {
        host.sessions.forget(&request.key, session.id);
    }
    answer
}

impl Asked {
    fn resize(&self, session: &Session) -> std::io::Result<()> {
        if self.rows.is_none() && self.cols.is_none() || session.end().is_some() {
            return Ok(());
        }
        session.resize(self.rows, self.cols)
    }
}

/// Why the session does not do this.
fn refusal(asked: &Asked, session: &Session, request: &ToolRequest) -> Option<String> {
    let id = session.id;
    if !session.has_terminal() && (asked.types() || asked.rows.is_some() || asked.cols.is_some()) {
        return Some(format!(
            "{NAME}: session {id} has no terminal and no input. Leave `chars`, `rows` and `cols` out to see what it prints, \
             or start the command again with `tty`."
        ));
    }
    // It was not there yet when the call was prepared, or was started under another policy since.
    (asked.types() && !session.is_within(&request.sandbox, request.grant)).then(|| {
        format!(
            "{NAME}: nothing was typed: {}. Call it again, so that the user can be asked.",
            session.reach()
        )
    })
}

/// There is no such session in this process.
async fn missing(host: &Host, key: &ThreadKey, id: u64, page: Page) -> ToolAnswer {
    if let Some(lost) = host.sessions.lost(key, id) {
        let answer = failed(format!(
            "Session {id} (`{}`) was lost with the process that ran it; {}. Start it again if it is needed.",
            lost.command, lost.left
        ));
        let answer = settle(host, page, answer).await;
        host.sessions.forget_lost(key, id);
        return answer;
    }
    let open: Vec<String> = host
        .sessions
        .all(key)
        .iter()
        .map(|session| {
            let state = if session.end().is_some() { ", ended" } else { "" };
            format!(
                "{} (`{}`, {} s old{state})",
                session.id,
                session.name.about,
                session.began.elapsed().as_secs()
            )
        })
        .collect();
    let there = match open.as_slice() {
        [] => "There are none: `exec_command` with `tty` or `yield_time_ms` starts one.".to_owned(),
        open => format!("The sessions are {}.", open.join(", ")),
    };
    settle(host, page, failed(format!("{NAME}: there is no session {id}. {there}"))).await
}

/// What is typed, on one line, cut where long.
fn shown(chars: &str) -> String {
    let mut line = String::new();
    for c in chars.chars().take(SHOWN_CHARS) {
        if c.is_control() { line.extend(c.escape_default()) } else { line.push(c) }
    }
    if chars.chars().nth(SHOWN_CHARS).is_some() {
        line.push('…');
    }
    line
}
