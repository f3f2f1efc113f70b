//! How long the client's certificate is good for.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::UnixTime;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{CertificateError, Error};

use super::settings::Settings;
use super::tls::{chain, trusted};

impl Settings {
    /// When the client's certificate ends, if that is before `limit`; `None` also where there is
    /// no certificate, or where it or the authority's cannot be read, which every connection tells
    /// better.
    pub fn certificate_ends_before(&self, limit: SystemTime) -> Option<SystemTime> {
        let since_epoch = |time: SystemTime| time.duration_since(UNIX_EPOCH).ok();
        let chain = chain(self.cert_file.as_ref()?).ok()?;
        let (own, issuers) = chain.split_first()?;
        let trusted = Arc::new(trusted(self).ok()?);
        let provider = Arc::new(ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(trusted, provider);
        let limit = UnixTime::since_unix_epoch(since_epoch(limit)?);
        // Its dates are looked at first, whoever has signed it.
        let judged = verifier
            .build()
            .ok()?
            .verify_client_cert(own, issuers, limit);
        match judged {
            Err(Error::InvalidCertificate(CertificateError::ExpiredContext {
                not_after, ..
            })) => Some(UNIX_EPOCH + Duration::from_secs(not_after.as_secs())),
            _ => None,
        }
    }
}
