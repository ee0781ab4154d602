//! `@modelcontextprotocol/server-everything` over standard input and output.

use super::{everything, world};
use agent_core::{Access, Containment, Content, OutputStatus, Repeat, Subject, Verdict};
use serde_json::json;
use std::time::{Duration, Instant};
use tools::mcp::{McpApproval, McpServer};

#[tokio::test]
async fn tools_are_found_and_called() {
    let world = world(vec![everything()]);
    let (names, warnings) = world.tools_of_servers().await;
    assert_eq!(warnings, Vec::<String>::new());
    for name in ["echo", "get-sum", "get-env", "get-tiny-image", "trigger-elicitation-request"] {
        assert!(names.contains(&format!("mcp__everything__{name}")), "{name} in {names:?}");
    }
    let echoed = world.call("mcp__everything__echo", json!({ "message": "hello" })).await;
    assert_eq!((echoed.status, echoed.plain_text().as_str()), (OutputStatus::Ok, "Echo: hello"));
    assert_eq!(
        world.told("mcp__everything__get-sum", json!({ "a": 2, "b": 3 })).await,
        "The sum of 2 and 3 is 5."
    );
    let wrong = world.call("mcp__everything__get-sum", json!({ "a": "two" })).await;
    assert_eq!(wrong.status, OutputStatus::Failed);
    assert!(wrong.plain_text().contains("Invalid arguments"), "{}", wrong.plain_text());
    world.registry.close_servers().await;
}

#[tokio::test]
async fn an_image_is_kept_and_told() {
    let world = world(vec![everything()]);
    let output = world.call("mcp__everything__get-tiny-image", json!({})).await;
    let [Content::Text { text }, Content::Blob { blob }] = output.content.as_slice() else {
        panic!("{:?}", output.content)
    };
    assert!(text.contains("[image 1: image/png"), "{text}");
    assert_eq!(blob.media_type, "image/png");
    let kept = world.blobs.0.lock().unwrap();
    assert!(kept[0].starts_with(b"\x89PNG") && kept[0].len() as u64 == blob.bytes);
}

#[tokio::test]
async fn structured_content_and_links_are_told_as_text() {
    let world = world(vec![everything()]);
    let weather =
        world.told("mcp__everything__get-structured-content", json!({ "location": "Chicago" })).await;
    assert!(weather.contains("temperature"), "{weather}");
    let links = world.told("mcp__everything__get-resource-links", json!({ "count": 2 })).await;
    assert!(links.contains("`read_mcp_resource` reads it"), "{links}");
    let resource = world
        .told("mcp__everything__get-resource-reference", json!({ "resourceType": "Text", "resourceId": 1 }))
        .await;
    assert!(resource.contains("[resource demo://resource/dynamic/text/1]"), "{resource}");
}

#[tokio::test]
async fn progress_is_shown_while_the_call_runs() {
    let world = world(vec![everything()]);
    let told = world
        .told("mcp__everything__trigger-long-running-operation", json!({ "duration": 0.4, "steps": 4 }))
        .await;
    assert_eq!(told, "Long running operation completed. Duration: 0.4 seconds, Steps: 4.");
    let live = world.live();
    assert!(live.starts_with("1 of 4\n2 of 4\n3 of 4\n"), "{live}");
}

#[tokio::test]
async fn a_server_gets_the_environment_of_commands_and_its_own() {
    let mut server = everything();
    if let tools::mcp::McpTransport::Stdio { env, .. } = &mut server.transport {
        env.insert("OWN_TOKEN".to_owned(), "mine-12345678".to_owned().into());
    }
    let world = world(vec![server]);
    let told = world.told("mcp__everything__get-env", json!({})).await;
    assert!(told.contains(r#""FOO": "bar""#), "{told}");
    assert!(told.contains(r#""OWN_TOKEN": "mine-12345678""#), "{told}");
    assert!(!told.contains("SERVICE_TOKEN") && !told.contains("OPENAI_API_KEY"), "{told}");
}

#[tokio::test]
async fn resources_are_listed_and_read() {
    let world = world(vec![everything()]);
    let specs = world.collect("").await.tools.unwrap().to_vec();
    assert!(specs.iter().any(|spec| spec.name == "read_mcp_resource"));
    let listed = world.told("list_mcp_resources", json!({})).await;
    assert!(listed.contains(r#""server":"everything""#) && listed.contains("demo://"), "{listed}");
    let templates = world.told("list_mcp_resource_templates", json!({ "server": "everything" })).await;
    assert!(templates.contains("demo://resource/dynamic/text/{resourceId}"), "{templates}");
    let read = world
        .told("read_mcp_resource", json!({ "server": "everything", "uri": "demo://resource/dynamic/text/1" }))
        .await;
    assert!(read.starts_with("[resource demo://resource/dynamic/text/1]\nResource 1:"), "{read}");
    let missing =
        world.call("read_mcp_resource", json!({ "server": "everything", "uri": "demo://nothing" })).await;
    assert_eq!(missing.status, OutputStatus::Failed);
    let unknown = world.prepare("read_mcp_resource", json!({ "server": "other", "uri": "x" })).await;
    assert_eq!(unknown, Err("There is no MCP server `other`. The servers are `everything`.".to_owned()));
}

#[tokio::test]
async fn resources_are_no_tools_where_no_server_has_any() {
    let world = world(vec![super::quirky("quirky", &[])]);
    let specs = world.collect("").await.tools.unwrap().to_vec();
    assert!(!specs.iter().any(|spec| spec.name.contains("resource")));
}

#[tokio::test]
async fn an_interrupted_call_ends_at_once_and_the_server_lives_on() {
    let world = world(vec![everything()]);
    world.collect("").await;
    let arguments = json!({ "duration": 60, "steps": 60 });
    let request = world.request("mcp__everything__trigger-long-running-operation", arguments).await;
    let agent_core::Operation { answer, mut cancel } =
        agent_core::ToolCallHandler::start(&world.registry, request);
    let mut answer = answer.0;
    assert!(tokio::time::timeout(Duration::from_millis(300), &mut answer).await.is_err());
    let pulled = Instant::now();
    cancel.pull();
    let answer = answer.await.into_answer();
    assert!(pulled.elapsed() < Duration::from_millis(500), "{:?}", pulled.elapsed());
    assert!(matches!(answer, agent_core::ToolAnswer::Cancelled { .. }), "{answer:?}");
    assert_eq!(world.told("mcp__everything__echo", json!({ "message": "on" })).await, "Echo: on");
}

#[tokio::test]
async fn what_a_call_is_follows_from_hints_and_from_the_user() {
    let with = |change: fn(&mut McpServer)| {
        let mut server = everything();
        change(&mut server);
        world(vec![server])
    };
    let plain = with(|_| {});
    let echo = plain.prepare("mcp__everything__echo", json!({ "message": "a" })).await.unwrap();
    assert_eq!(
        (echo.access, echo.repeat, &echo.containment, &echo.verdict, echo.timeout_ms),
        (Access::ReadOnly, Repeat::Safe, &Containment::Contained, &Verdict::Silent, 60_000)
    );
    assert_eq!(
        echo.subject,
        Subject::Mcp {
            server: "everything".into(),
            tool: "echo".into(),
            arguments: r#"{"message":"a"}"#.into()
        }
    );
    let visit = json!({ "url": "https://example.com" });
    let open = plain.prepare("mcp__everything__trigger-url-elicitation", visit.clone()).await.unwrap();
    assert_eq!((open.access, open.repeat), (Access::Mutating, Repeat::Never));
    let Containment::Uncontained { reason } = &open.containment else { panic!("{open:?}") };
    assert!(reason.contains("mcp_servers.everything.default_tools_approval_mode = \"approve\""), "{reason}");
    let asked = plain.prepare("mcp__everything__trigger-elicitation-request", json!({})).await.unwrap();
    assert_eq!((asked.access, &asked.containment), (Access::Mutating, &Containment::Contained));

    let trusted = with(|server| {
        server.approval = McpApproval::Approve;
        server.tool_approvals.insert("echo".into(), McpApproval::Prompt);
    });
    let open = trusted.prepare("mcp__everything__trigger-url-elicitation", visit).await.unwrap();
    let rule = "mcp_servers.everything.default_tools_approval_mode = \"approve\"".to_owned();
    assert_eq!(open.verdict, Verdict::Allow { rule });
    let echo = trusted.prepare("mcp__everything__echo", json!({ "message": "a" })).await.unwrap();
    let reason = "mcp_servers.everything.tools.echo.approval_mode = \"prompt\"".to_owned();
    assert_eq!(echo.verdict, Verdict::Ask { reason });

    let broken = plain.prepare_payload(
        "mcp__everything__echo",
        agent_core::Payload::Function { arguments: "{\"message\": ".into() },
    );
    assert!(
        broken.await.unwrap_err().starts_with("mcp__everything__echo: the arguments are not a JSON object")
    );
}

#[tokio::test]
async fn only_the_tools_that_are_wanted_are_offered() {
    let mut server = everything();
    server.enabled_tools = Some(["echo".to_owned(), "get-sum".to_owned()].into());
    server.disabled_tools = ["get-sum".to_owned()].into();
    let world = world(vec![server]);
    assert_eq!(world.tools_of_servers().await.0, ["mcp__everything__echo"]);
    let refused = world.prepare("mcp__everything__get-sum", json!({})).await.unwrap_err();
    assert!(refused.contains("do not offer it"), "{refused}");
}
