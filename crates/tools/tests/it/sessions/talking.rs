//! Programs that talk.

use super::{Talk, said};
use crate::world::{SECRET, finished};
use agent_core::{OutputStatus, ToolCallHandler};
use serde_json::json;
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_shell_keeps_its_state_from_call_to_call() {
    let mut talk = Talk::new();
    let (id, text) = talk.open("PS1='$ ' bash --norc --noediting -i", 400, true).await;
    talk.until(id, &text, "$ ").await;
    let text = said(&talk.write(id, "cd /; x=4<enter>").await);
    talk.until(id, &text, "$ ").await;
    let text = said(&talk.write(id, "echo $((x+1)) $PWD $TERM $PAGER<enter>").await);
    talk.until(id, &text, "\n5 / dumb cat\n").await;
    let output = talk.write(id, "exit 3<enter>").await;
    assert_eq!((output.status, output.exit_code), (OutputStatus::Failed, Some(3)));
    assert!(output.plain_text().contains("exit 3\n"), "{}", output.plain_text());
    assert_eq!(talk.notices(), Vec::<String>::new());
    let output = talk.look(id).await;
    assert_eq!(output.status, OutputStatus::Failed);
    assert!(output.plain_text().contains(&format!("there is no session {id}. There are none")));
}

#[tokio::test]
async fn python_answers_and_takes_an_interrupt() {
    let mut talk = Talk::new();
    let (id, text) = talk.open("exec python3 -q", 500, true).await;
    talk.until(id, &text, ">>> ").await;
    let text = said(&talk.write(id, "print(6 * 7)<enter>").await);
    talk.until(id, &text, "\n42\n>>> ").await;
    let text = said(&talk.write(id, "import time; time.sleep(1000)<enter>").await);
    let text = talk.until(id, &text, "time.sleep(1000)\n").await;
    assert!(!text.contains(">>> "), "{text}");
    // Python may still be on its way into the sleep.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let text = said(&talk.write(id, "<ctrl-c>").await);
    talk.until(id, &text, "KeyboardInterrupt").await;
    let text = said(&talk.write(id, "print(7 * 7)<enter>").await);
    talk.until(id, &text, "\n49\n>>> ").await;
    let output = talk.write(id, "<eof>").await;
    assert_eq!(output.exit_code, Some(0), "{}", output.plain_text());
}

#[tokio::test]
async fn cat_repeats_what_is_typed_until_its_input_ends() {
    let mut talk = Talk::new();
    let (id, _) = talk.open("exec cat", 300, true).await;
    let text = said(&talk.write(id, "a <lt>tab> b<enter>").await);
    talk.until(id, &text, "a <tab> b\na <tab> b\n").await;
    let output = talk.write(id, "<eof>").await;
    assert_eq!((output.status, output.exit_code), (OutputStatus::Ok, Some(0)));
}

#[tokio::test]
async fn a_terminal_has_the_size_it_is_given() {
    let mut talk = Talk::new();
    let size = json!({ "cmd": "stty size", "tty": true, "rows": 33, "cols": 111 });
    let output = talk.call("exec_command", size).await;
    assert_eq!((output.plain_text().as_str(), output.exit_code), ("33 111\n", Some(0)));
    let watch = "trap 'stty size; exit' WINCH; stty size; while :; do sleep 0.02; done";
    let (id, text) = talk.open(watch, 300, true).await;
    let text = talk.until(id, &text, "24 80\n").await;
    let resized =
        talk.call("write_stdin", json!({ "session_id": id, "cols": 100, "yield_time_ms": 10_000 })).await;
    assert_eq!((text + &resized.plain_text()).matches("24 100\n").count(), 1);
    assert_eq!(resized.exit_code, Some(0));
}

#[tokio::test]
async fn a_full_screen_editor_can_be_used() {
    let mut talk = Talk::new();
    let (id, text) = talk.open("TERM=xterm exec vi -u NONE -N note.txt", 500, true).await;
    talk.until(id, &text, "note.txt").await;
    let text = said(&talk.write(id, "ihello<enter>world<esc>").await);
    talk.until(id, &text, "world").await;
    let output = talk.write(id, ":wq<enter>").await;
    let mut status = output.exit_code;
    while status.is_none() {
        status = talk.look(id).await.exit_code;
    }
    assert_eq!((status, talk.world.read("note.txt").as_str()), (Some(0), "hello\nworld\n"));
}

#[tokio::test]
async fn a_command_without_a_terminal_goes_on_and_has_no_input() {
    let mut talk = Talk::new();
    // Reading standard input does not wait for anybody.
    let output = talk.call("exec_command", json!({ "cmd": "cat; echo read", "yield_time_ms": 5000 })).await;
    assert_eq!((output.plain_text().as_str(), output.exit_code), ("read\n", Some(0)));
    let (id, text) =
        talk.open("echo one; until test -e go; do sleep 0.02; done; echo two; exit 4", 300, false).await;
    assert!(text.starts_with("one\n["), "{text}");
    let output = talk.write(id, "x").await;
    assert_eq!(output.status, OutputStatus::Failed);
    assert!(output.plain_text().contains("has no terminal and no input"), "{}", output.plain_text());
    talk.world.write("go", "");
    let output = talk.call("write_stdin", json!({ "session_id": id, "yield_time_ms": 20_000 })).await;
    assert_eq!((output.plain_text().as_str(), output.exit_code), ("two\n", Some(4)));
}

#[tokio::test]
async fn a_command_that_ends_in_time_is_answered_as_ever_and_leaves_no_session() {
    let mut talk = Talk::new();
    for tty in [false, true] {
        let begun = Instant::now();
        let arguments = json!({ "cmd": "printf 'a\\nb'; exit 2", "yield_time_ms": 20_000, "tty": tty });
        let output = talk.call("exec_command", arguments).await;
        assert_eq!((output.plain_text().as_str(), output.exit_code), ("a\nb", Some(2)), "{tty}");
        assert!(begun.elapsed() < Duration::from_secs(10) && output.duration_ms.is_some());
    }
    let output = talk.call("exec_command", json!({ "cmd": "kill -9 $$", "tty": true })).await;
    assert_eq!(output.plain_text(), "[The command was ended by signal 9 (SIGKILL).]\n");
    let output = talk.call("exec_command", json!({ "cmd": "x", "tty": true, "workdir": "nowhere" })).await;
    assert!(output.plain_text().contains("nowhere does not exist"), "{}", output.plain_text());
    assert_eq!(talk.notices(), Vec::<String>::new());
    assert_eq!(talk.world.ledger(), "");
}

#[tokio::test]
async fn what_is_typed_into_a_program_that_is_quiet_comes_back_before_the_time_is_over() {
    let mut talk = Talk::new();
    let (id, _) = talk.open("exec cat", 300, true).await;
    let begun = Instant::now();
    let arguments = json!({ "session_id": id, "chars": "x<enter>", "yield_time_ms": 30_000 });
    let output = talk.call("write_stdin", arguments).await;
    assert_eq!(said(&output), "x\nx\n");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_secret_is_in_no_answer_however_it_is_cut() {
    let mut talk = Talk::new();
    let (start, end) = SECRET.split_at(7);
    let cmd = format!("stty -echo; printf 'x {start}'; read line; printf '{end} y\\n'; read line");
    let (id, text) = talk.open(&cmd, 500, true).await;
    let text = talk.until(id, &text, "x").await;
    assert!(text.starts_with("x ") && !text.contains(start), "{text}");
    let output = said(&talk.write(id, "<enter>").await);
    let output = talk.until(id, &output, " y\n").await;
    assert_eq!(output, "[redacted] y\n");
    assert!(!talk.world.live().contains(SECRET) && !talk.world.live().contains(end), "{}", talk.world.live());
    talk.write(id, "<enter>").await;
    let named = talk.open(&format!("sleep 100; : {SECRET}"), 200, false).await.0;
    let unknown = talk.look(7).await.plain_text();
    assert!(unknown.contains(&format!("{named} (`sleep 100; : [redacted]`")), "{unknown}");
}

#[tokio::test]
async fn output_is_shown_as_that_of_the_call_that_waits() {
    let mut talk = Talk::new();
    let (id, _) = talk.open("read line; echo got $line; exec cat", 200, true).await;
    let mut request = talk
        .request("write_stdin", json!({ "session_id": id, "chars": "it<enter>", "yield_time_ms": 20_000 }))
        .await;
    request.call.item = agent_core::ItemId::new("item_2");
    let output = finished(talk.world.run(request).await);
    assert!(said(&output).contains("got it\n"), "{}", output.plain_text());
    let pieces = talk.world.sink.live_pieces();
    assert!(pieces.iter().any(|live| live.item.as_str() == "item_2"), "{pieces:?}");
    assert!(talk.world.live().contains("got it\n"), "{}", talk.world.live());
}

#[tokio::test]
async fn the_same_call_is_told_the_same_and_its_session_lives() {
    let mut talk = Talk::new();
    let request =
        talk.request("exec_command", json!({ "cmd": "exec cat", "tty": true, "yield_time_ms": 200 })).await;
    let answer = talk.world.run(request.clone()).await;
    assert_eq!(talk.world.run(request.clone()).await, answer);
    assert_eq!(talk.world.registry.recover(request.clone()).await, answer);
    let typing = json!({ "session_id": request.effect.0, "chars": "x<enter>", "yield_time_ms": 5000 });
    let typing = talk.request("write_stdin", typing).await;
    let typed = talk.world.run(typing.clone()).await;
    assert_eq!(said(&finished(typed.clone())), "x\nx\n");
    assert_eq!(talk.world.run(typing.clone()).await, typed, "nothing is typed twice");
    assert_eq!(talk.world.registry.recover(typing).await, typed);
    assert_eq!(said(&talk.look(request.effect.0).await), "");
}
