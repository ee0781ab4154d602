//! [`State`]: what handlers and queries of a workflow see of its thread.

use super::{
    Reply, Surroundings,
    book::{Book, Changed},
    hand_over::ARCHIVE_ABOVE_BYTES,
};
use crate::wire::{
    Arrival, BlobWanted, Carry, Departed, Departure, DepartureReply, EventsAfter, EventsPage, Frame, Items,
    ItemsWanted, MAX_OP_BYTES, MAX_START_BYTES, PAGE_BYTES, Part, Status,
};
use agent_core::{
    Accepted, BLOB_THRESHOLD_BYTES, Content, EffectId, Event, Gate, Input, Item, ModelRequest, Op, OpId,
    Overview, Record, Refusal, Settings, Shared, Submission, Thread,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

/// So many answers to signals are kept for those who ask.
const MAX_ANSWERS: usize = 256;
/// After so many updates a run hands over: the server takes 2,000 of a run and refuses every one after that.
const MAX_UPDATES: u32 = 1_500;
/// The updates that only wait are no more than so many of a run, so that ops are taken also during a long call.
pub(super) const MAX_LONG_POLLS: u32 = 1_000;
/// A hand-over that failed is tried again after so many records.
const POSTPONED_BY: u32 = 64;
/// So many ops may wait for the driver.
const MAX_INBOX: usize = 256;
/// And so many bytes of them: what waits goes along to the next run.
const MAX_INBOX_BYTES: usize = 2 * MAX_OP_BYTES;

/// How far a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Stage {
    /// It takes ops.
    #[default]
    Open,
    /// The driver has returned; the next run takes what comes.
    HandingOver,
    /// The thread was shut down.
    Closed,
    /// The thread goes on elsewhere.
    Departed,
}

/// How far it is with one who asks the thread to leave.
enum Departing {
    Asked(Departure),
    Decided(DepartureReply),
}

/// Everything but the thread itself, which the driver has.
pub(super) struct State {
    pub(super) surroundings: Arc<Surroundings>,
    pub(super) inbox: VecDeque<Submission>,
    pub(super) stage: Stage,
    pub(super) runs: u32,
    pub(super) long_polls: u32,
    pub(super) records: u32,
    not_before: u32,
    /// The thread, as it is now, does not fit what the next run begins with.
    pub(super) is_too_large: bool,
    book: Book,
    gate: Option<Gate>,
    /// Ops that were applied, as far as the thread remembers them.
    known: BTreeSet<OpId>,
    updates: u32,
    /// `None` for an op whose update waits.
    answers: BTreeMap<OpId, Option<Reply>>,
    /// Ops that came as signals and were answered, the oldest first.
    signalled: VecDeque<OpId>,
    prompts: BTreeMap<EffectId, Arc<ModelRequest>>,
    settled: Option<Box<Thread>>,
    /// The thread's last input, where it is at rest.
    at_rest: Option<u64>,
    arrival: Option<Box<Arrival>>,
    departed: Option<Departed>,
    /// Those who ask the thread to leave, by ticket, the first first.
    departures: BTreeMap<u64, Departing>,
    tickets: u64,
    /// What an activity is putting on disk.
    pub(super) to_archive: Vec<Shared<Item>>,
}

impl State {
    pub(super) fn new(surroundings: Arc<Surroundings>) -> Self {
        Self {
            surroundings,
            inbox: VecDeque::new(),
            stage: Stage::Open,
            runs: 1,
            long_polls: 0,
            records: 0,
            not_before: 0,
            is_too_large: false,
            book: Book::default(),
            gate: None,
            known: BTreeSet::new(),
            updates: 0,
            answers: BTreeMap::new(),
            signalled: VecDeque::new(),
            prompts: BTreeMap::new(),
            settled: None,
            at_rest: None,
            arrival: None,
            departed: None,
            departures: BTreeMap::new(),
            tickets: 0,
            to_archive: Vec::new(),
        }
    }

    /// Goes on where another run stopped. Ops that have come meanwhile stay behind those it left.
    pub(super) fn go_on(&mut self, carry: Carry) -> Thread {
        let Carry { thread, inbox, book, runs, arrival } = carry;
        self.arrival = arrival;
        let come = std::mem::replace(&mut self.inbox, inbox);
        self.inbox.extend(come);
        self.book = Book::carried(book);
        self.runs = runs;
        self.known = thread.recent_ops().cloned().collect();
        self.look_at(&thread);
        thread
    }

    pub(super) fn receive(&mut self, submission: Submission) {
        let reply = if let Some(refusal) = self.gone() {
            Reply::Refused(refusal)
        } else if let Some(refusal) = self.unfit(&submission) {
            Reply::Refused(refusal)
        } else if let Some(repeated) = self.repeated(&submission.op_id) {
            repeated
        } else {
            self.inbox.push_back(submission);
            return;
        };
        self.settle(&submission.op_id, reply);
    }

    /// The answer to an op that this run has applied. The thread itself remembers the last ones only.
    fn repeated(&self, op: &OpId) -> Option<Reply> {
        let accepted = || Accepted { turn: None, event_seq: self.book.last(), repeated: true, listing: None };
        self.known.contains(op).then(|| Reply::Accepted(accepted()))
    }

    /// Why no thread takes this op, whatever it is doing. What comes as a signal was not asked for by a validator, and one
    /// that is too large would make this run or the next fail for ever.
    fn unfit(&self, submission: &Submission) -> Option<Refusal> {
        let bytes = size(submission);
        if bytes > MAX_OP_BYTES {
            let why = format!("it has {bytes} bytes, and {MAX_OP_BYTES} are allowed; attach large content");
            return Some(Refusal::Malformed { why });
        }
        let content = match &submission.op {
            Op::UserTurn { items, .. } | Op::UserInput { items } => items.as_slice(),
            _ => &[],
        };
        // Nothing can be kept as a blob from inside a workflow; clients do so before they send it.
        let is_too_long =
            |part: &Content| matches!(part, Content::Text { text } if text.len() > BLOB_THRESHOLD_BYTES);
        if content.iter().any(is_too_long) {
            let why = format!("text of more than {BLOB_THRESHOLD_BYTES} bytes has to come as a blob");
            return Some(Refusal::Malformed { why });
        }
        let waiting: usize = self.inbox.iter().map(size).sum();
        (self.inbox.len() >= MAX_INBOX || waiting + bytes > MAX_INBOX_BYTES).then(overloaded)
    }

    /// Why an op cannot be taken as an update. What says it is a [`Reply`] as JSON.
    pub(super) fn admit(
        &self,
        submission: &Submission,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let reply = match self.stage {
            Stage::HandingOver => Reply::Again,
            Stage::Open | Stage::Closed | Stage::Departed => match self.refusal(submission) {
                Some(refusal) => Reply::Refused(refusal),
                None => return Ok(()),
            },
        };
        Err(serde_json::to_string(&reply)?.into())
    }

    /// Why the thread takes no ops any more, here.
    fn gone(&self) -> Option<Refusal> {
        match (self.stage, &self.departed) {
            (Stage::Departed, Some(departed)) => {
                let why = format!("the thread was moved to {}; go on with it there", departed.to);
                Some(Refusal::Unavailable { why })
            }
            (Stage::Closed | Stage::Departed, _) => Some(Refusal::Closed),
            (Stage::Open | Stage::HandingOver, _) => None,
        }
    }

    /// Somebody wants the thread to leave.
    pub(super) fn ask_to_depart(&mut self, departure: Departure) -> u64 {
        self.tickets += 1;
        self.departures.insert(self.tickets, Departing::Asked(departure));
        self.tickets
    }

    pub(super) fn is_asked_to_depart(&self) -> bool {
        self.departures.values().any(|departing| matches!(departing, Departing::Asked(_)))
    }

    /// Decides over those who have asked, in order. True where the thread leaves.
    pub(super) fn decide_departures(&mut self, now_ms: u64) -> bool {
        for (ticket, departing) in std::mem::take(&mut self.departures) {
            let decided = match departing {
                Departing::Asked(departure) => Departing::Decided(self.depart(departure, now_ms)),
                decided @ Departing::Decided(_) => decided,
            };
            self.departures.insert(ticket, decided);
        }
        self.departed.is_some()
    }

    pub(super) fn is_departure_decided(&self, ticket: u64) -> bool {
        self.stage != Stage::Open || !matches!(self.departures.get(&ticket), Some(Departing::Asked(_)))
    }

    /// The answer to who has asked. Where the run ends without one, the next is asked, or the thread is shut down.
    pub(super) fn take_departure(&mut self, ticket: u64) -> DepartureReply {
        match self.departures.remove(&ticket) {
            Some(Departing::Decided(reply)) => reply,
            Some(Departing::Asked(departure)) => self.depart(departure, 0),
            None => DepartureReply::NotAtRest,
        }
    }

    /// Ends the thread here, if it rests and nothing has entered it since. Nothing enters it from now on.
    fn depart(&mut self, departure: Departure, now_ms: u64) -> DepartureReply {
        let Departure { input_seq, to } = departure;
        match (self.stage, self.at_rest.filter(|_| self.inbox.is_empty())) {
            (Stage::HandingOver, _) => DepartureReply::Again,
            (Stage::Departed, _) if let Some(departed) = &self.departed => {
                DepartureReply::Departed { departed: departed.clone() }
            }
            (Stage::Closed | Stage::Departed, _) | (Stage::Open, None) => DepartureReply::NotAtRest,
            (Stage::Open, Some(last)) if last != input_seq => DepartureReply::Stale { input_seq: last },
            (Stage::Open, Some(_)) => {
                let departed = Departed { to, since_ms: now_ms };
                (self.stage, self.departed) = (Stage::Departed, Some(departed.clone()));
                DepartureReply::Departed { departed }
            }
        }
    }

    pub(super) fn departed(&self) -> Option<&Departed> {
        self.departed.as_ref()
    }

    fn refusal(&self, submission: &Submission) -> Option<Refusal> {
        if let Some(refusal) = self.gone().or_else(|| self.unfit(submission)) {
            return Some(refusal);
        }
        // What waits in the inbox may change the answer, and an op that was applied before is not refused.
        let asks_the_thread = !self.inbox.is_empty() || self.known.contains(&submission.op_id);
        self.gate.as_ref().filter(|_| !asks_the_thread)?.refusal(submission)
    }

    /// An update brings an op, and waits for its answer.
    pub(super) fn submit(&mut self, submission: Submission) {
        self.updates += 1;
        if self.stage != Stage::Open {
            return;
        }
        // Others may have come in the same task, after the validator was asked.
        let answer = self.unfit(&submission).map(Reply::Refused).or_else(|| self.repeated(&submission.op_id));
        let waits = answer.is_none();
        self.answers.insert(submission.op_id.clone(), answer);
        if waits {
            self.inbox.push_back(submission);
        }
    }

    /// The driver's answer to an op.
    pub(super) fn answered(&mut self, op: &OpId, reply: Result<Accepted, Refusal>) {
        self.settle(op, reply.map_or_else(Reply::Refused, Reply::Accepted));
    }

    /// The thread was shut down, or has left: what it did not get to is refused.
    pub(super) fn refuse_rest(&mut self) {
        for submission in std::mem::take(&mut self.inbox) {
            let refusal = self.gone().unwrap_or(Refusal::Closed);
            self.settle(&submission.op_id, Reply::Refused(refusal));
        }
    }

    fn settle(&mut self, op: &OpId, reply: Reply) {
        if self.answers.insert(op.clone(), Some(reply)).is_none() {
            self.signalled.push_back(op.clone());
            if self.signalled.len() > MAX_ANSWERS
                && let Some(oldest) = self.signalled.pop_front()
            {
                self.answers.remove(&oldest);
            }
        }
    }

    pub(super) fn has_answer(&self, op: &OpId) -> bool {
        match self.answers.get(op) {
            Some(answer) => answer.is_some() || self.is_over(),
            None => true,
        }
    }

    /// The answer for the update that waited for it. An op that the driver did not get to is taken back: the client
    /// submits it again, to the next run.
    pub(super) fn take_answer(&mut self, op: &OpId) -> Reply {
        let answer = self.answers.remove(op).flatten();
        answer.unwrap_or_else(|| {
            self.inbox.retain(|submission| submission.op_id != *op);
            Reply::Again
        })
    }

    pub(super) fn answer(&self, op: &OpId) -> Option<Reply> {
        self.answers.get(op).cloned().flatten()
    }

    /// The run could not be handed over: it goes on for a while.
    pub(super) fn postpone(&mut self) {
        self.stage = Stage::Open;
        self.not_before = self.records + POSTPONED_BY;
    }

    /// Whether it is too early to hand over again.
    pub(super) fn is_postponed(&self) -> bool {
        self.records < self.not_before
    }

    /// Whether this run has taken as many updates as it should.
    pub(super) fn is_worn(&self) -> bool {
        self.updates + self.long_polls >= MAX_UPDATES
    }

    pub(super) fn commit(&mut self, record: &Record, events: &[Event]) -> Changed {
        self.records += 1;
        if let Some(chronicle) = &self.surroundings.chronicle {
            chronicle.note(record, events);
        }
        if let Input::Submitted(submission) = &record.input {
            self.known.insert(submission.op_id.clone());
        }
        self.book.commit(record, events)
    }

    pub(super) fn look_at(&mut self, thread: &Thread) {
        self.gate = Some(thread.gate());
        self.at_rest = thread.is_at_rest().then(|| thread.input_seq());
    }

    /// Looks whether what the next run would begin with fits.
    pub(super) fn weigh(&mut self, thread: &Thread) {
        let archivable = Some(size(&thread.archivable())).filter(|bytes| *bytes > ARCHIVE_ABOVE_BYTES);
        let thread = size(thread).saturating_sub(archivable.unwrap_or(0));
        self.is_too_large = thread + size(&self.book.carry()) + size(&self.inbox) > MAX_START_BYTES;
    }

    pub(super) fn keep(&mut self, thread: &Thread) {
        self.settled = Some(Box::new(thread.clone()));
    }

    /// Keeps what the archive left of a thread in which no turn runs.
    pub(super) fn keep_if_settled(&mut self, thread: &Thread) {
        if thread.current_turn().is_none() {
            self.keep(thread);
        }
    }

    pub(super) fn ask(&mut self, request: Arc<ModelRequest>) {
        self.prompts.insert(request.effect, request);
    }

    pub(super) fn asked(&mut self, effect: EffectId) {
        self.prompts.remove(&effect);
    }

    pub(super) fn has_news(&self, seq: u64) -> bool {
        self.book.last() > seq || self.is_over()
    }

    fn is_over(&self) -> bool {
        self.stage != Stage::Open
    }

    pub(super) fn last_event(&self) -> u64 {
        self.book.last()
    }

    pub(super) fn page(&self, after: &EventsAfter) -> EventsPage {
        self.book.page(after, self.is_over())
    }

    pub(super) fn status(&self) -> Status {
        self.book.status(self.runs, self.is_over())
    }

    pub(super) fn overview(&self) -> &Overview {
        self.book.overview()
    }

    pub(super) fn settings(&self) -> &Settings {
        self.book.settings()
    }

    /// What the next run continues.
    pub(super) fn carry(&mut self, thread: Thread) -> Carry {
        Carry {
            thread,
            inbox: std::mem::take(&mut self.inbox),
            book: self.book.carry(),
            runs: self.runs + 1,
            arrival: self.arrival.clone(),
        }
    }

    /// What is handed out of the thread as it was when no turn ran.
    pub(super) fn snapshot_part(&self, from: u64) -> Part {
        let json = self.settled.as_ref().map(|thread| {
            let carry = Carry {
                thread: (**thread).clone(),
                inbox: VecDeque::new(),
                book: self.book.carry(),
                runs: self.runs + 1,
                arrival: self.arrival.clone(),
            };
            serde_json::to_string(&carry).unwrap_or_default()
        });
        part(json.as_deref().unwrap_or("null"), from)
    }

    pub(super) fn items(&self, wanted: &ItemsWanted) -> Option<Items> {
        let (all, request) = match wanted.call {
            None => (&self.to_archive, None),
            Some((effect, attempt)) => {
                let request = self.prompts.get(&effect).filter(|request| request.attempt == attempt)?;
                (&request.conversation.items, Some(request))
            }
        };
        let mut bytes = 0;
        let mut items = Vec::new();
        for item in all.iter().skip(usize::try_from(wanted.from).unwrap_or(usize::MAX)) {
            bytes += serde_json::to_string(item).map_or(0, |json| json.len());
            if bytes > PAGE_BYTES && !items.is_empty() {
                break;
            }
            items.push(item.clone());
        }
        Some(Items { items, frame: request.map(|request| frame(request)) })
    }

    pub(super) fn blob_part(&self, wanted: &BlobWanted) -> Option<Part> {
        let bytes = self.surroundings.blobs.read(&wanted.blob).ok().flatten()?;
        let from = usize::try_from(wanted.from).unwrap_or(usize::MAX).min(bytes.len());
        let to = bytes.len().min(from + PAGE_BYTES);
        Some(Part { from: from as u64, total: bytes.len() as u64, text: STANDARD.encode(&bytes[from..to]) })
    }
}

/// What a model is told beside the conversation.
pub(crate) fn frame(request: &ModelRequest) -> Frame {
    Frame {
        instructions: request.instructions.clone(),
        tools: request.tools.clone(),
        output_schema: request.output_schema.clone(),
        tail: request.conversation.tail.clone(),
    }
}

fn part(text: &str, from: u64) -> Part {
    let from = usize::try_from(from).unwrap_or(usize::MAX).min(text.len());
    let mut to = text.len().min(from + PAGE_BYTES);
    while !text.is_char_boundary(to) {
        to -= 1;
    }
    Part {
        from: from as u64,
        total: text.len() as u64,
        text: text.get(from..to).unwrap_or_default().to_owned(),
    }
}

fn overloaded() -> Refusal {
    Refusal::Overloaded { what: "ops that wait for this thread".into(), limit: MAX_INBOX as u64 }
}

/// How many bytes a value has in a payload.
pub(crate) fn size(value: &impl serde::Serialize) -> usize {
    serde_json::to_string(value).map_or(usize::MAX, |json| json.len())
}
