//! Processes that an attempt left behind.

use std::fs;

/// More than any command line or environment here has.
const SHOWN_CHARS: usize = 60;

/// What runs since the victim was started and is marked as the attempt's, by its command line, environment or
/// folder. It is killed, so that a test that finds it does not leave it there.
pub(super) fn found(victim: u32, marks: &[&str]) -> Vec<String> {
    let Some(since) = start(victim) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap() {
        let name = entry.unwrap().file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let fresh = start(pid).is_some_and(|start| start >= since);
        if !fresh || pid == victim || pid == std::process::id() {
            continue;
        }
        let read = |what: &str| fs::read(format!("/proc/{pid}/{what}")).unwrap_or_default();
        let command = String::from_utf8_lossy(&read("cmdline")).replace('\0', " ");
        let environment = String::from_utf8_lossy(&read("environ")).into_owned();
        let folder = fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
        let folder = folder.to_string_lossy();
        let marked =
            |mark: &&str| [&*command, &*environment, &*folder].iter().any(|text| text.contains(*mark));
        if marks.iter().any(marked) {
            let command: String = command.chars().take(SHOWN_CHARS).collect();
            found.push(format!("process {pid} still runs: {command}"));
            if let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
    }
    found
}

/// When a process that has not ended was started, in ticks.
fn start(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let rest = stat.rsplit_once(") ")?.1;
    let mut fields = rest.split(' ');
    let dead = matches!(fields.next()?, "Z" | "X");
    fields.nth(18)?.parse().ok().filter(|_| !dead)
}
