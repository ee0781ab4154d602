//! The tools that look at files. None of them changes anything; what one cannot do is said to the model.

mod grep_files;
mod lines;
mod list_dir;
mod near;
mod read_file;
mod view_image;

pub(crate) use grep_files::GREP_FILES;
pub(crate) use list_dir::LIST_DIR;
pub(crate) use read_file::READ_FILE;
pub(crate) use view_image::ViewImage;

use crate::{
    arguments::{Arguments, Field, Need, Shape, schema},
    sandbox::{Sight, open_seen},
    tool::{Host, Tool, cancelled_early, failed, succeeded},
};
use agent_core::{
    Preparation, PrepareRequest, Redactor, Subject, ToolAnswer, ToolKind, ToolRequest, ToolSpec,
};
use async_trait::async_trait;
use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// How long looking may take.
const TIMEOUT_MS: u64 = 30_000;
/// Most bytes in one answer; below [`agent_core::BLOB_THRESHOLD_BYTES`], so that it stays in the conversation.
const ANSWER_BYTES: usize = 48 * 1024;

/// A tool that looks, on a thread that may block.
pub(crate) struct FileTool {
    name: &'static str,
    about: &'static str,
    fields: &'static [Field],
    /// What the call is about, or what is wrong with its arguments beyond their shape.
    subject: fn(&Arguments) -> Result<String, String>,
    look: fn(&Arguments, &Site) -> Result<String, String>,
}

/// From where a tool looks, and for how long.
pub(crate) struct Site {
    cwd: PathBuf,
    redactor: Redactor,
    halted: Arc<AtomicBool>,
    sight: Sight,
}

impl Site {
    fn path(&self, given: &str) -> PathBuf {
        self.cwd.join(given)
    }

    /// The path as the model would write it.
    fn shown(&self, path: &Path) -> String {
        let relative = path.strip_prefix(&self.cwd).ok().filter(|relative| !relative.as_os_str().is_empty());
        relative.unwrap_or(path).to_string_lossy().into_owned()
    }

    /// Opens a file or directory, the only way to what is in it. What is hidden is not opened, wherever a link leads.
    fn open(&self, path: &Path) -> io::Result<File> {
        open_seen(path, &self.sight)
    }

    /// Whether what is there may not be known either.
    fn hides(&self, path: &Path) -> bool {
        std::fs::canonicalize(path).is_ok_and(|real| self.sight.hides(&real))
    }

    /// Nobody waits for the answer any more.
    fn is_halted(&self) -> bool {
        self.halted.load(Ordering::Relaxed)
    }
}

/// Raised when the answer is not waited for, also when the wait is dropped.
struct Halt(Arc<AtomicBool>);

impl Drop for Halt {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[async_trait]
impl Tool for FileTool {
    fn spec(&self) -> ToolSpec {
        let kind = ToolKind::Function { parameters: schema(self.fields) };
        ToolSpec::new(self.name, self.about, kind)
    }

    async fn prepare(&self, host: &Host, request: &PrepareRequest) -> Result<Preparation, String> {
        let arguments = Arguments::read(self.name, self.fields, request.call.payload.text())?;
        let summary = (self.subject)(&arguments).map_err(|error| format!("{}: {error}", self.name))?;
        Ok(host.looking(request, Subject::Other { summary }, TIMEOUT_MS))
    }

    async fn run(&self, host: &Host, request: &ToolRequest, stop: &CancellationToken) -> ToolAnswer {
        let arguments = match Arguments::read(self.name, self.fields, request.call.payload.text()) {
            Ok(arguments) => arguments,
            Err(message) => return failed(message),
        };
        let look = self.look;
        match looking(host, request, stop, move |site| look(&arguments, site)).await {
            Looked::Done(Ok(text)) => succeeded(text),
            Looked::Done(Err(message)) => failed(format!("{}: {message}", self.name)),
            Looked::Stopped(answer) => answer,
        }
    }
}

/// What came of looking.
enum Looked<T> {
    Done(Result<T, String>),
    /// It took too long or was not wanted any more.
    Stopped(ToolAnswer),
}

/// Looks, on a thread that may block, as long as somebody waits.
async fn looking<T: Send + 'static>(
    host: &Host,
    request: &ToolRequest,
    stop: &CancellationToken,
    look: impl FnOnce(&Site) -> Result<T, String> + Send + 'static,
) -> Looked<T> {
    let limit_ms = request.preparation.timeout_ms;
    let halt = Halt(Arc::default());
    let mut site = Site {
        cwd: PathBuf::from(&request.cwd),
        redactor: host.redactor.clone(),
        halted: Arc::clone(&halt.0),
        sight: Sight::All,
    };
    let (sandbox, run) = (Arc::clone(&host.sandbox), request.clone());
    let look = move || {
        site.sight = sandbox.sight(&run)?;
        look(&site)
    };
    tokio::select! {
        biased;
        () = stop.cancelled() => Looked::Stopped(cancelled_early()),
        looked = tokio::task::spawn_blocking(look) => {
            Looked::Done(looked.unwrap_or_else(|error| Err(format!("the harness failed: {error}"))))
        }
        () = tokio::time::sleep(Duration::from_millis(limit_ms)) => Looked::Stopped(failed(format!(
            "{}: not finished within {limit_ms} ms; look at less at once.", request.call.name
        ))),
    }
}

/// The field most of these tools have.
const PATH: Field = Field {
    name: "path",
    about: "The file, absolute or relative to the working directory.",
    shape: Shape::Text,
    need: Need::Required,
};

fn path_of(arguments: &Arguments) -> Result<String, String> {
    match arguments.required("path") {
        "" => Err("`path` is empty".to_owned()),
        path => Ok(path.to_owned()),
    }
}

/// What an error means for a path, with what there is instead.
fn path_fault(site: &Site, path: &Path, error: &io::Error) -> String {
    let shown = site.shown(path);
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => near::not_found(site, path),
        io::ErrorKind::PermissionDenied => format!("{shown} may not be read"),
        _ => format!("{shown} cannot be read: {error}"),
    }
}

#[cfg(test)]
#[path = "files/files_tests.rs"]
mod tests;
