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
        let site =
            Site { cwd: folder.path().to_owned(), redactor, halted: Arc::default(), sight: Sight::All };
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

#[test]
fn what_is_ignored_is_marked_and_not_entered() {
    let files: [(&str, &[u8]); 7] = [
        (".gitignore", b"/target\n*.log\n!keep.log\n"),
        ("target/debug/x", b""),
        ("a.log", b""),
        ("keep.log", b""),
        ("sub/.ignore", b"own\n"),
        ("sub/own", b""),
        ("sub/b.log", b""),
    ];
    let place = Place::new(&files);
    assert_eq!(
        place.list(r#"{"depth":4}"#).as_deref(),
        Ok(
            "  .gitignore\n  a.log (ignored)\n  keep.log\n  sub/\n    .ignore\n    b.log (ignored)\n    own (ignored)\n  \
            target/ (ignored)\n"
        )
    );
    let named = place.look(&LIST_DIR, r#"{"path":"target","depth":2}"#).unwrap();
    assert!(named.ends_with("/target/\n  debug/\n    x\n"), "{named}");
}

/// A workspace with everything that is no plain file.
fn odd_place() -> Place {
    let place = Place::new(&[("real", b"needle\n")]);
    let root = place.folder.path();
    let fifo = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, root.join("fifo"), fifo, rustix::fs::Mode::from_raw_mode(0o600), 0)
        .unwrap();
    for (name, target) in [("dangling", "nowhere"), ("loop", "loop"), ("up", "."), ("null", "/dev/null")] {
        std::os::unix::fs::symlink(target, root.join(name)).unwrap();
    }
    std::mem::forget(std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap());
    place
}

#[rstest]
#[case("fifo", "fifo is no regular file")]
#[case("dangling", "dangling does not exist")]
#[case("loop", "loop cannot be read: Too many levels of symbolic links")]
#[case("null", "null is no regular file")]
#[case("socket", "socket")]
#[case("up", "is a directory")]
#[case("real/x", "real is a file")]
fn what_is_no_plain_file_is_not_waited_for(#[case] path: &str, #[case] said: &str) {
    let place = odd_place();
    let error = place.read(&format!(r#"{{"path":"{path}"}}"#)).unwrap_err();
    assert!(error.contains(said), "{error}");
    let image = crate::image::Image::open(&place.folder.path().join(path));
    assert!(image.is_err());
}

#[test]
fn odd_files_are_listed_and_passed_over() {
    let place = odd_place();
    let listed = place.list(r#"{"depth":10}"#).unwrap();
    assert_eq!(
        listed,
        "  dangling@ -> nowhere\n  fifo\n  loop@ -> loop\n  null@ -> /dev/null\n  real\n  socket\n  up@ -> .\n"
    );
    assert_eq!(place.grep(r#"{"pattern":"needle"}"#).as_deref(), Ok("real:1: needle\n"));
    for (path, said) in [
        ("fifo", "fifo is no regular file and no directory"),
        ("dangling", "dangling does not exist"),
        ("loop", "Too many levels"),
    ] {
        let error = place.grep(&format!(r#"{{"pattern":"x","path":"{path}"}}"#)).unwrap_err();
        assert!(error.contains(said), "{error}");
    }
    for (path, said) in [("fifo", "is a file"), ("dangling", "does not exist"), ("loop", "Too many levels")] {
        let error = place.list(&format!(r#"{{"path":"{path}"}}"#)).unwrap_err();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn a_path_with_a_nul_is_refused_before_anything_is_looked_at() {
    for tool in [&READ_FILE, &LIST_DIR, &GREP_FILES] {
        let error = Arguments::read(tool.name, tool.fields, r#"{"path":"a\u0000b"}"#).unwrap_err();
        assert!(error.contains("`path` must be a string"), "{error}");
    }
    let image = crate::image::Image::open(std::path::Path::new("a\0b"));
    assert!(matches!(image, Err(crate::image::ImageError::Unreadable(_))), "{image:?}");
}

#[test]
fn a_deep_tree_and_a_wide_one_are_listed_in_part() {
    let place = Place::new(&[]);
    let deep = "d/".repeat(15);
    fs::create_dir_all(place.folder.path().join(&deep)).unwrap();
    for index in 0..400 {
        fs::write(place.folder.path().join(format!("f{index}")), "x\n").unwrap();
    }
    let listed = place.list(r#"{"depth":10}"#).unwrap();
    assert!(
        listed.contains(&format!("{}d/\n", "  ".repeat(10))) && !listed.contains(&"  ".repeat(11)),
        "{listed}"
    );
    assert!(listed.ends_with("there is more; raise `limit` or list a part of it …\n"));
    let found = place.grep(r#"{"pattern":"x"}"#).unwrap();
    assert_eq!(found.lines().count(), 101);
    assert!(found.ends_with("there are more than these 100 lines; narrow the search or raise `limit` …\n"));
}
