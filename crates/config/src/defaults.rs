//! The weakest layer: what holds where nothing is said.

use crate::{
    KEYS, KeyPath, Value,
    choice::Choice,
    providers::{BUILT_IN, BuiltIn, built_in},
    settings::Settings,
};
use std::collections::BTreeSet;

/// The table of the providers.
const PROVIDERS: &str = "model_providers";

/// Fills in every default, those of the providers too.
pub(crate) fn fill(settings: &mut Settings) {
    for key in KEYS.iter().filter(|key| key.means.is_none() && !key.path.contains('*')) {
        if let Some(value) = key.default.value() {
            settings.put_default(KeyPath::bare(key.path), value);
        }
    }
    for id in provider_ids(settings) {
        provider(settings, &id);
    }
}

/// The providers that are built in, and those that anything is said of.
pub(crate) fn provider_ids(settings: &Settings) -> BTreeSet<String> {
    let table = KeyPath::bare(PROVIDERS);
    let said = settings.within(&table).filter_map(|(path, _)| path.segments().get(1).cloned());
    BUILT_IN.iter().map(|provider| provider.id.to_owned()).chain(said).collect()
}

fn provider(settings: &mut Settings, id: &str) {
    let below = KeyPath::bare(PROVIDERS).with(id);
    let path = |key: &str| below.with(key);
    let known = built_in(id);
    // Of an address of the user's own nothing is known, only of that which is built in.
    let elsewhere = settings.get(&path("base_url")).is_some();
    if let Some(BuiltIn { name, base_url, wire_api, env_key, requires_key, instructions, .. }) = known {
        let position = crate::WireApi::VALUES.iter().position(|api| api == wire_api);
        let word = position.and_then(|at| crate::WireApi::WORDS.get(at)).map(|word| word.word);
        let defaults = [
            ("name", Some((*name).into())),
            ("base_url", Some((*base_url).into())),
            ("wire_api", word.map(Value::from)),
            ("env_key", env_key.map(Value::from)),
            ("env_key_instructions", (!elsewhere).then(|| (*instructions).into())),
            ("requires_key", Some((*requires_key && !elsewhere).into())),
        ];
        for (key, value) in defaults.into_iter().filter_map(|(key, value)| Some((key, value?))) {
            settings.put_default(path(key), value);
        }
    }
    let takes_openai_key =
        settings.get(&path("requires_openai_auth")).is_some_and(|setting| setting.value == Value::Bool(true));
    if takes_openai_key {
        settings.put_default(path("env_key"), crate::environment::OPENAI_API_KEY.into());
    }
    let has_variable = settings.get(&path("env_key")).is_some();
    settings.put_default(path("name"), id.into());
    settings.put_default(path("requires_key"), has_variable.into());
    for key in KEYS {
        let name = key.path.strip_prefix("model_providers.*.").filter(|name| !name.contains('*'));
        if let (Some(name), Some(value)) = (name, key.default.value()) {
            settings.put_default(path(name), value);
        }
    }
}
