//! `grep_files`: lines that match, in files that are not ignored.

use super::{ANSWER_BYTES, FileTool, Site, lines::shorten, path_fault};
use crate::arguments::{Arguments, Field, Need, Shape};
use globset::{GlobBuilder, GlobMatcher};
use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use grep_searcher::{BinaryDetection, Searcher, SearcherBuilder, sinks::Lossy};
use ignore::WalkBuilder;
use std::path::Path;

const DEFAULT_MATCHES: usize = 100;
const MAX_MATCHES: u64 = 2_000;
/// Characters shown of one line.
const MAX_LINE_CHARS: usize = 300;
/// Memory for one file while it is searched; a file with longer lines is passed over.
const HEAP_BYTES: usize = 16 * 1024 * 1024;
/// Memory for one compiled pattern.
const PATTERN_BYTES: usize = 4 * 1024 * 1024;

pub(crate) const GREP_FILES: FileTool = FileTool {
    name: "grep_files",
    about: "Searches files for lines that match a regular expression and returns them as `path:line: text`. Files that \
            .gitignore and similar files exclude are passed over, binary files too.",
    fields: &[
        Field {
            name: "pattern",
            about: "A regular expression in Rust's syntax, without look-around and back-references. `(?i)` at its beginning \
                    ignores case.",
            shape: Shape::Text,
            need: Need::Required,
        },
        Field {
            name: "path",
            about: "Where to search: a directory or a file. The working directory by default.",
            shape: Shape::Text,
            need: Need::Optional,
        },
        Field {
            name: "include",
            about: "Only files that match this glob, for example `*.rs` or `src/**/*.{ts,tsx}`.",
            shape: Shape::Text,
            need: Need::Optional,
        },
        Field {
            name: "limit",
            about: "How many lines at most. 100 by default.",
            shape: Shape::Whole { min: 1, max: MAX_MATCHES },
            need: Need::Optional,
        },
    ],
    subject,
    look,
};

fn subject(arguments: &Arguments) -> Result<String, String> {
    let pattern = arguments.required("pattern");
    compile(pattern)?;
    include(arguments)?;
    Ok(match arguments.text("path") {
        None | Some("") => pattern.to_owned(),
        Some(path) => format!("{pattern} in {path}"),
    })
}

fn compile(pattern: &str) -> Result<RegexMatcher, String> {
    if pattern.is_empty() {
        return Err("`pattern` is empty; it would match every line".to_owned());
    }
    let built =
        RegexMatcherBuilder::new().size_limit(PATTERN_BYTES).line_terminator(Some(b'\n')).build(pattern);
    built.map_err(|error| format!("`pattern` is not a regular expression that can be searched for: {error}"))
}

/// The glob, and one for the name alone where it speaks of no directory.
fn include(arguments: &Arguments) -> Result<Option<GlobMatcher>, String> {
    let Some(glob) = arguments.text("include").filter(|glob| !glob.is_empty()) else { return Ok(None) };
    let anywhere = if glob.contains('/') { glob.to_owned() } else { format!("**/{glob}") };
    let built = GlobBuilder::new(&anywhere).literal_separator(true).build();
    built
        .map(|glob| Some(glob.compile_matcher()))
        .map_err(|error| format!("`include` is not a glob: {error}"))
}

fn look(arguments: &Arguments, site: &Site) -> Result<String, String> {
    let matcher = compile(arguments.required("pattern"))?;
    let include = include(arguments)?;
    let root = match arguments.text("path") {
        None | Some("" | ".") => site.cwd.clone(),
        Some(path) => site.path(path),
    };
    let there = root.metadata().map_err(|error| path_fault(site, &root, &error))?;
    if !there.is_dir() && !there.is_file() {
        return Err(format!("{} is no regular file and no directory", site.shown(&root)));
    }
    let mut found = Found {
        site,
        text: String::new(),
        lines: 0,
        limit: arguments.count("limit", DEFAULT_MATCHES),
        extent: Extent::Open,
        unread: 0,
    };
    let mut searcher = SearcherBuilder::new()
        .binary_detection(BinaryDetection::quit(0))
        .heap_limit(Some(HEAP_BYTES))
        .line_number(true)
        .build();
    // Hidden files belong to a project, the insides of .git do not.
    let walk = WalkBuilder::new(&root)
        .hidden(false)
        .require_git(false)
        .filter_entry(|entry| entry.file_name() != ".git" || entry.depth() == 0)
        .sort_by_file_path(Path::cmp)
        .build();
    for entry in walk {
        let Ok(entry) = entry else {
            found.unread += 1;
            continue;
        };
        if site.is_halted() || found.extent == Extent::Full {
            break;
        }
        let is_file = entry.file_type().is_some_and(|kind| kind.is_file());
        let relative = entry.path().strip_prefix(&root).unwrap_or(entry.path());
        // A file that is asked for by name is searched whatever the glob.
        let wanted = entry.depth() == 0 || include.as_ref().is_none_or(|glob| glob.is_match(relative));
        if (is_file || entry.depth() == 0 && entry.path().is_file()) && wanted {
            found.search(&mut searcher, &matcher, entry.path());
        }
    }
    Ok(found.finish(arguments.required("pattern")))
}

/// Whether more may be added.
#[derive(PartialEq, Eq)]
enum Extent {
    Open,
    Full,
}

struct Found<'a> {
    site: &'a Site,
    text: String,
    lines: usize,
    limit: usize,
    extent: Extent,
    /// Files that could not be read.
    unread: usize,
}

impl Found<'_> {
    fn search(&mut self, searcher: &mut Searcher, matcher: &RegexMatcher, path: &Path) {
        let shown = self.site.shown(path);
        let sink = Lossy(|number, line| {
            if self.lines >= self.limit || self.text.len() > ANSWER_BYTES {
                self.extent = Extent::Full;
            }
            if self.extent == Extent::Full || self.site.is_halted() {
                return Ok(false);
            }
            let line = self.site.redactor.scrub(line.trim_end_matches(['\n', '\r']));
            self.text.push_str(&format!("{shown}:{number}: {}\n", shorten(&line, MAX_LINE_CHARS)));
            self.lines += 1;
            Ok(true)
        });
        let searched = self.site.open(path).and_then(|file| searcher.search_file(matcher, &file, sink));
        if searched.is_err() {
            self.unread += 1;
        }
    }

    fn finish(mut self, pattern: &str) -> String {
        if self.lines == 0 {
            self.text = format!("No line matches {pattern}.\n");
        }
        if self.extent == Extent::Full {
            self.text.push_str(&format!(
                "… there are more than these {} lines; narrow the search or raise `limit` …\n",
                self.lines
            ));
        }
        if self.unread > 0 {
            self.text.push_str(&format!("… {} files or directories could not be read …\n", self.unread));
        }
        self.text
    }
}
