//! macOS: the confinement as a Seatbelt profile. Made on every system, so that it is tested on every system; used on macOS.
use super::{Confinement, TempSpace};
use agent_core::NetworkAccess;
use std::path::Path;

/// Part of macOS; never looked for in `PATH`.
pub(super) const PROGRAM: &str = "/usr/bin/sandbox-exec";

/// What every program needs to start, and nothing that reaches other programs or the user's data. The order counts: of the
/// rules that fit, the last one wins.
const BASE: &str = r#"(version 1)
(deny default)
(allow process-exec)
(allow process-fork)
(allow signal (target same-sandbox))
(allow process-info* (target same-sandbox))
(allow sysctl-read)
(allow user-preference-read)
(allow mach-lookup
  (global-name "com.apple.system.opendirectoryd.libinfo")
  (global-name "com.apple.system.notification_center")
  (global-name "com.apple.system.logger")
  (global-name "com.apple.PowerManagement.control"))
(allow ipc-posix-sem)
(allow ipc-posix-shm-read-data)
(allow pseudo-tty)
(allow file-read*)
(allow file-ioctl (literal "/dev/tty") (regex #"^/dev/ttys[0-9]+$"))
(allow file-write-data
  (literal "/dev/null") (literal "/dev/zero") (literal "/dev/dtracehelper") (literal "/dev/tty")
  (literal "/dev/ptmx") (regex #"^/dev/ttys[0-9]+$"))
"#;

/// With the network, also names are looked up and certificates checked.
const NETWORK: &str = r#"(allow network-outbound (remote ip))
(allow network-inbound (local ip))
(allow network-bind (local ip))
(allow system-socket (require-all (socket-domain AF_SYSTEM) (socket-protocol 2)))
(allow mach-lookup
  (global-name "com.apple.SystemConfiguration.configd")
  (global-name "com.apple.SystemConfiguration.DNSConfiguration")
  (global-name "com.apple.trustd")
  (global-name "com.apple.trustd.agent")
  (global-name "com.apple.networkd"))
(allow network-outbound (literal "/private/var/run/mDNSResponder"))
"#;

/// A command as `sandbox-exec` takes it.
pub(super) fn command_line(confinement: &Confinement, argv: Vec<String>) -> Vec<String> {
    let mut line = vec![PROGRAM.to_owned(), "-p".to_owned(), profile(confinement), "--".to_owned()];
    line.extend(argv);
    line
}

/// The profile of a confinement.
pub(super) fn profile(confinement: &Confinement) -> String {
    let mut profile = BASE.to_owned();
    let mut rule = |rule: &str, kind: &str, path: &Path| {
        profile.push_str(&format!("({rule} ({kind} {}))\n", quoted(path)));
    };
    for root in &confinement.writable {
        rule("allow file-write*", "subpath", root);
    }
    if confinement.temp == TempSpace::Private && !confinement.writable.is_empty() {
        // There is no private space; the user's own temporary folders are what programs use here.
        rule("allow file-write*", "subpath", Path::new("/private/var/folders"));
    }
    for place in confinement.protected.iter().chain(&confinement.reserved) {
        rule("deny file-write*", "subpath", place);
    }
    for link in &confinement.links {
        rule("deny file-write*", "literal", &link.path);
    }
    // A folder on the way to a protected place could be renamed, and the place be made anew.
    for place in confinement.protected.iter().chain(&confinement.reserved) {
        for folder in place
            .ancestors()
            .skip(1)
            .take_while(|folder| confinement.writable.iter().any(|root| folder.starts_with(root)))
        {
            rule("deny file-write-unlink", "literal", folder);
        }
    }
    for place in &confinement.hidden {
        rule("deny file-read* file-write*", "subpath", place);
    }
    if confinement.network == NetworkAccess::On {
        profile.push_str(NETWORK);
    }
    profile
}

/// A path as a string of the profile language, in which only these two characters mean something.
fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.to_string_lossy().replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::{Limits, confinement::Link};

    fn confinement() -> Confinement {
        Confinement {
            writable: vec!["/ws".into(), "/a \"b\\".into()],
            protected: vec!["/ws/sub/.git".into()],
            reserved: vec!["/ws/.everturn".into()],
            links: vec![Link { path: "/ws/link".into(), target: "x".into() }],
            hidden: vec!["/secrets".into()],
            temp: TempSpace::Shared,
            network: NetworkAccess::Off,
            limits: Limits::default(),
        }
    }

    fn rules(confinement: &Confinement) -> String {
        profile(confinement).strip_prefix(BASE).unwrap().to_owned()
    }

    #[test]
    fn what_is_protected_comes_after_what_is_allowed_and_hidden_last() {
        let expected = r#"(allow file-write* (subpath "/ws"))
(allow file-write* (subpath "/a \"b\\"))
(deny file-write* (subpath "/ws/sub/.git"))
(deny file-write* (subpath "/ws/.everturn"))
(deny file-write* (literal "/ws/link"))
(deny file-write-unlink (literal "/ws/sub"))
(deny file-write-unlink (literal "/ws"))
(deny file-write-unlink (literal "/ws"))
(deny file-read* file-write* (subpath "/secrets"))
"#;
        assert_eq!(rules(&confinement()), expected);
    }

    #[test]
    fn everything_is_denied_first() {
        let profile = profile(&confinement());
        assert!(profile.starts_with("(version 1)\n(deny default)\n"), "{profile}");
        assert!(!profile.contains("network"), "{profile}");
        assert_eq!(profile.matches('(').count(), profile.matches(')').count());
    }

    #[test]
    fn the_network_is_opened_only_when_it_is_on() {
        let on = Confinement { network: NetworkAccess::On, ..confinement() };
        assert!(profile(&on).ends_with(NETWORK));
    }

    #[test]
    fn nothing_is_writable_when_read_only() {
        let none = Confinement {
            writable: Vec::new(),
            protected: Vec::new(),
            reserved: Vec::new(),
            links: Vec::new(),
            temp: TempSpace::Private,
            ..confinement()
        };
        assert_eq!(rules(&none), "(deny file-read* file-write* (subpath \"/secrets\"))\n");
    }

    #[test]
    fn the_command_follows_the_profile() {
        let line = command_line(&confinement(), vec!["ls".into(), "-p".into()]);
        assert_eq!((line[0].as_str(), line[1].as_str()), (PROGRAM, "-p"));
        assert_eq!(line[3..], ["--", "ls", "-p"]);
    }
}
