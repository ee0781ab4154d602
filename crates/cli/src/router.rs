//! Which model answers: a script named `scripted:PATH`, else the thread's provider.

use crate::providers::Providers;
use agent_core::{ModelError, ModelErrorKind, ModelEvent, ModelRequest, ModelStreamer};
use futures::stream::{self, BoxStream, StreamExt};
use models::ScriptedModel;
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

/// The name of a model that reads a script. It is part of the thread's settings, so a resumed thread finds it again.
const SCRIPTED: &str = "scripted:";

/// The model name for a script.
pub(crate) fn scripted(path: &Path) -> String {
    format!("{SCRIPTED}{}", path.display())
}

/// Sends each request to the model that its name means.
pub(crate) struct Router {
    providers: Arc<Providers>,
    scripts: Mutex<BTreeMap<String, ScriptedModel>>,
}

impl Router {
    pub(crate) fn new(providers: Arc<Providers>) -> Self {
        Self { providers, scripts: Mutex::default() }
    }

    fn script(&self, path: &str) -> Result<ScriptedModel, ModelError> {
        let mut scripts = self.scripts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(script) = scripts.get(path) {
            return Ok(script.clone());
        }
        let failed = |why: String| {
            ModelError::new(
                ModelErrorKind::InvalidRequest,
                format!("the model script {path} cannot be used: {why}"),
            )
        };
        let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        let script = models::Script::parse(&text).map_err(|error| failed(error.to_string()))?;
        let script = ScriptedModel::new(script);
        scripts.insert(path.to_owned(), script.clone());
        Ok(script)
    }
}

impl ModelStreamer for Router {
    fn stream<'a>(&'a self, request: ModelRequest) -> BoxStream<'a, Result<ModelEvent, ModelError>> {
        let played = match request.model.strip_prefix(SCRIPTED) {
            Some(path) => self.script(path).map(|script| script.play(request)),
            None => self.providers.model(&request.provider).map(|model| model.stream(request)),
        };
        played.unwrap_or_else(|error| stream::iter([Err(error)]).boxed())
    }
}
