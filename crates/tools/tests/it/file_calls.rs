//! Looking at files through calls.

use crate::world::{SECRET, World, text};
use agent_core::{BlobId, BlobRef, Content, Operation, OutputStatus, Subject, ToolAnswer, ToolCallHandler};
use serde_json::json;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nrest";

#[tokio::test]
async fn files_are_read_listed_and_searched() {
    let world = World::new();
    world.write("src/a.rs", format!("fn main() {{}}\n// {SECRET}\n"));
    let output = world.call("read_file", json!({ "path": "src/a.rs" })).await;
    assert_eq!(output.status, OutputStatus::Ok);
    assert_eq!(output.plain_text(), "L1: fn main() {}\nL2: // [redacted]\n");
    let output = world.call("list_dir", json!({ "depth": 2 })).await;
    assert_eq!(output.plain_text(), format!("{}/\n  src/\n    a.rs\n", world.cwd()));
    let output = world.call("grep_files", json!({ "pattern": "fn |//" })).await;
    assert_eq!(output.plain_text(), "src/a.rs:1: fn main() {}\nsrc/a.rs:2: // [redacted]\n");
    let preparation = world.prepare("grep_files", json!({ "pattern": "fn", "path": "src" })).await.unwrap();
    assert_eq!(preparation.subject, Subject::Other { summary: "fn in src".into() });
    let output = world.call("read_file", json!({ "path": "src/b.rs" })).await;
    assert_eq!(output.status, OutputStatus::Failed);
    assert_eq!(output.plain_text(), "read_file: src/b.rs does not exist. Similar names: src/a.rs");
}

#[tokio::test]
async fn an_image_is_shown_by_reference() {
    let world = World::new();
    for (name, bytes, media_type) in [
        ("a.png", PNG, "image/png"),
        ("b", b"\xff\xd8\xff\xe0", "image/jpeg"),
        ("c", b"GIF89a", "image/gif"),
        ("d", b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
    ] {
        world.write(name, bytes);
        let output = world.call("view_image", json!({ "path": name })).await;
        let length = bytes.len() as u64;
        let blob = BlobRef { id: BlobId::of(bytes), bytes: length, media_type: media_type.into() };
        assert_eq!(text(&output.content[0]), format!("{name}: {media_type}, {length} bytes"));
        assert_eq!(output.content[1], Content::Blob { blob });
        assert_eq!(world.blobs.0.lock().unwrap().pop().unwrap(), bytes);
    }
}

#[tokio::test]
async fn what_is_no_image_is_explained() {
    let world = World::new();
    world.write("text.png", "not really");
    world.write("sub/x", "");
    let huge = std::fs::File::create(world.path("huge.png")).unwrap();
    huge.set_len(11 * 1024 * 1024).unwrap();
    for (path, said) in [
        ("text.png", "no PNG, JPEG, GIF or WebP"),
        ("sub", "no regular file"),
        ("tex.png", "Similar names: text.png"),
        ("huge.png", "11534336 bytes, at most 10485760"),
    ] {
        let output = world.call("view_image", json!({ "path": path })).await;
        assert_eq!(output.status, OutputStatus::Failed, "{path}");
        assert!(output.plain_text().contains(said), "{}", output.plain_text());
    }
}

#[tokio::test]
async fn looking_can_be_stopped() {
    let world = World::new();
    world.write("a", "x");
    let Operation { answer, mut cancel } =
        world.registry.start(world.request("read_file", json!({ "path": "a" })).await);
    cancel.pull();
    let answer = answer.0.await.into_answer();
    assert!(matches!(answer, ToolAnswer::Cancelled { .. }), "{answer:?}");
}
