//! Features that are switched by name.

use crate::scene::Scene;
use agent_core::{CompactAt, HookPhase};
use config::{FEATURES, Feature, Stage, WebSearch};

#[test]
fn a_feature_is_switched_by_name_and_keeps_its_default_otherwise() {
    let scene = Scene::new().file("[features]\nskills = false\n").set("features.foreign_skills=false");
    let features = scene.load().config.features;
    assert_eq!(
        [Feature::Skills, Feature::ForeignSkills, Feature::Hooks].map(|feature| features.is_on(feature)),
        [false, false, true]
    );
    assert_eq!(scene.setting("features.skills"), "false from FILE:2:1");
}

#[test]
fn hooks_and_notify_are_off_where_their_feature_is() {
    let file = "notify = [\"n\"]\nfeatures = { hooks = false, notify = false }\n\
                [[hooks]]\nphase = \"pre_run\"\ncommand = \"c\"\n";
    let config = Scene::new().file(file).load().config;
    assert_eq!((config.hooks, config.notify), (Vec::new(), Vec::new()));
    let managed = "[[hooks]]\nphase = \"post_run\"\ncommand = \"m\"\n";
    let config = Scene::new().file(file).managed(managed).load().config;
    let phases: Vec<HookPhase> = config.hooks.iter().map(|hook| hook.phase).collect();
    assert_eq!(phases, [HookPhase::PostRun], "hooks of whoever manages the machine stay");
}

#[test]
fn an_unknown_feature_says_what_may_have_been_meant() {
    let near = Scene::new().file("[features]\nskils = true\n");
    assert_eq!(near.error(), "FILE:2:1: there is no feature `skils`; did you mean `skills`?");
    let far = Scene::new().set("features.telepathy=true");
    let names: Vec<&str> = FEATURES.iter().map(|info| info.name).collect();
    assert_eq!(far.error(), format!("-c: there is no feature `telepathy`; there are {}", names.join(", ")));
    // A file of Codex has features of its own.
    let codex = Scene::new().file("[features]\nmulti_agent = true\n");
    assert_eq!(
        codex.notices(),
        [
            "FILE:2:1: there is no feature `multi_agent`, so it has no effect; everturn features list has those there are"
        ]
    );
    let bad = Scene::new().file("[features]\nskills = 1\n");
    assert_eq!(bad.error(), "FILE:2:10: `features.skills` is 1; it takes true or false");
}

#[test]
fn what_is_deprecated_works_and_what_is_removed_does_not_and_both_say_so() {
    let scene = Scene::new().file("[features]\nweb_search_request = true\nghost_commit = false\n");
    assert_eq!(scene.load().config.web_search, WebSearch::Live);
    let mut notices = scene.notices();
    notices.sort();
    assert_eq!(
        notices,
        [
            "FILE:2:1: the feature `web_search_request` is deprecated: use web_search = \"live\"",
            "FILE:3:1: the feature `ghost_commit` has no effect any more: use the key `undo`",
        ]
    );
    assert!(FEATURES.iter().any(|info| matches!(info.stage, Stage::Beta)));
}

#[test]
fn of_two_ways_to_say_when_to_summarise_the_stronger_layers_counts() {
    let cases = [
        ("compact_at_percent = 0", None, CompactAt::Never),
        ("compact_at_percent = 100", None, CompactAt::Percent(100)),
        ("model_auto_compact_token_limit = 5", None, CompactAt::Tokens(5)),
        ("model_auto_compact_token_limit = 5", Some("compact_at_percent=50"), CompactAt::Percent(50)),
        ("compact_at_percent = 50", Some("model_auto_compact_token_limit=5"), CompactAt::Tokens(5)),
    ];
    for (file, given, expected) in cases {
        let scene = Scene::new().file(file);
        let scene = given.into_iter().fold(scene, |scene, given| scene.set(given));
        assert_eq!(scene.load().config.compact_at, expected, "{file} {given:?}");
        assert_eq!(scene.notices(), [""; 0]);
    }
    let both = Scene::new().file("model_auto_compact_token_limit = 5\ncompact_at_percent = 50\n");
    assert_eq!(both.load().config.compact_at, CompactAt::Tokens(5));
    assert_eq!(
        both.notices(),
        ["FILE:2:1: `compact_at_percent` has no effect beside `model_auto_compact_token_limit` (FILE:1:1)"]
    );
    let over = Scene::new().file("compact_at_percent = 101");
    assert_eq!(over.error(), "FILE:1:22: `compact_at_percent` is 101; it takes a whole number from 0 to 100");
}

#[test]
fn a_budget_of_zero_is_one_and_less_than_nothing_is_none() {
    let budget =
        Scene::new().file("[budget]\ntokens = 0\ncost_usd = 0\nturn_seconds = 0\n").load().config.budget;
    assert_eq!((budget.tokens, budget.cost_microusd, budget.turn_ms), (Some(0), Some(0), Some(0)));
    let cases = [
        ("cost_usd = -0.5", "`budget.cost_usd` is -0.5; it takes a number of dollars, from 0"),
        ("work_minutes = -1", "`budget.work_minutes` is -1; it takes a whole number from 0"),
        ("turn_seconds = 1.5", "`budget.turn_seconds` is 1.5; it takes a whole number from 0"),
    ];
    for (line, expected) in cases {
        let error = Scene::new().file(&format!("[budget]\n{line}\n")).error();
        assert!(error.starts_with("FILE:2:") && error.ends_with(expected), "{error}");
    }
    let twice = Scene::new().file("[budget]\ntokens = 1\nmax_tokens = 2\n");
    assert!(twice.error().contains("`budget.max_tokens` is set twice"), "{}", twice.error());
    let both = Scene::new().file("[budget]\nturn_seconds = 1\nmax_turn_ms = 2\n");
    assert!(both.error().contains("are both set; keep one of them"), "{}", both.error());
    let stronger = Scene::new().file("[budget]\nmax_turn_ms = 2\n").set("budget.turn_seconds=1");
    assert_eq!(stronger.load().config.budget.turn_ms, Some(1_000));
}
