//! Scenes in which a thread asks: its user, a client, or its host.

use super::scenes::{Stage, accepted};
use crate::world::{TestThread, genesis};
use agent_core::{
    AnswerWithin, ApprovalDecision, ApprovalPolicy, ClientToolResult, Content, Discovery, ElicitationAction,
    ElicitationReply, EventKind, Genesis, ItemDetail, Op, Otherwise, ServedBy, Settings, Shared, Tenant,
    ThreadId, ThreadKey, ToolKind, ToolSpec, TurnOverrides,
};
use serde_json::json;
use temporal_backend::wire::RunFrom;

/// The scenes that are played here.
pub(super) const SCENES: [&str; 9] = [
    "approved_with_a_rule",
    "approval_expired",
    "question_answered",
    "server_asked",
    "client_tool",
    "ran_again_outside",
    "policy_changed",
    "user_command",
    "tools_collected",
];

pub(super) async fn act(name: &str, stage: &Stage) -> TestThread {
    match name {
        "approved_with_a_rule" => {
            let decision = ApprovalDecision::ApprovedWithAmendment { rule: "ask_write".into() };
            stage.asked("call ask_write", decision).await
        }
        "approval_expired" => stage.approval_expired().await,
        "question_answered" => stage.question_answered().await,
        "server_asked" => stage.server_asked().await,
        "client_tool" => stage.client_tool().await,
        "ran_again_outside" => stage.ran_again_outside().await,
        "policy_changed" => stage.policy_changed().await,
        "user_command" => stage.user_command().await,
        "tools_collected" => stage.tools_collected().await,
        name => panic!("there is no scene {name}"),
    }
}

impl Stage {
    pub(super) async fn of(&self, change: impl FnOnce(&mut Genesis)) -> TestThread {
        let mut genesis = genesis();
        change(&mut genesis);
        let key =
            ThreadKey { tenant: Tenant::default(), thread: ThreadId::new(uuid::Uuid::now_v7().to_string()) };
        self.begin(key, RunFrom::New { genesis: Box::new(genesis) }).await
    }

    pub(super) async fn with(&self, change: impl FnOnce(&mut Settings)) -> TestThread {
        self.of(|genesis| change(&mut genesis.settings)).await
    }

    async fn approval_expired(&self) -> TestThread {
        let limit = AnswerWithin { ms: 200, otherwise: Otherwise::Deny };
        let thread = self.with(|settings| settings.answer_within = Some(limit)).await;
        accepted(&thread.say("op-1", "call ask_write").await);
        thread.until_turn_ends(1).await;
        thread
    }

    async fn question_answered(&self) -> TestThread {
        let thread = self.of(|_| ()).await;
        accepted(&thread.say("op-1", "call ask_user").await);
        let answers = [("which".to_owned(), vec!["this".to_owned()])].into();
        let answer = Op::UserInputAnswer { id: thread.question().await, answers };
        accepted(&thread.submit("op-2", answer).await);
        thread.until_turn_ends(1).await;
        thread
    }

    async fn server_asked(&self) -> TestThread {
        let thread = self.of(|_| ()).await;
        accepted(&thread.say("op-1", "call elicits").await);
        let response =
            ElicitationReply { action: ElicitationAction::Accept, content: json!({ "name": "everturn" }) };
        let reply = Op::ResolveElicitation { id: thread.question().await, response };
        accepted(&thread.submit("op-2", reply).await);
        thread.until_turn_ends(1).await;
        thread
    }

    async fn client_tool(&self) -> TestThread {
        let kind = ToolKind::Function { parameters: json!({ "type": "object" }) };
        let tool = ToolSpec { served_by: ServedBy::Client, ..ToolSpec::new("lookup", "looks it up", kind) };
        let thread = self.of(|genesis| genesis.tools = Shared::new(vec![tool])).await;
        accepted(&thread.say("op-1", "call lookup").await);
        let response = ClientToolResult { success: true, content: vec![Content::text("found")] };
        let result = Op::DynamicToolResponse { id: thread.question().await, response };
        accepted(&thread.submit("op-2", result).await);
        thread.until_turn_ends(1).await;
        thread
    }

    async fn ran_again_outside(&self) -> TestThread {
        let thread = self.with(|settings| settings.approval = ApprovalPolicy::OnFailure).await;
        accepted(&thread.say("op-1", "call blocked").await);
        let id = thread.question().await;
        accepted(&thread.submit("op-2", Op::ExecApproval { id, decision: ApprovalDecision::Approved }).await);
        thread.until_turn_ends(1).await;
        thread
    }

    async fn policy_changed(&self) -> TestThread {
        let thread = self.with(|settings| settings.approval = ApprovalPolicy::Untrusted).await;
        accepted(&thread.say("op-1", "call write").await);
        thread.question().await;
        let overrides =
            TurnOverrides { approval: Some(ApprovalPolicy::OnRequest), ..TurnOverrides::default() };
        accepted(&thread.submit("op-2", Op::OverrideTurnContext { overrides }).await);
        thread.until_turn_ends(1).await;
        thread
    }

    async fn user_command(&self) -> TestThread {
        let thread = self.of(|_| ()).await;
        accepted(&thread.submit("op-1", Op::RunUserShellCommand { command: "ls".into() }).await);
        let is_done = |kind: &EventKind| match kind {
            EventKind::ItemCompleted { item } => matches!(item.detail, ItemDetail::UserCommand { .. }),
            _ => false,
        };
        thread.until("the command's end", is_done).await;
        accepted(&thread.say("op-2", "hello").await);
        thread.until_turn_ends(1).await;
        thread
    }

    async fn tools_collected(&self) -> TestThread {
        let thread = self.of(|genesis| genesis.discovery = Discovery::EachTurn).await;
        accepted(&thread.say("op-1", "call read_a").await);
        thread.until_turn_ends(1).await;
        accepted(&thread.say("op-2", "hello").await);
        thread.until_turn_ends(2).await;
        thread
    }
}
