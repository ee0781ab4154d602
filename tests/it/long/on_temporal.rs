//! The same of a thread on Temporal.

use super::{FREE, PLANNED, converse, last_thread, repository};
use crate::binary::Bench;
use temporal_backend::dev_server::TestServer;

const TALK: &str = r#"
[summary]
text = "The user said one, and a file was changed."

[[turn]]
match = "one"
[[turn.step]]
calls = [{ tool = "exec_command", args = { cmd = "echo one > a.txt" } }]
[[turn.step]]
text = "One."

[[turn]]
[[turn.step]]
text = "All is well."
"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_long_threads_need_is_there_on_temporal_too() {
    let server = TestServer::start().await.unwrap();
    let bench = Bench::new();
    repository(&bench, &[("a.txt", "first\n")]);
    bench.configure(&format!("[temporal]\naddress = \"{}\"\n", server.address()));
    let script = bench.script(&(TALK.to_owned() + PLANNED));
    tokio::task::spawn_blocking(move || {
        let begun = [
            &["exec", "--backend", "temporal"],
            &FREE[..],
            &["--max-tool-calls", "2", "--script", &script, "one"],
        ];
        bench.run(&begun.concat()).succeeds();
        assert_eq!(bench.read("a.txt"), "one\n");
        let ran = bench.run(&["undo", "--last"]).succeeds();
        assert!(ran.stdout.contains("1 file is as before\n  a.txt\n"), "{ran:#?}");
        assert_eq!(bench.read("a.txt"), "first\n");
        let args = ["--script", &script, "--max-tool-calls", "9"];
        let lines = [
            "/plan make a plan",
            "y",
            "/skills",
            "/models",
            "/prompts",
            "/mcp",
            "/history",
            "/review the queue",
            "/compact",
            "/quit",
        ];
        let ran = converse(&bench, &args, &lines).succeeds();
        let all = format!("{}{}", ran.stdout, ran.stderr);
        for text in [
            "Proposed plan\n│ 1. Write done.txt",
            "Carried out.",
            "there are no skills here",
            "gpt-5",
            "there are no prompts of your own here",
            "no MCP server is configured",
            "    0  /plan make a plan",
            "reviewing the queue\nreview in words: the reviewer gave no list of findings\nAll is well.",
            "(summarised what was said so far, as asked: ",
        ] {
            assert!(all.contains(text), "`{text}` is not said: {ran:#?}");
        }
        assert_eq!(bench.read("done.txt"), "done\n");
        // Nothing of it can be taken back together with what was said before the summary; the files can.
        let thread = last_thread(&bench);
        bench.run(&["rollback", &thread, "2"]).fails(1, &["summarised"]);
        bench.run(&["rollback", &thread, "2", "--files-only"]).succeeds();
        assert!(!bench.project().join("done.txt").exists());
    })
    .await
    .unwrap();
}
