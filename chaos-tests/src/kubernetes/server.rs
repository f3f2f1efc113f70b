//! The listening side: TLS, HTTP/1.1, one task for each connection.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio::runtime::{self, Runtime};
use tokio_rustls::TlsAcceptor;

use super::handler;
use super::state::Shared;
use crate::certs::Identity;
use crate::loopback::Place;

/// Who the server is.
#[derive(Clone, Debug)]
pub(super) struct Tls(Arc<ServerConfig>);

impl Tls {
    pub(super) fn new(identity: &Identity) -> Result<Self> {
        let certificates = CertificateDer::pem_file_iter(&identity.cert_file)?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(
                certificates.collect::<Result<_, _>>()?,
                PrivateKeyDer::from_pem_file(&identity.key_file)?,
            )?;
        Ok(Self(Arc::new(config)))
    }
}

/// Serves in threads of its own, as long as the runtime lives that it returns.
pub(super) fn listen(place: Place, tls: &Tls, shared: Arc<Shared>) -> Result<Runtime> {
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let address = SocketAddr::from((place.ip, Place::CLIENT_PORT));
    let listener = runtime.block_on(TcpListener::bind(address))?;
    let router = Router::new().fallback(handler::answer).with_state(shared);
    runtime.spawn(accept(
        listener,
        TlsAcceptor::from(Arc::clone(&tls.0)),
        router,
    ));
    Ok(runtime)
}

async fn accept(listener: TcpListener, tls: TlsAcceptor, router: Router) {
    // Accepting fails only when the process may open no more files; then the test shall fail too.
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, service) = (tls.clone(), TowerToHyperService::new(router.clone()));
        tokio::spawn(async move {
            // A client that goes away, or trusts us not, is the client's business.
            if let Ok(stream) = tls.accept(stream).await {
                let builder = Builder::new(TokioExecutor::new()).http1_only();
                let _ = builder
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            }
        });
    }
}
