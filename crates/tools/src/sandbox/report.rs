//! What the helper tells the host about a launch: one JSON line for each thing, through a pipe.

use super::{Confinement, confinement::Link};
use serde::{Deserialize, Serialize};
use std::{fs::File, io, io::Read, os::fd::OwnedFd, path::PathBuf};

/// More than the helper ever writes, and less than a pipe holds, so that it never waits for its reader.
pub(super) const MAX_REPORT_BYTES: u64 = 32 * 1024;

/// One thing to tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Note {
    /// The program runs, confined.
    Started,
    /// The command could not be confined, so it did not run.
    Fault(String),
    /// It could be confined, but the program could not be started.
    NoProgram(String),
    /// It used too much and was stopped.
    Limit(String),
    /// When the program had ended, so many of its processes had not; they were stopped.
    Left(usize),
    /// It made something that has to stay away, which was moved aside.
    Undone(String),
}

/// What came of a launch, beside its exit status and output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Whether the program was started.
    pub started: bool,
    /// Why the command could not be confined. It did not run.
    pub fault: Option<String>,
    /// Why the program could not be started.
    pub no_program: Option<String>,
    /// Which limit stopped it.
    pub limit: Option<String>,
    /// How many processes it left behind, which were stopped.
    pub left: usize,
    /// What it made that has to stay away, and where that is now.
    pub undone: Vec<String>,
}

impl Report {
    fn of(text: &str) -> Self {
        let mut report = Self::default();
        for note in text.lines().filter_map(|line| serde_json::from_str(line).ok()) {
            match note {
                Note::Started => report.started = true,
                Note::Fault(why) => report.fault = report.fault.or(Some(why)),
                Note::NoProgram(why) => report.no_program = Some(why),
                Note::Limit(which) => report.limit = report.limit.or(Some(which)),
                Note::Left(count) => report.left = count,
                Note::Undone(what) => report.undone.push(what),
            }
        }
        report
    }

    /// Why the program did not run, where it is certain that it did not.
    pub fn not_run(&self, program: &str) -> Option<String> {
        match (self.started, &self.fault, &self.no_program) {
            (false, Some(why), _) => {
                Some(format!("The command did not run: the sandbox could not be set up: {why}"))
            }
            (false, None, Some(why)) => Some(format!("`{program}` could not be started: {why}")),
            _ => None,
        }
    }

    /// What of it the model has to know, a sentence each.
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if let Some(limit) = &self.limit {
            remarks.push(format!("The command and all its processes were stopped: {limit}."));
        }
        if self.left > 0 {
            let (count, these) = match self.left {
                1 => ("1 process".to_owned(), "it was"),
                count => (format!("{count} processes"), "they were"),
            };
            remarks.push(format!(
                "The command left {count} running in the background; {these} stopped. What has to go on running does not \
                 outlive the command in the sandbox."
            ));
        }
        remarks.extend(self.undone.iter().cloned());
        remarks
    }
}

/// Where the report arrives.
#[derive(Debug)]
pub struct ReportReader {
    pipe: File,
    /// Where the supervisor keeps something while it runs, which it cannot take away when it is killed.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only the supervisor on Linux does"))]
    reserved: Vec<PathBuf>,
    /// What it puts back when the command has changed it, which it cannot either.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only the supervisor on Linux does"))]
    links: Vec<Link>,
}

impl ReportReader {
    pub(super) fn new(pipe: OwnedFd, confinement: &Confinement) -> Self {
        let Confinement { reserved, links, .. } = confinement.clone();
        Self { pipe: pipe.into(), reserved, links }
    }

    /// The report of a child that has ended. Never waits.
    pub fn read(mut self) -> Report {
        let mut text = Vec::new();
        let read = rustix::io::ioctl_fionbio(&self.pipe, true)
            .map_err(io::Error::from)
            .and_then(|()| Read::by_ref(&mut self.pipe).take(MAX_REPORT_BYTES).read_to_end(&mut text));
        if let Err(error) = read
            && error.kind() != io::ErrorKind::WouldBlock
        {
            tracing::warn!(%error, "the report of a sandboxed command cannot be read");
        }
        Report::of(&String::from_utf8_lossy(&text))
    }
}

impl Drop for ReportReader {
    fn drop(&mut self) {
        #[cfg(target_os = "linux")]
        {
            super::helper::sweep(&self.reserved);
            super::helper::put_back(&self.links);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_told() {
        let lines = [
            Note::Started,
            Note::Limit("it had 9 processes, 8 are allowed".into()),
            Note::Left(2),
            Note::Undone("moved".into()),
        ];
        let text: String =
            lines.iter().map(|note| format!("{}\n", serde_json::to_string(note).unwrap())).collect();
        let report = Report::of(&format!("{text}{{\"torn"));
        let expected = Report {
            started: true,
            limit: Some("it had 9 processes, 8 are allowed".into()),
            left: 2,
            undone: vec!["moved".into()],
            ..Report::default()
        };
        assert_eq!(report, expected);
        assert_eq!(report.not_run("x"), None);
        assert_eq!(report.remarks().len(), 3);
    }

    #[test]
    fn what_did_not_run_says_why() {
        let fault = Report { fault: Some("no Landlock".into()), ..Report::default() };
        assert!(
            fault.not_run("ls").is_some_and(|why| why.contains("did not run") && why.contains("no Landlock"))
        );
        let missing = Report { no_program: Some("No such file".into()), ..Report::default() };
        assert_eq!(missing.not_run("lss").as_deref(), Some("`lss` could not be started: No such file"));
        assert_eq!(Report::default().not_run("ls"), None);
    }
}
