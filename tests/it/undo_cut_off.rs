//! An undo whose process dies while files are being put back: the next command that takes turns back sees it through.

use crate::binary::Bench;
use test_kit::KillPoint;

const SCRIPT: &str = r#"
[[turn]]
[[turn.step]]
calls = [{ tool = "exec_command", args = { cmd = "echo new > a.txt; echo b > b.txt; echo c > c.txt" } }]
[[turn.step]]
text = "Done."
"#;

#[test]
fn an_undo_that_was_killed_is_seen_through_by_the_next_one() {
    for point in ["restore.begun", "restore.changed", "restore.written"] {
        let bench = Bench::new();
        bench.file("a.txt", "old\n");
        let script = bench.script(SCRIPT);
        bench.run(&["exec", "--sandbox", "danger-full-access", "--script", &script, "go"]).succeeds();
        let marker = bench.path().join("marker");
        let point = KillPoint { name: point.to_owned(), hit: 1, marker };
        let mut command = bench.command(&["undo"]);
        point.arm(&mut command);
        let mut child = command.spawn().unwrap();
        point.kill(&mut child).unwrap();

        let ran = bench.run(&["undo"]).succeeds();
        assert!(ran.stdout.contains("turn 1 and all after it are taken back"), "{ran:#?}");
        assert_eq!(
            (bench.read("a.txt"), bench.read("b.txt"), bench.read("c.txt")),
            ("old\n".into(), String::new(), String::new())
        );
        let again = bench.run(&["undo"]);
        assert!(again.stderr.contains("there is no turn to take back"), "{again:#?}");
    }
}
