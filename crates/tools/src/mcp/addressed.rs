//! [`Addressed`]: an HTTP client whose error answers always name the request that they answer.
//!
//! Servers answer a request they do not even read, such as one of a session that they have forgotten, with an error that
//! names no request. Nobody would hear it, and the call would wait for its time limit.

use reqwest::header::{HeaderName, HeaderValue};
use rmcp::{
    model::{ClientJsonRpcMessage, JsonRpcMessage},
    transport::{
        common::client_side_sse::BoxedSseResponse,
        streamable_http_client::{StreamableHttpClient, StreamableHttpError, StreamableHttpPostResponse},
    },
};
use std::{collections::HashMap, sync::Arc};

type Headers = HashMap<HeaderName, HeaderValue>;
type Posted<E> = Result<StreamableHttpPostResponse, StreamableHttpError<E>>;
type Opened<E> = Result<BoxedSseResponse, StreamableHttpError<E>>;

/// The client.
#[derive(Clone)]
pub(super) struct Addressed<C>(pub(super) C);

impl<C: StreamableHttpClient + Sync> StreamableHttpClient for Addressed<C> {
    type Error = C::Error;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session: Option<Arc<str>>,
        token: Option<String>,
        headers: Headers,
    ) -> Posted<C::Error> {
        let asked = Asked::of(&message, session.as_deref());
        asked.addressed(self.0.post_message(uri, message, session, token, headers).await)
    }

    async fn post_message_with_max_sse_event_size(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session: Option<Arc<str>>,
        token: Option<String>,
        headers: Headers,
        max_bytes: usize,
    ) -> Posted<C::Error> {
        let asked = Asked::of(&message, session.as_deref());
        let posted = self
            .0
            .post_message_with_max_sse_event_size(uri, message, session, token, headers, max_bytes)
            .await;
        asked.addressed(posted)
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session: Arc<str>,
        token: Option<String>,
        headers: Headers,
    ) -> Result<(), StreamableHttpError<C::Error>> {
        self.0.delete_session(uri, session, token, headers).await
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session: Option<Arc<str>>,
        last_event: Option<String>,
        token: Option<String>,
        headers: Headers,
    ) -> Opened<C::Error> {
        self.0.get_stream(uri, session, last_event, token, headers).await
    }

    async fn get_stream_with_max_sse_event_size(
        &self,
        uri: Arc<str>,
        session: Option<Arc<str>>,
        last_event: Option<String>,
        token: Option<String>,
        headers: Headers,
        max_bytes: usize,
    ) -> Opened<C::Error> {
        self.0.get_stream_with_max_sse_event_size(uri, session, last_event, token, headers, max_bytes).await
    }
}

/// What was asked.
struct Asked {
    request: Option<rmcp::model::RequestId>,
    in_session: bool,
}

impl Asked {
    fn of(message: &ClientJsonRpcMessage, session: Option<&str>) -> Self {
        let request = match message {
            JsonRpcMessage::Request(request) => Some(request.id.clone()),
            _ => None,
        };
        Self { request, in_session: session.is_some() }
    }

    fn addressed<E: std::error::Error + Send + Sync>(self, posted: Posted<E>) -> Posted<E> {
        match posted {
            Ok(StreamableHttpPostResponse::Json(JsonRpcMessage::Error(mut error), session))
                if error.id.is_none() && self.request.is_some() =>
            {
                // The protocol has a status for it (404), which not all servers know.
                if self.in_session && error.error.message.to_ascii_lowercase().contains("session") {
                    return Err(StreamableHttpError::SessionExpired);
                }
                error.id = self.request;
                Ok(StreamableHttpPostResponse::Json(JsonRpcMessage::Error(error), session))
            }
            posted => posted,
        }
    }
}
