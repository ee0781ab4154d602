//! Which model answers: a script named `scripted:PATH`, else the thread's provider.

use crate::{args::read_text, owner::Sweeping, providers::Providers};
use agent_core::{ModelError, ModelErrorKind, ModelEvent, ModelRequest, ModelStreamer};
use futures::stream::{self, BoxStream, StreamExt};
use models::{Script, ScriptedModel};
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

/// A model script may have so many bytes.
const MAX_SCRIPT_BYTES: u64 = 8 * 1024 * 1024;

/// The name of a model that reads a script. It is part of the thread's settings, so a resumed thread finds it again.
const SCRIPTED: &str = "scripted:";

/// The model name for a script.
pub(crate) fn scripted(path: &Path) -> String {
    format!("{SCRIPTED}{}", path.display())
}

/// The script that a model name means.
pub(crate) fn script_of(model: &str) -> Option<&str> {
    model.strip_prefix(SCRIPTED)
}

/// Whether a model name means a script.
pub(crate) fn is_scripted(model: &str) -> bool {
    script_of(model).is_some()
}

/// Reads a model script; why it cannot be used, where it cannot.
pub(crate) fn read_script(path: &Path) -> Result<Script, String> {
    let text = read_text(path, MAX_SCRIPT_BYTES)?;
    Script::parse(&text).map_err(|error| error.to_string())
}

/// Sends each request to the model that its name means.
pub(crate) struct Router {
    providers: Arc<Providers>,
    sweeping: Sweeping,
    scripts: Mutex<BTreeMap<String, ScriptedModel>>,
}

impl Router {
    /// The first request begins to sweep: from then on a model is waited for.
    pub(crate) fn new(providers: Arc<Providers>, sweeping: Sweeping) -> Self {
        Self { providers, sweeping, scripts: Mutex::default() }
    }

    fn script(&self, path: &str) -> Result<ScriptedModel, ModelError> {
        let mut scripts = self.scripts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(script) = scripts.get(path) {
            return Ok(script.clone());
        }
        let script = read_script(Path::new(path)).map_err(|why| {
            ModelError::new(
                ModelErrorKind::InvalidRequest,
                format!("the model script {path} cannot be used: {why}"),
            )
        })?;
        let script = ScriptedModel::new(script);
        scripts.insert(path.to_owned(), script.clone());
        Ok(script)
    }
}

impl ModelStreamer for Router {
    fn stream<'a>(&'a self, request: ModelRequest) -> BoxStream<'a, Result<ModelEvent, ModelError>> {
        self.sweeping.begin_when_due();
        // A key may have come since the last request; what the model is going to ask for may read the file that has it.
        self.providers.learn_kept_keys();
        let played = match script_of(&request.model) {
            Some(path) => self.script(path).map(|script| script.play(request)),
            None => self.providers.model(&request.provider).map(|model| model.stream(request)),
        };
        played.unwrap_or_else(|error| stream::iter([Err(error)]).boxed())
    }
}
