//! MCP servers as a conversation lists them.

use super::{FREE, converse};
use crate::binary::Bench;
use std::{path::PathBuf, process::Command};

/// A server of the registries that has everything.
fn everything() -> PathBuf {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../.ci/mcp-servers");
    let fetched = Command::new(script).output().unwrap();
    let said = String::from_utf8_lossy(&fetched.stderr);
    assert!(fetched.status.success(), "{script} needs Node.js and Python: {said}");
    let folder = PathBuf::from(String::from_utf8(fetched.stdout).unwrap().trim());
    folder.join("npm/node_modules/@modelcontextprotocol/server-everything/dist/index.js")
}

#[test]
fn servers_are_listed_with_what_they_offer_and_how_they_stand() {
    let bench = Bench::new();
    let server = everything();
    bench.configure(&format!(
        "[mcp_servers.everything]\ncommand = \"node\"\nargs = [\"{}\"]\n\
         [mcp_servers.gone]\nurl = \"http://127.0.0.1:9/mcp\"\n\
         [mcp_servers.unused]\ncommand = \"none\"\nenabled = false\n",
        server.display()
    ));
    let script = bench.script("[[step]]\ntext = \"Hi.\"\n");
    bench.run(&[&["exec"], &FREE[..], &["--script", &script, "hello"]].concat()).succeeds();
    let ran = converse(&bench, &["--script", &script], &["/mcp", "/quit"]).succeeds();
    for line in [
        "everything: connected (auth: none)",
        "    tool echo  Echoes back the input string",
        "    resource demo://resource/static/document/",
        "    template demo://resource/dynamic/text/{resourceId}  ",
        "gone: ",
        "(auth: not logged in)",
        "unused: disabled (auth: none)",
    ] {
        assert!(ran.stdout.contains(line), "`{line}` is not listed: {ran:#?}");
    }
    let got = bench.run(&["mcp", "get", "everything", "--json"]).succeeds().json().remove(0);
    assert!(got["templates"].as_array().unwrap().len() >= 2, "{got}");
    assert!(got["resources"][0]["name"].as_str().unwrap().starts_with("demo://"), "{got}");
}
