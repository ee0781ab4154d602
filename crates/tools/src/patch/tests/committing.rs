//! All or nothing on disk.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;

use super::super::PatchError;
use super::{Sandbox, envelope, snapshot, write};

/// Updates a, deletes b, moves c to d/e/c, adds n/x.
const FOUR: &str = "*** Update File: a\n@@\n-a\n+A\n*** Delete File: b\n*** Update File: c\n*** Move to: d/e/c\n@@\n-c\n+C\n\
                    *** Add File: n/x\n+x";

fn four() -> Sandbox {
    Sandbox::new(&[("a", "a\n"), ("b", "b\n"), ("c", "c\n")])
}

#[test]
fn permission_bits_are_kept() {
    let sandbox = Sandbox::new(&[("run", "1\n"), ("private", "1\n"), ("odd", "1\n")]);
    for (name, mode) in [("run", 0o755), ("private", 0o600), ("odd", 0o4711)] {
        fs::set_permissions(sandbox.work().join(name), Permissions::from_mode(mode)).unwrap();
    }
    sandbox
        .apply(&envelope(
            "*** Update File: run\n*** Move to: bin/run\n@@\n-1\n+2\n*** Update File: private\n@@\n-1\n+2\n\
             *** Update File: odd\n@@\n-1\n+2",
        ))
        .unwrap();
    for (name, mode) in [("bin/run", 0o755), ("private", 0o600), ("odd", 0o711)] {
        assert_eq!(fs::metadata(sandbox.work().join(name)).unwrap().mode() & 0o7777, mode, "{name}");
    }
}

#[test]
fn hard_link_outside_keeps_the_old_contents() {
    let sandbox = Sandbox::new(&[]);
    write(sandbox.outside(), "original", "1\n");
    fs::hard_link(sandbox.outside().join("original"), sandbox.work().join("name")).unwrap();
    sandbox.apply(&envelope("*** Update File: name\n@@\n-1\n+2")).unwrap();
    assert_eq!(fs::read_to_string(sandbox.work().join("name")).unwrap(), "2\n");
    assert_eq!(fs::read_to_string(sandbox.outside().join("original")).unwrap(), "1\n");
    assert_eq!(snapshot(sandbox.work()).len(), 1);
}

#[test]
fn failure_at_any_file_undoes_all_before_it() {
    for failing in 0..5 {
        let sandbox = four();
        let plan = sandbox.plan(&envelope(FOUR)).unwrap();
        let before = snapshot(sandbox.outside());
        // In the order of the effects; what stands in the way is taken away again below.
        let target = ["a", "b", "c", "d/e/c", "n/x"][failing];
        let path = sandbox.work().join(target);
        let aside = sandbox.work().join("aside");
        let mut reached = 0;
        let error = plan
            .commit_observed(&mut |number| {
                reached = number;
                if number == failing {
                    let _ = fs::rename(&path, &aside);
                    fs::create_dir(&path).unwrap();
                }
            })
            .unwrap_err();
        assert_eq!(reached, failing);
        assert_eq!(error.code(), "patch_file_changed", "{error}");
        assert!(error.retry());
        fs::remove_dir(&path).unwrap();
        if aside.exists() {
            fs::rename(&aside, &path).unwrap();
        }
        // The directory that held the obstacle could not be removed with it.
        for made in ["d/e", "d", "n"] {
            let _ = fs::remove_dir(sandbox.work().join(made));
        }
        assert_eq!(snapshot(sandbox.outside()), before, "failing at {target}");
    }
}

#[test]
fn created_directories_are_removed_on_failure() {
    let sandbox = four();
    let plan = sandbox.plan(&envelope(&format!("{FOUR}\n*** Add File: z\n+z"))).unwrap();
    let before = snapshot(sandbox.work());
    let obstacle = sandbox.work().join("z");
    let error = plan
        .commit_observed(&mut |number| {
            if number == 5 {
                fs::create_dir(&obstacle).unwrap();
            }
        })
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "z: changed since the patch was checked; read it again and send a new patch"
    );
    fs::remove_dir(&obstacle).unwrap();
    assert_eq!(snapshot(sandbox.work()), before);
}

/// `/proc` takes no new files, not even from root.
#[cfg(target_os = "linux")]
#[test]
fn failure_while_writing_contents_changes_nothing() {
    let mut sandbox = four();
    sandbox.scope.writable_roots = None;
    for operation in ["*** Add File: /proc/everturn-test\n+x", "*** Add File: /proc/everturn-test/sub/x\n+x"]
    {
        let error =
            sandbox.refuses(&envelope(&format!("{FOUR}\n{operation}")), "could not write the new contents");
        assert_eq!(error.code(), "patch_io");
        assert!(std::error::Error::source(&error).is_some());
    }
}

#[test]
fn failed_roll_back_names_what_is_left() {
    let sandbox = four();
    let plan = sandbox.plan(&envelope(FOUR)).unwrap();
    let (work, a) = (sandbox.work().to_owned(), sandbox.work().join("a"));
    let error = plan
        .commit_observed(&mut |number| {
            if number == 4 {
                // The first file, already switched, becomes a directory; the last cannot be created.
                fs::remove_file(&a).unwrap();
                fs::create_dir(&a).unwrap();
                fs::create_dir(work.join("n/x")).unwrap();
            }
        })
        .unwrap_err();
    assert_eq!(error.code(), "patch_roll_back_failed");
    let PatchError::RollBack { cause, left } = &error else { panic!("{error}") };
    assert_eq!(cause.code(), "patch_file_changed");
    assert_eq!(left.len(), 1, "{left:?}");
    assert!(left[0].starts_with(a.to_str().unwrap()), "{left:?}");
    let backup = PathBuf::from(left[0].split("the old contents are in ").nth(1).unwrap());
    assert_eq!(fs::read_to_string(backup).unwrap(), "a\n");
    assert_eq!(fs::read_to_string(work.join("b")).unwrap(), "b\n");
    assert_eq!(fs::read_to_string(work.join("c")).unwrap(), "c\n");
}

#[test]
fn vanished_temporary_file_undoes_the_backup_too() {
    let sandbox = four();
    let plan = sandbox.plan(&envelope(FOUR)).unwrap();
    let before = snapshot(sandbox.work());
    let error = plan
        .commit_observed(&mut |_| {
            for name in snapshot(sandbox.work()).into_keys().filter(|name| name.contains(".everturn-patch-"))
            {
                fs::remove_file(sandbox.work().join(name)).unwrap();
            }
        })
        .unwrap_err();
    assert!(error.to_string().starts_with("a: could not replace it: "), "{error}");
    assert_eq!(snapshot(sandbox.work()), before);
}

#[test]
fn roll_back_does_not_remove_a_file_that_is_not_ours() {
    let sandbox = Sandbox::new(&[]);
    let plan = sandbox.plan(&envelope("*** Add File: x\n+1\n*** Add File: y\n+2")).unwrap();
    let work = sandbox.work();
    let error = plan
        .commit_observed(&mut |number| {
            if number == 1 {
                fs::rename(work.join("x"), work.join("x2")).unwrap();
                write(work, "x", "mine");
                fs::create_dir(work.join("y")).unwrap();
            }
        })
        .unwrap_err();
    let PatchError::RollBack { left, .. } = &error else { panic!("{error}") };
    assert_eq!(*left, [format!("{}: another file has taken this name", work.join("x").display())]);
    assert_eq!(fs::read_to_string(work.join("x")).unwrap(), "mine");
}

#[test]
fn files_changed_after_the_plan_stop_the_commit() {
    type Interfere = fn(&Sandbox);
    let cases: [(&str, Interfere); 8] = [
        ("edited", |s| write(s.work(), "a", "a\nmore\n")),
        ("gone", |s| fs::remove_file(s.work().join("b")).unwrap()),
        ("created", |s| write(s.work(), "n/x", "mine")),
        ("move target", |s| write(s.work(), "d/e/c", "mine")),
        ("directory", |s| {
            fs::remove_file(s.work().join("a")).unwrap();
            fs::create_dir(s.work().join("a")).unwrap();
        }),
        ("link", |s| {
            fs::rename(s.work().join("a"), s.work().join("a2")).unwrap();
            symlink("a2", s.work().join("a")).unwrap();
        }),
        ("parent is a file", |s| write(s.work(), "n", "mine")),
        ("parent leads out", |s| {
            fs::create_dir(s.outside().join("elsewhere")).unwrap();
            symlink("../elsewhere", s.work().join("n")).unwrap();
        }),
    ];
    for (name, interfere) in cases {
        let sandbox = four();
        let plan = sandbox.plan(&envelope(FOUR)).unwrap();
        interfere(&sandbox);
        let before = snapshot(sandbox.outside());
        let error = plan.commit().expect_err(name);
        assert_eq!(error.code(), "patch_file_changed", "{name}: {error}");
        assert_eq!(snapshot(sandbox.outside()), before, "{name}");
    }
}

#[test]
fn directory_swapped_for_a_link_during_the_commit_is_not_followed() {
    let sandbox = Sandbox::new(&[("a", "a\n"), ("dir/f", "1\n")]);
    write(sandbox.outside(), "victim/f", "1\n");
    let plan = sandbox
        .plan(&envelope("*** Update File: a\n@@\n-a\n+A\n*** Update File: dir/f\n@@\n-1\n+2"))
        .unwrap();
    let (dir, aside) = (sandbox.work().join("dir"), sandbox.work().join("aside"));
    let error = plan
        .commit_observed(&mut |number| {
            if number == 1 {
                fs::rename(&dir, &aside).unwrap();
                symlink("../victim", &dir).unwrap();
            }
        })
        .unwrap_err();
    // The temporary file went away with its directory, which the error tells by naming the place that is not clean.
    assert_eq!(error.code(), "patch_roll_back_failed", "{error}");
    assert_eq!(fs::read_to_string(sandbox.work().join("a")).unwrap(), "a\n");
    assert_eq!(fs::read_to_string(aside.join("f")).unwrap(), "1\n");
    assert_eq!(snapshot(&sandbox.outside().join("victim")).len(), 1);
    assert_eq!(fs::read_to_string(sandbox.outside().join("victim/f")).unwrap(), "1\n");
}

#[test]
fn taken_temporary_names_are_passed_over() {
    let sandbox = four();
    for serial in 0..3 {
        write(sandbox.work(), &format!(".everturn-patch-{}-{serial}", std::process::id()), "mine");
    }
    sandbox.apply(&envelope(FOUR)).unwrap();
    let all = snapshot(sandbox.work());
    assert_eq!(all.keys().filter(|name| name.starts_with(".everturn-patch-")).count(), 3);
    assert_eq!(fs::read_to_string(sandbox.work().join("d/e/c")).unwrap(), "C\n");
}

#[test]
fn five_hundred_files_need_no_more_open_files_than_one() {
    let sandbox = Sandbox::new(&[]);
    let operations: Vec<String> = (0..500).map(|i| format!("*** Add File: d{i}/f\n+{i}")).collect();
    let summary = sandbox.apply(&envelope(&operations.join("\n"))).unwrap();
    assert_eq!(summary.added.len(), 500);
}
