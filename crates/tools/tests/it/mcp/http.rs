//! `@modelcontextprotocol/server-everything` over streamable HTTP.

use super::{next_attempt, servers, world};
use crate::world::finished;
use agent_core::{ElicitationAction, ElicitationReply, OutputStatus, ToolAnswer};
use serde_json::json;
use std::{
    collections::BTreeMap,
    net::TcpListener,
    process::{Child, Command, Stdio},
};
use tools::mcp::{McpAccess, McpServer, McpTransport};

/// The server, at a free port. Ended when dropped.
struct Listening {
    child: Child,
    url: String,
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn listening(port: Option<u16>) -> Listening {
    let port = port.unwrap_or_else(free_port);
    let script = servers().join("npm/node_modules/@modelcontextprotocol/server-everything/dist/index.js");
    let child = Command::new("node")
        .arg(script)
        .arg("streamableHttp")
        .env("PORT", port.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let listens = || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
    crate::world::eventually("the server listens", listens).await;
    Listening { child, url: format!("http://127.0.0.1:{port}/mcp") }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn tools_are_called_over_http() {
    let server = listening(None).await;
    let world = world(vec![McpServer::http("remote", &server.url)]);
    let (names, warnings) = world.tools_of_servers().await;
    assert!(names.contains(&"mcp__remote__echo".to_owned()), "{names:?} {warnings:?}");
    assert_eq!(world.told("mcp__remote__echo", json!({ "message": "far" })).await, "Echo: far");
    let told = world
        .told("mcp__remote__trigger-long-running-operation", json!({ "duration": 0.4, "steps": 4 }))
        .await;
    assert!(told.starts_with("Long running operation completed."), "{told}");
    assert!(world.live().starts_with("1 of 4\n2 of 4\n"), "{}", world.live());
    let read = world
        .told("read_mcp_resource", json!({ "server": "remote", "uri": "demo://resource/dynamic/text/1" }))
        .await;
    assert!(read.contains("Resource 1:"), "{read}");
}

#[tokio::test]
async fn a_question_over_http_finds_its_call_among_several() {
    let server = listening(None).await;
    let world = world(vec![McpServer::http("remote", &server.url)]);
    let busy = world
        .request("mcp__remote__trigger-long-running-operation", json!({ "duration": 3, "steps": 1 }))
        .await;
    let mut asking = world.request("mcp__remote__trigger-elicitation-request", json!({})).await;
    asking.effect = agent_core::EffectId(8);
    let (busy, asked) = tokio::join!(world.run(busy), async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        world.run(asking.clone()).await
    });
    assert!(matches!(busy, ToolAnswer::Finished { .. }), "{busy:?}");
    assert!(matches!(asked, ToolAnswer::Asks { .. }), "{asked:?}");
    let reply = ElicitationReply { action: ElicitationAction::Accept, content: json!({ "name": "Ada" }) };
    let text = finished(world.run(next_attempt(&asking, reply)).await).plain_text();
    assert!(text.contains("Ada"), "{text}");
}

#[tokio::test]
async fn a_server_that_is_down_is_not_there_and_comes_back() {
    let port = free_port();
    let world = world(vec![McpServer::http("remote", &format!("http://127.0.0.1:{port}/mcp"))]);
    let (_, warnings) = world.tools_of_servers().await;
    assert!(warnings[0].starts_with("The MCP server `remote` is not there: "), "{warnings:?}");
    assert!(warnings[0].contains("onnection refused"), "{warnings:?}");
    let _server = listening(Some(port)).await;
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    assert_eq!(world.told("mcp__remote__echo", json!({ "message": "back" })).await, "Echo: back");
}

#[tokio::test]
async fn a_server_that_was_restarted_serves_the_next_call() {
    let port = free_port();
    let server = listening(Some(port)).await;
    let world = world(vec![McpServer::http("remote", &server.url)]);
    assert_eq!(world.told("mcp__remote__echo", json!({ "message": "one" })).await, "Echo: one");
    drop(server);
    let down = world.call("mcp__remote__echo", json!({ "message": "two" })).await;
    let text = down.plain_text();
    assert!(down.status == OutputStatus::Failed && text.starts_with("The call was not sent: "), "{text}");
    let _server = listening(Some(port)).await;
    assert_eq!(world.told("mcp__remote__echo", json!({ "message": "three" })).await, "Echo: three");
}

#[tokio::test]
async fn a_token_whose_variable_is_not_set_is_asked_for() {
    let transport = McpTransport::Http {
        url: "http://127.0.0.1:9/mcp".into(),
        headers: BTreeMap::new(),
        access: McpAccess::Missing { variable: "REMOTE_TOKEN".into() },
    };
    let world = world(vec![McpServer::new("remote", transport)]);
    let (_, warnings) = world.tools_of_servers().await;
    assert_eq!(
        warnings,
        ["The MCP server `remote` is not there: REMOTE_TOKEN is not set: set it to the token, or change \
             `mcp_servers.remote.bearer_token_env_var`"]
    );
}
