//! The environment variables that Everturn reads, all of them, in one place.

use std::{collections::BTreeMap, ffi::OsString, path::Path};

/// A variable and what it does.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What it does, for `--help` and the documentation.
    pub about: &'static str,
}

/// Where Everturn keeps its data.
pub(crate) const EVERTURN_HOME: &str = "EVERTURN_HOME";
/// The model provider's key.
pub(crate) const OPENAI_API_KEY: &str = "OPENAI_API_KEY";
/// The model provider's address.
pub(crate) const OPENAI_BASE_URL: &str = "OPENAI_BASE_URL";
/// The model.
pub(crate) const EVERTURN_MODEL: &str = "EVERTURN_MODEL";
/// The model, as Codex calls the variable.
pub(crate) const CODEX_MODEL: &str = "CODEX_MODEL";
/// When the user is asked, as Codex calls the variable.
pub(crate) const CODEX_APPROVAL_POLICY: &str = "CODEX_APPROVAL_POLICY";
/// Where Codex has its configuration.
pub(crate) const CODEX_HOME: &str = "CODEX_HOME";
/// The profile.
pub(crate) const EVERTURN_PROFILE: &str = "EVERTURN_PROFILE";
/// Anthropic's key.
pub(crate) const ANTHROPIC_API_KEY: &str = "ANTHROPIC_API_KEY";
/// OpenRouter's key.
pub(crate) const OPENROUTER_API_KEY: &str = "OPENROUTER_API_KEY";
/// The key a vLLM server was started with.
pub(crate) const VLLM_API_KEY: &str = "VLLM_API_KEY";
/// The key a llama.cpp server was started with.
pub(crate) const LLAMA_API_KEY: &str = "LLAMA_API_KEY";
/// What is logged.
pub(crate) const EVERTURN_LOG: &str = "EVERTURN_LOG";
/// The program that is Temporal's server, or the folder it is in.
pub(crate) const EVERTURN_TEMPORAL_CLI: &str = "EVERTURN_TEMPORAL_CLI";
/// Where threads live.
pub(crate) const EVERTURN_BACKEND: &str = "EVERTURN_BACKEND";
/// The address of a Temporal server. This and the next are named as in Temporal's environment configuration, which its
/// own tools and SDKs read too.
pub(crate) const TEMPORAL_ADDRESS: &str = "TEMPORAL_ADDRESS";
/// The namespace.
pub(crate) const TEMPORAL_NAMESPACE: &str = "TEMPORAL_NAMESPACE";
/// The key of Temporal Cloud.
pub(crate) const TEMPORAL_API_KEY: &str = "TEMPORAL_API_KEY";
/// The file with profiles.
pub(crate) const TEMPORAL_CONFIG_FILE: &str = "TEMPORAL_CONFIG_FILE";
/// The profile in it.
pub(crate) const TEMPORAL_PROFILE: &str = "TEMPORAL_PROFILE";
/// Whether TLS is used.
pub(crate) const TEMPORAL_TLS: &str = "TEMPORAL_TLS";
/// The client's certificate, as a file.
pub(crate) const TEMPORAL_TLS_CLIENT_CERT_PATH: &str = "TEMPORAL_TLS_CLIENT_CERT_PATH";
/// The client's certificate itself.
pub(crate) const TEMPORAL_TLS_CLIENT_CERT_DATA: &str = "TEMPORAL_TLS_CLIENT_CERT_DATA";
/// The key of that certificate, as a file.
pub(crate) const TEMPORAL_TLS_CLIENT_KEY_PATH: &str = "TEMPORAL_TLS_CLIENT_KEY_PATH";
/// The key itself.
pub(crate) const TEMPORAL_TLS_CLIENT_KEY_DATA: &str = "TEMPORAL_TLS_CLIENT_KEY_DATA";
/// The authority of the server's certificate, as a file.
pub(crate) const TEMPORAL_TLS_SERVER_CA_CERT_PATH: &str = "TEMPORAL_TLS_SERVER_CA_CERT_PATH";
/// The authority itself.
pub(crate) const TEMPORAL_TLS_SERVER_CA_CERT_DATA: &str = "TEMPORAL_TLS_SERVER_CA_CERT_DATA";
/// The name in the server's certificate.
pub(crate) const TEMPORAL_TLS_SERVER_NAME: &str = "TEMPORAL_TLS_SERVER_NAME";
/// Headers, one a variable; the header's name follows.
pub(crate) const TEMPORAL_GRPC_META: &str = "TEMPORAL_GRPC_META_*";
/// One more file of constraints.
pub(crate) const EVERTURN_MANAGED_CONFIG: &str = "EVERTURN_MANAGED_CONFIG";
/// Every variable that is read; `*` stands for any further text.
pub const VARIABLES: &[Variable] = &[
    Variable { name: EVERTURN_HOME, about: "where threads and settings are kept (default: ~/.everturn)" },
    Variable { name: EVERTURN_MODEL, about: "the model to use (default: gpt-6.2-sol)" },
    Variable { name: CODEX_MODEL, about: "the same, where EVERTURN_MODEL is not set" },
    Variable { name: EVERTURN_PROFILE, about: "the profile of config.toml to use" },
    Variable {
        name: CODEX_APPROVAL_POLICY,
        about: "when you are asked first: untrusted, on-failure, on-request or never",
    },
    Variable { name: OPENAI_API_KEY, about: "key of OpenAI" },
    Variable {
        name: OPENAI_BASE_URL,
        about: "address of the provider `openai` (default: https://api.openai.com/v1)",
    },
    Variable { name: ANTHROPIC_API_KEY, about: "key of Anthropic" },
    Variable { name: OPENROUTER_API_KEY, about: "key of OpenRouter" },
    Variable { name: VLLM_API_KEY, about: "key of the provider `vllm`, where its server asks for one" },
    Variable { name: LLAMA_API_KEY, about: "key of the provider `llamacpp`, where its server asks for one" },
    Variable {
        name: CODEX_HOME,
        about: "where `everturn config import` finds Codex's settings (default: ~/.codex)",
    },
    Variable {
        name: EVERTURN_LOG,
        about: "what is logged to standard error, for example `debug` (default: off)",
    },
    Variable {
        name: EVERTURN_TEMPORAL_CLI,
        about: "the program `temporal`, or the folder it is in (default: on PATH, else fetched once with pip)",
    },
    Variable {
        name: EVERTURN_MANAGED_CONFIG,
        about: "a file with constraints besides /etc/everturn/managed.toml, which it can only add to",
    },
    Variable { name: EVERTURN_BACKEND, about: "where threads live: local or temporal (default: local)" },
    Variable { name: TEMPORAL_ADDRESS, about: "address of the Temporal server, HOST:PORT" },
    Variable { name: TEMPORAL_NAMESPACE, about: "namespace of the Temporal server" },
    Variable { name: TEMPORAL_API_KEY, about: "API key of Temporal Cloud" },
    Variable { name: TEMPORAL_CONFIG_FILE, about: "temporal.toml, where it is not in its usual place" },
    Variable { name: TEMPORAL_PROFILE, about: "the profile of temporal.toml to use" },
    Variable {
        name: TEMPORAL_TLS,
        about: "true or false: whether the Temporal server is spoken to over TLS",
    },
    Variable {
        name: TEMPORAL_TLS_CLIENT_CERT_PATH,
        about: "file with the certificate shown to the Temporal server",
    },
    Variable { name: TEMPORAL_TLS_CLIENT_CERT_DATA, about: "that certificate itself" },
    Variable { name: TEMPORAL_TLS_CLIENT_KEY_PATH, about: "file with the key of that certificate" },
    Variable { name: TEMPORAL_TLS_CLIENT_KEY_DATA, about: "that key itself" },
    Variable {
        name: TEMPORAL_TLS_SERVER_CA_CERT_PATH,
        about: "file with the authority that the Temporal server's certificate is from",
    },
    Variable { name: TEMPORAL_TLS_SERVER_CA_CERT_DATA, about: "that authority's certificate itself" },
    Variable { name: TEMPORAL_TLS_SERVER_NAME, about: "the name in the Temporal server's certificate" },
    Variable {
        name: TEMPORAL_GRPC_META,
        about: "a header for the Temporal server: TEMPORAL_GRPC_META_MY_HEADER is my-header",
    },
    Variable { name: "SHELL", about: "the user's shell, which the model is told" },
    Variable { name: "TZ", about: "the time zone of the date that the model is told" },
    Variable { name: "NO_COLOR", about: "set to anything: no colours" },
];

/// The model that is used where nothing names one.
pub const DEFAULT_MODEL: &str = "gpt-6.2-sol";

/// The environment of the process, taken once at its start.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
}

impl Environment {
    /// Takes variables; those that are not UTF-8 are left out.
    pub fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let text =
            |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        Self { variables: variables.into_iter().filter_map(text).collect() }
    }

    /// The same environment with its data elsewhere. A profile that was chosen is one of the settings here, not there.
    pub fn with_home(&self, home: &Path) -> Self {
        let mut variables = self.variables.clone();
        variables.remove(EVERTURN_PROFILE);
        variables.insert(EVERTURN_HOME.to_owned(), home.to_string_lossy().into_owned());
        Self { variables }
    }

    /// All of them.
    pub fn all(&self) -> &BTreeMap<String, String> {
        &self.variables
    }

    /// Those whose names begin so, with the rest of the name. Empty ones are left out.
    pub(crate) fn beginning<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let rest =
            move |(name, value): (&'a String, &'a String)| Some((name.strip_prefix(prefix)?, value.as_str()));
        self.variables.iter().filter_map(rest).filter(|(rest, value)| !rest.is_empty() && !value.is_empty())
    }

    /// One of them; empty counts as unset.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Environment {
        Environment::new(pairs.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))))
    }

    #[test]
    fn an_empty_variable_is_unset() {
        let one = environment(&[(OPENAI_API_KEY, ""), (EVERTURN_MODEL, "m")]);
        assert_eq!(
            (one.get(OPENAI_API_KEY), one.get(EVERTURN_MODEL), one.get("NONE")),
            (None, Some("m"), None)
        );
    }

    #[test]
    fn with_its_data_elsewhere_no_profile_is_chosen() {
        let moved = environment(&[(EVERTURN_PROFILE, "p"), (EVERTURN_MODEL, "m")]).with_home(Path::new("/h"));
        let kept = [EVERTURN_HOME, EVERTURN_PROFILE, EVERTURN_MODEL].map(|name| moved.get(name));
        assert_eq!(kept, [Some("/h"), None, Some("m")]);
    }
}
