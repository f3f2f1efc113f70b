//! What is served: `/metrics`, `/healthz`, `/readyz` and a page for people. Nothing can be changed
//! through it.

mod readiness;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use jiff::Zoned;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tracing::error;

pub use self::readiness::Readiness;
use crate::metrics::Metrics;
use crate::page;
use crate::status::Status;

/// How long open requests may still take when the process ends.
const FAREWELL: Duration = Duration::from_secs(2);

/// Prometheus' text format (Prometheus documentation, "Exposition formats").
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What accompanies every answer: it is fresh, and it is what it says it is.
const HEADERS: [(HeaderName, &str); 2] = [
    (CACHE_CONTROL, "no-store"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
];

/// What accompanies the page. It needs nothing but its own styles; should a name get through that
/// looks like a script, no browser runs it.
const PAGE_HEADERS: [(HeaderName, &str); 3] = [
    (CONTENT_TYPE, "text/html; charset=utf-8"),
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
    ),
    (REFERRER_POLICY, "no-referrer"),
];

/// The address is not to be had.
#[derive(Debug, thiserror::Error)]
#[error("--listen {address}: {source}")]
pub struct ListenError {
    address: SocketAddr,
    source: io::Error,
}

/// Takes the address that `--listen` names.
///
/// # Errors
/// It is in use, or not this machine's.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, ListenError> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|source| ListenError { address, source })
}

/// What is served.
pub struct Served {
    /// For `/metrics`.
    pub metrics: Arc<Metrics>,
    /// For the page.
    pub status: Arc<Status>,
    /// For `/readyz`.
    pub readiness: Readiness,
}

/// Serves until `end`; requests that are open then get two more seconds.
pub async fn serve(listener: TcpListener, served: Served, end: impl Future<Output = ()>) {
    let (ending, ended) = oneshot::channel();
    let graceful = axum::serve(listener, router(served)).with_graceful_shutdown(async {
        // It ends likewise where the sender is dropped.
        let _ = ended.await;
    });
    let mut serving = graceful.into_future();
    tokio::select! {
        _ = &mut serving => {}
        () = end => {
            let _ = ending.send(());
            let _ = timeout(FAREWELL, serving).await;
        }
    }
}

fn router(served: Served) -> Router {
    Router::new()
        .route("/", get(show))
        .route("/metrics", get(export))
        .route("/healthz", get(async || (HEADERS, "ok\n")))
        .route("/readyz", get(ready))
        .fallback(async || (StatusCode::NOT_FOUND, HEADERS, "not found\n"))
        .with_state(Arc::new(served))
}

async fn show(State(served): State<Arc<Served>>) -> impl IntoResponse {
    let page = page::render(&served.status.snapshot(), &Zoned::now());
    (HEADERS, PAGE_HEADERS, page)
}

async fn export(State(served): State<Arc<Served>>) -> impl IntoResponse {
    match served.metrics.render() {
        Ok(text) => (HEADERS, [(CONTENT_TYPE, EXPOSITION)], text).into_response(),
        Err(error) => {
            error!(%error, "the metrics cannot be exported");
            let failed = StatusCode::INTERNAL_SERVER_ERROR;
            (failed, HEADERS, format!("{error}\n")).into_response()
        }
    }
}

async fn ready(State(served): State<Arc<Served>>) -> impl IntoResponse {
    match served.readiness.ask().await {
        Ok(()) => (StatusCode::OK, HEADERS, "ready\n".to_owned()),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, HEADERS, format!("{why}\n")),
    }
}

#[cfg(test)]
mod tests;
