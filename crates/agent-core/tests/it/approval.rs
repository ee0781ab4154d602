//! The approval decision as a table.

use agent_core::{
    ApprovalPolicy, Basis, Class, Containment, Decision, Grant, GranularPolicy, Preparation, Route,
    SandboxPolicy, Settings, Verdict, decide, testing::preparation,
};
use std::collections::BTreeSet;

#[derive(Debug, PartialEq)]
enum Short {
    Sandboxed,
    Unconfined,
    Ask,
    Refuse,
}

fn check(approval: ApprovalPolicy, sandbox: SandboxPolicy, call: &Preparation, expected: Short) {
    let settings = Settings { approval, sandbox: sandbox.clone(), ..Settings::new("/work", "model") };
    let got = match decide(&settings, call, &BTreeSet::new()) {
        Decision::Run { grant: Grant::Sandboxed, .. } => Short::Sandboxed,
        Decision::Run { .. } => Short::Unconfined,
        Decision::Ask { .. } => Short::Ask,
        Decision::Refuse { .. } => Short::Refuse,
    };
    assert_eq!(got, expected, "{approval:?} {sandbox:?} {call:?}");
}

fn call(name: &str, class: Class, containment: Containment) -> Preparation {
    Preparation { class, containment, ..preparation(name, "digest") }
}

#[test]
fn policies_and_containment_decide_together() {
    use ApprovalPolicy::{Never, OnFailure, OnRequest, Untrusted};
    use SandboxPolicy::{DangerFullAccess as Full, ReadOnly};
    let loose = || Containment::Uncontained { reason: "no sandbox".into() };
    let escapes = || Containment::Escapes { reason: "outside".into() };
    let held = || Containment::Contained;
    let ordinary = |containment| call("write", Class::Ordinary, containment);
    let safe = |containment| call("write", Class::Safe, containment);
    let dangerous = |containment| call("write", Class::Dangerous, containment);
    for (policy, call, sandbox, expected) in [
        // What the sandbox holds runs, but under `untrusted` only what is known to be safe.
        (OnRequest, ordinary(held()), ReadOnly, Short::Sandboxed),
        (OnFailure, ordinary(held()), ReadOnly, Short::Sandboxed),
        (Never, ordinary(held()), ReadOnly, Short::Sandboxed),
        (Untrusted, ordinary(held()), ReadOnly, Short::Ask),
        (Untrusted, safe(held()), ReadOnly, Short::Sandboxed),
        (Untrusted, call_reads(), ReadOnly, Short::Sandboxed),
        // What nothing holds needs an answer, even if it looks safe.
        (OnRequest, safe(loose()), ReadOnly, Short::Ask),
        (OnFailure, ordinary(loose()), ReadOnly, Short::Ask),
        (Never, safe(loose()), ReadOnly, Short::Refuse),
        // Full access needs nothing to hold it.
        (OnRequest, ordinary(loose()), Full, Short::Unconfined),
        (Never, ordinary(held()), Full, Short::Unconfined),
        (Untrusted, ordinary(held()), Full, Short::Ask),
        // Dangerous commands are asked about everywhere.
        (OnRequest, dangerous(held()), ReadOnly, Short::Ask),
        (OnRequest, dangerous(held()), Full, Short::Ask),
        (Never, dangerous(held()), Full, Short::Refuse),
        // Leaving the sandbox needs an answer.
        (OnRequest, ordinary(escapes()), ReadOnly, Short::Ask),
        (Never, ordinary(escapes()), ReadOnly, Short::Refuse),
    ] {
        check(policy, sandbox, &call, expected);
    }
}

fn call_reads() -> Preparation {
    call("read", Class::Ordinary, Containment::Contained)
}

#[test]
fn rules_go_before_everything_but_the_users_own_word() {
    let with = |verdict: Verdict| Preparation {
        verdict,
        ..call("write", Class::Dangerous, Containment::Uncontained { reason: "no sandbox".into() })
    };
    let read_only = SandboxPolicy::ReadOnly;
    check(ApprovalPolicy::Never, read_only, &with(Verdict::Allow { rule: "r".into() }), Short::Unconfined);
    let forbid = with(Verdict::Forbid { reason: "no".into() });
    check(ApprovalPolicy::OnRequest, SandboxPolicy::DangerFullAccess, &forbid, Short::Refuse);
    let ask = with(Verdict::Ask { reason: "hm".into() });
    check(ApprovalPolicy::OnRequest, SandboxPolicy::DangerFullAccess, &ask, Short::Ask);
    check(ApprovalPolicy::Never, SandboxPolicy::DangerFullAccess, &ask, Short::Refuse);

    let settings = Settings { approval: ApprovalPolicy::Never, ..Settings::new("/work", "model") };
    let inside = BTreeSet::from(["digest".to_owned()]);
    assert!(matches!(decide(&settings, &ask, &inside), Decision::Refuse { .. }), "approved inside only");
    let approved = BTreeSet::from(["digest outside".to_owned()]);
    let run = Decision::Run { grant: Grant::Unconfined, basis: Basis::Session };
    assert_eq!(decide(&settings, &ask, &approved), run);
    assert!(matches!(decide(&settings, &forbid, &approved), Decision::Refuse { .. }));
}

#[test]
fn granular_switches_each_kind_of_question() {
    let policy =
        ApprovalPolicy::Granular(GranularPolicy { commands: Route::Refuse, ..GranularPolicy::default() });
    let command = call("write", Class::Ordinary, Containment::Escapes { reason: "outside".into() });
    check(policy, SandboxPolicy::ReadOnly, &command, Short::Refuse);
    let patch = Preparation { subject: agent_core::Subject::Patch { changes: Vec::new() }, ..command };
    check(policy, SandboxPolicy::ReadOnly, &patch, Short::Ask);
}

#[test]
fn escalation_needs_an_answer() {
    let call = Preparation {
        justification: Some("needs the network".into()),
        ..call("write", Class::Ordinary, Containment::Contained)
    };
    check(ApprovalPolicy::OnRequest, SandboxPolicy::ReadOnly, &call, Short::Ask);
    check(ApprovalPolicy::Granular(GranularPolicy::default()), SandboxPolicy::ReadOnly, &call, Short::Ask);
    for policy in [ApprovalPolicy::Never, ApprovalPolicy::Untrusted, ApprovalPolicy::OnFailure] {
        check(policy, SandboxPolicy::ReadOnly, &call, Short::Refuse);
    }
    check(ApprovalPolicy::Never, SandboxPolicy::DangerFullAccess, &call, Short::Unconfined);
    check(ApprovalPolicy::Untrusted, SandboxPolicy::DangerFullAccess, &call, Short::Ask);
}

#[test]
fn a_yes_leaves_the_sandbox_only_where_that_was_the_question() {
    let grant = |approval, call: &Preparation| {
        let settings = Settings { approval, ..Settings::new("/work", "model") };
        match decide(&settings, call, &BTreeSet::new()) {
            Decision::Ask { grant, .. } => grant,
            other => panic!("{other:?}"),
        }
    };
    let held = |class| call("write", class, Containment::Contained);
    let justified = Preparation { justification: Some("why".into()), ..held(Class::Ordinary) };
    let ruled = Preparation { verdict: Verdict::Ask { reason: "r".into() }, ..held(Class::Ordinary) };
    let loose = Containment::Uncontained { reason: "no sandbox".into() };
    for (approval, call, expected) in [
        (ApprovalPolicy::OnRequest, held(Class::Dangerous), Grant::Sandboxed),
        (ApprovalPolicy::Untrusted, held(Class::Ordinary), Grant::Sandboxed),
        (ApprovalPolicy::OnRequest, ruled.clone(), Grant::Sandboxed),
        (ApprovalPolicy::OnRequest, Preparation { containment: loose.clone(), ..ruled }, Grant::Unconfined),
        (ApprovalPolicy::OnRequest, justified, Grant::Unconfined),
        (ApprovalPolicy::OnRequest, call("write", Class::Ordinary, loose), Grant::Unconfined),
    ] {
        assert_eq!(grant(approval, &call), expected, "{call:?}");
    }
}

#[test]
fn a_rule_frees_from_the_sandbox_what_would_leave_it() {
    let rule = || Verdict::Allow { rule: "r".into() };
    let held = Preparation { verdict: rule(), ..call("write", Class::Dangerous, Containment::Contained) };
    let read_only = || SandboxPolicy::ReadOnly;
    check(ApprovalPolicy::Never, read_only(), &held, Short::Sandboxed);
    check(ApprovalPolicy::Untrusted, read_only(), &held, Short::Sandboxed);
    let justified = Preparation { justification: Some("why".into()), ..held.clone() };
    check(ApprovalPolicy::Never, read_only(), &justified, Short::Unconfined);
    check(ApprovalPolicy::Never, SandboxPolicy::DangerFullAccess, &held, Short::Unconfined);
}
