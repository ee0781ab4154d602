//! `everturn apply-patch`, and the binary called as `apply_patch`: a patch from standard input, in the current directory.

use crate::{
    exit::{Exit, Failure},
    output,
};
use std::io::{IsTerminal, Read};
use tools::patch::{MAX_PATCH_BYTES, Scope, parse, plan};

/// Applies the whole patch, or changes nothing.
pub(crate) fn apply_patch() -> Result<Exit, Failure> {
    let workdir = std::env::current_dir()
        .map_err(|error| Failure::usage(format!("the current directory cannot be used: {error}")))?;
    let text = patch_text()?;
    let failed = |error: tools::patch::PatchError| Failure::new(Exit::Failed, error.to_string());
    let scope = Scope { writable_roots: Some(vec![workdir.clone()]), workdir, protected: Vec::new() };
    let summary = parse(&text).and_then(|patch| plan(&patch, &scope)).and_then(|plan| plan.commit());
    output::result(&summary.map_err(failed)?.to_string());
    Ok(Exit::Done)
}

/// The patch: the only argument when called as `apply_patch`, else standard input.
fn patch_text() -> Result<String, Failure> {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "apply-patch");
    if let Some(text) = arguments.next() {
        return Ok(text);
    }
    let input = std::io::stdin();
    if input.is_terminal() {
        return Err(Failure::usage(
            "pass the patch on standard input, for example: everturn apply-patch < fix.patch",
        ));
    }
    let mut bytes = Vec::new();
    let limit = MAX_PATCH_BYTES as u64 + 1;
    input
        .lock()
        .take(limit)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::usage(format!("standard input cannot be read: {error}")))?;
    String::from_utf8(bytes).map_err(|_| Failure::usage("the patch is not UTF-8 text"))
}
