//! The repository itself, under the same code as `cargo xtask tidy`.

use xtask::{Tree, repository_root, tidy};

#[test]
fn repository_is_tidy() {
    let tree = Tree::at(&repository_root()).unwrap();
    let findings: Vec<String> = tidy(&tree).unwrap().iter().map(ToString::to_string).collect();
    assert!(findings.is_empty(), "run `cargo xtask tidy`:\n{}", findings.join("\n"));
}
