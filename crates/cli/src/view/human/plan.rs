//! The plan: whole when it is new or its steps changed, else only the steps that moved on.

use crate::view::{Style, clean_line};
use agent_core::{Plan, PlanStep, PlanStepStatus};

/// The plan as it was last shown.
#[derive(Clone, Default)]
pub(super) struct ShownPlan {
    steps: Vec<PlanStep>,
}

impl ShownPlan {
    /// What there is to say of the plan as it is now; nothing where nothing changed.
    pub(super) fn update(&mut self, style: Style, plan: &Plan) -> Vec<String> {
        let before = std::mem::replace(&mut self.steps, plan.steps.clone());
        if before == plan.steps {
            return Vec::new();
        }
        let same_steps = before.iter().map(|step| &step.step).eq(plan.steps.iter().map(|step| &step.step));
        let mut lines = vec![head(style, plan)];
        if same_steps {
            let changed = plan.steps.iter().zip(&before).filter(|(now, before)| now != before);
            lines.extend(changed.map(|(step, _)| line(style, step, "")));
            return lines;
        }
        for step in &plan.steps {
            let is_new = !before.is_empty() && !before.iter().any(|old| old.step == step.step);
            lines.push(line(style, step, if is_new { " (new)" } else { "" }));
        }
        let dropped = |old: &&PlanStep| {
            old.status != PlanStepStatus::Completed && !plan.steps.iter().any(|step| step.step == old.step)
        };
        let dropped = before.iter().filter(dropped);
        lines.extend(dropped.map(|step| style.dim(format!("  − {} (dropped)", clean_line(&step.step)))));
        lines
    }
}

fn head(style: Style, plan: &Plan) -> String {
    let done = plan.steps.iter().filter(|step| step.status == PlanStepStatus::Completed).count();
    let why = plan.explanation.as_deref().map(clean_line).filter(|why| !why.trim().is_empty());
    let why = why.map(|why| style.dim(format!(" · {why}"))).unwrap_or_default();
    format!("{} {}{why}", style.bold("Plan"), style.dim(format!("{done} of {} done", plan.steps.len())))
}

fn line(style: Style, step: &PlanStep, remark: &str) -> String {
    let text = format!("{}{remark}", clean_line(&step.step));
    match step.status {
        PlanStepStatus::Completed => style.green(format!("  ✓ {text}")),
        PlanStepStatus::InProgress => style.cyan(format!("  ▸ {text}")),
        PlanStepStatus::Pending => style.dim(format!("  · {text}")),
    }
}
