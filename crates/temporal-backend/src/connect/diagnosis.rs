//! From what the SDK, gRPC and rustls say to a [`ConnectError`].

use super::{
    ConnectError, CredentialsSent, NamedBy, Target, TlsFault, inquiry, probe, target::ADDRESS_FORM,
    tls_fault::Shown,
};
use std::{error::Error, io};
use temporalio_client::{Client, errors::ClientConnectError, tonic};
use tonic::{Code, Status};

/// How long a list of namespaces may take, which only makes a message better.
const LIST_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(1);

/// Why connecting failed.
pub(super) async fn of_connecting(target: &Target, error: ClientConnectError) -> ConnectError {
    let found = at_first_sight(target, error);
    if let (ConnectError::Tls { address, fault: TlsFault::Broken(_) }, Some(tls)) = (&found, &target.tls)
        && let Some(error) = probe::alert(target, tls).await
    {
        return ConnectError::Tls { address: address.clone(), fault: fault(target, &error) };
    }
    found
}

fn at_first_sight(target: &Target, error: ClientConnectError) -> ConnectError {
    let address = target.address();
    match error {
        ClientConnectError::SystemInfoCallError(status) => of_status(target, &status),
        ClientConnectError::TonicTransportError(error) => of_transport(target, &error),
        ClientConnectError::DnsResolutionError { source, .. } => down(target, source.to_string()),
        ClientConnectError::InvalidUri(error) => {
            ConnectError::BadAddress { address, why: error.to_string(), remedy: ADDRESS_FORM }
        }
        ClientConnectError::InvalidHeaders(_) => ConnectError::ApiKey,
        other => ConnectError::Rejected { address, why: other.to_string() },
    }
}

/// Why the namespace cannot be used.
pub(super) async fn of_namespace(target: &Target, client: &Client, status: &Status) -> ConnectError {
    if status.code() != Code::NotFound {
        return of_status(target, status);
    }
    let listing = tokio::time::timeout(LIST_TIMEOUT, inquiry::namespaces(client));
    let known = listing.await.ok().and_then(Result::ok).unwrap_or_default();
    ConnectError::NoNamespace { namespace: target.namespace().to_owned(), address: target.address(), known }
}

/// What a server answered, or what became of a request.
pub(super) fn of_status(target: &Target, status: &Status) -> ConnectError {
    let (address, why) = (target.address(), status.message().to_owned());
    match status.code() {
        Code::Unauthenticated | Code::PermissionDenied => ConnectError::Credentials {
            address,
            namespace: target.namespace().to_owned(),
            why,
            sent: sent(target),
        },
        Code::DeadlineExceeded => ConnectError::Late { address, seconds: target.timeout.as_secs_f32() },
        // Without a source it is the server's own answer.
        Code::Unimplemented => not_temporal(target, why),
        _ => match status.source() {
            Some(source) => of_transport(target, source),
            None => ConnectError::Rejected { address, why },
        },
    }
}

fn sent(target: &Target) -> CredentialsSent {
    match (target.has_api_key(), target.has_client_certificate) {
        (true, _) => CredentialsSent::ApiKey,
        (false, true) => CredentialsSent::Certificate,
        (false, false) => CredentialsSent::Nothing,
    }
}

/// What became of a connection.
fn of_transport(target: &Target, error: &(dyn Error + 'static)) -> ConnectError {
    let address = target.address();
    if let Some(fault) =
        causes(error).find_map(|cause| cause.downcast_ref()).map(|error| fault(target, error))
    {
        return ConnectError::Tls { address, fault };
    }
    let why = causes(error).last().map(ToString::to_string).unwrap_or_default();
    // What tonic says where the system has none; its error has no name.
    if causes(error).any(|cause| cause.to_string() == "no native certs found") {
        return ConnectError::Tls { address, fault: TlsFault::NoAuthorities };
    }
    let kind = causes(error).find_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
    match kind {
        Some(io::ErrorKind::TimedOut) => {
            ConnectError::Late { address, seconds: target.timeout.as_secs_f32() }
        }
        Some(
            io::ErrorKind::ConnectionRefused
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::AddrNotAvailable
            | io::ErrorKind::NetworkDown,
        ) => down(target, why),
        // What hyper calls a failed look-up of a host; its kind of error has no name.
        _ if causes(error).any(|cause| cause.to_string() == "dns error") => down(target, why),
        _ if target.is_tls() => ConnectError::Tls { address, fault: TlsFault::Broken(why) },
        _ => not_temporal(target, why),
    }
}

fn down(target: &Target, why: String) -> ConnectError {
    ConnectError::Down { address: target.address(), why, is_default: *target.named_by() == NamedBy::Nobody }
}

fn not_temporal(target: &Target, why: String) -> ConnectError {
    ConnectError::NotTemporal { address: target.address(), why, is_tls: target.is_tls() }
}

fn fault(target: &Target, error: &rustls::Error) -> TlsFault {
    let shown = if target.has_client_certificate { Shown::Certificate } else { Shown::Nothing };
    TlsFault::new(error, shown)
}

/// An error and what it comes from, also through errors of I/O, which show what is in them but not as their source.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| {
        let error: &'a (dyn Error + 'static) = *error;
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        match inner {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}
