//! Certificates and keys, read and checked before they are used: the SDK would take a file without a certificate, and the
//! server's certificate would then be called unknown.

use super::ConnectError;
use config::Pem;
use rustls::{
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};
use secrecy::{ExposeSecret, SecretSlice};
use temporalio_client::ClientTlsOptions;

/// The largest file that is read, in bytes. A chain of certificates has some ten thousand.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// A certificate or a key, and how messages call it.
pub(super) struct PemText {
    pub(super) bytes: SecretSlice<u8>,
    /// What it is and where it is from, for example `the server's authority in /ca.pem`.
    name: String,
}

impl PemText {
    /// Reads it; `what` is for messages.
    pub(super) fn read(pem: &Pem, what: &str) -> Result<Self, ConnectError> {
        match pem {
            Pem::Text(text) => Ok(Self {
                bytes: text.expose().as_bytes().to_vec().into(),
                name: format!("{what} in the settings"),
            }),
            Pem::File(path) => {
                let name = format!("{what} in {}", path.display());
                let bytes = std::fs::metadata(path).and_then(|file| {
                    if file.len() > MAX_FILE_BYTES {
                        let message = format!("it has more than {MAX_FILE_BYTES} bytes");
                        return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, message));
                    }
                    std::fs::read(path)
                });
                match bytes {
                    Ok(bytes) => Ok(Self { bytes: bytes.into(), name }),
                    Err(error) => Err(ConnectError::Pem { name, why: format!("cannot be read: {error}") }),
                }
            }
        }
    }

    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, ConnectError> {
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(self.bytes.expose_secret()).collect();
        match read {
            Ok(certificates) if certificates.is_empty() => Err(self.wrong("has no certificate in PEM")),
            Ok(certificates) => Ok(certificates),
            Err(error) => Err(self.wrong(&format!("is not PEM: {error}"))),
        }
    }

    /// Checks that it is an authority.
    pub(super) fn authority(self) -> Result<Vec<u8>, ConnectError> {
        let mut roots = rustls::RootCertStore::empty();
        for certificate in self.certificates()? {
            let added = roots.add(certificate);
            added.map_err(|error| self.wrong(&format!("is not a certificate that can be used: {error}")))?;
        }
        Ok(self.bytes.expose_secret().to_vec())
    }

    fn wrong(&self, why: &str) -> ConnectError {
        ConnectError::Pem { name: self.name.clone(), why: why.to_owned() }
    }
}

/// Checks that a certificate and a key belong together.
pub(super) fn identity(certificate: &PemText, key: &PemText) -> Result<ClientTlsOptions, ConnectError> {
    let chain = certificate.certificates()?;
    let der = PrivateKeyDer::from_pem_slice(key.bytes.expose_secret())
        .map_err(|error| key.wrong(&format!("has no private key in PEM that can be used: {error}")))?;
    match CertifiedKey::from_der(chain, der, &default_provider()) {
        Ok(_) => {}
        Err(rustls::Error::InconsistentKeys(_)) => {
            return Err(key.wrong(&format!("does not belong to {}", certificate.name)));
        }
        Err(error) => {
            return Err(key.wrong(&format!("cannot be used with {}: {error}", certificate.name)));
        }
    }
    let bytes = |text: &PemText| text.bytes.expose_secret().to_vec();
    Ok(ClientTlsOptions::builder().client_cert(bytes(certificate)).client_private_key(bytes(key)).build())
}
