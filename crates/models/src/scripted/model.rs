//! [`ScriptedModel`]: plays what a script answers.

use super::answer::{Beat, answer};
use super::script::Script;
use agent_core::{ModelError, ModelEvent, ModelRequest, ModelStreamer};
use futures::stream::{self, BoxStream, StreamExt};
use std::{sync::Arc, time::Duration};

/// A model that answers from a [`Script`]. Cheap to clone, keeps no state; waiting uses tokio's clock.
///
/// It makes no use of the request's model, effort, tools or output schema: it says what the script says. Only a search of
/// the web must be among the tools.
#[derive(Clone, Debug)]
pub struct ScriptedModel {
    script: Arc<Script>,
}

impl ScriptedModel {
    /// A model that answers from this script.
    pub fn new(script: Script) -> Self {
        Self { script: Arc::new(script) }
    }

    /// Like [`ModelStreamer::stream`], for a caller that does not keep the model.
    pub fn play(&self, request: ModelRequest) -> BoxStream<'static, Result<ModelEvent, ModelError>> {
        let script = Arc::clone(&self.script);
        let beats = stream::once(async move { stream::iter(answer(&script, &request)) }).flatten();
        // `None` from a beat is a pause, which yields nothing.
        beats
            .then(async |beat| match beat {
                Beat::Event(event) => Some(Ok(event)),
                Beat::Fail(error) => Some(Err(error)),
                Beat::Wait(ms) => {
                    tokio::time::sleep(Duration::from_millis(ms)).await;
                    None
                }
                Beat::Hang => std::future::pending().await,
            })
            .filter_map(std::future::ready)
            .boxed()
    }
}

impl ModelStreamer for ScriptedModel {
    fn stream<'a>(&'a self, request: ModelRequest) -> BoxStream<'a, Result<ModelEvent, ModelError>> {
        self.play(request)
    }
}
