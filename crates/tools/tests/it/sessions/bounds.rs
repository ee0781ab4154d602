//! What sessions may use: number, memory, time.

use super::{PATIENCE, Talk, said, started};
use crate::world::{World, eventually, finished, runs};
use agent_core::{
    Access, Class, Containment, OutputStatus, Repeat, SandboxPolicy, Subject, ThreadKey, ToolAnswer,
    ToolRequest,
};
use serde_json::json;
use std::time::{Duration, Instant};

#[tokio::test]
async fn fifty_megabytes_are_kept_as_their_beginning_and_end() {
    let mut talk = Talk::new();
    let cmd = "stty -echo; echo first; head -c 50000000 /dev/zero | tr '\\0' x | fold -w 99; echo last; read line; exit 5";
    let before = peak_memory();
    let arguments = json!({ "cmd": cmd, "tty": true, "yield_time_ms": 50 });
    let output = talk.call("exec_command", arguments).await;
    let id = talk.effect;
    let mut printed = said(&output);
    let begun = Instant::now();
    let mut longest = printed.len();
    while !printed.ends_with("last\n") {
        assert!(begun.elapsed() < 3 * PATIENCE, "{} bytes so far", printed.len());
        let answer = talk.call("write_stdin", json!({ "session_id": id, "yield_time_ms": 2000 })).await;
        longest = longest.max(answer.plain_text().len());
        printed.push_str(&said(&answer));
    }
    assert!(longest < 34 * 1024, "{longest} bytes in one answer");
    assert!(printed.starts_with("first\nxxx"), "{}", &printed[..20]);
    assert!(printed.contains("omitted: output is capped at 32768 bytes"));
    let grown = peak_memory() - before;
    assert!(grown < 32 * 1024, "{grown} kB more memory were used");
    assert_eq!(talk.write(id, "<enter>").await.exit_code, Some(5));
}

/// In kB.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn of_more_sessions_than_are_kept_the_one_used_longest_ago_ends() {
    let mut talk = Talk::new();
    let mut ids = Vec::new();
    for index in 0..16 {
        let (id, _) = talk.open(&format!("echo $$ > pid{index}; exec cat"), 60, true).await;
        ids.push(id);
    }
    let first = talk.number("pid0").await;
    let second = talk.number("pid1").await;
    assert_eq!(said(&talk.write(ids[0], "still<enter>").await), "still\nstill\n");
    let (seventeenth, text) = talk.open("exec cat", 60, true).await;
    let note = format!("[Session {} (`echo $$ > pid1; exec cat`) was ended to make room", ids[1]);
    assert!(text.contains(&note), "{text}");
    assert!(runs(first));
    eventually("the second has ended", || !runs(second)).await;
    assert_eq!(talk.notices().len(), 16);
    let text = talk.look(ids[1]).await.plain_text();
    assert!(text.contains(&format!("there is no session {}.", ids[1])), "{text}");
    assert!(text.contains(&format!("{seventeenth} (`exec cat`")), "{text}");
}

#[tokio::test]
async fn a_session_that_is_not_used_is_ended_and_one_that_is_used_is_not() {
    let mut talk = Talk::new();
    let (idle, _) = talk.open("echo $$ > idle; exec cat", 200, true).await;
    let (used, _) = talk.open("echo $$ > used; exec cat", 200, true).await;
    let pids = [talk.number("idle").await, talk.number("used").await];
    pass(Duration::from_secs(20 * 60)).await;
    assert_eq!(said(&talk.write(used, "x<enter>").await), "x\nx\n");
    pass(Duration::from_secs(20 * 60)).await;
    eventually("the idle one has ended", || !runs(pids[0])).await;
    assert!(runs(pids[1]));
    let output = talk.look(idle).await;
    assert_eq!(output.status, OutputStatus::Failed);
    assert!(
        output.plain_text().contains("after 30 minutes without output or a call"),
        "{}",
        output.plain_text()
    );
    assert_eq!(said(&talk.write(used, "y<enter>").await), "y\ny\n");
}

#[tokio::test]
async fn no_session_lives_for_ever() {
    let mut talk = Talk::new();
    let (id, _) = talk.open("echo $$ > main; exec cat", 200, true).await;
    let pid = talk.number("main").await;
    for _ in 0..17 {
        pass(Duration::from_secs(20 * 60)).await;
        talk.write(id, "x<enter>").await;
    }
    assert!(runs(pid));
    pass(Duration::from_secs(21 * 60)).await;
    eventually("its life is over", || !runs(pid)).await;
    let text = talk.look(id).await.plain_text();
    assert!(text.contains("after 21600000 ms, its time limit"), "{text}");
}

/// Lets time pass for this process, not for others.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
    tokio::task::yield_now().await;
}

#[tokio::test]
async fn what_is_not_read_is_not_typed_for_ever() {
    let mut talk = Talk::new();
    let (id, text) = talk.open("stty raw -echo; echo ready; exec sleep 1000", 300, true).await;
    talk.until(id, &text, "ready").await;
    let begun = Instant::now();
    let arguments = json!({ "session_id": id, "chars": "x".repeat(60_000), "yield_time_ms": 500 });
    let mut refused = false;
    for _ in 0..4 {
        refused |= talk.call("write_stdin", arguments.clone()).await.plain_text().contains("could be typed");
    }
    assert!(refused && begun.elapsed() < PATIENCE);
    let error = talk
        .world
        .prepare("write_stdin", json!({ "session_id": id, "chars": "x".repeat(70_000) }))
        .await
        .unwrap_err();
    assert!(error.contains("at most 65536 can be typed at once"), "{error}");
}

#[tokio::test]
async fn calls_of_sessions_are_described() {
    let mut talk = Talk::new();
    let world = &talk.world;
    for (arguments, class) in [
        (json!({ "cmd": "git status", "tty": true }), Class::Ordinary),
        (json!({ "cmd": "git status", "yield_time_ms": 700 }), Class::Safe),
    ] {
        let preparation = world.prepare("exec_command", arguments).await.unwrap();
        assert_eq!((preparation.access, preparation.repeat), (Access::Mutating, Repeat::Never));
        assert_eq!(preparation.class, class, "with a terminal it could start a pager");
    }
    let (id, _) = talk.open("exec cat", 200, true).await;
    let look = talk.world.prepare("write_stdin", json!({ "session_id": id })).await.unwrap();
    assert_eq!((look.access, look.repeat, look.class), (Access::Mutating, Repeat::Never, Class::Safe));
    assert_eq!((look.containment, look.timeout_ms), (Containment::Contained, 250));
    let typing = json!({ "session_id": id, "chars": "rm x<enter>" });
    let preparation = talk.world.prepare("write_stdin", typing.clone()).await.unwrap();
    assert_eq!(preparation.class, Class::Ordinary);
    let bad = json!({ "session_id": id, "chars": "<ctrl-c>sudo rm -rf /<enter>" });
    let class = talk.world.prepare("write_stdin", bad).await.unwrap().class;
    assert_eq!(class, Class::Dangerous, "it may be typed into a shell");
    let reason = "the session runs outside the sandbox".to_owned();
    assert_eq!(preparation.containment, Containment::Escapes { reason });
    let summary = format!("session {id} (`exec cat`): type rm x<enter>");
    assert_eq!(preparation.subject, Subject::Other { summary });
    talk.world.sandbox = SandboxPolicy::DangerFullAccess;
    let preparation = talk.world.prepare("write_stdin", typing).await.unwrap();
    assert_eq!(preparation.containment, Containment::Contained);
    let error = World::new().prepare("write_stdin", json!({ "session_id": "a" })).await.unwrap_err();
    assert!(error.contains("`session_id` must be a whole number"), "{error}");
}

#[tokio::test]
async fn many_talk_at_once_and_none_hears_another() {
    let mut talk = Talk::new();
    let mut requests = Vec::new();
    for index in 0..24 {
        let arguments = json!({ "cmd": format!("stty -echo; echo {index} is here; read x"), "tty": true, "yield_time_ms": 4000 });
        let request = talk.request("exec_command", arguments).await;
        requests.push(ToolRequest { key: ThreadKey::for_test(&format!("thread{index}")), ..request });
    }
    let answers = futures_of(&talk, requests).await;
    for (index, answer) in answers.into_iter().enumerate() {
        assert_eq!(said(&finished(answer)), format!("{index} is here\n"));
    }
}

/// Makes all calls at the same time.
async fn futures_of(talk: &Talk, requests: Vec<ToolRequest>) -> Vec<ToolAnswer> {
    let mut running: Vec<_> = requests.into_iter().map(|request| Some(started(talk, request))).collect();
    let mut answers: Vec<Option<ToolAnswer>> = running.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (operation, answer) in running.iter_mut().zip(&mut answers) {
            let Some(open) = operation else { continue };
            if let std::task::Poll::Ready(ended) = open.answer.0.as_mut().poll(context) {
                open.cancel.disarm();
                *answer = Some(ended.into_answer());
                *operation = None;
            }
        }
        if running.iter().all(Option::is_none) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    answers.into_iter().flatten().collect()
}
