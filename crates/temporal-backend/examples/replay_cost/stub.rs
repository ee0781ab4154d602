//! A workflow that issues the commands of a history and decides nothing.

use agent_core::{
    Accepted, ModelAnswer, Overview, PrepareRequest, Prepared, Submission, ToolAnswer, ToolRequest, TurnId,
};
use anyhow::{Context, Result, bail};
use std::{sync::Arc, time::Duration};
use temporal_backend::{
    Activities, Closed, Reply, RunHistory,
    wire::{ModelTask, RunInput},
};
use temporalio_common::{
    RetryPolicy,
    protos::temporal::api::{common::v1::Payloads, history::v1::history_event::Attributes},
};
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{
    ActivityOptions, LocalActivityOptions, MemoValue, WorkflowCancellationToken, WorkflowContext,
    WorkflowResult,
};

/// Where the thread tells lists what it does.
const MEMO: &str = "everturn";
/// Whatever the limits are, a replay does not compare them.
const LIMIT: Duration = Duration::from_secs(60);

/// The commands of a run.
#[derive(Debug)]
pub(crate) struct Script(Vec<Step>);

#[derive(Debug)]
enum Step {
    Memo(Box<Overview>),
    Model(Box<ModelTask>),
    /// A look at a call, which is a local activity, and the call.
    Tool(Box<PrepareRequest>, Box<ToolRequest>),
}

impl Script {
    /// What this history asks for, one thing after another.
    pub(crate) fn of(history: &RunHistory) -> Result<Self> {
        let mut steps = Vec::new();
        for event in history.events() {
            match &event.attributes {
                Some(Attributes::WorkflowPropertiesModifiedEventAttributes(modified)) => {
                    let fields = modified.upserted_memo.as_ref().map(|memo| &memo.fields);
                    let memo = fields.and_then(|fields| fields.get(MEMO)).context("another memo")?;
                    steps.push(Step::Memo(serde_json::from_slice(&memo.data)?));
                }
                Some(Attributes::ActivityTaskScheduledEventAttributes(scheduled)) => {
                    let kind = scheduled.activity_type.as_ref().map(|kind| kind.name.as_str());
                    let input = first(scheduled.input.as_ref())?;
                    steps.push(match kind {
                        Some("model_call") => Step::Model(serde_json::from_slice(input)?),
                        Some("tool_call") => {
                            let call: Box<ToolRequest> = serde_json::from_slice(input)?;
                            Step::Tool(Box::new(prepare(&call)), call)
                        }
                        other => bail!("the stub knows no activity {other:?}"),
                    });
                }
                _ => {}
            }
        }
        Ok(Self(steps))
    }

    pub(crate) fn calls(&self) -> usize {
        self.0.iter().filter(|step| matches!(step, Step::Tool(..))).count()
    }
}

fn first(payloads: Option<&Payloads>) -> Result<&[u8]> {
    let payload = payloads.and_then(|payloads| payloads.payloads.first());
    payload.map(|payload| payload.data.as_slice()).context("an activity without input")
}

/// What was asked before the call; the history does not have it.
fn prepare(call: &ToolRequest) -> PrepareRequest {
    PrepareRequest {
        key: call.key.clone(),
        turn: call.turn,
        call: call.call.clone(),
        cwd: call.cwd.clone(),
        sandbox: call.sandbox.clone(),
    }
}

/// Under the name of the workflow it stands for.
#[workflow]
pub(crate) struct Stub {
    script: Arc<Script>,
    begun: bool,
}

impl Stub {
    pub(crate) fn of(script: Arc<Script>) -> Self {
        Self { script, begun: false }
    }
}

#[workflow_methods(factory_only)]
impl Stub {
    #[run(name = "AgentWorkflow")]
    pub(crate) async fn run(ctx: &mut WorkflowContext<Self>, _input: RunInput) -> WorkflowResult<Closed> {
        let script = ctx.state(|stub| Arc::clone(&stub.script));
        // Nothing cancels it.
        let _ = ctx.wait_condition(|stub| stub.begun).await;
        for step in &script.0 {
            match step {
                Step::Memo(overview) => {
                    ctx.upsert_memo([(MEMO, Some(MemoValue::new((**overview).clone())))])?;
                }
                Step::Model(task) => {
                    let _answer: ModelAnswer =
                        ctx.execute_activity(Activities::model, (**task).clone(), regular()).await?;
                }
                Step::Tool(request, call) => {
                    let _prepared: Prepared =
                        ctx.execute_local_activity(Activities::prepare, (**request).clone(), local()).await?;
                    let _answer: ToolAnswer =
                        ctx.execute_activity(Activities::tool, (**call).clone(), regular()).await?;
                }
            }
        }
        let _ = ctx.wait_condition(|_| false).await;
        Ok(Closed::Shutdown)
    }

    #[update]
    pub(crate) async fn submit_op(ctx: &mut WorkflowContext<Self>, _submission: Submission) -> Reply {
        ctx.state_mut(|stub| stub.begun = true);
        Reply::Accepted(Accepted { turn: Some(TurnId(1)), event_seq: 3, repeated: false, listing: None })
    }
}

fn once() -> RetryPolicy {
    RetryPolicy::builder().maximum_attempts(1).build()
}

/// As the thread's own.
fn regular() -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(LIMIT)
        .heartbeat_timeout(LIMIT)
        .retry_policy(once())
        .cancellation_token(WorkflowCancellationToken::new())
        .build()
}

fn local() -> LocalActivityOptions {
    LocalActivityOptions::builder().start_to_close_timeout(LIMIT).retry_policy(once()).build()
}
