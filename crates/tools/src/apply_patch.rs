//! `apply_patch`: change files with a patch. The engine is [`crate::patch`]; this is the call around it.

mod reach;

use crate::{
    arguments::{Arguments, Field, Need, Shape, schema},
    kill_point::kill_point,
    ledger::{Ledger, Opened},
    lexical::normal,
    patch::{self, ChangeKind, ChunkLine, FileOp, Patch, Plan, Scope, Summary},
    sandbox::confined_thread,
    tool::{Host, Tool, cancelled_early, failed, no_ledger, scrubbed},
};
use agent_core::{
    Access, Class, Containment, Content, FileChange, FileChangeKind, Grant, OutputStatus, Payload,
    Preparation, PrepareRequest, Redactor, Repeat, SandboxPolicy, Subject, ToolAnswer, ToolKind, ToolOutput,
    ToolRequest, ToolSpec, Verdict,
};
use async_trait::async_trait;
use reach::Bounds;
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

/// So much of a patch is shown to whoever has to approve it.
const MAX_ASKED_BYTES: usize = 32 * 1024;

const NAME: &str = "apply_patch";
const ABOUT: &str = "Changes files: adds, updates, moves and deletes them, several at once, all or nothing. Paths are relative \
                     to the working directory. An update needs some unchanged lines around each change, exactly as they \
                     are in the file; `@@ <line>` before them names an enclosing line, such as a function's head, where \
                     they alone would fit in several places.\n\n\
                     *** Begin Patch\n*** Update File: src/a.py\n@@ def f():\n     x = 1\n-    return x\n+    return x + 1\n\
                     *** Add File: b.txt\n+first line\n*** Delete File: c.txt\n*** End Patch";
const GRAMMAR: &str = include_str!("apply_patch/grammar.lark");
/// As told; a patch cannot be stopped half-way, and its size is bounded.
const TIMEOUT_MS: u64 = 60_000;
/// All diffs of one answer together.
const MAX_DIFFS_BYTES: usize = 256 * 1024;

/// How it is called by models that know no freeform tools.
const FIELDS: &[Field] = &[Field {
    name: "input",
    about: "The whole patch, from `*** Begin Patch` to `*** End Patch`.",
    shape: Shape::Text,
    need: Need::Required,
}];

/// The tool.
pub(crate) struct ApplyPatch;

#[async_trait]
impl Tool for ApplyPatch {
    fn spec(&self) -> ToolSpec {
        let kind = ToolKind::Freeform { grammar: Some(GRAMMAR.to_owned()) };
        ToolSpec::new(NAME, ABOUT, kind)
    }

    async fn prepare(&self, host: &Host, request: &PrepareRequest) -> Result<Preparation, String> {
        prepare(host, request, text(&request.call.payload)?, request.cwd.clone()).await
    }

    async fn run(&self, host: &Host, request: &ToolRequest, stop: &CancellationToken) -> ToolAnswer {
        match text(&request.call.payload) {
            Ok(text) => run(host, request, stop, text, request.cwd.clone()).await,
            Err(message) => failed(message),
        }
    }
}

/// The patch in a call's payload.
fn text(payload: &Payload) -> Result<String, String> {
    match payload {
        Payload::Function { arguments } if !arguments.trim_start().starts_with("***") => {
            // The schema is only told to models that call it this way.
            let told = || format!("The schema is {}", schema(FIELDS));
            let arguments =
                Arguments::read(NAME, FIELDS, arguments).map_err(|error| format!("{error}. {}", told()))?;
            Ok(arguments.required("input").to_owned())
        }
        other => Ok(other.text().to_owned()),
    }
}

/// Says what a patch would change, from its text alone, and whether that is allowed. `cwd` is where it works.
pub(crate) async fn prepare(
    host: &Host,
    request: &PrepareRequest,
    text: String,
    cwd: String,
) -> Result<Preparation, String> {
    let patch = patch::parse(&text).map_err(|error| format!("{NAME}: {error}"))?;
    host.ready_to_run(&request.key);
    let base = Path::new(&cwd).join(patch.workdir.as_deref().unwrap_or_default());
    let containment = containment(host, request, targets(&patch, &base)).await;
    Ok(Preparation {
        access: Access::Mutating,
        repeat: Repeat::Never,
        class: Class::Ordinary,
        verdict: Verdict::Silent,
        containment,
        subject: Subject::Patch { changes: announced(&patch, &base, &request.cwd) },
        digest: host.digest(request, &[text], &cwd),
        timeout_ms: TIMEOUT_MS,
        justification: None,
        amendment: None,
    })
}

async fn containment(host: &Host, request: &PrepareRequest, targets: Vec<PathBuf>) -> Containment {
    let escapes = |reason: &str| Containment::Escapes { reason: reason.to_owned() };
    let roots = match &request.sandbox {
        SandboxPolicy::DangerFullAccess => return Containment::Contained,
        SandboxPolicy::WorkspaceWrite { writable_roots, .. } => roots(&request.cwd, writable_roots),
        SandboxPolicy::ReadOnly => return escapes("the sandbox is read-only"),
        _ => return escapes("the sandbox policy is not known to this version"),
    };
    let (sandbox, policy, cwd) = (Arc::clone(&host.sandbox), request.sandbox.clone(), request.cwd.clone());
    let mut bounds = Bounds { roots, protected: host.protected.clone() };
    let crossed = tokio::task::spawn_blocking(move || {
        if let Some(reason) = bounds.crossed_by(&targets) {
            return Ok(Some(reason));
        }
        (bounds.roots, bounds.protected) = sandbox.bounds(&policy, Path::new(&cwd))?;
        Ok::<_, String>(bounds.crossed_by(&targets))
    });
    match crossed.await {
        Ok(Ok(None)) => Containment::Contained,
        Ok(Ok(Some(reason)) | Err(reason)) => Containment::Escapes { reason },
        Err(error) => escapes(&format!("the paths of the patch could not be looked at: {error}")),
    }
}

fn roots(cwd: &str, writable: &[String]) -> Vec<PathBuf> {
    std::iter::once(cwd).chain(writable.iter().map(String::as_str)).map(PathBuf::from).collect()
}

/// Every path the patch names.
fn targets(patch: &Patch, base: &Path) -> Vec<PathBuf> {
    let mut targets = Vec::new();
    for hunk in &patch.hunks {
        targets.push(base.join(&hunk.path));
        if let FileOp::Update { move_to: Some(target), .. } = &hunk.op {
            targets.push(base.join(target));
        }
    }
    targets
}

/// What the patch says it changes.
fn announced(patch: &Patch, base: &Path, cwd: &str) -> Vec<FileChange> {
    let shown = |path: &str| shown(&base.join(path), cwd);
    let change = |hunk: &patch::Hunk| {
        let (kind, moved_to) = match &hunk.op {
            FileOp::Add { .. } => (FileChangeKind::Add, None),
            FileOp::Delete => (FileChangeKind::Delete, None),
            FileOp::Update { move_to, .. } => (FileChangeKind::Update, move_to.as_deref().map(shown)),
        };
        FileChange { path: shown(&hunk.path), kind, moved_to, diff: asked(&hunk.op) }
    };
    patch.hunks.iter().map(change).collect()
}

/// What a patch asks of a file, as it was written, for whoever has to approve it.
fn asked(op: &FileOp) -> String {
    let mut text = String::new();
    let mut line = |sign: &str, content: &str| {
        if text.len() < MAX_ASKED_BYTES {
            text.extend([sign, content, "\n"]);
        }
    };
    match op {
        FileOp::Add { lines, .. } => lines.iter().for_each(|content| line("+", content)),
        FileOp::Delete => {}
        FileOp::Update { chunks, .. } => {
            for chunk in chunks {
                line("@@", &chunk.headers.iter().map(|header| format!(" {header}")).collect::<String>());
                for part in &chunk.lines {
                    match part {
                        ChunkLine::Context(content) => line(" ", content),
                        ChunkLine::Remove(content) => line("-", content),
                        ChunkLine::Add(content) => line("+", content),
                    }
                }
            }
        }
    }
    text
}

/// A path relative to the thread's working directory where it is below it.
fn shown(path: &Path, cwd: &str) -> String {
    let path = normal(path);
    path.strip_prefix(normal(Path::new(cwd))).unwrap_or(&path).to_string_lossy().into_owned()
}

/// Applies a patch. `cwd` is where it works.
pub(crate) async fn run(
    host: &Host,
    request: &ToolRequest,
    stop: &CancellationToken,
    text: String,
    cwd: String,
) -> ToolAnswer {
    let mut scope = scope(host, request, &cwd);
    let sandbox = Arc::clone(&host.sandbox);
    let (ledger, run, stop) = (Arc::clone(&host.ledger), request.clone(), stop.clone());
    let redactor = host.redactor.clone();
    let applied = tokio::task::spawn_blocking(move || {
        if scope.writable_roots.as_ref().is_some_and(|roots| !roots.is_empty()) {
            match sandbox.bounds(&run.sandbox, Path::new(&run.cwd)) {
                Ok((roots, kept)) => {
                    scope.writable_roots = Some(roots);
                    scope.protected.extend(kept);
                }
                Err(why) => return Applied::Answered(failed(format!("{NAME}: {why}"))),
            }
        }
        apply(&ledger, &run, &stop, &text, &scope, &redactor)
    });
    match applied.await {
        Ok(Applied::Answered(answer)) => answer,
        Ok(Applied::Known) => host.recover(request.clone()).await,
        Ok(Applied::NoLedger(error)) => no_ledger(&error),
        Err(error) => ToolAnswer::Unknown { note: format!("the harness failed while applying it: {error}") },
    }
}

fn scope(host: &Host, request: &ToolRequest, cwd: &str) -> Scope {
    let workdir = PathBuf::from(cwd);
    match (request.grant, &request.sandbox) {
        (Grant::Unconfined, _) | (_, SandboxPolicy::DangerFullAccess) => {
            Scope { workdir, writable_roots: None, protected: Vec::new() }
        }
        (_, SandboxPolicy::WorkspaceWrite { writable_roots, .. }) => {
            let writable_roots = Some(roots(&request.cwd, writable_roots));
            Scope { workdir, writable_roots, protected: host.protected.clone() }
        }
        _ => Scope { workdir, writable_roots: Some(Vec::new()), protected: host.protected.clone() },
    }
}

/// What came of it.
enum Applied {
    Answered(ToolAnswer),
    /// This very run was begun before.
    Known,
    NoLedger(io::Error),
}

/// Plans, writes down that it begins, writes the files, writes down how it ended. Blocks.
fn apply(
    ledger: &Ledger,
    request: &ToolRequest,
    stop: &CancellationToken,
    text: &str,
    scope: &Scope,
    redactor: &Redactor,
) -> Applied {
    let begun = Instant::now();
    let planned = patch::parse(text).and_then(|patch| patch::plan(&patch, scope));
    let plan = match planned {
        Ok(plan) => plan,
        Err(error) => return Applied::Answered(failed(format!("{NAME}: {error}"))),
    };
    if stop.is_cancelled() {
        return Applied::Answered(cancelled_early());
    }
    let mut page = match ledger.open(request) {
        Ok(Opened::Fresh(page)) => page,
        Ok(Opened::Known) => return Applied::Known,
        Err(error) => return Applied::NoLedger(error),
    };
    if let Err(error) = page.begin_here() {
        page.discard();
        return Applied::NoLedger(error);
    }
    kill_point("tool.child_running");
    let changes = done(&plan.changes, scope, &request.cwd);
    let answer = match commit(plan, scope) {
        Ok(summary) => ToolAnswer::Finished {
            output: ToolOutput {
                status: OutputStatus::Ok,
                content: vec![Content::text(summary.to_string())],
                exit_code: None,
                duration_ms: Some(u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX)),
                changes,
                denial: None,
            },
        },
        Err(why) => failed(format!("{NAME}: {why}")),
    };
    let answer = scrubbed(redactor, answer);
    page.finish(&answer);
    Applied::Answered(answer)
}

/// Writes the files, where only some places may be written under the eyes of the kernel.
fn commit(plan: Plan, scope: &Scope) -> Result<Summary, String> {
    let work = move || plan.commit().map_err(|error| error.to_string());
    match &scope.writable_roots {
        None => work(),
        Some(roots) => confined_thread(roots.clone(), work).unwrap_or_else(|error| Err(error.to_string())),
    }
}

/// The changes with their diffs, which are cut where they are too long together.
fn done(changes: &[patch::FileChange], scope: &Scope, cwd: &str) -> Vec<FileChange> {
    let mut left_bytes = MAX_DIFFS_BYTES;
    let change = |change: &patch::FileChange| {
        let (kind, moved_to) = match &change.kind {
            ChangeKind::Add => (FileChangeKind::Add, None),
            ChangeKind::Delete => (FileChangeKind::Delete, None),
            ChangeKind::Update { move_to } => (FileChangeKind::Update, move_to.clone()),
        };
        let path = |path: &str| shown(&scope.workdir.join(path), cwd);
        let mut diff = change.unified_diff.clone();
        if diff.len() > left_bytes {
            let whole_lines = diff[..diff.floor_char_boundary(left_bytes)].rfind('\n').map_or(0, |at| at + 1);
            let omitted = diff.len() - whole_lines;
            diff.truncate(whole_lines);
            diff.push_str(&format!("… {omitted} bytes of this diff omitted …\n"));
            left_bytes = 0;
        } else {
            left_bytes -= diff.len();
        }
        FileChange { path: path(&change.path), kind, moved_to: moved_to.as_deref().map(path), diff }
    };
    changes.iter().map(change).collect()
}
