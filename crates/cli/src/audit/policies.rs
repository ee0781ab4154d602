//! What a thread may do, in a few words, and what of it changed.

use agent_core::{ApprovalPolicy, NetworkAccess, Otherwise, Route, SandboxPolicy, Settings};

/// All of it, each under its name.
pub(super) fn policies(settings: &Settings) -> Vec<(&'static str, String)> {
    let answers = match settings.answer_within {
        None => "wait for ever".to_owned(),
        Some(limit) => {
            let otherwise = match limit.otherwise {
                Otherwise::Abort => "stop",
                _ => "no",
            };
            format!("after {} ms: {otherwise}", limit.ms)
        }
    };
    vec![
        ("approval", approval(settings.approval)),
        ("sandbox", sandbox(&settings.sandbox)),
        ("answers", answers),
        ("cwd", settings.cwd.clone()),
        ("model", settings.model.clone()),
    ]
}

/// What of it is other than before, as `name: before → now`.
pub(super) fn changed(before: &Settings, now: &Settings) -> Vec<String> {
    let both = policies(before).into_iter().zip(policies(now));
    both.filter(|(before, now)| before != now)
        .map(|((name, before), (_, now))| format!("{name}: {before} → {now}"))
        .collect()
}

fn approval(policy: ApprovalPolicy) -> String {
    match policy {
        ApprovalPolicy::Untrusted => "untrusted".into(),
        ApprovalPolicy::OnFailure => "on-failure".into(),
        ApprovalPolicy::OnRequest => "on-request".into(),
        ApprovalPolicy::Never => "never".into(),
        ApprovalPolicy::Granular(granular) => {
            let refused =
                [("commands", granular.commands), ("patches", granular.patches), ("tools", granular.tools)];
            let refused = refused.iter().filter(|(_, route)| *route == Route::Refuse).map(|(name, _)| *name);
            let refused: Vec<&str> = refused.collect();
            format!(
                "granular, refused: {}",
                if refused.is_empty() { "none".into() } else { refused.join(" ") }
            )
        }
        _ => "of a later version".into(),
    }
}

fn sandbox(policy: &SandboxPolicy) -> String {
    match policy {
        SandboxPolicy::ReadOnly => "read-only".into(),
        SandboxPolicy::WorkspaceWrite { writable_roots, network } => {
            let roots: String = writable_roots.iter().map(|root| format!(" +{root}")).collect();
            let network = if *network == NetworkAccess::On { " +network" } else { "" };
            format!("workspace-write{roots}{network}")
        }
        SandboxPolicy::DangerFullAccess => "danger-full-access".into(),
        _ => "of a later version".into(),
    }
}
