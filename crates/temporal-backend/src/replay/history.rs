//! [`RunHistory`]: what the server has of one run.

use super::ReplayFailure;
use crate::wire::RunInput;
use temporalio_client::WorkflowHistory;
use temporalio_common::{
    data_converters::{DataConverter, SerializationContextData, WorkflowSerializationContext},
    protos::temporal::api::{
        enums::v1::EventType,
        history::v1::{
            History, HistoryEvent, WorkflowExecutionStartedEventAttributes, history_event::Attributes,
        },
    },
};

/// The type of a thread's workflow.
const WORKFLOW_TYPE: &str = "AgentWorkflow";

/// The history of one run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunHistory {
    events: Vec<HistoryEvent>,
}

/// How much of a history is replayed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Extent {
    /// What the server has accepted. What a worker has begun may yet come out differently.
    #[default]
    Accepted,
    /// Also the task that a worker has begun and not brought to an end: a thread that is stuck fails of it.
    Begun,
}

impl RunHistory {
    /// The history with these events.
    pub fn new(events: Vec<HistoryEvent>) -> Self {
        Self { events }
    }

    /// Reads what the SDK's `to_json` of a fetched history wrote.
    ///
    /// # Errors
    /// [`ReplayFailure::Unreadable`] where it is something else.
    pub fn from_json(json: &[u8]) -> Result<Self, ReplayFailure> {
        let history: History = serde_json::from_slice(json)
            .map_err(|error| ReplayFailure::Unreadable { message: error.to_string() })?;
        Ok(Self { events: history.events })
    }

    /// Its events.
    pub fn events(&self) -> &[HistoryEvent] {
        &self.events
    }

    /// How many events it has.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// As much of it as is wanted.
    pub(super) fn cut(mut self, extent: Extent) -> Self {
        if extent == Extent::Accepted {
            let accepted = self.accepted();
            self.events.truncate(accepted);
        }
        self
    }

    /// How many events there are before the task that a worker has begun and the server has not accepted; none where none
    /// is accepted.
    pub(crate) fn accepted(&self) -> usize {
        let is = |event: &HistoryEvent, of: EventType| event.event_type() == of;
        let completed = |event: &HistoryEvent| is(event, EventType::WorkflowTaskCompleted);
        let scheduled = self.events.iter().rposition(|event| is(event, EventType::WorkflowTaskScheduled));
        let end = match scheduled {
            Some(at) if !self.events[at..].iter().any(completed) => at,
            _ => self.events.len(),
        };
        if self.events[..end].iter().any(completed) { end } else { 0 }
    }

    /// Whether a thread began so, and whether it can be read.
    pub(super) async fn check(&self, converter: &DataConverter) -> Result<(), ReplayFailure> {
        let unreadable = |message: &str| ReplayFailure::Unreadable { message: message.to_owned() };
        let started =
            self.started().ok_or_else(|| unreadable("it does not begin with the start of a run"))?;
        let found = started.workflow_type.as_ref().map(|of| of.name.as_str()).unwrap_or_default();
        if found != WORKFLOW_TYPE {
            return Err(ReplayFailure::NoThread { workflow_type: found.to_owned() });
        }
        let payloads = started.input.clone().map(|input| input.payloads).unwrap_or_default();
        let context = SerializationContextData::Workflow(WorkflowSerializationContext::new());
        match converter.from_payloads::<RunInput>(&context, payloads).await {
            Ok(_) => Ok(()),
            Err(error) => Err(ReplayFailure::payload(error)),
        }
    }

    fn started(&self) -> Option<&WorkflowExecutionStartedEventAttributes> {
        match self.events.first()?.attributes.as_ref()? {
            Attributes::WorkflowExecutionStartedEventAttributes(started) => Some(started),
            _ => None,
        }
    }
}

impl From<RunHistory> for WorkflowHistory {
    fn from(history: RunHistory) -> Self {
        History { events: history.events }.into()
    }
}
