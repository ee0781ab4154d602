//! What of git only looks.
//!
//! Options are matched whole: git also takes any beginning of a name that is clear, so a list of bad ones would have to think of
//! all their beginnings. A pager is not started, for there is no terminal.

use super::looking::Options;

/// Options of `log`, `diff`, `show` and their relatives. Not here: `--output`, `--ext-diff`, `--textconv`, `--show-signature`,
/// which write or start something.
const HISTORY: Options = Options {
    short: "abcgimnpqrstuwzABCDEFMRW0123456789",
    valued: "GLOSUXnl",
    long: "--abbrev --abbrev-commit --after --all --ancestry-path --author --author-date-order --before \
        --binary --boundary --branches --cached --check --cherry --cherry-mark --cherry-pick --color \
        --color-words --committer --compact-summary --count --date --date-order --decorate \
        --diff-algorithm --diff-filter --dirstat --exit-code --find-copies --find-renames \
        --first-parent --fixed-strings --follow --full-history --full-index --function-context \
        --graph --grep --histogram --ignore-all-space --ignore-blank-lines --ignore-space-at-eol \
        --ignore-space-change --ignore-submodules --inter-hunk-context --invert-grep --left-right \
        --max-count --merge-base --merges --minimal --name-only --name-status --no-abbrev --no-color \
        --no-decorate --no-ext-diff --no-merges --no-notes --no-patch --no-prefix --no-renames \
        --no-textconv --numstat --oneline --parents --patch --patch-with-stat --patience \
        --perl-regexp --pickaxe-all --pickaxe-regex --quiet --raw --regexp-ignore-case --relative \
        --relative-date --remotes --reverse --root --shortstat --simplify-by-decoration --since \
        --skip --staged --stat --submodule --summary --tags --text --topo-order --unified --until \
        --word-diff --word-diff-regex",
    operands: usize::MAX,
};
/// Not with those of the history: it would take `-n` for an option with a value.
const SHORTLOG: Options = Options {
    short: "cens0123456789",
    valued: "",
    long: "--all --email --no-merges --numbered --since --summary --until",
    operands: usize::MAX,
};
/// `-uno` is one option.
const STATUS: Options = Options {
    short: "bsuvznormal",
    valued: "",
    long: "--ahead-behind --branch --column --ignored --long --no-ahead-behind --no-renames --porcelain \
        --short --show-stash --untracked-files --verbose",
    operands: usize::MAX,
};
const BLAME: Options = Options {
    short: "cefklnpstwCM0123456789",
    valued: "L",
    long: "--date --line-porcelain --porcelain --root --show-email --show-name --show-number --since",
    operands: usize::MAX,
};
/// Not here: `-O`, which opens the files that were found.
const GREP: Options = Options {
    short: "acEFGhHiIlLnopPqvwWz0123456789",
    valued: "ABCefm",
    long: "--all-match --and --basic-regexp --break --cached --column --count --extended-regexp \
        --files-with-matches --files-without-match --fixed-strings --full-name --function-context \
        --heading --ignore-case --invert-match --line-number --max-count --max-depth --name-only \
        --no-color --no-index --not --only-matching --or --perl-regexp --quiet --recursive \
        --show-function --text --untracked --word-regexp",
    operands: usize::MAX,
};
const LS_FILES: Options = Options {
    short: "cdikmorstuvz",
    valued: "xX",
    long: "--cached --deduplicate --deleted --directory --error-unmatch --exclude --exclude-standard \
        --full-name --ignored --killed --modified --others --recurse-submodules --stage --unmerged",
    operands: usize::MAX,
};
const LS_TREE: Options = Options {
    short: "dlrtz",
    valued: "",
    long: "--abbrev --full-name --full-tree --long --name-only --name-status --object-only",
    operands: usize::MAX,
};
/// Lists as long as nothing is named.
const BRANCH: Options = Options {
    short: "arv",
    valued: "",
    long: "--all --color --no-color --remotes --show-current --sort --verbose",
    operands: 0,
};
const TAG: Options = Options { short: "n0123456789", valued: "", long: "--sort", operands: 0 };
/// With `--list` what is named is a pattern. `-l` once meant something else.
const BRANCH_LIST: Options = Options {
    short: "arvi",
    valued: "",
    long: "--all --color --ignore-case --list --no-color --remotes --sort --verbose",
    operands: usize::MAX,
};
const TAG_LIST: Options =
    Options { short: "iln0123456789", valued: "", long: "--ignore-case --list --sort", operands: usize::MAX };
const REV_PARSE: Options = Options {
    short: "q",
    valued: "",
    long: "--abbrev-ref --absolute-git-dir --all --git-common-dir --git-dir --is-bare-repository \
        --is-inside-git-dir --is-inside-work-tree --is-shallow-repository --quiet --short \
        --show-cdup --show-prefix --show-toplevel --symbolic-full-name --verify",
    operands: usize::MAX,
};
const PLAIN: Options =
    Options { short: "", valued: "", long: "--all --always --dirty --tags --long", operands: usize::MAX };
const CONFIG: Options = Options {
    short: "lz",
    valued: "",
    long: "--get --get-all --get-regexp --global --list --local --name-only --null --show-origin \
        --show-scope --system",
    operands: 2,
};
const CAT_FILE: Options = Options { short: "epst", valued: "", long: "", operands: 2 };

/// The folder in which these arguments of git make it look, if all it does is to look.
pub(super) fn looks<'w>(arguments: &[Option<&'w str>]) -> Option<&'w str> {
    let mut folder = "";
    let mut rest = arguments;
    loop {
        rest = match rest {
            [Some("--no-pager" | "--no-optional-locks" | "--literal-pathspecs"), rest @ ..] => rest,
            [Some("-C"), Some(place), rest @ ..] if folder.is_empty() => {
                folder = place;
                rest
            }
            _ => break,
        };
    }
    let [Some(subcommand), rest @ ..] = rest else { return None };
    subcommand_looks(subcommand, rest).then_some(folder)
}

fn subcommand_looks(subcommand: &str, rest: &[Option<&str>]) -> bool {
    // Behind an operand or `--` an option may be a value: `git config core.bare -l` and `git config -- core.bare -l` write.
    let leading = || rest.iter().map_while(|word| word.filter(|word| word.starts_with('-') && *word != "--"));
    let has = |options: &[&str]| leading().any(|word| options.contains(&word));
    match subcommand {
        "log" | "diff" | "show" | "rev-list" | "whatchanged" | "diff-tree" | "diff-files" | "diff-index" => {
            without_formats(rest).is_some_and(|rest| HISTORY.allow(&rest))
        }
        "shortlog" => SHORTLOG.allow(rest),
        "status" => STATUS.allow(rest),
        "blame" => BLAME.allow(rest),
        "grep" => GREP.allow(rest),
        "ls-files" => LS_FILES.allow(rest),
        "ls-tree" => LS_TREE.allow(rest),
        "branch" if has(&["--list"]) => BRANCH_LIST.allow(rest),
        "branch" => BRANCH.allow(rest),
        "tag" if has(&["--list", "-l"]) => TAG_LIST.allow(rest),
        "tag" => TAG.allow(rest),
        "rev-parse" => REV_PARSE.allow(rest),
        "describe" | "merge-base" | "name-rev" | "show-ref" | "check-ignore" | "count-objects" => {
            PLAIN.allow(rest)
        }
        "config" => has(&["--get", "--get-all", "--get-regexp", "--list", "-l"]) && CONFIG.allow(rest),
        "cat-file" => CAT_FILE.allow(rest),
        "remote" => {
            matches!(rest, [] | [Some("-v" | "--verbose")])
                || matches!(rest, [Some("get-url"), Some(name)] if !name.starts_with('-'))
        }
        "stash" => {
            matches!(rest, [Some("list")]) || matches!(rest, [Some("show"), rest @ ..] if HISTORY.allow(rest))
        }
        "worktree" => matches!(rest, [Some("list")] | [Some("list"), Some("--porcelain")]),
        "reflog" => rest.is_empty() || matches!(rest, [Some("show"), rest @ ..] if HISTORY.allow(rest)),
        "version" | "--version" => rest.is_empty(),
        _ => false,
    }
}

/// The arguments without formats. `%G` in a format starts gpg.
fn without_formats<'w>(rest: &[Option<&'w str>]) -> Option<Vec<Option<&'w str>>> {
    let is_format = |word: &&Option<&str>| {
        word.is_some_and(|word| {
            word.starts_with("--format=") || word == "--pretty" || word.starts_with("--pretty=")
        })
    };
    if rest.iter().filter(is_format).flatten().any(|word| word.contains("%G")) {
        return None;
    }
    Some(rest.iter().filter(|word| !is_format(word)).copied().collect())
}
