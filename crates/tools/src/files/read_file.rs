//! `read_file`: numbered lines of a text file.

use super::{ANSWER_BYTES, FileTool, PATH, Site, lines::next_line, path_fault, path_of};
use crate::arguments::{Arguments, Field, Need, Shape};
use std::io::{BufRead, BufReader};

/// Lines when the call does not say.
const DEFAULT_LINES: usize = 2_000;
/// Lines in one answer.
const MAX_LINES: u64 = 10_000;
/// Characters shown of one line.
const MAX_LINE_CHARS: usize = 1_000;
/// How much of a file is looked at to tell whether it is text.
const SNIFFED_BYTES: usize = 8 * 1024;

pub(crate) const READ_FILE: FileTool = FileTool {
    name: "read_file",
    about: "Reads lines of a text file. Each comes as `L<number>: <line>`. Long lines are cut, and long files come in parts: \
            the answer says with which `offset` to go on.",
    fields: &[
        PATH,
        Field {
            name: "offset",
            about: "The first line, counted from 1, which is the default.",
            shape: Shape::Whole { min: 1, max: u64::MAX },
            need: Need::Optional,
        },
        Field {
            name: "limit",
            about: "How many lines. 2000 by default.",
            shape: Shape::Whole { min: 1, max: MAX_LINES },
            need: Need::Optional,
        },
    ],
    subject: path_of,
    look,
};

fn look(arguments: &Arguments, site: &Site) -> Result<String, String> {
    let path = site.path(arguments.required("path"));
    let fault = |error| path_fault(site, &path, &error);
    let shown = site.shown(&path);
    let file = site.open(&path).map_err(fault)?;
    let found = file.metadata().map_err(fault)?;
    if found.is_dir() {
        return Err(format!("{shown} is a directory; use `list_dir` to see what is in it"));
    }
    if !found.is_file() {
        return Err(format!("{shown} is no regular file"));
    }
    let mut reader = BufReader::with_capacity(SNIFFED_BYTES, file);
    if reader.fill_buf().map_err(fault)?.contains(&0) {
        let bytes = found.len();
        return Err(format!(
            "{shown} is a binary file of {bytes} bytes; use `view_image` for an image, a command for anything else"
        ));
    }
    let first = arguments.count("offset", 1);
    let limit = arguments.count("limit", DEFAULT_LINES);
    numbered(&mut reader, first, limit, site).map_err(fault)?.ok_or_else(|| {
        format!("{shown} has no line {first}; it ends before. Read it again from an earlier `offset`.")
    })
}

/// The lines, `None` where the file ends before the first.
fn numbered(
    reader: &mut impl BufRead,
    first: usize,
    limit: usize,
    site: &Site,
) -> std::io::Result<Option<String>> {
    let mut text = String::new();
    let mut number = 0_usize;
    loop {
        if site.is_halted() {
            return Ok(None);
        }
        let Some(line) = next_line(reader)? else { break };
        number += 1;
        if number < first {
            continue;
        }
        let full = number - first >= limit || text.len() >= ANSWER_BYTES;
        if full {
            text.push_str(&format!("… there is more; go on with offset {number} …\n"));
            return Ok(Some(text));
        }
        text.push_str(&format!("L{number}: {}\n", line.shown(&site.redactor, MAX_LINE_CHARS)));
    }
    if number == 0 && first == 1 {
        return Ok(Some("The file is empty.".to_owned()));
    }
    Ok((number >= first).then_some(text))
}
