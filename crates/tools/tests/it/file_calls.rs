//! Looking at files through calls.

use crate::world::{SECRET, World, text};
use agent_core::{BlobId, BlobRef, Content, Operation, OutputStatus, Subject, ToolAnswer, ToolCallHandler};
use serde_json::json;

/// The beginning of a PNG of this size; nobody looks at the rest.
fn png(width: u32, height: u32) -> Vec<u8> {
    let size = [width.to_be_bytes(), height.to_be_bytes()].concat();
    [b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".as_slice(), &size, b"\x08\x06\0\0\0rest"].concat()
}

fn jpeg(width: u16, height: u16) -> Vec<u8> {
    let size = [height.to_be_bytes(), width.to_be_bytes()].concat();
    let app = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0";
    [app.as_slice(), b"\xff\xc0\0\x0b\x08", &size, b"\x01\x01\x11\0rest"].concat()
}

fn gif(width: u16, height: u16) -> Vec<u8> {
    [b"GIF89a".as_slice(), &width.to_le_bytes(), &height.to_le_bytes(), b"\0\0\0;"].concat()
}

fn webp(width: u32, height: u32) -> Vec<u8> {
    let size = [&(width - 1).to_le_bytes()[..3], &(height - 1).to_le_bytes()[..3]].concat();
    [b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0".as_slice(), &size, b"rest"].concat()
}

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
        ("a.png", png(8_000, 6_000), "image/png"),
        ("b", jpeg(8_000, 6_000), "image/jpeg"),
        ("c", gif(8_000, 6_000), "image/gif"),
        ("d", webp(8_000, 6_000), "image/webp"),
    ] {
        world.write(name, &bytes);
        let output = world.call("view_image", json!({ "path": name })).await;
        let length = bytes.len() as u64;
        let blob = BlobRef { id: BlobId::of(&bytes), bytes: length, media_type: media_type.into() };
        assert_eq!(
            text(&output.content[0]),
            format!("{name}: {media_type}, 8000 x 6000 pixels, {length} bytes")
        );
        assert_eq!(output.content[1], Content::Blob { blob });
        assert_eq!(world.blobs.0.lock().unwrap().pop().unwrap(), bytes);
    }
}

#[tokio::test]
async fn what_is_no_image_is_explained() {
    let world = World::new();
    world.write("text.png", "not really");
    world.write("sub/x", "");
    for (name, bytes) in [
        ("wide.png", png(8_001, 1)),
        ("high.jpg", jpeg(1, 8_001)),
        ("large.gif", gif(8_000, 6_251)),
        ("bomb.webp", webp(16_000_000, 16_000_000)),
        ("flat.png", png(0, 5)),
        ("cut.png", png(5, 5)[..18].to_vec()),
        ("cut.gif", b"GIF89a".to_vec()),
        ("cut.jpg", b"\xff\xd8\xff\xe0".to_vec()),
    ] {
        world.write(name, bytes);
    }
    std::os::unix::fs::symlink("nowhere", world.path("dangling.png")).unwrap();
    let huge = std::fs::File::create(world.path("huge.png")).unwrap();
    huge.set_len(11 * 1024 * 1024).unwrap();
    for (path, said) in [
        ("text.png", "no PNG, JPEG, GIF or WebP"),
        ("sub", "no regular file"),
        ("tex.png", "Similar names: text.png"),
        ("huge.png", "11534336 bytes, at most 10485760"),
        ("wide.png", "8001 x 1 pixels, at most 8000 a side"),
        ("high.jpg", "1 x 8001 pixels"),
        ("large.gif", "8000 x 6251 pixels, at most 8000 a side and 50000000 in all"),
        ("bomb.webp", "16000000 x 16000000 pixels"),
        ("flat.png", "its beginning is damaged: it begins like image/png"),
        ("cut.png", "its beginning is damaged"),
        ("cut.gif", "its beginning is damaged"),
        ("cut.jpg", "its beginning is damaged"),
        ("dangling.png", "dangling.png does not exist"),
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
