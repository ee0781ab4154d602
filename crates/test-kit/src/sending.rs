//! An [`Answer`] on its way: chunk by chunk, at its pace, to whatever end it comes to.

use crate::{
    line::Switch,
    render::{After, Answer},
};
use axum::{
    body::{Body, Bytes},
    http::StatusCode,
    response::Response,
};
use futures::stream;
use std::{collections::VecDeque, io, time::Duration};

/// The piece of which an endless line is made, in bytes.
const FLOOD_BYTES: usize = 64 * 1024;

/// The answer as a response of axum.
pub(crate) fn response(answer: &Answer, switch: Switch) -> Response {
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(name, value);
    }
    response.body(body(answer, switch)).unwrap_or_else(|error| wrong_reply(&error))
}

/// The reply cannot be sent, for example because a header's name has a space.
fn wrong_reply(error: &axum::http::Error) -> Response {
    let mut response = Response::new(Body::from(format!("this reply of the test kit is not HTTP: {error}")));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response
}

struct Playback {
    chunks: VecDeque<Bytes>,
    chunk_pause: Duration,
    after: After,
    switch: Switch,
}

fn body(answer: &Answer, switch: Switch) -> Body {
    if let ([whole], After::End, true) = (&answer.chunks[..], answer.after, answer.chunk_pause.is_zero()) {
        return Body::from(whole.clone());
    }
    let chunks = answer.chunks.iter().cloned().collect();
    let playback = Playback { chunks, chunk_pause: answer.chunk_pause, after: answer.after, switch };
    Body::from_stream(stream::unfold(playback, |mut playback| async {
        if let Some(chunk) = playback.chunks.pop_front() {
            pause(playback.chunk_pause).await;
            return Some((Ok(chunk), playback));
        }
        match playback.after {
            After::End => None,
            After::Silence => std::future::pending().await,
            After::Flood => Some((Ok(flood()), playback)),
            After::Break | After::Reset => {
                // What was sent so far leaves the machine while this waits, and not after.
                tokio::task::yield_now().await;
                if playback.after == After::Reset {
                    playback.switch.reset();
                }
                let broken = io::Error::new(io::ErrorKind::ConnectionAborted, "cut on purpose");
                Some((Err(broken), playback))
            }
        }
    }))
}

fn flood() -> Bytes {
    static LINE: [u8; FLOOD_BYTES] = [b'x'; FLOOD_BYTES];
    Bytes::from_static(&LINE)
}

pub(crate) async fn pause(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}
