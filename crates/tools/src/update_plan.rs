//! `update_plan`: the model tells what it is going to do.

use crate::{
    arguments::{Arguments, Field, Need, Shape, schema},
    tool::{Host, Tool, succeeded},
};
use agent_core::{
    Plan, PlanStep, PlanStepStatus, Preparation, PrepareRequest, Subject, ToolAnswer, ToolKind, ToolRequest,
    ToolSpec,
};
use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

const NAME: &str = "update_plan";
const ABOUT: &str = "Sets your plan, which the user sees. Send all steps each time, with how far each of them is. At \
                     most one step is in progress.";
/// Steps in a plan.
const MAX_STEPS: usize = 100;
const TIMEOUT_MS: u64 = 1_000;

const FIELDS: &[Field] = &[
    Field { name: "explanation", about: "Why the plan changes.", shape: Shape::Text, need: Need::Optional },
    Field {
        name: "plan",
        about: "All steps, in order.",
        shape: Shape::Entries {
            text: "step",
            word: "status",
            words: &["pending", "in_progress", "completed"],
        },
        need: Need::Required,
    },
];

/// The tool.
pub(crate) struct UpdatePlan;

#[async_trait]
impl Tool for UpdatePlan {
    fn spec(&self) -> ToolSpec {
        let kind = ToolKind::Function { parameters: schema(FIELDS) };
        ToolSpec::new(NAME, ABOUT, kind)
    }

    async fn prepare(&self, host: &Host, request: &PrepareRequest) -> Result<Preparation, String> {
        let plan = read(request.call.payload.text())?;
        Ok(host.looking(request, Subject::Plan { plan }, TIMEOUT_MS))
    }

    async fn run(&self, _host: &Host, _request: &ToolRequest, _stop: &CancellationToken) -> ToolAnswer {
        succeeded("Plan updated")
    }
}

fn read(text: &str) -> Result<Plan, String> {
    let arguments = Arguments::read(NAME, FIELDS, text)?;
    let entries = arguments.entries("plan", "step", "status");
    let steps: Vec<PlanStep> = entries
        .into_iter()
        .map(|(step, status)| PlanStep { step: step.to_owned(), status: status_of(status) })
        .collect();
    let busy = steps.iter().filter(|step| step.status == PlanStepStatus::InProgress).count();
    if busy > 1 {
        return Err(format!(
            "{NAME}: {busy} steps are in_progress, at most one may be. The plan was not changed."
        ));
    }
    if steps.len() > MAX_STEPS {
        return Err(format!("{NAME}: {} steps are too many, at most {MAX_STEPS} are allowed.", steps.len()));
    }
    Ok(Plan { explanation: arguments.text("explanation").map(str::to_owned), steps })
}

fn status_of(word: &str) -> PlanStepStatus {
    match word {
        "completed" => PlanStepStatus::Completed,
        "in_progress" => PlanStepStatus::InProgress,
        _ => PlanStepStatus::Pending,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_read() {
        let plan = read(
            r#"{"explanation":"why","plan":[{"step":"a","status":"completed"},{"step":"b","status":"in_progress"},{"step":"c","status":"pending"}]}"#,
        );
        let step = |step: &str, status| PlanStep { step: step.to_owned(), status };
        let steps = vec![
            step("a", PlanStepStatus::Completed),
            step("b", PlanStepStatus::InProgress),
            step("c", PlanStepStatus::Pending),
        ];
        assert_eq!(plan, Ok(Plan { explanation: Some("why".into()), steps }));
    }

    #[test]
    fn two_steps_in_progress_are_refused() {
        let error =
            read(r#"{"plan":[{"step":"a","status":"in_progress"},{"step":"b","status":"in_progress"}]}"#)
                .unwrap_err();
        assert!(error.contains("2 steps are in_progress"), "{error}");
    }

    #[test]
    fn an_unknown_status_is_named_with_the_known_ones() {
        let error = read(r#"{"plan":[{"step":"a","status":"doing"}]}"#).unwrap_err();
        assert!(error.contains("doing") && error.contains("in_progress"), "{error}");
    }
}
