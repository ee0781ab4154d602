//! [`Replies`]: which reply a request gets.

use crate::{
    api::{Asked, WireApi},
    dialect::Dialect,
    render::{Outcome, outcome},
    reply::Reply,
};
use serde_json::Value;
use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Which reply a request gets.
pub struct Replies(Source);

enum Source {
    Queue(Mutex<VecDeque<Reply>>),
    Cycle { replies: Vec<Prepared>, next: AtomicUsize },
    Function(Box<dyn Fn(&Value) -> Reply + Send + Sync>),
}

/// A reply with what it comes to where no request is looked at, for each API.
struct Prepared {
    reply: Reply,
    outcomes: [OnceLock<Arc<Outcome>>; WireApi::ALL.len()],
}

impl Replies {
    /// The first request gets the first reply, and so on. Once they are used up, requests are refused with status
    /// 400 and a message that says so.
    pub fn in_order(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self(Source::Queue(Mutex::new(replies.into_iter().collect())))
    }

    /// As [`in_order`](Self::in_order), and then again from the first. Without any, requests are refused.
    pub fn cycle(replies: impl IntoIterator<Item = Reply>) -> Self {
        let replies = replies.into_iter().map(|reply| Prepared { reply, outcomes: Default::default() });
        Self(Source::Cycle { replies: replies.collect(), next: AtomicUsize::new(0) })
    }

    /// The reply is made from the request's JSON (`null` where it was none).
    pub fn by(reply: impl Fn(&Value) -> Reply + Send + Sync + 'static) -> Self {
        Self(Source::Function(Box::new(reply)))
    }

    /// Every request gets this reply.
    pub fn always(reply: Reply) -> Self {
        Self::cycle([reply])
    }

    /// Whether the reply depends on what is asked.
    pub(crate) fn listen(&self) -> bool {
        matches!(self.0, Source::Function(_))
    }

    /// What the next request comes to, where it was looked at.
    pub(crate) fn answer(&self, body: &Value, asked: &Asked) -> Arc<Outcome> {
        Arc::new(match &self.0 {
            Source::Function(reply) => outcome(&reply(body), asked),
            Source::Queue(replies) => outcome(&next(replies), asked),
            Source::Cycle { replies, next } => match turn(replies, next) {
                Some(prepared) => outcome(&prepared.reply, asked),
                None => outcome(&used_up(), asked),
            },
        })
    }

    /// What the next request comes to, where it was not looked at. A function hears `null`.
    pub(crate) fn answer_unseen(&self, api: WireApi, dialect: Dialect) -> Arc<Outcome> {
        let asked = Asked::unseen(api, dialect);
        let Source::Cycle { replies, next } = &self.0 else { return self.answer(&Value::Null, &asked) };
        match turn(replies, next) {
            Some(prepared) => {
                let kept = prepared.outcomes[api as usize]
                    .get_or_init(|| Arc::new(outcome(&prepared.reply, &asked).in_one_piece()));
                Arc::clone(kept)
            }
            None => Arc::new(outcome(&used_up(), &asked)),
        }
    }
}

fn next(replies: &Mutex<VecDeque<Reply>>) -> Reply {
    let mut replies = replies.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    replies.pop_front().unwrap_or_else(used_up)
}

fn turn<'a>(replies: &'a [Prepared], next: &AtomicUsize) -> Option<&'a Prepared> {
    let turn = next.fetch_add(1, Ordering::Relaxed);
    replies.get(turn.checked_rem(replies.len())?)
}

fn used_up() -> Reply {
    Reply::error(400, "test_kit", "the model server has no reply left for this request")
}

impl From<Vec<Reply>> for Replies {
    fn from(replies: Vec<Reply>) -> Self {
        Self::in_order(replies)
    }
}

impl From<Reply> for Replies {
    fn from(reply: Reply) -> Self {
        Self::in_order([reply])
    }
}

impl fmt::Debug for Replies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Queue(replies) => f.debug_tuple("Replies").field(replies).finish(),
            Source::Cycle { replies, .. } => {
                f.debug_list().entries(replies.iter().map(|prepared| &prepared.reply)).finish()
            }
            Source::Function(_) => f.write_str("Replies(by a function)"),
        }
    }
}
