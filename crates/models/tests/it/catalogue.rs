//! The catalogue: which model a name means, what is said of it, what it costs.

use agent_core::{Effort, TokenUsage};
use models::{Catalogue, ModelInfo, ModelOverrides, Price, PriceOverrides};
use rstest::rstest;

fn model(name: &str) -> ModelInfo {
    Catalogue::builtin().model(name)
}

#[test]
fn what_the_catalogue_says_of_a_model() {
    let expected = ModelInfo {
        name: "gpt-6.2-sol".to_owned(),
        known: true,
        context_window: Some(1_050_000),
        max_output_tokens: Some(128_000),
        parallel_tool_calls: true,
        reasoning: true,
        efforts: vec![Effort::Low, Effort::Medium, Effort::High, Effort::XHigh],
        freeform_tools: true,
        images: true,
        price: Some(Price { input: 2_000_000, cached_input: 100_000, output: 10_000_000 }),
    };
    assert_eq!(model("gpt-6.2-sol"), expected);
}

#[rstest]
#[case::dated_snapshot("gpt-5-2025-08-07", "gpt-5")]
#[case::longest_name("gpt-5-mini-2025-08-07", "gpt-5-mini")]
#[case::gateway("openai/gpt-5.5", "gpt-5.5")]
#[case::dots_of_a_gateway("anthropic/claude-opus-5.5", "claude-opus-5-5")]
#[case::compact_date("claude-haiku-4-5-20251001", "claude-haiku-4-5")]
#[case::date_of_another_cloud("claude-sonnet-4-5@20250929", "claude-sonnet-4-5")]
#[case::weights("Qwen/Qwen3-Coder-480B-A35B-Instruct-FP8", "qwen3-coder")]
#[case::folders("accounts/fireworks/models/gpt-oss-120b", "gpt-oss")]
fn another_name_of_the_same_model_says_the_same(#[case] name: &str, #[case] model_name: &str) {
    let expected = ModelInfo { name: name.to_owned(), ..model(model_name) };
    assert!(expected.known, "{model_name} is not in the catalogue");
    assert_eq!(model(name), expected);
}

#[rstest]
#[case("gpt-5.99")]
#[case("gpt-5-something")]
#[case("claude-opus-4")]
#[case("mistral-small-latest")]
#[case("llama3.3:70b")]
#[case("")]
fn nothing_is_claimed_of_an_unknown_model(#[case] name: &str) {
    let expected = ModelInfo {
        name: name.to_owned(),
        known: false,
        context_window: None,
        max_output_tokens: None,
        parallel_tool_calls: true,
        reasoning: false,
        efforts: Vec::new(),
        freeform_tools: false,
        images: true,
        price: None,
    };
    assert_eq!(model(name), expected);
}

#[test]
fn a_model_without_a_window_tells_the_user_what_to_set() {
    let unknown =
        r#"model x/y:1b is not in the catalogue: context window unknown; set models."x/y:1b".context_window"#;
    assert_eq!(model("x/y:1b").advice().as_deref(), Some(unknown));
    let local = "model gpt-oss:20b is run by a server that was started with a window of its own: context window \
                 unknown; set models.\"gpt-oss:20b\".context_window";
    assert_eq!(model("gpt-oss:20b").advice().as_deref(), Some(local));
    assert_eq!(model("gpt-5").advice(), None);
    let told = ModelOverrides { context_window: Some(32_768), ..ModelOverrides::default() };
    assert_eq!(Catalogue::builtin().with("x/y:1b", told).model("x/y:1b").advice(), None);
}

#[test]
fn a_server_at_home_and_a_gateway_keep_what_the_model_can_do_but_not_what_it_costs() {
    let at_home = model("gpt-oss:20b");
    assert_eq!((at_home.known, at_home.context_window, at_home.max_output_tokens), (true, None, None));
    assert_eq!((at_home.reasoning, at_home.images), (true, false));
    let offered = model("openai/gpt-5.5:batch");
    assert_eq!((offered.context_window, offered.price), (Some(1_050_000), None));
}

#[test]
fn what_the_user_sets_goes_before_the_catalogue_for_that_name_only() {
    let first = ModelOverrides {
        context_window: Some(100),
        images: Some(false),
        price: PriceOverrides { output: Some(7), ..PriceOverrides::default() },
        ..ModelOverrides::default()
    };
    let second = ModelOverrides { context_window: Some(200), ..ModelOverrides::default() };
    let catalogue = Catalogue::builtin().with("gpt-5", first).with("gpt-5", second);
    let known = model("gpt-5");
    let price = known.price.map(|price| Price { output: 7, ..price });
    let expected = ModelInfo { context_window: Some(200), images: false, price, ..known };
    assert_eq!(catalogue.model("gpt-5"), expected);
    assert_eq!(catalogue.model("gpt-5-2025-08-07").context_window, Some(400_000));
    assert_eq!(model("gpt-5").context_window, Some(400_000), "another catalogue is not changed");
}

#[test]
fn a_model_of_the_users_own_is_what_its_settings_say() {
    let own = ModelOverrides {
        efforts: Some(vec![Effort::Low, Effort::High]),
        parallel_tool_calls: Some(false),
        price: PriceOverrides { input: Some(2), output: Some(3), ..PriceOverrides::default() },
        ..ModelOverrides::default()
    };
    let own = Catalogue::builtin().with("my-model", own).model("my-model");
    assert!(!own.known && own.reasoning && !own.parallel_tool_calls);
    assert_eq!(own.price, Some(Price { input: 2, cached_input: 2, output: 3 }));
    let half = PriceOverrides { input: Some(2), ..PriceOverrides::default() };
    let half = ModelOverrides { price: half, ..ModelOverrides::default() };
    assert_eq!(Catalogue::builtin().with("m", half).model("m").price, None);
}

#[test]
fn cost_counts_cached_tokens_at_their_price_and_rounds_up() {
    let price = Price { input: 1_250_000, cached_input: 125_000, output: 10_000_000 };
    let usage = TokenUsage { input: 100_000, cached: 60_000, output: 2_000, reasoning: 1_500 };
    assert_eq!(price.cost(&usage), 50_000 + 7_500 + 20_000);
    assert_eq!(price.cost(&TokenUsage { input: 1, cached: 1, output: 0, reasoning: 0 }), 1);
    assert_eq!(price.cost(&TokenUsage::default()), 0);
    let odd = TokenUsage { input: 10, cached: 99, output: 0, reasoning: 0 };
    assert_eq!(price.cost(&odd), 2, "no more can be cached than was sent");
    let all = TokenUsage { input: u64::MAX, cached: 0, output: u64::MAX, reasoning: 0 };
    assert_eq!(Price { input: u64::MAX, cached_input: 0, output: u64::MAX }.cost(&all), u64::MAX);
}

#[test]
fn every_entry_is_plausible() {
    let mut names = 0;
    for info in Catalogue::names().map(model) {
        names += 1;
        assert!(info.known && info.context_window.is_some_and(|window| window >= 100_000), "{info:?}");
        assert!(info.max_output_tokens < info.context_window, "{info:?}");
        assert!(info.efforts.is_empty() || info.reasoning, "{info:?}");
        assert!(info.efforts.is_sorted_by_key(|effort| rank(*effort)), "{info:?}");
        let cheaper = |price: Price| price.cached_input <= price.input && price.input <= price.output;
        assert!(info.price.is_none_or(cheaper), "{info:?}");
    }
    assert!(names > 50, "{names} names");
}

fn rank(effort: Effort) -> usize {
    let all = [
        Effort::None,
        Effort::Minimal,
        Effort::Low,
        Effort::Medium,
        Effort::High,
        Effort::XHigh,
        Effort::Max,
    ];
    all.iter().position(|one| *one == effort).unwrap_or(all.len())
}

#[test]
fn what_is_said_of_all_models_goes_before_the_table_and_after_a_name() {
    let window = |tokens| ModelOverrides { context_window: Some(tokens), ..ModelOverrides::default() };
    let catalogue = Catalogue::builtin().with("mine", window(1)).with_all(window(2));
    let found = ["mine", "gpt-5", "nobody-knows"].map(|name| catalogue.model(name).context_window);
    assert_eq!(found, [Some(1), Some(2), Some(2)]);
}
