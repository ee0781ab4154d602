//! The file server of npm, and the time and git servers of PyPI.

use super::{npm, pip, world};
use agent_core::{Access, OutputStatus};
use serde_json::json;
use std::process::Command;

#[tokio::test]
async fn files_are_written_and_read_inside_the_allowed_folder_only() {
    // The server takes the directory of the thread, which it is told of as its root, in place of its arguments.
    let other = tempfile::tempdir().unwrap();
    let world = world(vec![npm("files", "server-filesystem", &[other.path().to_str().unwrap()])]);
    let root = world.workspace.path().canonicalize().unwrap();
    // It asks for the root once it runs, and may be called before it knows.
    let expected = format!("Allowed directories:\n{}", root.display());
    let mut allowed = String::new();
    for _ in 0..200 {
        allowed = world.told("mcp__files__list_allowed_directories", json!({})).await;
        if allowed.trim_end() == expected {
            break;
        }
    }
    assert_eq!(allowed.trim_end(), expected);
    let path = root.join("note.txt");
    let write = json!({ "path": path, "content": "from a server\n" });
    let preparation = world.prepare("mcp__files__write_file", write.clone()).await.unwrap();
    assert_eq!(preparation.access, Access::Mutating);
    let wrote = world.call("mcp__files__write_file", write).await;
    assert_eq!(wrote.status, OutputStatus::Ok, "{}", wrote.plain_text());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "from a server\n");
    let read = world.told("mcp__files__read_text_file", json!({ "path": path })).await;
    assert_eq!(read.trim_end(), "from a server");
    let outside = world.call("mcp__files__read_text_file", json!({ "path": "/etc/hostname" })).await;
    assert_eq!(outside.status, OutputStatus::Failed);
    assert!(outside.plain_text().contains("Access denied"), "{}", outside.plain_text());
}

#[tokio::test]
async fn times_are_converted() {
    let world = world(vec![pip("time", "mcp-server-time", &["--local-timezone", "Europe/Berlin"])]);
    let arguments = json!({
        "source_timezone": "Europe/Berlin", "time": "12:00", "target_timezone": "Asia/Tokyo",
    });
    let told = world.told("mcp__time__convert_time", arguments).await;
    assert!(told.contains("Asia/Tokyo") && told.contains("time_difference"), "{told}");
}

#[tokio::test]
async fn a_repository_is_looked_at() {
    let world = world(vec![pip("git", "mcp-server-git", &[])]);
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=a", "-c", "user.email=a@b"];
        let done =
            Command::new("git").args(identity).args(arguments).current_dir(world.workspace.path()).output();
        assert!(done.unwrap().status.success());
    };
    world.write("a.txt", "one\n");
    git(&["init", "-q"]);
    git(&["add", "a.txt"]);
    git(&["commit", "-q", "-m", "the first one"]);
    world.write("a.txt", "two\n");
    let arguments = json!({ "repo_path": world.cwd() });
    let status = world.told("mcp__git__git_status", arguments.clone()).await;
    assert!(status.contains("modified:   a.txt"), "{status}");
    let log = world.told("mcp__git__git_log", arguments).await;
    assert!(log.contains("the first one"), "{log}");
}
