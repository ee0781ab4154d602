//! Looking at files, without the call around it.

use super::*;
use rstest::rstest;
use std::fs;

struct Place {
    folder: tempfile::TempDir,
    site: Site,
}

impl Place {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let redactor = Redactor::new(["secret-123456".to_owned()]);
        let site = Site { cwd: folder.path().to_owned(), redactor, halted: Arc::default() };
        Self { folder, site }
    }

    fn look(&self, tool: &FileTool, arguments: &str) -> Result<String, String> {
        let arguments = Arguments::read(tool.name, tool.fields, arguments).unwrap();
        (tool.subject)(&arguments).and_then(|_| (tool.look)(&arguments, &self.site))
    }

    fn read(&self, arguments: &str) -> Result<String, String> {
        self.look(&READ_FILE, arguments)
    }

    fn grep(&self, arguments: &str) -> Result<String, String> {
        self.look(&GREP_FILES, arguments)
    }

    fn list(&self, arguments: &str) -> Result<String, String> {
        self.look(&LIST_DIR, arguments).map(|text| {
            let (first, rest) = text.split_once('\n').unwrap();
            assert_eq!(first, format!("{}/", self.folder.path().display()));
            rest.to_owned()
        })
    }
}

#[rstest]
#[case(r#"{"path":"a.txt"}"#, "L1: one\nL2: \nL3: drei ä\nL4: last\n")]
#[case(r#"{"path":"a.txt","offset":3}"#, "L3: drei ä\nL4: last\n")]
#[case(r#"{"path":"a.txt","offset":2,"limit":1}"#, "L2: \n… there is more; go on with offset 3 …\n")]
#[case(r#"{"path":"a.txt","offset":4,"limit":1}"#, "L4: last\n")]
#[case(r#"{"path":"./sub/../empty"}"#, "The file is empty.")]
#[case(r#"{"path":"secret"}"#, "L1: key=[redacted]!\n")]
fn lines_are_read(#[case] arguments: &str, #[case] expected: &str) {
    let place = Place::new(&[
        ("a.txt", "one\n\ndrei ä\r\nlast".as_bytes()),
        ("empty", b""),
        ("secret", b"key=secret-123456!\n"),
        ("sub/x", b""),
    ]);
    assert_eq!(place.read(arguments).as_deref(), Ok(expected));
}

#[rstest]
#[case(r#"{"path":"a.txt","offset":3}"#, "has no line 3")]
#[case(r#"{"path":"empty","offset":2}"#, "has no line 2")]
#[case(r#"{"path":"sub"}"#, "is a directory; use `list_dir`")]
#[case(r#"{"path":"binary"}"#, "binary file of 4 bytes")]
#[case(r#"{"path":"/dev/null"}"#, "no regular file")]
#[case(r#"{"path":"A.text"}"#, "A.text does not exist. Similar names: a.txt")]
#[case(r#"{"path":"sub/readme.md"}"#, "Similar names: sub/README.md")]
#[case(r#"{"path":"sup/README.md"}"#, "there is no sup in")]
#[case(r#"{"path":"sup/README.md"}"#, "Similar names: sub")]
#[case(r#"{"path":"a.txt/b"}"#, "a.txt is a file")]
#[case(r#"{"path":""}"#, "`path` is empty")]
fn what_cannot_be_read_is_explained(#[case] arguments: &str, #[case] said: &str) {
    let place = Place::new(&[
        ("a.txt", b"1\n2\n"),
        ("empty", b""),
        ("binary", b"a\0b\n"),
        ("sub/README.md", b""),
        ("zzz", b""),
    ]);
    let error = place.read(arguments).unwrap_err();
    assert!(error.contains(said), "{error}");
}

#[test]
fn long_files_and_long_lines_are_capped() {
    let long = "x".repeat(5_000) + "\nshort\n";
    let many: String = (1..=20_000).map(|number| format!("line {number}\n")).collect();
    let place = Place::new(&[("long", long.as_bytes()), ("many", many.as_bytes())]);
    let text = place.read(r#"{"path":"long"}"#).unwrap();
    assert_eq!(text, format!("L1: {}…\nL2: short\n", "x".repeat(1_000)));
    let text = place.read(r#"{"path":"many"}"#).unwrap();
    assert!(text.ends_with("L2000: line 2000\n… there is more; go on with offset 2001 …\n"));
    let text = place.read(r#"{"path":"many","limit":10000}"#).unwrap();
    assert!(text.len() < agent_core::BLOB_THRESHOLD_BYTES && text.contains("there is more"));
}

#[test]
fn a_directory_is_listed_sorted_with_signs() {
    let place =
        Place::new(&[("b.txt", b""), ("a/deep/x", b""), ("a/y", b""), (".git/config", b""), (".env", b"")]);
    std::os::unix::fs::symlink("b.txt", place.folder.path().join("link")).unwrap();
    fs::create_dir(place.folder.path().join("c")).unwrap();
    assert_eq!(place.list("{}").as_deref(), Ok("  .env\n  .git/\n  a/\n  b.txt\n  c/\n  link@ -> b.txt\n"));
    assert_eq!(
        place.list(r#"{"depth":3,"path":"."}"#).as_deref(),
        Ok("  .env\n  .git/\n  a/\n    deep/\n      x\n    y\n  b.txt\n  c/\n  link@ -> b.txt\n")
    );
    assert_eq!(
        place.list(r#"{"limit":2}"#).as_deref(),
        Ok("  .env\n  .git/\n… there is more; raise `limit` or list a part of it …\n")
    );
    let error = place.list(r#"{"path":"b.txt"}"#).unwrap_err();
    assert!(error.contains("use `read_file`"), "{error}");
    let error = place.list(r#"{"path":"bb.txt"}"#).unwrap_err();
    assert!(error.contains("Similar names: b.txt"), "{error}");
    let empty = place.look(&LIST_DIR, r#"{"path":"c"}"#).unwrap();
    assert!(empty.ends_with("/c/\nThe directory is empty.\n"));
}

#[rstest]
#[case(
    r#"{"pattern":"need.e"}"#,
    ".hidden/c.txt:1: needle\nsub/a.rs:2: a needle ä\nz.txt:1: Needle needle\n"
)]
#[case(r#"{"pattern":"needle$","path":"sub"}"#, "No line matches needle$.\n")]
#[case(r#"{"pattern":"(?i)^needle","path":"z.txt"}"#, "z.txt:1: Needle needle\n")]
#[case(r#"{"pattern":"needle","include":"*.rs"}"#, "sub/a.rs:2: a needle ä\n")]
#[case(r#"{"pattern":"needle","include":"sub/**/*.{rs,py}"}"#, "sub/a.rs:2: a needle ä\n")]
#[case(
    r#"{"pattern":"needle","limit":1}"#,
    ".hidden/c.txt:1: needle\n… there are more than these 1 lines; narrow the search or raise `limit` …\n"
)]
#[case(r#"{"pattern":"key=","path":"secret.txt"}"#, "secret.txt:1: key=[redacted]\n")]
fn matching_lines_are_found(#[case] arguments: &str, #[case] expected: &str) {
    let place = Place::new(&[
        (".gitignore", b"ignored\n*.log\n"),
        (".git/needle", b"needle\n"),
        (".hidden/c.txt", b"needle\n"),
        ("ignored/b.txt", b"needle\n"),
        ("x.log", b"needle\n"),
        ("binary", b"\0needle\n"),
        ("sub/a.rs", "first\r\na needle ä\r\n".as_bytes()),
        ("z.txt", b"Needle needle\n"),
        ("secret.txt", b"key=secret-123456\n"),
    ]);
    assert_eq!(place.grep(arguments).as_deref(), Ok(expected));
}

#[rstest]
#[case(r#"{"pattern":"a("}"#, "`pattern` is not a regular expression")]
#[case(r#"{"pattern":""}"#, "`pattern` is empty")]
#[case(r#"{"pattern":"a","include":"a{"}"#, "`include` is not a glob")]
#[case(r#"{"pattern":"a","path":"nowhere"}"#, "nowhere does not exist")]
fn a_search_that_makes_no_sense_is_explained(#[case] arguments: &str, #[case] said: &str) {
    let error = Place::new(&[]).grep(arguments).unwrap_err();
    assert!(error.contains(said), "{error}");
}

#[test]
fn long_lines_are_cut_in_matches() {
    let place = Place::new(&[("a", format!("needle{}\n", "x".repeat(1_000)).as_bytes())]);
    let text = place.grep(r#"{"pattern":"needle"}"#).unwrap();
    assert_eq!(text, format!("a:1: needle{}…\n", "x".repeat(294)));
}

#[test]
fn a_halted_search_ends() {
    let place = Place::new(&[("a", b"needle\n")]);
    place.site.halted.store(true, Ordering::Relaxed);
    assert_eq!(place.grep(r#"{"pattern":"needle"}"#).as_deref(), Ok("No line matches needle.\n"));
}
