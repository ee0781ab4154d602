//! Servers that are slow, silent, noisy, too talkative, or not there.

use super::{everything, quirky, watched, world};
use agent_core::{OutputStatus, ToolAnswer};
use serde_json::json;
use std::time::{Duration, Instant};
use tools::mcp::McpServer;

#[tokio::test]
async fn a_server_that_does_not_start_is_a_warning_with_its_remedy() {
    let mut slow = quirky("slow", &["slow-start"]);
    slow.startup_timeout = Duration::from_millis(700);
    let mut lost = quirky("lost", &[]);
    if let tools::mcp::McpTransport::Stdio { cwd, .. } = &mut lost.transport {
        *cwd = Some("/there/is/nothing".into());
    }
    let servers = vec![
        slow,
        quirky("dead", &["dies-at-start"]),
        McpServer::stdio("missing", "npx-of-nowhere", &[]),
        McpServer::stdio("silent", "true", &[]),
        lost,
        everything(),
    ];
    let world = world(servers);
    let (names, warnings) = world.tools_of_servers().await;
    assert!(names.contains(&"mcp__everything__echo".to_owned()), "{names:?}");
    let expected = [
        "The MCP server `slow` is not there: it was not ready within 0.7 s; raise `mcp_servers.slow.startup_timeout_sec` \
         if it needs longer",
        "The MCP server `dead` is not there: it ended while it was started (exit status: 3); it said: cannot find my \
         configuration",
        "The MCP server `missing` is not there: `npx-of-nowhere` is not found: install it, or set \
         `mcp_servers.missing.command` to its full path",
        "The MCP server `silent` is not there: it ended while it was started (exit status: 0)",
        "The MCP server `lost` is not there: its directory /there/is/nothing is not there: make it, or set \
         `mcp_servers.lost.cwd`",
    ];
    assert_eq!(warnings, expected);
}

#[tokio::test]
async fn a_warning_is_told_once() {
    let world = world(vec![McpServer::stdio("missing", "npx-of-nowhere", &[])]);
    let first = world.collect("").await;
    assert_eq!((first.tools.is_some(), first.warnings.len()), (true, 1));
    let again = world.collect(&first.digest).await;
    assert_eq!((again.tools, again.warnings, again.digest), (None, Vec::new(), first.digest));
}

#[tokio::test]
async fn a_slow_server_delays_no_call_to_another() {
    let mut slow = quirky("slow", &["slow-start"]);
    slow.startup_timeout = Duration::from_secs(60);
    let world = world(vec![slow, quirky("quick", &[])]);
    let begun = Instant::now();
    let told = world.told("mcp__quick__data", json!({})).await;
    assert_eq!(told, r#"{"degrees":21}"#);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn lines_that_are_no_messages_are_passed_over() {
    let world = world(vec![quirky("noisy", &["noisy"])]);
    assert_eq!(world.told("mcp__noisy__write", json!({})).await, "write was called");
}

#[tokio::test]
async fn a_server_that_only_makes_noise_is_quoted() {
    let mut loud = McpServer::stdio("loud", "bash", &["-c", "echo Welcome to my server; sleep 60"]);
    loud.startup_timeout = Duration::from_millis(500);
    let world = world(vec![loud]);
    let (_, warnings) = world.tools_of_servers().await;
    assert!(
        warnings[0].contains("[its standard output, where messages belong: Welcome to my server]"),
        "{warnings:?}"
    );
}

#[tokio::test]
async fn an_answer_of_fifty_megabytes_is_refused_at_once_and_kept_nowhere() {
    let world = world(vec![quirky("quirky", &[])]);
    world.collect("").await;
    let before = resident_bytes();
    let begun = Instant::now();
    let output = world.call("mcp__quirky__huge", json!({ "megabytes": 50 })).await;
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    let text = output.plain_text();
    assert!(output.status == OutputStatus::Failed && text.contains("52428"), "{text}");
    assert!(text.ends_with("more than are taken. Ask for less at once."), "{text}");
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 48 * 1024 * 1024, "{grown} bytes");
    assert_eq!(world.told("mcp__quirky__data", json!({})).await, r#"{"degrees":21}"#);
}

#[tokio::test]
async fn a_long_answer_loses_its_middle() {
    let world = world(vec![quirky("quirky", &[])]);
    let text = world.told("mcp__quirky__huge", json!({ "megabytes": 4 })).await;
    assert!(
        text.len() < 40_000 && text.contains("omitted: output is capped at 32768 bytes"),
        "{}",
        text.len()
    );
}

#[tokio::test]
async fn a_call_without_an_answer_ends_at_its_time_limit() {
    let folder = tempfile::tempdir().unwrap();
    let calls = folder.path().join("calls");
    let mut server = watched("quirky", &calls);
    server.tool_timeout = Duration::from_millis(300);
    let world = world(vec![server]);
    let looking = world.call("mcp__quirky__hang_looking", json!({})).await;
    assert_eq!(
        (looking.status, looking.plain_text().as_str()),
        (
            OutputStatus::Failed,
            "Stopped: no answer came within 0.3 s (`mcp_servers.quirky.tool_timeout_sec`), and the server was told to \
             stop it."
        )
    );
    let request = world.request("mcp__quirky__hang", json!({})).await;
    let answer = world.run(request).await;
    let ToolAnswer::Unknown { note } = answer else { panic!("{answer:?}") };
    assert!(note.ends_with("it may have done some of it"), "{note}");
    let told = || std::fs::read_to_string(&calls).unwrap();
    crate::world::eventually("the server is told", || told().matches("cancelled").count() == 2).await;
}

#[tokio::test]
async fn a_server_that_says_no_is_heard() {
    let world = world(vec![quirky("quirky", &[])]);
    let output = world.call("mcp__quirky__fail", json!({})).await;
    assert_eq!((output.status, output.plain_text().as_str()), (OutputStatus::Failed, "it did not work"));
}

#[tokio::test]
async fn odd_names_are_made_plain_and_all_pages_are_read() {
    let world = world(vec![quirky("qu.irky", &[])]);
    let (names, _) = world.tools_of_servers().await;
    assert_eq!(names.len(), 12, "{names:?}");
    let odd = names.iter().find(|name| name.contains("odd_name_with_blanks")).unwrap();
    assert_eq!(world.told(odd, json!({})).await, "odd.name with blanks was called");
}

#[tokio::test]
async fn changed_tools_are_offered_from_the_next_look_on() {
    let world = world(vec![quirky("quirky", &[])]);
    let first = world.collect("").await;
    assert_eq!(world.collect(&first.digest).await.tools, None);
    world.call("mcp__quirky__grow", json!({})).await;
    let second = world.collect(&first.digest).await;
    let tools = second.tools.unwrap().to_vec();
    assert!(tools.iter().any(|spec| spec.name == "mcp__quirky__grown"));
    assert_ne!(second.digest, first.digest);
}

#[tokio::test]
async fn a_tool_that_nobody_offers_is_named() {
    let world = world(vec![quirky("quirky", &[])]);
    let unknown = world.prepare("mcp__quirky__nothing", json!({})).await.unwrap_err();
    assert_eq!(
        unknown,
        "There is no tool `mcp__quirky__nothing`. The servers that are configured do not offer it."
    );
}

/// What this process has in memory.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}
