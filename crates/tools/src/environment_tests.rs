//! Which variables get through.

use super::*;
use rstest::rstest;

fn parent() -> BTreeMap<String, String> {
    map(&[
        ("PATH", "/bin"),
        ("HOME", "/home/me"),
        ("EDITOR", "vi"),
        ("my_api_key", "key-value-1"),
        ("GITHUB_TOKEN", "token-value-2"),
        ("Secret_Sauce", "secret-value-3"),
        ("DB_PASSWORD", "password-4"),
        ("OPENAI_API_KEY", "sk-model-key"),
    ])
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn names(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[rstest]
#[case::default(EnvPolicy::default(), &["DB_PASSWORD", "EDITOR", "HOME", "PATH"])]
#[case::core(EnvPolicy { inherit: Inherit::Core, ..EnvPolicy::default() }, &["HOME", "PATH"])]
#[case::none(EnvPolicy { inherit: Inherit::None, ..EnvPolicy::default() }, &[])]
#[case::no_default_excludes(
    EnvPolicy { default_excludes: false, ..EnvPolicy::default() },
    &["DB_PASSWORD", "EDITOR", "GITHUB_TOKEN", "HOME", "PATH", "Secret_Sauce", "my_api_key"]
)]
#[case::exclude(
    EnvPolicy { exclude: names(&["*password*", "EDIT?R"]), ..EnvPolicy::default() },
    &["HOME", "PATH"]
)]
#[case::set_after_excludes(
    EnvPolicy {
        inherit: Inherit::None,
        set: map(&[("CI", "1"), ("A_TOKEN", "x"), ("OPENAI_API_KEY", "x"), ("BAD=NAME", "x")]),
        ..EnvPolicy::default()
    },
    &["A_TOKEN", "CI"]
)]
#[case::include_only_comes_last(
    EnvPolicy {
        set: map(&[("CI", "1"), ("PATHS", "x")]),
        include_only: names(&["path*", "*TOKEN"]),
        ..EnvPolicy::default()
    },
    &["PATH", "PATHS"]
)]
#[case::withheld(
    EnvPolicy {
        default_excludes: false,
        withhold: names(&["Editor", "GITHUB_TOKEN"]),
        include_only: names(&["EDITOR", "*TOKEN", "OPENAI_API_KEY", "HOME"]),
        ..EnvPolicy::default()
    },
    &["HOME"]
)]
fn variables_get_through(#[case] policy: EnvPolicy, #[case] expected: &[&str]) {
    let child = policy.apply(&parent());
    assert_eq!(child.keys().collect::<Vec<_>>(), expected);
}

#[test]
fn set_replaces_what_is_inherited() {
    let policy = EnvPolicy { set: map(&[("PATH", "/opt")]), ..EnvPolicy::default() };
    assert_eq!(policy.apply(&parent())["PATH"], "/opt");
}

#[test]
fn what_is_excluded_by_name_is_secret_and_what_is_only_not_inherited_is_not() {
    let policy = EnvPolicy {
        inherit: Inherit::None,
        exclude: names(&["DB_*"]),
        withhold: names(&["EDITOR"]),
        ..EnvPolicy::default()
    };
    let secrets = policy.excluded_values(&parent());
    let expected = ["key-value-1", "password-4", "secret-value-3", "sk-model-key", "token-value-2", "vi"];
    assert_eq!(secrets, expected);
}

#[test]
fn without_default_excludes_only_model_keys_are_secret() {
    let policy = EnvPolicy { default_excludes: false, ..EnvPolicy::default() };
    assert_eq!(policy.excluded_values(&parent()), ["sk-model-key"]);
}

#[test]
fn a_secret_of_several_lines_is_secret_line_by_line() {
    let pem = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\nshort\n-----END PRIVATE KEY-----\n";
    let secrets = EnvPolicy::default().excluded_values(&map(&[("SSH_KEY", pem)]));
    assert_eq!(secrets, [pem.trim(), pem, "MIIEvQIBADANBgkqhkiG9w0B"]);
}

#[rstest]
#[case("*KEY*", "monKEYs", true)]
#[case("*KEY*", "KE", false)]
#[case("A?C", "abc", true)]
#[case("A?C", "ac", false)]
#[case("*a*b*c", "xxaxxbxbxc", true)]
#[case("*a*b*c", "xxaxxcxbx", false)]
#[case("", "", true)]
#[case("**", "", true)]
#[case("PATH", "PATHS", false)]
fn patterns_match(#[case] pattern: &str, #[case] name: &str, #[case] expected: bool) {
    assert_eq!(matches_any(&[pattern], name), expected);
}
