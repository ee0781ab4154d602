//! The ledger file by file, with processes that are not the harness's own.

use super::*;
use agent_core::{
    Access, CallId, Class, Containment, Grant, ItemId, OutputStatus, Payload, Preparation, Repeat,
    SandboxPolicy, Subject, Tenant, ThreadId, ToolCall, ToolOutput, TurnId, Verdict,
};
use rstest::rstest;
use std::process::{Command, Stdio};

struct Place {
    home: tempfile::TempDir,
    ledger: Ledger,
}

impl Place {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let ledger = Ledger::new(home.path(), Durability::Process);
        Self { home, ledger }
    }

    fn write(&self, content: &[u8]) {
        let path = self.ledger.path(&request(1));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn recover(&self) -> ToolAnswer {
        self.ledger.recover(&request(1))
    }

    fn open(&self, attempt: u32) -> Page {
        match self.ledger.open(&request(attempt)).unwrap() {
            Opened::Fresh(page) => page,
            Opened::Known => panic!("the page is known"),
        }
    }

    fn files(&self) -> usize {
        fs::read_dir(self.ledger.folder(&request(1).key)).map_or(0, Iterator::count)
    }
}

fn request(attempt: u32) -> ToolRequest {
    ToolRequest {
        key: ThreadKey { tenant: Tenant::new("te/na nt"), thread: ThreadId::new("..") },
        turn: TurnId(1),
        effect: EffectId(7),
        attempt,
        call: ToolCall {
            id: CallId::new("call_1"),
            item: ItemId::new("item_1"),
            name: "exec_command".into(),
            payload: Payload::Function { arguments: "{}".into() },
        },
        preparation: Preparation {
            access: Access::Mutating,
            repeat: Repeat::Never,
            class: Class::Ordinary,
            verdict: Verdict::Silent,
            containment: Containment::Contained,
            subject: Subject::Patch { changes: Vec::new() },
            digest: String::new(),
            timeout_ms: 1_000,
            justification: None,
            amendment: None,
        },
        grant: Grant::Unconfined,
        cwd: "/".into(),
        sandbox: SandboxPolicy::DangerFullAccess,
        amendment: None,
        reply: None,
        traceparent: None,
    }
}

fn answer() -> ToolAnswer {
    ToolAnswer::Finished { output: ToolOutput::text(OutputStatus::Ok, "done\nline") }
}

fn answer_line() -> Vec<u8> {
    let mut line = serde_json::to_vec(&Line::Answer(answer())).unwrap();
    line.push(b'\n');
    line
}

fn entry(pid: i32, start: u64, boot: &str, mark: &str) -> Vec<u8> {
    let [before, between, after] = line::child_entry(boot, mark);
    format!("{before}{pid}{between}{start}{after}").into_bytes()
}

fn note(answer: ToolAnswer) -> String {
    match answer {
        ToolAnswer::Unknown { note } => note,
        other => panic!("expected unknown, got {other:?}"),
    }
}

/// An innocent process that lives until the test ends.
struct Bystander(std::process::Child);

impl Bystander {
    fn new() -> Self {
        let child = Command::new("sleep").arg("60").stdout(Stdio::null()).spawn().unwrap();
        Self(child)
    }

    fn pid(&self) -> i32 {
        i32::try_from(self.0.id()).unwrap()
    }

    fn start(&self) -> u64 {
        crate::sys::start_of(self.pid()).unwrap()
    }

    fn ended(&mut self) -> bool {
        for _ in 0..200 {
            if self.0.try_wait().unwrap().is_some() {
                return true;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        false
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn without_a_file_or_with_an_empty_one_it_did_not_start() {
    let place = Place::new();
    place.ledger.make_folder(&request(1).key).unwrap();
    assert_eq!(place.recover(), ToolAnswer::NotStarted);
    place.write(b"");
    assert_eq!(place.recover(), ToolAnswer::NotStarted);
}

#[test]
fn without_the_folder_nobody_knows() {
    let place = Place::new();
    let ToolAnswer::Unknown { note } = place.recover() else { panic!("{:?}", place.recover()) };
    assert!(note.contains("is not there"), "{note}");
}

#[test]
fn a_kept_answer_is_given_again() {
    let place = Place::new();
    let boot = crate::sys::boot_id();
    place.write(&[entry(i32::MAX, 5, boot, "m"), answer_line()].concat());
    assert_eq!(place.recover(), answer());
    assert_eq!(place.recover(), answer(), "as often as asked");
}

#[rstest]
#[case::first_line_cut(20, "damaged")]
#[case::first_line_without_its_end(-1, "damaged")]
fn a_torn_beginning_is_unknown(#[case] cut: isize, #[case] said: &str) {
    let place = Place::new();
    let line = entry(i32::MAX, 5, crate::sys::boot_id(), "m");
    let length = if cut < 0 { line.len() - 1 } else { cut.unsigned_abs() };
    place.write(&line[..length]);
    assert!(note(place.recover()).contains(said));
}

#[test]
fn whatever_is_cut_from_an_answer_it_is_unknown_and_never_not_started() {
    let place = Place::new();
    let first = entry(i32::MAX, 5, crate::sys::boot_id(), "m");
    let second = answer_line();
    for length in 1..second.len() {
        place.write(&[first.as_slice(), &second[..length]].concat());
        assert!(note(place.recover()).contains("its output is lost"), "cut after {length} bytes");
    }
    place.write(&[first.as_slice(), b"\0\0\0\0"].concat());
    assert!(note(place.recover()).contains("its output is lost"));
    place.write(b"\0\0\0\0\0\0");
    assert!(note(place.recover()).contains("damaged"));
}

#[test]
fn a_process_that_still_runs_is_stopped() {
    let place = Place::new();
    let mut running = Bystander::new();
    place.write(&entry(running.pid(), running.start(), crate::sys::boot_id(), "m"));
    assert!(note(place.recover()).contains("still running and was stopped"));
    assert!(running.ended());
    assert!(note(place.recover()).contains("had ended by itself"), "asked again");
}

#[test]
fn a_later_process_of_the_same_number_is_left_alone() {
    let place = Place::new();
    let mut innocent = Bystander::new();
    place.write(&entry(innocent.pid(), innocent.start() - 1, crate::sys::boot_id(), "m"));
    assert!(note(place.recover()).contains("had ended by itself"));
    assert!(innocent.0.try_wait().unwrap().is_none(), "it was killed");
}

#[test]
fn after_a_restart_of_the_machine_nothing_is_killed() {
    let place = Place::new();
    let mut innocent = Bystander::new();
    place.write(&entry(innocent.pid(), innocent.start(), "another-boot", "m"));
    assert!(note(place.recover()).contains("machine was restarted"));
    assert!(innocent.0.try_wait().unwrap().is_none(), "it was killed");
}

#[test]
fn what_left_the_tree_is_found_by_its_mark_also_after_an_answer() {
    let place = Place::new();
    let mark = format!("test-mark-{}", std::process::id());
    let child = Command::new("setsid")
        .args(["sleep", "60"])
        .env(crate::sys::MARK_VARIABLE, &mark)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut stray = Bystander(child);
    let start = stray.start();
    // Its command has ended long ago: no process has that number.
    place.write(&[entry(i32::MAX, start, crate::sys::boot_id(), &mark), answer_line()].concat());
    assert_eq!(place.recover(), answer());
    assert!(stray.ended(), "a process with the mark was left running");
}

#[test]
fn work_of_a_process_of_ours_is_unknown_and_its_number_is_not_killed() {
    let place = Place::new();
    let mut page = place.open(1);
    page.begin_here().unwrap();
    drop(page);
    assert!(note(place.recover()).contains("writing files"));
    let mut innocent = Bystander::new();
    let line = Line::process(innocent.pid(), innocent.start(), crate::sys::boot_id().to_owned());
    place.write(format!("{}\n", serde_json::to_string(&line).unwrap()).as_bytes());
    assert!(note(place.recover()).contains("writing files"));
    assert!(innocent.0.try_wait().unwrap().is_none(), "it was killed");
    place.write(&[serde_json::to_vec(&line).unwrap(), b"\n".to_vec(), answer_line()].concat());
    assert_eq!(place.recover(), answer());
}

#[rstest]
#[case(Durability::Process)]
#[case(Durability::Power)]
fn a_page_is_written_read_and_forgotten(#[case] durability: Durability) {
    let mut place = Place::new();
    place.ledger = Ledger::new(place.home.path(), durability);
    let mut page = place.open(1);
    assert!(!page.is_begun());
    page.begin_here().unwrap();
    assert!(page.is_begun());
    page.finish(&answer());
    assert!(matches!(place.ledger.open(&request(1)), Ok(Opened::Known)), "a run is begun once");
    assert_eq!(place.recover(), answer());
    place.ledger.acknowledge(&request(1).key, EffectId(7));
    assert_eq!(place.files(), 0);
    place.ledger.acknowledge(&request(1).key, EffectId(7));
    assert_eq!(place.recover(), ToolAnswer::NotStarted);
}

#[test]
fn attempts_have_pages_of_their_own_and_are_forgotten_together_unless_under_way() {
    let place = Place::new();
    place.open(1).discard();
    assert_eq!(place.files(), 0, "what did not run leaves nothing");
    drop(place.open(1));
    let second = place.open(2);
    let other = ToolRequest { effect: EffectId(77), ..request(1) };
    assert!(matches!(place.ledger.open(&other), Ok(Opened::Fresh(_))));
    assert_eq!(place.files(), 3);
    place.ledger.acknowledge(&request(1).key, EffectId(7));
    assert_eq!(
        place.files(),
        2,
        "the first attempt is forgotten, the one under way and the other effect are not"
    );
    drop(second);
    place.ledger.acknowledge(&request(1).key, EffectId(7));
    assert_eq!(place.files(), 1);
}

#[test]
fn recovery_waits_for_who_holds_the_page() {
    let place = Place::new();
    let mut page = place.open(1);
    let holder = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(100));
        page.begin_here().unwrap();
        page.finish(&answer());
    });
    assert_eq!(place.recover(), answer(), "not taken for not started while it is held");
    holder.join().unwrap();
}

#[test]
fn ids_cannot_leave_the_ledger() {
    assert_eq!(file_name("0190-ab_C"), "0190-ab_C");
    assert_eq!(file_name("../é"), "%2e%2e%2f%c3%a9");
    assert_eq!(file_name(""), "%");
    let place = Place::new();
    assert!(
        place.ledger.path(&request(1)).starts_with(place.home.path().join("effects/te%2fna%20nt/%2e%2e"))
    );
}

#[test]
fn only_the_owner_may_read_the_ledger() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    drop(place.open(1));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let path = place.ledger.path(&request(1));
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
}
