//! The table of providers: what is built in, what the user says over it, and keys.

use crate::scene::Scene;
use config::{Config, WireApi};

/// Address, API, variable and need of a key of each provider.
fn table(config: &Config) -> Vec<(&str, &str, WireApi, Option<&str>, bool)> {
    config
        .model_providers
        .iter()
        .map(|(id, provider)| {
            let key = provider.env_key.as_deref();
            (id.as_str(), provider.base_url.as_str(), provider.wire_api, key, provider.requires_key)
        })
        .collect()
}

#[test]
fn known_providers_need_no_configuration() {
    use WireApi::{Anthropic, Chat, Responses};
    assert_eq!(
        table(&Scene::new().load().config),
        [
            ("anthropic", "https://api.anthropic.com/v1", Anthropic, Some("ANTHROPIC_API_KEY"), true),
            ("llamacpp", "http://127.0.0.1:8080/v1", Chat, Some("LLAMA_API_KEY"), false),
            ("lmstudio", "http://127.0.0.1:1234/v1", Chat, None, false),
            ("ollama", "http://127.0.0.1:11434/v1", Chat, None, false),
            ("openai", "https://api.openai.com/v1", Responses, Some("OPENAI_API_KEY"), true),
            ("openrouter", "https://openrouter.ai/api/v1", Chat, Some("OPENROUTER_API_KEY"), true),
            ("vllm", "http://127.0.0.1:8000/v1", Chat, Some("VLLM_API_KEY"), false),
        ]
    );
}

#[test]
fn an_entry_of_the_user_goes_over_the_built_in_one() {
    let scene = Scene::new().file(
        "[model_providers.ollama]\nwire_api = \"responses\"\nrequest_max_retries = 0\n\
         [model_providers.openrouter]\nhttp_headers = { X-Title = \"t\" }\n",
    );
    let config = scene.load().config;
    let ollama = &config.model_providers["ollama"];
    assert_eq!((ollama.wire_api, ollama.request_max_retries), (WireApi::Responses, 0));
    assert_eq!((ollama.name.as_str(), ollama.base_url.as_str()), ("Ollama", "http://127.0.0.1:11434/v1"));
    let openrouter = &config.model_providers["openrouter"];
    assert!(openrouter.requires_key && openrouter.http_headers["X-Title"].expose() == "t");
}

#[test]
fn a_key_is_not_required_at_an_address_of_the_users_own_unless_they_say_so() {
    let scene = Scene::new().variable("OPENAI_BASE_URL", "http://127.0.0.1:9/v1/");
    assert_eq!(
        scene.setting("model_providers.openai.base_url"),
        "\"http://127.0.0.1:9/v1\" from environment variable OPENAI_BASE_URL"
    );
    assert!(!scene.load().config.provider().unwrap().requires_key);
    assert!(
        scene.set("model_providers.openai.requires_key=true").load().config.provider().unwrap().requires_key
    );
}

#[test]
fn an_entry_of_ones_own_has_defaults_too() {
    let scene = Scene::new().file(
        "model_provider = \"mine\"\nmodel = \"m\"\n[model_providers.mine]\nbase_url = \"https://h/v1\"\nenv_key = \"MINE\"\n",
    );
    let config = scene.load().config;
    let mine = config.provider().unwrap();
    assert_eq!((mine.name.as_str(), mine.wire_api, mine.requires_key), ("mine", WireApi::Responses, true));
    let numbers = (
        mine.request_max_retries,
        mine.request_retry_base_ms,
        mine.stream_max_retries,
        mine.stream_idle_timeout_ms,
        mine.connect_timeout_ms,
    );
    assert_eq!(numbers, (4, 200, 5, 300_000, 10_000));
    assert_eq!(scene.warnings(), [""; 0]);
}

#[test]
fn keys_and_headers_come_from_the_environment_first() {
    let file = "[model_providers.a]\nbase_url = \"http://h\"\nenv_key = \"A_KEY\"\nexperimental_bearer_token = \"in file\"\n\
                http_headers = { X-One = \"1\", X-Two = \"2\" }\n\
                env_http_headers = { X-Two = \"TWO\", X-Three = \"THREE\" }\n";
    let scene = Scene::new().file(file).variable("TWO", "two");
    let key = |scene: &Scene| {
        let config = scene.load().config;
        config.model_providers["a"].key(&scene.environment()).unwrap().expose().to_owned()
    };
    assert_eq!(key(&scene), "in file");
    let scene = scene.variable("A_KEY", "in environment");
    assert_eq!(key(&scene), "in environment");
    let config = scene.load().config;
    let headers = config.model_providers["a"].headers(&scene.environment());
    let headers: Vec<(&str, &str)> =
        headers.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
    assert_eq!(headers, [("X-One", "1"), ("X-Two", "two")]);
    assert_eq!(
        scene.warnings(),
        [
            "FILE:4:1: a key is written here in full; `env_key` or everturn login --provider a keeps it out of the file"
        ]
    );
}

#[test]
fn a_provider_without_an_address_stops_nothing_but_its_own_use() {
    let scene = Scene::new().file("[model_providers.draft]\nname = \"Draft\"\n");
    let config = scene.load().config;
    assert!(!config.model_providers.contains_key("draft") && config.provider().is_some());
    let problem = "FILE:2:1: provider `draft` has no address; set `model_providers.draft.base_url`";
    assert_eq!(scene.warnings(), [format!("{problem}; until then it cannot be used")]);
    assert_eq!(scene.set("model_provider=draft").error(), problem);
}

#[test]
fn a_key_in_a_header_is_a_secret_without_the_word_before_it_too() {
    let scene = Scene::new()
        .file(
            "[model_providers.a]\nbase_url = \"http://h\"\n\
             http_headers = { Authorization = \"Bearer sk-file\", X-Upstream = \"token sk-other\", X-Title = \"My client\" }\n\
             env_http_headers = { Proxy-Authorization = \"PROXY\", X-Plain = \"PLAIN\", X-Unset = \"UNSET\" }\n",
        )
        .variable("PROXY", "Basic c2stdmFyaWFibGU=")
        .variable("PLAIN", "sk-plain");
    let mut secrets = scene.load().config.secrets(&scene.environment());
    secrets.sort();
    let expected = [
        "Basic c2stdmFyaWFibGU=",
        "Bearer sk-file",
        "c2stdmFyaWFibGU=",
        "sk-file",
        "sk-other",
        "sk-plain",
        "token sk-other",
    ];
    assert_eq!(secrets, expected);
}

#[test]
fn codex_s_way_to_ask_for_openais_key_is_understood() {
    let scene =
        Scene::new().file("[model_providers.a]\nbase_url = \"http://h\"\nrequires_openai_auth = true\n");
    let config = scene.load().config;
    let entry = &config.model_providers["a"];
    assert_eq!((entry.env_key.as_deref(), entry.requires_key), (Some("OPENAI_API_KEY"), true));
}

#[test]
fn the_default_model_with_another_provider_is_a_notice() {
    let scene = Scene::new().set("model_provider=ollama");
    assert_eq!(scene.warnings(), [""; 0]);
    assert_eq!(
        scene.notices(),
        [
            "-c: `model_provider` is ollama and no `model` is set; gpt-6.2-sol, the default, is OpenAI's: set `model`"
        ]
    );
    assert_eq!(scene.set("model=qwen3").notices(), [""; 0]);
}
