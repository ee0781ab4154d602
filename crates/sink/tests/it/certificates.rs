//! Certificates for one test: an authority, and a peer at `127.0.0.1` that serves as server and as client.

use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use std::{fs, path::PathBuf};
use tempfile::TempDir;

/// PEM files in a folder that goes with this value.
pub(crate) struct Certificates {
    folder: TempDir,
}

impl Certificates {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().unwrap();
        fs::write(folder.path().join("ca.pem"), authority.self_signed(&key).unwrap().pem()).unwrap();
        let issuer = Issuer::new(authority, key);

        let mut peer = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        peer.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        fs::write(folder.path().join("peer.pem"), peer.signed_by(&key, &issuer).unwrap().pem()).unwrap();
        fs::write(folder.path().join("peer.key"), key.serialize_pem()).unwrap();
        Self { folder }
    }

    /// `ca.pem`, `peer.pem` or `peer.key`.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}
