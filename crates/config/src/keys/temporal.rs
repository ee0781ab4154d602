//! The keys of the Temporal backend. Where Temporal's own `temporal.toml` has a key of the same meaning, it has that name.

use super::{Blank, Fallback, Key, Kind, key};
use crate::{
    choice::{Backend, Choice, DevServerStart},
    environment::{
        EVERTURN_BACKEND, TEMPORAL_ADDRESS, TEMPORAL_API_KEY, TEMPORAL_CONFIG_FILE, TEMPORAL_GRPC_META,
        TEMPORAL_NAMESPACE, TEMPORAL_PROFILE, TEMPORAL_TLS, TEMPORAL_TLS_CLIENT_CERT_DATA,
        TEMPORAL_TLS_CLIENT_CERT_PATH, TEMPORAL_TLS_CLIENT_KEY_DATA, TEMPORAL_TLS_CLIENT_KEY_PATH,
        TEMPORAL_TLS_SERVER_CA_CERT_DATA, TEMPORAL_TLS_SERVER_CA_CERT_PATH, TEMPORAL_TLS_SERVER_NAME,
    },
};

/// A key whose string says something.
const fn name(
    path: &'static str,
    variables: &'static [&'static str],
    on: Fallback,
    about: &'static str,
) -> Key {
    Key { blank: Blank::Refused, variables, ..key(path, Kind::Text, on, about) }
}

const fn set_by(variables: &'static [&'static str], key: Key) -> Key {
    Key { variables, ..key }
}

const fn typed_as(flag: &'static str, key: Key) -> Key {
    Key { flag: Some(flag), ..key }
}

/// Every key of them, in the order of the reference.
pub(super) const TEMPORAL: &[Key] = &[
    Key {
        flag: Some("--backend"),
        variables: &[EVERTURN_BACKEND],
        ..key("backend", Kind::Word(Backend::WORDS), Fallback::Text("local"), "Where threads live.")
    },
    typed_as(
        "--address",
        name(
            "temporal.address",
            &[TEMPORAL_ADDRESS],
            Fallback::Depends(
                "what the profile of temporal.toml says, else a server of this machine, see `temporal.dev_server`",
            ),
            "The Temporal server, as HOST:PORT.",
        ),
    ),
    typed_as(
        "--namespace",
        name(
            "temporal.namespace",
            &[TEMPORAL_NAMESPACE],
            Fallback::Depends("what the profile of temporal.toml says, else `default`"),
            "The namespace that threads are in.",
        ),
    ),
    name(
        "temporal.profile",
        &[TEMPORAL_PROFILE],
        Fallback::Depends("`default`, where temporal.toml has it"),
        "The profile of temporal.toml. What is set here goes before what the profile says.",
    ),
    set_by(
        &[TEMPORAL_CONFIG_FILE],
        key(
            "temporal.config_file",
            Kind::Path,
            Fallback::Depends("`temporalio/temporal.toml` in the user's folder for settings"),
            "The file with the profiles that Temporal's own tools use.",
        ),
    ),
    key(
        "temporal.api_key_env",
        Kind::Variable,
        Fallback::Text(TEMPORAL_API_KEY),
        "The environment variable with the API key. With a key TLS is on.",
    ),
    set_by(
        &[TEMPORAL_TLS],
        key(
            "temporal.tls.enabled",
            Kind::Bool,
            Fallback::Depends("`true` where there is an API key or anything else is set in this table"),
            "Whether the server is spoken to over TLS.",
        ),
    ),
    set_by(
        &[TEMPORAL_TLS_CLIENT_CERT_PATH],
        key(
            "temporal.tls.client_cert_path",
            Kind::Path,
            Fallback::Unset,
            "The certificate that is shown to the server (mTLS), in PEM.",
        ),
    ),
    set_by(
        &[TEMPORAL_TLS_CLIENT_CERT_DATA],
        key(
            "temporal.tls.client_cert_data",
            Kind::Text,
            Fallback::Unset,
            "The same, as a string in place of a file.",
        ),
    ),
    set_by(
        &[TEMPORAL_TLS_CLIENT_KEY_PATH],
        key(
            "temporal.tls.client_key_path",
            Kind::Path,
            Fallback::Unset,
            "The key of that certificate, in PEM.",
        ),
    ),
    set_by(
        &[TEMPORAL_TLS_CLIENT_KEY_DATA],
        key(
            "temporal.tls.client_key_data",
            Kind::Secret,
            Fallback::Unset,
            "The same, as a string in place of a file.",
        ),
    ),
    set_by(
        &[TEMPORAL_TLS_SERVER_CA_CERT_PATH],
        key(
            "temporal.tls.server_ca_cert_path",
            Kind::Path,
            Fallback::Depends("what the operating system trusts"),
            "The authority that the server's certificate must be from, in PEM.",
        ),
    ),
    set_by(
        &[TEMPORAL_TLS_SERVER_CA_CERT_DATA],
        key(
            "temporal.tls.server_ca_cert_data",
            Kind::Text,
            Fallback::Unset,
            "The same, as a string in place of a file.",
        ),
    ),
    name(
        "temporal.tls.server_name",
        &[TEMPORAL_TLS_SERVER_NAME],
        Fallback::Depends("the host in the address"),
        "The name that the server's certificate must have.",
    ),
    set_by(
        &[TEMPORAL_GRPC_META],
        key(
            "temporal.grpc_meta.*",
            Kind::Guarded,
            Fallback::Unset,
            "A header of every request to the server.",
        ),
    ),
    typed_as(
        "--queue",
        name(
            "temporal.queue",
            &[],
            Fallback::Depends("one that belongs to this machine and data folder"),
            "The task queue of the worker that owns the workspace. Threads and their tools run there.",
        ),
    ),
    name(
        "temporal.model_queue",
        &[],
        Fallback::Depends("`temporal.queue`"),
        "The task queue for requests to models, where workers of several workspaces share one.",
    ),
    typed_as(
        "--bus",
        key(
            "temporal.bus",
            Kind::Bus,
            Fallback::Unset,
            "The NATS server over which workers on other machines show text as it is written. Where nothing is said only this \
         process is served so.",
        ),
    ),
    key(
        "temporal.dev_server",
        Kind::Word(DevServerStart::WORDS),
        Fallback::Text("auto"),
        "Whether a Temporal server is started where no address is known.",
    ),
    key(
        "temporal.search_attributes",
        Kind::Bool,
        Fallback::Bool(false),
        "Whether status and model of a thread become search attributes, which are never encrypted. The namespace must have \
         `EverturnStatus` and `EverturnModel`, both of type Keyword.",
    ),
    key(
        "temporal.codec.key_file",
        Kind::Path,
        Fallback::Unset,
        "A file with the keys that everything sent to Temporal is encrypted with. One of the keys of this table turns \
         encryption on.",
    ),
    key(
        "temporal.codec.key_env",
        Kind::Variable,
        Fallback::Unset,
        "The environment variable with these keys, in place of a file.",
    ),
    name(
        "temporal.codec.keyring",
        &[],
        Fallback::Unset,
        "The entry with these keys in the operating system's keyring, in place of a file.",
    ),
];
