//! Hooks as programs: real ones, with every way to end.

use super::*;
use crate::hooks::{HookRunner, Notify, TurnEnded, tests::request};
use agent_core::{
    CallId, Content, HookNote, HookPatch, HookRuling, Hooked, HookedCall, HookedEnd, ItemId, Payload,
    ToolCall, TurnEnd,
};
use std::time::Instant;

/// Long enough for any of these programs on a busy machine.
const PLENTY: Duration = Duration::from_secs(20);

fn environment() -> Arc<BTreeMap<String, String>> {
    Arc::new(BTreeMap::from([
        ("PATH".into(), std::env::var("PATH").unwrap()),
        ("GIVEN".into(), "yes".into()),
    ]))
}

fn hook(line: &str) -> ShellHook {
    ShellHook {
        name: "h".into(),
        phase: HookPhase::PreTurn,
        command: HookCommand::Line(line.into()),
        tools: Vec::new(),
        cwd_prefix: None,
        timeout: PLENTY,
        environment: environment(),
    }
}

/// A request for a directory that is there.
fn at(folder: &Path) -> HookRequest {
    HookRequest { cwd: folder.to_str().unwrap().into(), ..request(HookPhase::PreTurn) }
}

async fn answer(line: &str) -> HookAnswer {
    hook(line).run(&at(&std::env::temp_dir())).await
}

fn notes(answer: &HookAnswer) -> &str {
    assert_eq!((&answer.block, &answer.patch), (&None, &HookPatch::default()), "{answer:?}");
    let [note] = &answer.notes[..] else { panic!("{answer:?}") };
    note
}

#[tokio::test]
async fn exit_0_without_a_word_goes_on() {
    assert_eq!(answer("exit 0").await, HookAnswer::go_on());
    assert_eq!(answer("echo; echo whatever >&2").await, HookAnswer::go_on());
}

#[tokio::test]
async fn exit_0_with_an_object_changes_what_it_says() {
    let said = r#"{"prompt":"p","model":"m2","context":"c","metadata":{"a":"b"},"note":"n","attachments":[{"type":"text","text":"t"}]}"#;
    let patch = HookPatch {
        prompt: Some("p".into()),
        model: Some("m2".into()),
        context: Some("c".into()),
        attachments: vec![Content::text("t")],
        metadata: BTreeMap::from([("a".into(), "b".into())]),
    };
    let expected = HookAnswer { block: None, patch, notes: vec!["n".into()] };
    assert_eq!(answer(&format!("echo '{said}'")).await, expected);
}

#[tokio::test]
async fn garbage_on_standard_output_is_told_and_ignored() {
    for (line, expected) in [
        ("echo not json", "it wrote \"not json\""),
        ("echo '{\"promt\":\"p\"}'", "unknown field `promt`"),
        ("echo '[1]'", "is ignored"),
        ("printf '\\377\\376'", "is ignored"),
    ] {
        let answer = answer(line).await;
        assert!(notes(&answer).contains(expected), "{line}: {answer:?}");
    }
    let flood = answer("head -c 400000 /dev/zero").await;
    assert!(notes(&flood).contains("wrote more to standard output than an answer may have"), "{flood:?}");
}

#[test]
fn metadata_is_bounded_and_what_is_left_out_is_told() {
    let many: BTreeMap<String, String> =
        (0..70).map(|number| (format!("k{number:02}"), "v".into())).collect();
    let answer = HookAnswer::of_output(serde_json::json!({ "metadata": many }).to_string().as_bytes());
    assert_eq!(answer.patch.metadata.len(), 64);
    assert_eq!(answer.notes, ["6 of 70 entries of its metadata are left out: 64 of 4096 bytes are the most"]);
    let long = serde_json::json!({ "metadata": { "a": "x".repeat(4_096), "b": "y" } }).to_string();
    let answer = HookAnswer::of_output(long.as_bytes());
    assert_eq!(answer.patch.metadata, BTreeMap::from([("b".into(), "y".into())]));
}

#[tokio::test]
async fn exit_2_blocks_with_standard_error_as_the_reason() {
    assert_eq!(answer("echo ignored; echo ' not here ' >&2; exit 2").await, HookAnswer::block("not here"));
    assert_eq!(answer("exit 2").await, HookAnswer::block("it gave no reason"));
}

#[tokio::test]
async fn any_other_end_is_told_and_goes_on() {
    let three = answer("echo broken >&2; exit 3").await;
    assert_eq!(
        notes(&three),
        "it ended with code 3, which neither goes on (0) nor blocks (2), so it goes on: broken"
    );
    let killed = answer("kill -9 $$").await;
    assert!(notes(&killed).starts_with("it was ended by a signal"), "{killed:?}");
    let missing = ShellHook { command: HookCommand::Argv(vec!["/no/such/program".into()]), ..hook("") };
    let missing = missing.run(&at(&std::env::temp_dir())).await;
    assert!(
        notes(&missing).starts_with("\"/no/such/program\" cannot be started: No such file"),
        "{missing:?}"
    );
    let gone =
        hook("true").run(&HookRequest { cwd: "/no/such/folder".into(), ..request(HookPhase::PreTurn) }).await;
    assert!(notes(&gone).contains("cannot be started"), "{gone:?}");
}

#[tokio::test]
async fn one_that_hangs_is_killed_with_all_that_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let line = "setsid sleep 300 & echo $! > left; sleep 300 & echo $! >> left; trap '' TERM; echo $$ >> left; wait; sleep 300";
    let hanging = ShellHook { timeout: Duration::from_millis(1_500), ..hook(line) };
    let begun = Instant::now();
    let answer = hanging.run(&at(folder.path())).await;
    assert_eq!(notes(&answer), "it did not answer within 1500 ms and was killed; timeout_ms gives it longer");
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    let left = std::fs::read_to_string(folder.path().join("left")).unwrap();
    assert_eq!(left.lines().count(), 3, "{left}");
    for pid in left.lines() {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        assert!(stat.is_empty() || stat.contains(") Z "), "{stat}");
    }
}

#[tokio::test]
async fn what_it_leaves_running_keeps_nobody_waiting() {
    let begun = Instant::now();
    assert_eq!(answer("sleep 30 & exit 0").await, HookAnswer::go_on());
    assert_eq!(answer("sleep 30 & exit 2").await, HookAnswer::block("it gave no reason"));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn it_gets_the_request_on_standard_input_and_only_its_own_environment() {
    let folder = tempfile::tempdir().unwrap();
    let mut request = at(folder.path());
    // More than a pipe holds: reading and writing go side by side.
    request.prompt = vec![Content::text("x".repeat(300_000))];
    let hooked = hook("cat > got; env > environment; pwd > place").run(&request).await;
    assert_eq!(hooked, HookAnswer::go_on());
    let got = std::fs::read(folder.path().join("got")).unwrap();
    assert_eq!(serde_json::from_slice::<HookRequest>(&got).unwrap(), request);
    let value: serde_json::Value = serde_json::from_slice(&got).unwrap();
    assert_eq!(value["phase"], "pre_turn");
    let environment = std::fs::read_to_string(folder.path().join("environment")).unwrap();
    assert!(environment.contains("GIVEN=yes") && !environment.contains("CARGO"), "{environment}");
    let place = std::fs::read_to_string(folder.path().join("place")).unwrap();
    assert_eq!(Path::new(place.trim()).canonicalize().unwrap(), folder.path().canonicalize().unwrap());
    // One that does not read it at all.
    assert_eq!(hook("exec true").run(&request).await, HookAnswer::go_on());
}

#[test]
fn it_fits_by_phase_tool_and_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (real, link) = (folder.path().join("real"), folder.path().join("link"));
    std::fs::create_dir(&real).unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let around = |tool: &str| {
        let call = ToolCall {
            id: CallId::new("call_1"),
            item: ItemId::new("i"),
            name: tool.into(),
            payload: Payload::Function { arguments: "{}".into() },
        };
        HookRequest {
            tool: Some(Box::new(HookedCall { call, output: None })),
            ..HookRequest {
                cwd: real.canonicalize().unwrap().to_str().unwrap().into(),
                ..request(HookPhase::PreToolUse)
            }
        }
    };
    let hook = |tools: &[&str], prefix: Option<&Path>| ShellHook {
        phase: HookPhase::PreToolUse,
        tools: tools.iter().map(|tool| (*tool).to_owned()).collect(),
        cwd_prefix: prefix.map(Path::to_owned),
        ..hook("true")
    };
    let cases = [
        (hook(&[], None), "exec_command", true),
        (hook(&["exec_*"], None), "exec_command", true),
        (hook(&["exec_*"], None), "apply_patch", false),
        (hook(&["apply_patch", "exec_command"], None), "exec_command", true),
        (hook(&["[odd"], None), "[odd", true),
        (hook(&["mcp__docs__*"], None), "mcp__docs__read", true),
        (hook(&[], Some(&real)), "x", true),
        (hook(&[], Some(&link)), "x", true),
        (hook(&[], Some(&folder.path().join("re"))), "x", false),
    ];
    for (hook, tool, expected) in cases {
        assert_eq!(hook.fits(&around(tool)), expected, "{hook:?} {tool}");
    }
    assert!(!hook(&[], None).fits(&request(HookPhase::PostToolUse)));
}

#[tokio::test]
async fn several_programs_run_in_their_order_and_a_block_ends_the_chain() {
    let folder = tempfile::tempdir().unwrap();
    let named =
        |name: &str, line: &str| Arc::new(ShellHook { name: name.into(), ..hook(line) }) as Arc<dyn TurnHook>;
    let runner = HookRunner::new([
        named("first", r#"echo first >> order; echo '{"prompt":"changed","metadata":{"k":"v"}}'"#),
        named("second", r#"cat > seen; echo second >> order; exit 1"#),
        named("third", r#"echo third >> order; echo stop >&2; exit 2"#),
        named("fourth", r#"echo fourth >> order"#),
    ]);
    let hooked = runner.run(at(folder.path())).await;
    let expected = Hooked {
        ruling: HookRuling::Block { reason: "third: stop".into() },
        patch: HookPatch { metadata: BTreeMap::from([("k".into(), "v".into())]), ..HookPatch::default() },
        notes: vec![HookNote {
            hook: "second".into(),
            message: "it ended with code 1, which neither goes on (0) nor blocks (2), so it goes on".into(),
        }],
    };
    assert_eq!(hooked, expected);
    assert_eq!(std::fs::read_to_string(folder.path().join("order")).unwrap(), "first\nsecond\nthird\n");
    let seen: HookRequest =
        serde_json::from_slice(&std::fs::read(folder.path().join("seen")).unwrap()).unwrap();
    assert_eq!(seen.prompt, [Content::text("changed")]);
}

/// A request as it is made when a turn has ended.
fn ended(folder: &Path, message: Option<String>) -> HookRequest {
    let end = Some(HookedEnd::Completed(TurnEnd::Final { message }));
    HookRequest { phase: HookPhase::PostTurn, end, ..at(folder) }
}

#[test]
fn only_turns_that_ended_by_themselves_are_told() {
    let folder = std::env::temp_dir();
    assert!(TurnEnded::of(&ended(&folder, None)).is_some());
    assert_eq!(TurnEnded::of(&HookRequest { end: Some(HookedEnd::Aborted), ..ended(&folder, None) }), None);
    assert_eq!(TurnEnded::of(&HookRequest { phase: HookPhase::PostRun, ..ended(&folder, None) }), None);
    let long = TurnEnded::of(&ended(&folder, Some("é".repeat(1 << 20)))).unwrap();
    assert!(serde_json::to_string(&long).unwrap().len() < 100_000);
}

#[tokio::test]
async fn the_program_of_notify_gets_codexs_json_as_its_last_argument_and_nobody_waits_for_it() {
    let folder = tempfile::tempdir().unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        folder.path().join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    // Opening the pipe waits for its reader, so nothing can have been written before this goes on.
    let line = ["/bin/sh", "-c", "printf '%s' \"$2\" > pipe", "sh", "--given"].map(str::to_owned);
    let notify = Notify::new(&line, environment()).unwrap();
    let request = ended(folder.path(), Some("done \"now\"".into()));
    notify.turn_ended(&TurnEnded::of(&request).unwrap()).unwrap();
    let told = std::fs::read_to_string(folder.path().join("pipe")).unwrap();
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let expected = serde_json::json!({
        "type": "agent-turn-complete",
        "thread-id": "t",
        "turn-id": request.turn.to_string(),
        "cwd": request.cwd,
        "input-messages": ["hello"],
        "last-assistant-message": "done \"now\"",
    });
    assert_eq!(told, expected);
    assert!(Notify::new(&[], environment()).is_none());
    let missing = Notify::new(&["/no/such".to_owned()], environment()).unwrap();
    assert!(missing.turn_ended(&TurnEnded::of(&request).unwrap()).is_err());
}
