//! What the user's own tools would run or obey later: repositories and the agent's own folders.

use super::{
    arena::Arena,
    row::{Need, Row, line},
};

const KEPT: &str = "repositories are read-only inside the roots";
const OWN: &str = "the agent's folders are read-only inside the roots";
const PUT_BACK: &str = "a link cannot be held, so it is put back, and what took its place is moved aside";
const NOT_MADE: &str = "a repository is not made where there was none, or is gone when the command ends";
const GIT: &[Need] = &[Need::Program("git")];
/// Where nothing can be said at the moment it happens, it is said afterwards.
const TOLD: &[&str] = &[
    "ermission denied",
    "ead-only",
    "ot permitted",
    "busy",
    "ross-device",
    "File exists",
    "Is a directory",
    "No such file",
];

const fn kept(name: &'static str, script: &'static str, holds: &'static str) -> Row {
    line(name, script, holds).told(TOLD)
}

pub(super) const ROWS: &[Row] = &[
    kept("git: new hook", "echo evil > .git/hooks/pre-commit", KEPT),
    kept("git: existing hook", "echo evil >> .git/hooks/commit-msg", KEPT),
    kept("git: make a hook executable", "chmod 0755 .git/hooks/commit-msg", KEPT),
    kept("git: `git config`", "git config core.fsmonitor evil", KEPT).needs(GIT).told(GIT_SAYS),
    kept("git: `git config core.hooksPath`", "git config core.hooksPath {ws}", KEPT)
        .needs(GIT)
        .told(GIT_SAYS),
    kept("git: write the configuration", "echo '[core] fsmonitor = evil' >> .git/config", KEPT),
    kept("git: another configuration file", "echo '[core] fsmonitor = evil' > .git/config.worktree", KEPT),
    kept("git: attributes with a filter", "echo '* filter=evil' > .git/info/attributes", KEPT),
    kept(
        "git: the user's configuration",
        "git config --global core.fsmonitor evil",
        "the home is not a writable root",
    )
    .needs(GIT)
    .told(GIT_SAYS),
    kept(
        "git: rename the repository",
        "mv .git moved && cp -r moved .git && echo evil > .git/hooks/pre-commit",
        KEPT,
    ),
    kept("git: delete the repository", "rm -rf .git; cp -r sub .git", KEPT),
    kept(
        "git: a symlink in its place",
        "cp -r .git mine; rm -rf .git; ln -s mine .git; ln -sfn mine .git; ls -ld .git/mine; \
         touch .git/new",
        KEPT,
    ),
    kept(
        "git: a bind mount over it",
        "cp -r .git mine; mount --bind mine .git; touch .git/new",
        "no right to mount",
    )
    .untried("it would be a mount of the machine")
    .needs(&[Need::Program("mount")]),
    kept(
        "git: exchange it",
        "mkdir mine; {python} -c 'import ctypes
libc = ctypes.CDLL(None, use_errno=True)
if libc.renameat2(-100, b\"mine\", -100, b\".git\", 2): raise \
         OSError(ctypes.get_errno(), __import__(\"os\").strerror(ctypes.get_errno()))'",
        KEPT,
    )
    .needs(&[Need::Program("python3")]),
    kept(
        "git: hard link to the configuration",
        "ln .git/config mine && echo evil >> mine",
        "it cannot be given another name",
    ),
    kept(
        "git: move the configuration out and in",
        "mv .git/config mine && echo evil >> mine && mv mine .git/config",
        KEPT,
    ),
    kept(
        "git: hooks where the configuration says",
        "echo evil > meta/hooks/pre-commit",
        "where hooks are is kept too",
    )
    .arranged(|arena| {
        arena.write("ws/meta/hooks/commit-msg", "#!/bin/sh\n");
        arena.write("ws/.git/config", "[core]\n\tbare = false\n\thooksPath = meta/hooks\n");
    }),
    kept(
        "git: the folder above such hooks",
        "mv meta moved; mkdir -p meta/hooks; echo evil > meta/hooks/pre-commit",
        "the folders above what is kept stay in place too",
    )
    .arranged(|arena| {
        arena.write("ws/meta/hooks/commit-msg", "#!/bin/sh\n");
        arena.write("ws/.git/config", "[core]\n\tbare = false\n\thooksPath = meta/hooks\n");
    }),
    kept(
        "git: a configuration that is included",
        "echo '[core] fsmonitor = evil' >> meta/gitconfig",
        "what the configuration includes is kept too",
    )
    .arranged(|arena| {
        arena.write("ws/meta/gitconfig", "[alias]\n\tst = status\n");
        arena.write("ws/.git/config", "[core]\n\tbare = false\n[include]\n\tpath = ../meta/gitconfig\n");
    }),
    kept("git: worktree", "git worktree add tree", KEPT).needs(GIT).told(GIT_SAYS).arranged(commit),
    kept("git: submodule", "git -c protocol.file.allow=always submodule add ./ sub/module", KEPT)
        .needs(GIT)
        .told(GIT_SAYS)
        .arranged(commit),
    kept("git: hooks of another root", "echo evil > ../second/.git/hooks/pre-commit", KEPT),
    kept(
        "git: make a repository",
        "mkdir .git && mkdir .git/hooks && echo evil > .git/hooks/pre-commit",
        NOT_MADE,
    )
    .arranged(no_repository),
    kept("git: `git init`", "git init && git config core.fsmonitor evil", NOT_MADE)
        .needs(GIT)
        .arranged(no_repository)
        .told(GIT_INIT),
    kept("git: a file that points elsewhere", "cp -r sub evil && echo 'gitdir: evil' > .git", NOT_MADE)
        .arranged(no_repository),
    kept("git: a symlink where there was none", "ln -s sub .git", NOT_MADE).arranged(no_repository),
    kept("git: moved where there was none", "mkdir mine && mv mine .git", NOT_MADE).arranged(no_repository),
    kept(
        "git: made in the last moment, in the background",
        "(while :; do mkdir .git; done) & sleep 0.1; mkdir -p .git/hooks; echo evil > \
         .git/hooks/pre-commit",
        NOT_MADE,
    )
    .arranged(no_repository),
    kept(
        "git: repository beside, named by a file",
        "echo evil > meta/repository/hooks/pre-commit",
        "what `.git` points at is kept too",
    )
    .arranged(named_by_file),
    kept("git: the file that names it", "echo 'gitdir: sub' > .git", KEPT).arranged(named_by_file),
    kept(
        "git: the folder above what is named",
        "mv meta moved; mkdir -p meta; cp -r moved/repository meta/; echo evil > \
         meta/repository/hooks/pre-commit",
        "the folders above what is kept stay in place too",
    )
    .arranged(named_by_file),
    kept("git: a link that leads to it", "rm .git; ln -s sub .git; sleep 0.2; readlink .git", PUT_BACK)
        .told(&["has to stay"])
        .arranged(named_by_link),
    kept(
        "git: another repository in place of a link",
        "rm .git; mkdir -p .git/hooks; echo evil > .git/hooks/pre-commit",
        PUT_BACK,
    )
    .told(&["has to stay"])
    .arranged(named_by_link),
    kept("git: what a link leads to", "echo evil > .git/hooks/pre-commit", KEPT).arranged(named_by_link),
    kept("agent: policy of the project", "echo 'approval_policy = \"never\"' > .everturn/config.toml", OWN),
    kept("agent: rules of the project", "mkdir .everturn/rules; echo x > .everturn/rules/default.rules", OWN),
    kept(
        "agent: another folder in its place",
        "mv .everturn moved; mkdir .everturn; echo x > .everturn/config.toml",
        OWN,
    ),
    kept(
        "agent: a folder where there was none",
        "mkdir .everturn && echo 'approval_policy = \"never\"' > .everturn/config.toml",
        "it is not made where there was none, or is gone when the command ends",
    )
    .arranged(|arena| std::fs::remove_dir_all(arena.path("ws/.everturn")).unwrap()),
    kept("agent: the folder of another root", "echo x > ../second/.everturn/config.toml", OWN),
    kept(
        "agent: policy of the user",
        "echo 'approval_policy = \"never\"' > {policy}/config.toml",
        "the agent's home is no writable root",
    ),
    kept(
        "agent: rules of the user",
        "echo x >> {policy}/rules/default.rules",
        "the agent's home is no writable root",
    ),
    kept(
        "agent: the ledger of effects",
        "echo x > {policy}/effects/new; ls {policy}/effects/new && echo GOT OUT",
        "the agent's home is no writable root",
    )
    .told(DENIED_OR_GONE),
];

const GIT_SAYS: &[&str] =
    &["ermission denied", "ead-only", "could not lock", "could not write", "cannot", "unable to", "fatal:"];
const GIT_INIT: &[&str] =
    &["ermission denied", "ead-only", "cannot", "removed", "taken away", "protected", "fatal:"];
const DENIED_OR_GONE: &[&str] = &["ermission denied", "ead-only", "No such"];

fn no_repository(arena: &Arena) {
    std::fs::remove_dir_all(arena.path("ws/.git")).unwrap();
}

/// The repository is in a folder of the workspace, to which a link leads.
fn named_by_link(arena: &Arena) {
    std::fs::create_dir_all(arena.path("ws/meta")).unwrap();
    std::fs::rename(arena.path("ws/.git"), arena.path("ws/meta/repository")).unwrap();
    std::os::unix::fs::symlink("meta/repository", arena.path("ws/.git")).unwrap();
}

/// The repository is in a folder of the workspace, which a file names.
pub(super) fn named_by_file(arena: &Arena) {
    std::fs::create_dir_all(arena.path("ws/meta")).unwrap();
    std::fs::rename(arena.path("ws/.git"), arena.path("ws/meta/repository")).unwrap();
    arena.write("ws/.git", "gitdir: meta/repository\n");
}

/// Something is committed, which some commands need.
fn commit(arena: &Arena) {
    let git = |arguments: &[&str]| {
        let mut command = std::process::Command::new(super::row::program("git").unwrap());
        command.args(arguments).current_dir(arena.path("ws")).env("HOME", arena.path("home"));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    git(&["init", "-q"]);
    git(&["add", "file"]);
    git(&["commit", "-q", "--no-verify", "-m", "first"]);
}
