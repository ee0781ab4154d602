//! What is a script, and what is said of a text that is none.

use models::{Script, ScriptError};

fn fault(text: &str) -> ScriptError {
    Script::parse(text).expect_err("this is no script")
}

#[test]
fn examples_in_the_documentation_are_scripts() {
    let mut blocks = Vec::new();
    let mut block: Option<String> = None;
    for line in include_str!("../../src/scripted.rs").lines() {
        let Some(line) = line.strip_prefix("//!") else { break };
        let line = line.strip_prefix(' ').unwrap_or(line);
        match (&mut block, line) {
            (None, "```toml") => block = Some(String::new()),
            (Some(_), "```") => blocks.extend(block.take()),
            (Some(text), line) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, _) => {}
        }
    }
    assert_eq!(blocks.len(), 2);
    for block in blocks {
        Script::parse(&block).unwrap_or_else(|error| panic!("{error}\n{block}"));
    }
}

#[test]
fn demo_is_a_script() {
    Script::parse(Script::DEMO).unwrap();
}

#[test]
fn faults_name_line_and_key() {
    let table = [
        ("", 1, "", "a script has at least one"),
        ("[[step]]\ntext = \"a\"\n[[turn]]\n[[turn.step]]\ntext = \"b\"\n", 3, "turn", "not both"),
        ("[[step]]\ntext = \"a\"\ntxet = \"b\"\n", 3, "txet", "unknown field `txet`, expected one of"),
        ("[[step]]\n\ntext = 3\n", 3, "text", "invalid type: integer `3`, expected a string"),
        ("[[step]]\ntext = \"a\"\ndelay_ms = -1\n", 3, "delay_ms", "invalid value: integer `-1`"),
        ("[[step]]\ntext = \"a\n", 2, "text", "invalid basic string"),
        ("[[turn]]\nmatch = \"x\"\n", 1, "turn", "at least one [[turn.step]]"),
        (
            "[[step]]\ntext = \"a\"\n[[step]]\nusage = { input = 1 }\n",
            3,
            "step",
            "`text`, `reasoning`, `search` or `calls`",
        ),
        (
            "[[step]]\nfault = { kind = \"cut\", attempts = 1 }\n",
            1,
            "step",
            "or a `fault` without `attempts`",
        ),
        ("[[step]]\nfault = \"cot\"\n", 2, "fault", "expected a fault's name"),
        (
            "[[step]]\ntext = \"a\"\nfault = { kind = \"cut\", attempts = 0 }\n",
            3,
            "attempts",
            "counted from 1",
        ),
        (
            "[[step]]\ntext = \"{{ouput}}\"\n",
            2,
            "text",
            "`{{ouput}}` is not a template; known are {{output}}",
        ),
        ("[[step]]\nsearch = \"{{query}}\"\n", 2, "search", "`{{query}}` is not a template"),
        ("[[step]]\ntext = \"{{output\"\n", 2, "text", "`{{` is never closed"),
        ("[[step]]\ntext = \"{{output:0}}\"\n", 2, "text", "counted from 1"),
        (
            "[[step]]\ncalls = [\n  { tool = \"a\" },\n  { tool = \"b\", arg = {} },\n]\n",
            4,
            "arg",
            "unknown field `arg`",
        ),
        ("[[step]]\ncalls = [\n  { tool = \"b\", args = {}, input = \"\" },\n]\n", 3, "calls", "not both"),
        ("[[step]]\ncalls = [{ tool = \"b\", args = 3 }]\n", 2, "args", "a table or a string, not integer"),
        (
            "[[step]]\ncalls = [{ tool = \"b\", args = { at = 2020-01-01 } }]\n",
            2,
            "args",
            "JSON has no dates",
        ),
        (
            "[[step]]\ncalls = [{ tool = \"b\", args = { a = [\"{{x}}\"] } }]\n",
            2,
            "args",
            "`{{x}}` is not a template",
        ),
        ("[[step]]\ncalls = [{ tool = \"b\", input = \"{{line:}}\" }]\n", 2, "input", "is not a template"),
    ];
    for (text, line, key, message) in table {
        let error = fault(text);
        assert_eq!((error.line, error.key.as_str()), (line, key), "{error}\n{text}");
        assert!(error.message.contains(message), "{error}\n{text}");
    }
}

#[test]
fn fault_reads_as_one_sentence() {
    assert_eq!(
        fault("[[step]]\ntext = \"{{x}}\"\n").to_string(),
        "script, line 2, key `text`: `{{x}}` is not a template; known are {{output}}, {{output:N}}, {{line:TEXT}} \
         and {{prompt}}; a literal {{ is written {{{{"
    );
    assert_eq!(fault("").to_string(), "script, line 1: a script has at least one [[step]] or [[turn]]");
}
