//! What a person or a program sees, from events and live pieces as they come.

mod human;
mod json;
mod long;
mod questions;
mod retold;
mod turn_end;

use super::{HumanView, JsonView, Style, View};
use agent_core::{
    CallId, Event, EventKind, ItemDetail, ItemId, Live, LiveKind, Notice, OutputStatus, Plan, PlanStep,
    PlanStepStatus, TokenUsage, ToolOutput, TurnEnd, TurnId, TurnItem,
};
use serde_json::Value;

enum Happening {
    Event(EventKind),
    Live(Live),
    Rewind(u64),
    Gap(u64, u64),
    Notice(Notice),
}

impl From<EventKind> for Happening {
    fn from(kind: EventKind) -> Self {
        Self::Event(kind)
    }
}

/// Shows these in order; the events are 100 ms apart. After a rewind they are numbered from there.
fn show(view: &mut dyn View, happenings: Vec<Happening>) {
    let mut seq = 0;
    for happening in happenings {
        seq += 1;
        match happening {
            Happening::Event(kind) => {
                view.event(&Event { seq, at_ms: seq * 100, turn: Some(TurnId(1)), kind })
            }
            Happening::Live(live) => view.live(&live),
            Happening::Rewind(to) => {
                view.rewind(to);
                seq = to;
            }
            Happening::Gap(from, to) => view.gap(from, to),
            Happening::Notice(notice) => view.notice(&notice),
        }
    }
}

/// What a person sees of these without colours, on 60 columns.
fn shown(happenings: Vec<Happening>) -> String {
    shown_in(Style::Plain, happenings)
}

fn shown_in(style: Style, happenings: Vec<Happening>) -> String {
    let mut out = Vec::new();
    show(&mut HumanView::new(&mut out, style, false).columns(60), happenings);
    String::from_utf8(out).unwrap()
}

/// The lines a program sees of these.
fn told(happenings: Vec<Happening>) -> Vec<Value> {
    let mut out = Vec::new();
    show(&mut JsonView::new(&mut out), happenings);
    String::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn piece(attempt: u32, text: &str) -> Happening {
    live(attempt, LiveKind::Message(text.into()))
}

fn live(attempt: u32, kind: LiveKind) -> Happening {
    Happening::Live(Live { turn: TurnId(1), item: ItemId::new("item_1_0"), attempt, kind })
}

fn item(id: &str, detail: ItemDetail) -> TurnItem {
    TurnItem { id: ItemId::new(id), detail }
}

fn completed(id: &str, detail: ItemDetail) -> Happening {
    EventKind::ItemCompleted { item: item(id, detail) }.into()
}

fn message(id: &str, text: &str) -> Happening {
    completed(id, ItemDetail::AgentMessage { text: text.into(), cut: false })
}

fn command(output: Option<ToolOutput>) -> ItemDetail {
    ItemDetail::CommandExecution {
        call: CallId::new("call_1"),
        command: vec!["/bin/bash".into(), "-c".into(), "make test".into()],
        cwd: "/work".into(),
        output,
    }
}

fn steps(steps: &[(&str, PlanStepStatus)]) -> Vec<PlanStep> {
    steps.iter().map(|(step, status)| PlanStep { step: (*step).into(), status: *status }).collect()
}

fn planned(explanation: Option<&str>, plan: &[(&str, PlanStepStatus)]) -> Happening {
    let plan = Plan { explanation: explanation.map(str::to_owned), steps: steps(plan) };
    EventKind::PlanUpdate { plan }.into()
}

fn done(usage: TokenUsage) -> Happening {
    EventKind::TurnCompleted { end: TurnEnd::Final { message: None }, usage }.into()
}

fn failed_output(text: &str) -> ToolOutput {
    ToolOutput::text(OutputStatus::Failed, text)
}
