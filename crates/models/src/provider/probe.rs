//! [`Provider::probe`]: is the provider there, and does it take the key? Asked by listing its models, which costs nothing.

use super::{Provider, cause, error_body};
use crate::{
    fault::{ProviderFault, capped},
    refusal::status_line,
    retry::retry_after,
};
use agent_core::ModelErrorKind;
use reqwest::{
    Client, Response, StatusCode,
    header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue},
};
use serde_json::Value;
use std::time::{Duration, SystemTime};

/// Whoever probes waits no longer for an answer.
const PROBE_LIMIT: Duration = Duration::from_secs(5);
/// How much of a list of models is read, in bytes. OpenRouter's has half a million.
const MAX_LIST_BYTES: usize = 4 * 1024 * 1024;
/// How much of a provider's words is shown, in bytes.
const MAX_WORDS_BYTES: usize = 512;
/// Where something else than a provider answers.
const PLACE_ADVICE: &str = "does `base_url` name a provider of this API? As a rule it ends in /v1";

/// What a provider answers to a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeAnswer {
    /// Where it is: the host, and the port where it is not the usual one.
    pub host: String,
    /// The models that it says it has, for this key; `None` where it has no list.
    pub models: Option<Vec<String>>,
    /// What is known of the key.
    pub key: KeyStanding,
}

/// What is known of the key after a probe that was not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyStanding {
    /// None was sent.
    None,
    /// It opened what is shut without it.
    Accepted,
    /// It was not looked at: the provider lists its models for everybody, or not at all.
    Untested,
}

/// Why nothing is to be expected of a provider now. Carries none of its secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}; {remedy}")]
pub struct ProbeError {
    /// What a request to a model would come to.
    pub kind: ModelErrorKind,
    /// What happened.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

impl Provider {
    /// Asks once, without waiting for a provider that is busy.
    pub(crate) async fn probe(&self) -> Result<ProbeAnswer, ProbeError> {
        let client = self.made_client().map_err(|why| {
            let what = format!("no HTTP client could be made: {why}");
            self.probe_error(ModelErrorKind::InvalidRequest, what, super::CLIENT_ADVICE)
        })?;
        let models = match tokio::time::timeout(PROBE_LIMIT, self.models(client)).await {
            Ok(models) => models?,
            Err(_) => {
                let what = format!("{} did not answer within {} s", self.host(), PROBE_LIMIT.as_secs());
                return Err(self.probe_error(ModelErrorKind::Unavailable, what, self.way_advice()));
            }
        };
        let key = match &models {
            _ if !self.sends_key => KeyStanding::None,
            None => KeyStanding::Untested,
            Some(_) => self.key_standing(client).await,
        };
        Ok(ProbeAnswer { host: self.host(), models, key })
    }

    /// The names of its models; `None` where it answers, and has no list.
    async fn models(&self, client: &Client) -> Result<Option<Vec<String>>, ProbeError> {
        let response = self.get(client, self.headers.clone()).await.map_err(|error| {
            let what = format!("{} did not answer: {}", self.host(), cause(error));
            self.probe_error(ModelErrorKind::Unavailable, what, self.way_advice())
        })?;
        match response.status() {
            status if status.is_success() => self.listed(response).await,
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Ok(None),
            status => Err(self.probe_refused(status, response).await),
        }
    }

    async fn get(&self, client: &Client, mut headers: HeaderMap) -> reqwest::Result<Response> {
        headers.remove(CONTENT_TYPE);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        client.get(self.models_url.clone()).headers(headers).send().await
    }

    async fn listed(&self, mut response: Response) -> Result<Option<Vec<String>>, ProbeError> {
        let host = self.host();
        let wrong = |what| self.probe_error(ModelErrorKind::InvalidRequest, what, PLACE_ADVICE);
        let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if let Some(found) = content_type.filter(|found| found.starts_with("text/html")) {
            return Err(wrong(format!("{host} answered with {found} instead of a list of models")));
        }
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() <= MAX_LIST_BYTES => body.extend(chunk),
                Ok(None) => break,
                // A list that long is none that anybody chooses from.
                Ok(Some(_)) => return Ok(None),
                Err(error) => {
                    let what = format!("the answer of {host} broke off: {}", cause(error));
                    return Err(self.probe_error(ModelErrorKind::Unavailable, what, self.way_advice()));
                }
            }
        }
        // LM Studio says so of what it does not have, with a status of success.
        if let Some(fault) = ProviderFault::of_success(&body) {
            return Err(wrong(format!("{host} answered: {}", self.words(&fault))));
        }
        Ok(model_names(&body))
    }

    async fn probe_refused(&self, status: StatusCode, response: Response) -> ProbeError {
        let wanted = retry_after(response.headers(), SystemTime::now());
        let fault = ProviderFault::of_body(&error_body(response).await);
        let kind = self.refused("", status, &fault, wanted).kind;
        let what =
            format!("{} answered with status {}: {}", self.host(), status_line(status), self.words(&fault));
        let remedy = match kind {
            ModelErrorKind::Auth => self.key_advice(),
            ModelErrorKind::Quota => {
                "the account has nothing left: add credit or choose another provider".to_owned()
            }
            ModelErrorKind::Unavailable => match wanted {
                Some(wait) => format!("it asks to wait {:.0} s", wait.as_secs_f64().ceil()),
                None => "try again later".to_owned(),
            },
            _ => PLACE_ADVICE.to_owned(),
        };
        self.probe_error(kind, what, remedy)
    }

    /// Whether it is the key that opens the list: without it the provider would have refused.
    async fn key_standing(&self, client: &Client) -> KeyStanding {
        // All that the settings add is marked as sensitive.
        let mut headers = HeaderMap::new();
        for (name, value) in self.headers.iter().filter(|(_, value)| !value.is_sensitive()) {
            headers.append(name, value.clone());
        }
        match tokio::time::timeout(PROBE_LIMIT, self.get(client, headers)).await {
            Ok(Ok(response))
                if matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) =>
            {
                KeyStanding::Accepted
            }
            _ => KeyStanding::Untested,
        }
    }

    fn words(&self, fault: &ProviderFault) -> String {
        // First scrubbed, then cut: the other way round, half a key could remain.
        capped(&self.redactor.scrub(&fault.words()), MAX_WORDS_BYTES)
    }

    fn probe_error(&self, kind: ModelErrorKind, what: String, remedy: impl Into<String>) -> ProbeError {
        ProbeError { kind, what: self.redactor.scrub(&what), remedy: remedy.into() }
    }
}

/// The names in `{"data": [{"id": …}]}`, or in the list alone (Together). `None` where it is something else.
fn model_names(body: &[u8]) -> Option<Vec<String>> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let list = value.get("data").unwrap_or(&value).as_array()?;
    Some(list.iter().filter_map(|model| Some(model["id"].as_str()?.to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::model_names;

    #[test]
    fn names_are_found_in_the_shapes_that_providers_use() {
        let names = |body: &str| model_names(body.as_bytes());
        let two = Some(vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!(names(r#"{"object":"list","data":[{"id":"a"},{"id":"b"},{"name":"c"}]}"#), two);
        assert_eq!(names(r#"[{"id":"a"},{"id":"b"}]"#), two);
        assert_eq!(names(r#"{"data":[]}"#), Some(Vec::new()));
        for other in ["", "fine", "{}", r#"{"data":1}"#, "null"] {
            assert_eq!(names(other), None, "{other}");
        }
    }
}
