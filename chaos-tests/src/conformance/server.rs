//! The real side.

use std::time::Duration;

use anyhow::{Context as _, Result};
use etcd_client::{
    AlarmAction, AlarmType, Channel, Client, CompactionOptions, DeleteOptions, GetOptions,
};
use store::coordination::{Change, Coordination as _, LeaseId, Watch as _};
use store::etcd::{EtcdError, Settings};
use store::key::KeyRange;
use store::txn::{Etcd as _, Header, Txn};
use tonic::transport::Endpoint;

use super::generate::Request;
use crate::model::Model;

/// A server that tells nothing for so long has nothing to tell.
const PATIENCE: Duration = Duration::from_secs(10);

/// A real server, asked through the product's client where that can ask.
pub(super) struct Server {
    endpoint: String,
    client: store::etcd::Client,
    raw: Client,
}

/// What it answered.
pub(super) struct Answer {
    /// In words.
    pub(super) text: String,
    /// The lease that it granted.
    pub(super) granted: Option<i64>,
}

impl Server {
    pub(super) async fn connect(endpoint: &str) -> Result<Self> {
        let channel = Endpoint::from_shared(endpoint.to_owned())?
            .connect()
            .await?;
        let settings = Settings {
            endpoints: vec![endpoint.to_owned()],
            ..Settings::default()
        };
        Ok(Self {
            endpoint: endpoint.to_owned(),
            client: store::etcd::Client::new(settings),
            raw: Client::from_channel(Channel::Tonic(channel), None).await?,
        })
    }

    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Makes the server hold nothing and forget everything, and says where it then stands.
    pub(super) async fn empty(&mut self) -> Result<Header> {
        let raw = &mut self.raw;
        raw.alarm(AlarmAction::Deactivate, AlarmType::Nospace, None)
            .await?;
        for lease in raw.leases().await?.leases() {
            raw.lease_revoke(lease.id()).await?;
        }
        let all = DeleteOptions::new().with_all_keys();
        raw.delete("", Some(all)).await?;
        // Something to compact, which no stretch of the requests contains.
        raw.put("0", "", None).await?;
        raw.delete("0", None).await?;
        let header = self.client.txn(&Txn::default()).await?.header;
        raw.compact(header.revision, Some(physical())).await?;
        Ok(header)
    }

    /// Asks. What the model expects says how much of a watch to wait for.
    ///
    /// # Errors
    /// If nobody can know what became of it.
    pub(super) async fn ask(&mut self, request: &Request, model: &Model) -> Result<Answer> {
        let mut granted = None;
        let text = match request {
            Request::Txn(txn) => words(&self.client.txn(txn).await)?,
            Request::Grant(ttl) => {
                let answer = self.client.grant(*ttl).await;
                granted = answer.as_ref().ok().map(|lease| lease.0);
                words(&answer)?
            }
            Request::KeepAlive(lease) => match self.client.keep_alive(*lease).await {
                Ok(alive) => format!("{alive:?}"),
                Err(error) => words::<()>(&Err(error))?,
            },
            Request::Revoke(LeaseId(lease)) => match self.raw.lease_revoke(*lease).await {
                Ok(_) => "true".to_owned(),
                Err(etcd_client::Error::GRpcStatus(_)) => "false".to_owned(),
                Err(error) => return Err(error.into()),
            },
            Request::Compact(revision) => match self.raw.compact(*revision, Some(physical())).await
            {
                Ok(_) => "true".to_owned(),
                Err(etcd_client::Error::GRpcStatus(_)) => "false".to_owned(),
                Err(error) => return Err(error.into()),
            },
            Request::OutOfSpace(out_of_space) => {
                let action = if *out_of_space {
                    AlarmAction::Activate
                } else {
                    AlarmAction::Deactivate
                };
                let set = self.raw.alarm(action, AlarmType::Nospace, None).await;
                set.map(|_| String::new())?
            }
            Request::Watch(stretch, from) => {
                let expected = model.told(stretch, *from).map_or(1, |told| told.len());
                match self.told(stretch, *from, expected).await {
                    Ok(told) => format!("{told:?}"),
                    Err(EtcdError::Compacted { oldest, .. }) => {
                        format!("compacted up to {oldest}")
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            Request::State => self.state().await?,
        };
        Ok(Answer { text, granted })
    }

    /// What a watch tells, until that is as much as expected.
    async fn told(
        &self,
        stretch: &KeyRange,
        from: i64,
        expected: usize,
    ) -> Result<Vec<Change>, EtcdError> {
        let mut told = Vec::new();
        if expected == 0 {
            return Ok(told);
        }
        let mut watch = self.client.watch(stretch, from).await?;
        while told.len() < expected {
            match tokio::time::timeout(PATIENCE, watch.next()).await {
                Ok(changes) => told.extend(changes?.changes),
                Err(_) => break,
            }
        }
        Ok(told)
    }

    async fn state(&mut self) -> Result<String> {
        let all = GetOptions::new().with_all_keys();
        let found = self.raw.get("", Some(all)).await?;
        let entries = found.kvs().iter().map(|entry| {
            Ok(format!(
                "{}={:?} c{} m{} v{} l{}\n",
                entry.key_str().context("a key that is not ours")?,
                entry.value(),
                entry.create_revision(),
                entry.mod_revision(),
                entry.version(),
                entry.lease()
            ))
        });
        entries.collect()
    }
}

/// A compaction that has really removed what it forgets when it is answered.
const fn physical() -> CompactionOptions {
    CompactionOptions::new().with_physical()
}

/// An answer in words, if it is one.
fn words<T: std::fmt::Debug>(answer: &Result<T, EtcdError>) -> Result<String> {
    match answer {
        Err(error @ (EtcdError::Unreachable(_) | EtcdError::Overloaded { .. })) => {
            Err(error.clone().into())
        }
        Err(error @ EtcdError::Unknown { reason, .. }) if !reason.starts_with("etcdserver: ") => {
            Err(error.clone().into())
        }
        answer => Ok(format!("{answer:?}")),
    }
}
