//! What a provider's refusal means for the user: a [`ModelError`] that says what happened and what to do next.

use crate::{
    fault::{ProviderFault, Verdict, capped, try_again_ms},
    provider::Provider,
    provider_config::WireApi,
};
use agent_core::{ModelError, ModelErrorKind};
use reqwest::StatusCode;
use std::time::Duration;

/// How much of a provider's words is kept, in bytes.
const MAX_WORDS_BYTES: usize = 2048;
/// What helps against a conversation that is too long.
const SHORTER: &str = "begin a new thread, or go on with a model that has a larger window";

impl Provider {
    /// The provider answered with a status that is no success. `wanted` is how long it asks to wait.
    pub(crate) fn refused(
        &self,
        model: &str,
        status: StatusCode,
        fault: &ProviderFault,
        wanted: Option<Duration>,
    ) -> ModelError {
        let host = self.host();
        // First scrubbed, then cut: the other way round, half a key could remain.
        let words = capped(&self.redactor.scrub(&fault.words()), MAX_WORDS_BYTES);
        let verdict = fault.verdict();
        let said = status_line(status);
        let kind = match verdict {
            // A 429 for an empty account is not cured by waiting.
            Some(Verdict::Quota) => ModelErrorKind::Quota,
            Some(Verdict::Context) => ModelErrorKind::ContextWindowExceeded,
            // llama.cpp blames itself, with status 500, for a model that sees no images.
            Some(Verdict::NoTools | Verdict::NoImages) => ModelErrorKind::InvalidRequest,
            // Gemini answers 400 to a wrong key. Where the status blames the moment, it is believed.
            Some(verdict @ (Verdict::Auth | Verdict::UnknownModel))
                if status.is_client_error() && by_status(status) != ModelErrorKind::Unavailable =>
            {
                verdict.kind()
            }
            _ => by_status(status),
        };
        let message = match kind {
            ModelErrorKind::Auth => {
                format!("{host} refused the request with status {said}: {words}; {}", self.key_advice())
            }
            ModelErrorKind::Quota => {
                let advice = "the account has nothing left: add credit or choose another provider";
                format!("{host} refused the request with status {said}: {words}; {advice}")
            }
            ModelErrorKind::ContextWindowExceeded => {
                format!("the conversation does not fit the model's window, says {host}: {words}; {SHORTER}")
            }
            ModelErrorKind::Unavailable => {
                let when = match wanted {
                    Some(wait) => format!("it asks to wait {:.0} s", wait.as_secs_f64().ceil()),
                    None => "try again later".to_owned(),
                };
                format!("{host} answered with status {said}: {words}; {when}")
            }
            _ => match self.model_advice(model, verdict) {
                Some(advice) => format!("{advice}, says {host} with status {said}: {words}"),
                None => {
                    let advice = self.place_advice(status);
                    format!("{host} does not take the request, status {said}: {words}{advice}")
                }
            },
        };
        let mut error = self.error(kind, message);
        error.retry_after_ms = wanted.and_then(|wait| u64::try_from(wait.as_millis()).ok());
        error
    }

    /// The provider reported an error in the response itself.
    pub(crate) fn gave_up(&self, model: &str, fault: &ProviderFault) -> ModelError {
        let host = self.host();
        let words = capped(&self.redactor.scrub(&fault.words()), MAX_WORDS_BYTES);
        let verdict = fault.verdict();
        let message = match verdict {
            Some(Verdict::Context) => {
                format!("{host}: the conversation does not fit the model's window: {words}; {SHORTER}")
            }
            Some(Verdict::Auth) => {
                format!("{host}: the provider gave up on the response: {words}; {}", self.key_advice())
            }
            _ => match self.model_advice(model, verdict) {
                Some(advice) => format!("{host}: {advice}: {words}"),
                None => format!("{host}: the provider gave up on the response: {words}"),
            },
        };
        let kind = verdict.map_or(ModelErrorKind::Stream, Verdict::kind);
        ModelError { retry_after_ms: try_again_ms(&fault.message), ..self.error(kind, message) }
    }

    /// What to do about the key.
    pub(crate) fn key_advice(&self) -> String {
        match (self.sends_key, self.key_hint.as_str()) {
            (true, "") => "check the key".to_owned(),
            (true, hint) => format!("check the key: {hint}"),
            (false, "") => "no key was sent".to_owned(),
            (false, hint) => format!("no key was sent: {hint}"),
        }
    }

    /// What is wrong with the model, if that is what is wrong.
    fn model_advice(&self, model: &str, verdict: Option<Verdict>) -> Option<String> {
        let name = &self.name;
        match verdict? {
            Verdict::UnknownModel => Some(format!(
                "the provider \"{name}\" does not know the model \"{model}\", or not for this key: check `model`"
            )),
            Verdict::NoTools => Some(format!(
                "the model \"{model}\" of the provider \"{name}\" cannot call tools: set `model` to one that can"
            )),
            Verdict::NoImages => Some(format!(
                "the model \"{model}\" of the provider \"{name}\" sees no images: set models.\"{model}\".images = \
                 false, and they are left out"
            )),
            _ => None,
        }
    }

    /// Whether this may be the wrong place to ask.
    fn place_advice(&self, status: StatusCode) -> &'static str {
        let elsewhere = status.is_redirection()
            || matches!(status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED);
        match self.api {
            _ if !elsewhere => "",
            WireApi::Responses => {
                "; is `base_url` right, and does this server have the Responses API? For one that only has Chat \
                 Completions set wire_api = \"chat\""
            }
            WireApi::Chat | WireApi::Anthropic => "; is `base_url` right? As a rule it ends in /v1",
        }
    }
}

/// For example `404 Not Found`, or `529`, which has no name.
pub(crate) fn status_line(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_u16()),
        None => status.as_u16().to_string(),
    }
}

fn by_status(status: StatusCode) -> ModelErrorKind {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ModelErrorKind::Auth,
        StatusCode::PAYMENT_REQUIRED => ModelErrorKind::Quota,
        StatusCode::REQUEST_TIMEOUT | StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS => {
            ModelErrorKind::Unavailable
        }
        status if status.is_server_error() => ModelErrorKind::Unavailable,
        _ => ModelErrorKind::InvalidRequest,
    }
}
