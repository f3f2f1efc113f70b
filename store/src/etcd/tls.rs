//! The certificates and keys of the settings, for what the client library does not do.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};

use super::settings::Settings;

/// The same trust and the same certificate as for everything else.
pub(super) fn config(settings: &Settings) -> io::Result<ClientConfig> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(trusted(settings)?);
    let (Some(cert_file), Some(key_file)) = (&settings.cert_file, &settings.key_file) else {
        return Ok(config.with_no_client_auth());
    };
    let key = PrivateKeyDer::from_pem_file(key_file).map_err(io::Error::other)?;
    config
        .with_client_auth_cert(chain(cert_file)?, key)
        .map_err(io::Error::other)
}

/// The authorities that servers are trusted by.
pub(super) fn trusted(settings: &Settings) -> io::Result<RootCertStore> {
    let mut trusted = RootCertStore::empty();
    if let Some(path) = &settings.ca_file {
        for certificate in chain(path)? {
            trusted.add(certificate).map_err(io::Error::other)?;
        }
    }
    Ok(trusted)
}

/// All certificates of a file.
pub(super) fn chain(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(io::Error::other)
}
