//! What a policy comes to.

use super::*;
use std::os::unix::fs::symlink;

struct Site {
    _folder: tempfile::TempDir,
    root: PathBuf,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        fs::create_dir(root.join("ws")).unwrap();
        Self { _folder: folder, root }
    }

    fn of(&self, policy: &SandboxPolicy, config: &SandboxConfig) -> Result<Confinement, ConfinementError> {
        Confinement::of(policy, &self.root.join("ws"), config)
    }
}

fn write(roots: &[&Path]) -> SandboxPolicy {
    SandboxPolicy::WorkspaceWrite {
        writable_roots: roots.iter().map(|root| root.to_string_lossy().into_owned()).collect(),
        network: NetworkAccess::Off,
    }
}

#[test]
fn read_only_writes_nothing_and_protects_nothing() {
    let site = Site::new();
    let made = site.of(&SandboxPolicy::ReadOnly, &SandboxConfig::default()).unwrap();
    assert_eq!((made.writable.len(), made.protected.len(), made.reserved.len()), (0, 0, 0));
}

#[test]
fn what_does_not_exist_is_reserved_and_what_does_is_protected() {
    let site = Site::new();
    fs::create_dir(site.root.join("ws/.git")).unwrap();
    let made = site.of(&write(&[]), &SandboxConfig::default()).unwrap();
    assert_eq!(made.writable, [site.root.join("ws")]);
    assert_eq!(made.protected, [site.root.join("ws/.git")]);
    assert_eq!(made.reserved, [site.root.join("ws/.everturn")]);
}

#[test]
fn links_are_kept_with_what_they_lead_to() {
    let site = Site::new();
    fs::create_dir(site.root.join("ws/real")).unwrap();
    symlink("real", site.root.join("ws/.git")).unwrap();
    let made = site.of(&write(&[]), &SandboxConfig::default()).unwrap();
    assert_eq!(made.links, [Link { path: site.root.join("ws/.git"), target: "real".into() }]);
    assert_eq!(made.protected, [site.root.join("ws/real")]);
}

#[test]
fn a_root_that_is_a_link_is_what_it_leads_to() {
    let site = Site::new();
    symlink(site.root.join("ws"), site.root.join("link")).unwrap();
    let made = Confinement::of(&write(&[]), &site.root.join("link"), &SandboxConfig::default()).unwrap();
    assert_eq!(made.writable, [site.root.join("ws")]);
    assert_eq!(made.reserved, [site.root.join("ws/.everturn"), site.root.join("ws/.git")]);
}

#[test]
fn hook_folders_are_protected_or_reserved() {
    let site = Site::new();
    let git = site.root.join("ws/.git");
    fs::create_dir(&git).unwrap();
    fs::write(git.join("HEAD"), "ref: refs/heads/main\n").unwrap();
    fs::write(git.join("config"), "[core]\nhooksPath = tools/hooks\n").unwrap();
    let made = site.of(&write(&[]), &SandboxConfig::default()).unwrap();
    assert_eq!(made.reserved, [site.root.join("ws/.everturn"), site.root.join("ws/tools/hooks")]);
    fs::create_dir_all(site.root.join("ws/tools/hooks")).unwrap();
    let made = site.of(&write(&[]), &SandboxConfig::default()).unwrap();
    assert_eq!(made.protected, [git, site.root.join("ws/tools/hooks")]);
}

#[test]
fn hidden_places_are_real_and_never_hold_the_workspace() {
    let site = Site::new();
    fs::write(site.root.join("ws/.env"), "KEY=1").unwrap();
    fs::create_dir_all(site.root.join("home/.ssh/deep")).unwrap();
    let mut config = SandboxConfig {
        hidden: vec![
            ".env".into(),
            site.root.join("home/.ssh"),
            site.root.join("home/.ssh/deep"),
            "/no/such".into(),
        ],
        ..SandboxConfig::default()
    };
    let made = site.of(&write(&[]), &config).unwrap();
    assert_eq!(made.hidden, [site.root.join("home/.ssh"), site.root.join("ws/.env")]);
    config.hidden = vec![site.root.clone()];
    for policy in [SandboxPolicy::ReadOnly, write(&[])] {
        assert!(matches!(site.of(&policy, &config), Err(ConfinementError::HiddenRoot { .. })));
    }
}

#[test]
fn a_link_in_a_root_does_not_become_a_root() {
    let site = Site::new();
    fs::create_dir(site.root.join("other")).unwrap();
    symlink(site.root.join("other"), site.root.join("ws/sub")).unwrap();
    let made = site.of(&write(&[&site.root.join("ws/sub")]), &SandboxConfig::default()).unwrap();
    assert_eq!(made.writable, [site.root.join("ws")]);
    let nested = Confinement::of(
        &write(&[&site.root.join("ws")]),
        &site.root.join("ws/sub"),
        &SandboxConfig::default(),
    );
    assert_eq!(nested.unwrap().writable, [site.root.join("ws")]);
}

#[test]
fn what_no_sandbox_could_mean_is_refused() {
    let site = Site::new();
    for root in ["/", "/proc", "/dev/shm", "/sys/fs"] {
        let refused = site.of(&write(&[Path::new(root)]), &SandboxConfig::default());
        assert!(matches!(refused, Err(ConfinementError::Root(_))), "{root}");
    }
    let full = site.of(&SandboxPolicy::DangerFullAccess, &SandboxConfig::default());
    assert!(matches!(full, Err(ConfinementError::Policy(_))));
}

#[test]
fn shared_temporary_space_is_for_those_who_may_write() {
    let site = Site::new();
    let config = SandboxConfig { temp: TempSpace::Shared, ..SandboxConfig::default() };
    let tmp = fs::canonicalize("/tmp").unwrap();
    assert!(site.of(&write(&[]), &config).unwrap().writable.contains(&tmp));
    assert!(site.of(&SandboxPolicy::ReadOnly, &config).unwrap().writable.is_empty());
}

#[test]
fn files_that_name_each_other_in_a_circle_are_looked_at_once() {
    let site = Site::new();
    for (name, next) in [(".git", "a"), ("a", "b"), ("b", "a")] {
        fs::write(site.root.join("ws").join(name), format!("gitdir: {next}\n")).unwrap();
    }
    let made = site.of(&write(&[]), &SandboxConfig::default()).unwrap();
    let expected = [".git", "a", "b"].map(|name| site.root.join("ws").join(name));
    assert_eq!(made.protected, expected);
}

#[test]
fn hooks_of_a_repository_further_up_are_protected() {
    let site = Site::new();
    let git = site.root.join(".git");
    fs::create_dir(&git).unwrap();
    fs::write(git.join("HEAD"), "").unwrap();
    fs::write(git.join("config"), "[core]\nhooksPath = ws/hooks\n").unwrap();
    fs::create_dir(site.root.join("ws/hooks")).unwrap();
    let made = site.of(&write(&[]), &SandboxConfig::default()).unwrap();
    assert_eq!(made.protected, [site.root.join("ws/hooks")]);
}

#[test]
fn links_on_the_way_are_kept_and_what_a_link_leads_to_in_vain_is_reserved() {
    let site = Site::new();
    let ws = site.root.join("ws");
    let git = ws.join(".git");
    fs::create_dir(&git).unwrap();
    fs::write(git.join("HEAD"), "").unwrap();
    fs::write(git.join("config"), "[core]\nhooksPath = tools/hooks\n").unwrap();
    fs::create_dir_all(ws.join("real/hooks")).unwrap();
    symlink("other", ws.join("tools")).unwrap();
    symlink("real", ws.join("other")).unwrap();
    symlink("nothing", ws.join(".everturn")).unwrap();
    let made = site.of(&write(&[]), &SandboxConfig::default()).unwrap();
    let link = |name: &str, target: &str| Link { path: ws.join(name), target: target.into() };
    assert_eq!(made.links, [link(".everturn", "nothing"), link("other", "real"), link("tools", "other")]);
    assert_eq!(made.protected, [git, ws.join("real/hooks")]);
    assert_eq!(made.reserved, [ws.join("nothing")]);
}
