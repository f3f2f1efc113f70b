//! The real etcd: one connection at a time, dialled anew whenever it disappoints.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use super::dial::{Connection, dial};
use super::error::EtcdError;
use super::files::Fingerprint;
use super::settings::Settings;
use super::wire;
use crate::txn::{Etcd, Txn, TxnReply};

/// How long a call may take. A paused member takes the connection and never answers, so every call
/// has an end; a slow one gets more time once it has failed twice.
const CALL_TIMEOUT: Duration = Duration::from_secs(1);
const PATIENT_CALL_TIMEOUT: Duration = Duration::from_secs(2);
const PATIENT_AFTER_FAILURES: u32 = 2;
/// How often a client that lives long looks whether its certificates were renewed.
const LOOK_AT_FILES_EVERY: Duration = Duration::from_secs(10);

/// A client of one etcd cluster. Nothing is dialled before the first call.
pub struct Client {
    settings: Settings,
    state: Mutex<State>,
    failures: AtomicU32,
}

#[derive(Default)]
struct State {
    connection: Option<Connection>,
    disappointing: Option<String>,
    /// The files that the connection was made with, and when they were last looked at.
    files: Option<(Fingerprint, Instant)>,
}

impl State {
    /// Whether the connection's certificates are those on disk, as far as was looked.
    fn is_current(&mut self, settings: &Settings) -> bool {
        let Some((fingerprint, looked)) = &mut self.files else {
            return true;
        };
        if looked.elapsed() < LOOK_AT_FILES_EVERY {
            return true;
        }
        *looked = Instant::now();
        *fingerprint == Fingerprint::of(settings)
    }
}

impl Client {
    /// A client with these settings.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            state: Mutex::default(),
            failures: AtomicU32::new(0),
        }
    }

    /// The settings that it was made with.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(super) async fn connection(&self) -> Result<Connection, EtcdError> {
        let mut state = self.state.lock().await;
        if state.is_current(&self.settings)
            && let Some(connection) = &state.connection
        {
            return Ok(connection.clone());
        }
        let files = Fingerprint::of(&self.settings);
        match Box::pin(dial(&self.settings, state.disappointing.as_deref())).await {
            Ok(connection) => {
                state.connection = Some(connection.clone());
                state.files = Some((files, Instant::now()));
                Ok(connection)
            }
            // While files are being renewed they may not fit each other; what stands needs none.
            Err(error) => state.connection.clone().ok_or(error),
        }
    }

    /// Carries out one call on the connection, in bounded time; a connection on which it fails is
    /// not used again.
    pub(super) async fn call<T>(
        &self,
        call: impl AsyncFnOnce(&Connection) -> Result<T, etcd_client::Error>,
    ) -> Result<T, EtcdError> {
        let connection = self.connection().await?;
        let patient = self.failures.load(Ordering::Relaxed) >= PATIENT_AFTER_FAILURES;
        let limit = if patient {
            PATIENT_CALL_TIMEOUT
        } else {
            CALL_TIMEOUT
        };
        let error = match tokio::time::timeout(limit, Box::pin(call(&connection))).await {
            Ok(Ok(answer)) => {
                self.failures.store(0, Ordering::Relaxed);
                return Ok(answer);
            }
            Ok(Err(error)) => EtcdError::from_client(&error, &connection.endpoint),
            Err(_) => EtcdError::Unknown {
                endpoint: connection.endpoint.clone(),
                reason: format!("nothing within {} ms", limit.as_millis()),
            },
        };
        if error.is_transient() {
            self.failures.fetch_add(1, Ordering::Relaxed);
            self.drop_connection(&connection.endpoint).await;
        }
        Err(error)
    }

    async fn drop_connection(&self, endpoint: &str) {
        let mut state = self.state.lock().await;
        if state
            .connection
            .as_ref()
            .is_some_and(|current| current.endpoint == endpoint)
        {
            state.connection = None;
            state.disappointing = Some(endpoint.to_owned());
        }
    }
}

impl Etcd for Client {
    async fn txn(&self, txn: &Txn) -> Result<TxnReply, EtcdError> {
        let request = wire::to_client(txn);
        let response = self
            .call(async |connection| connection.kv().txn(request).await)
            .await?;
        Ok(wire::from_client(&response))
    }
}
