//! What the user says of projects, written into the user's own file.

use crate::scene::Scene;
use config::{Trust, set_trust, trust_of};
use std::os::unix::fs::PermissionsExt;

#[test]
fn trust_is_written_and_the_rest_of_the_file_stays_what_it_was() {
    let file =
        "# mine\nmodel = \"m\"   # good\n\n[projects.\"/other\"] # keep\ntrust_level = \"untrusted\"\n";
    let scene = Scene::new().file(file).with("p/.git/HEAD", "").cwd("p/below");
    std::fs::set_permissions(scene.path(), std::fs::Permissions::from_mode(0o640)).unwrap();
    let (home, cwd) = (scene.home(), scene.home().join("p/below"));
    let root = home.canonicalize().unwrap().join("p");
    assert_eq!(trust_of(&home, &cwd).unwrap().trust, Trust::Unknown);
    assert_eq!(set_trust(&home, &cwd, Trust::Trusted).unwrap(), root);
    let found = trust_of(&home, &cwd).unwrap();
    assert_eq!((found.root.clone(), found.trust), (root.clone(), Trust::Trusted));
    let added = format!("\n[projects.{root:?}]\ntrust_level = \"trusted\"\n");
    assert_eq!(std::fs::read_to_string(scene.path()).unwrap(), format!("{file}{added}"));
    assert_eq!(scene.path().metadata().unwrap().permissions().mode() & 0o777, 0o640);

    set_trust(&home, &cwd, Trust::Untrusted).unwrap();
    assert_eq!(trust_of(&home, &cwd).unwrap().trust, Trust::Untrusted);
    assert_eq!(scene.load().project.unwrap().trust, Trust::Untrusted);
    set_trust(&home, &cwd, Trust::Unknown).unwrap();
    assert_eq!(trust_of(&home, &cwd).unwrap().trust, Trust::Unknown);
    assert!(std::fs::read_to_string(scene.path()).unwrap().starts_with(file));
}

#[test]
fn without_a_file_one_is_made_for_its_owner_only() {
    let scene = Scene::new().cwd("p");
    set_trust(&scene.home(), &scene.home().join("p"), Trust::Trusted).unwrap();
    assert_eq!(scene.path().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(scene.load().project.unwrap().trust, Trust::Trusted);
}

#[test]
fn the_folder_below_and_the_folder_above_are_other_projects() {
    let scene = Scene::new().with("a/.git/HEAD", "").with("a/b/.git/HEAD", "").cwd("a/b");
    set_trust(&scene.home(), &scene.home().join("a"), Trust::Trusted).unwrap();
    let trust = |path: &str| trust_of(&scene.home(), &scene.home().join(path)).unwrap().trust;
    assert_eq!([trust("a"), trust("a/b"), trust("")], [Trust::Trusted, Trust::Unknown, Trust::Unknown]);
}

#[test]
fn a_file_that_cannot_take_it_is_left_alone() {
    for text in ["model = \n", "projects = 3\n", "projects.PATH = 1\n"] {
        let scene = Scene::new().cwd("p");
        let root = scene.home().canonicalize().unwrap().join("p");
        let text = text.replace("PATH", &format!("{root:?}"));
        std::fs::write(scene.path(), &text).unwrap();
        let error = set_trust(&scene.home(), &root, Trust::Trusted).unwrap_err().to_string();
        assert!(error.contains("add this by hand") && error.contains("trust_level = \"trusted\""), "{error}");
        assert_eq!(std::fs::read_to_string(scene.path()).unwrap(), text);
    }
}

#[test]
fn several_that_write_at_once_all_get_their_word_in() {
    let scene = Scene::new().file("# top\n");
    let home = scene.home();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let home = &home;
            scope.spawn(move || {
                let folder = home.join(format!("p{number}"));
                std::fs::create_dir(&folder).unwrap();
                set_trust(home, &folder, Trust::Trusted).unwrap();
            });
        }
    });
    for number in 0..8 {
        let found = trust_of(&home, &home.join(format!("p{number}"))).unwrap();
        assert_eq!(found.trust, Trust::Trusted, "{number}");
    }
}
