//! The table `[temporal]`.

use super::values::Values;
use crate::{CodecKeys, DevServerStart, Pem, Problem, Temporal, TemporalTls};
use std::path::PathBuf;

/// What the table says.
pub(super) fn temporal(top: &Values<'_>, problems: &mut Vec<Problem>) -> Temporal {
    let values = top.table("temporal");
    let codec = values.table("codec");
    let codec_keys = match codec.strongest(&["key_file", "key_env", "keyring"], problems) {
        Some("key_file") => codec.text("key_file").map(|path| CodecKeys::File(path.into())),
        Some("key_env") => codec.text("key_env").map(CodecKeys::Variable),
        Some(_) => codec.text("keyring").map(CodecKeys::Keyring),
        None => None,
    };
    Temporal {
        address: values.text("address"),
        namespace: values.text("namespace"),
        profile: values.text("profile"),
        config_file: values.text("config_file").map(PathBuf::from),
        api_key_env: values.text("api_key_env").unwrap_or_default(),
        tls: tls(&values.table("tls"), problems),
        grpc_meta: values.guarded("grpc_meta"),
        queue: values.text("queue"),
        model_queue: values.text("model_queue"),
        bus: values.secret("bus"),
        dev_server: values.choice("dev_server").unwrap_or(DevServerStart::Auto),
        search_attributes: values.yes("search_attributes"),
        codec_keys,
    }
}

fn tls(values: &Values<'_>, problems: &mut Vec<Problem>) -> TemporalTls {
    let mut pem = |path: &'static str, data: &'static str| {
        if values.strongest(&[path, data], problems)? == path {
            values.text(path).map(|path| Pem::File(path.into()))
        } else {
            values.secret(data).map(Pem::Text)
        }
    };
    TemporalTls {
        client_cert: pem("client_cert_path", "client_cert_data"),
        client_key: pem("client_key_path", "client_key_data"),
        server_ca_cert: pem("server_ca_cert_path", "server_ca_cert_data"),
        enabled: values.bool("enabled"),
        server_name: values.text("server_name"),
    }
}
