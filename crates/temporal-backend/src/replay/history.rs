//! [`RunHistory`]: what the server has of one run.

use super::ReplayFailure;
use crate::wire::RunInput;
use std::fmt;
use temporalio_client::WorkflowHistory;
use temporalio_common::{
    data_converters::{DataConverter, SerializationContextData, WorkflowSerializationContext},
    protos::temporal::api::{
        enums::v1::EventType,
        history::v1::{
            History, HistoryEvent, WorkflowExecutionStartedEventAttributes,
            WorkflowTaskCompletedEventAttributes, history_event::Attributes,
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

/// A task of the workflow that was completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Task {
    /// The event that began it.
    pub(super) first: i64,
    /// The last of what it asked for.
    pub(super) last: i64,
    /// How many events the history has up to there.
    length: usize,
    /// The build that did it.
    pub(super) build: Option<String>,
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

    /// Reads what [`RunHistory::to_json`] wrote, or the SDK's `to_json` of a fetched history.
    ///
    /// # Errors
    /// [`ReplayFailure::Unreadable`] where it is something else.
    pub fn from_json(json: &[u8]) -> Result<Self, ReplayFailure> {
        let history: History = serde_json::from_slice(json).map_err(unreadable)?;
        Ok(Self { events: history.events })
    }

    /// As JSON, payloads as they are.
    ///
    /// # Errors
    /// [`ReplayFailure::Unreadable`] where the events are none.
    pub fn to_json(&self) -> Result<Vec<u8>, ReplayFailure> {
        serde_json::to_vec(&History { events: self.events.clone() }).map_err(unreadable)
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
            // What has come since is nobody's yet: a replay would have the loop take it, at another time than the task will.
            let accepted = self.tasks().last().map_or(0, |task| task.length);
            self.events.truncate(accepted);
        }
        self
    }

    /// Whether a worker has begun with it.
    pub(super) fn has_begun(&self) -> bool {
        self.events.iter().any(|event| event.event_type() == EventType::WorkflowTaskStarted)
    }

    /// The tasks that were completed.
    pub(super) fn tasks(&self) -> Vec<Task> {
        let completed =
            |(_, event): &(usize, &HistoryEvent)| event.event_type() == EventType::WorkflowTaskCompleted;
        self.events
            .iter()
            .enumerate()
            .filter(completed)
            .filter_map(|(at, event)| self.task(at, event))
            .collect()
    }

    fn task(&self, at: usize, completed: &HistoryEvent) -> Option<Task> {
        let Some(Attributes::WorkflowTaskCompletedEventAttributes(attributes)) = &completed.attributes else {
            return None;
        };
        let commands = self.events[at + 1..].iter().take_while(|event| event.is_command_event()).count();
        let length = at + 1 + commands;
        Some(Task {
            first: attributes.started_event_id,
            last: self.events[length - 1].event_id,
            length,
            build: build(attributes),
        })
    }

    /// The task that was begun last.
    pub(super) fn begun(&self) -> Option<Task> {
        let started = |event: &&HistoryEvent| event.event_type() == EventType::WorkflowTaskStarted;
        let first = self.events.iter().rfind(started)?.event_id;
        let last = self.events.last()?.event_id;
        Some(Task { first, last, length: self.events.len(), build: None })
    }

    /// Its beginning, up to the end of this task.
    pub(super) fn up_to(&self, task: &Task) -> Self {
        Self { events: self.events.iter().take(task.length).cloned().collect() }
    }

    /// Whether a thread began so, and whether it can be read and nothing is missing.
    pub(super) async fn check(&self, converter: &DataConverter) -> Result<(), ReplayFailure> {
        let started =
            self.started().ok_or_else(|| unreadable("it does not begin with the start of a run"))?;
        if let Some((at, event)) = (1_i64..).zip(&self.events).find(|(at, event)| event.event_id != *at) {
            return Err(unreadable(format!("event {} stands where event {at} is next", event.event_id)));
        }
        let found = started.workflow_type.as_ref().map(|of| of.name.as_str()).unwrap_or_default();
        if found != WORKFLOW_TYPE {
            return Err(ReplayFailure::NoThread { workflow_type: found.to_owned() });
        }
        let payloads = started.input.clone().map(|input| input.payloads).unwrap_or_default();
        let context = SerializationContextData::Workflow(WorkflowSerializationContext::new());
        let input = converter.from_payloads::<RunInput>(&context, payloads).await;
        input.map(drop).map_err(|error| ReplayFailure::input(&error))
    }

    fn started(&self) -> Option<&WorkflowExecutionStartedEventAttributes> {
        match self.events.first()?.attributes.as_ref()? {
            Attributes::WorkflowExecutionStartedEventAttributes(started) => Some(started),
            _ => None,
        }
    }
}

/// The build that did a task, if it told its name.
#[expect(deprecated, reason = "a worker without a deployment is named only there")]
fn build(completed: &WorkflowTaskCompletedEventAttributes) -> Option<String> {
    let deployed = completed.deployment_version.as_ref().map(|version| &version.build_id);
    let other = completed.worker_version.as_ref().map(|version| &version.build_id);
    deployed.or(other).filter(|build| !build.is_empty()).cloned()
}

fn unreadable(why: impl fmt::Display) -> ReplayFailure {
    ReplayFailure::Unreadable { message: why.to_string() }
}

impl From<RunHistory> for WorkflowHistory {
    fn from(history: RunHistory) -> Self {
        History { events: history.events }.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use EventType::{
        ActivityTaskCompleted, ActivityTaskScheduled, WorkflowExecutionCompleted, WorkflowExecutionSignaled,
        WorkflowExecutionStarted, WorkflowExecutionUpdateAccepted, WorkflowTaskCompleted, WorkflowTaskFailed,
        WorkflowTaskScheduled, WorkflowTaskStarted,
    };

    #[test]
    fn a_history_is_accepted_up_to_what_the_last_completed_task_asked_for() {
        let begun = [WorkflowExecutionStarted, WorkflowTaskScheduled, WorkflowTaskStarted];
        let done = [WorkflowTaskCompleted, ActivityTaskScheduled];
        let again = [WorkflowTaskScheduled, WorkflowTaskStarted];
        let table = [
            (vec![], 0),
            (begun.to_vec(), 0),
            ([&begun[..], &[WorkflowTaskFailed], &again].concat(), 0),
            ([&begun[..], &done].concat(), 5),
            ([&begun[..], &done, &again].concat(), 5),
            ([&begun[..], &done, &[WorkflowTaskScheduled]].concat(), 5),
            ([&begun[..], &done, &[ActivityTaskCompleted], &again].concat(), 5),
            ([&begun[..], &done, &[WorkflowExecutionSignaled, WorkflowTaskScheduled]].concat(), 5),
            ([&begun[..], &done, &[WorkflowExecutionUpdateAccepted], &again].concat(), 6),
            ([&begun[..], &done, &again, &[WorkflowTaskCompleted, WorkflowExecutionCompleted]].concat(), 9),
        ];
        for (types, kept) in table {
            let event = |of: &EventType| {
                let completed = || {
                    Attributes::WorkflowTaskCompletedEventAttributes(
                        WorkflowTaskCompletedEventAttributes::default(),
                    )
                };
                HistoryEvent {
                    event_type: (*of).into(),
                    attributes: (*of == WorkflowTaskCompleted).then(completed),
                    ..HistoryEvent::default()
                }
            };
            let history = RunHistory::new(types.iter().map(event).collect());
            assert_eq!(history.cut(Extent::Accepted).len(), kept, "{types:?}");
        }
    }
}
