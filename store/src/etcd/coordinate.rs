//! Leases and watches of the real etcd.

use std::time::Duration;

use etcd_client::{EventType, WatchOptions, WatchStream};

use super::client::Client;
use super::error::EtcdError;
use crate::coordination::{Change, Changes, Coordination, LeaseId, Watch};
use crate::key::KeyRange;
use crate::txn::Header;

impl Coordination for Client {
    type Watch = ClientWatch;

    async fn grant(&self, ttl: Duration) -> Result<LeaseId, EtcdError> {
        let seconds = i64::try_from(ttl.as_millis().div_ceil(1000)).unwrap_or(i64::MAX);
        let granted = self
            .call(async |connection| {
                let mut client = connection.client.lease_client();
                client.grant(seconds, None).await
            })
            .await?;
        Ok(LeaseId(granted.id()))
    }

    async fn keep_alive(&self, lease: LeaseId) -> Result<bool, EtcdError> {
        let answer = self
            .call(async |connection| {
                let mut client = connection.client.lease_client();
                // It comes back with the first answer read, and no other is asked for.
                client.keep_alive(lease.0).await
            })
            .await;
        match answer {
            Ok(_) => Ok(true),
            Err(EtcdError::LeaseEnded(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn revoke(&self, lease: LeaseId) -> Result<(), EtcdError> {
        let answer = self
            .call(async |connection| connection.client.lease_client().revoke(lease.0).await)
            .await;
        match answer {
            Ok(_) | Err(EtcdError::LeaseEnded(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn watch(&self, stretch: &KeyRange, from: i64) -> Result<ClientWatch, EtcdError> {
        let options = WatchOptions::new()
            .with_range(stretch.end.as_str())
            .with_start_revision(from)
            .with_progress_notify()
            .with_prev_key();
        self.call(async |connection| {
            let mut client = connection.watch();
            let stream = client.watch(stretch.start.as_str(), Some(options)).await?;
            Ok(ClientWatch {
                endpoint: connection.endpoint.clone(),
                stream,
            })
        })
        .await
    }
}

/// A watch of the real etcd. It ends when its member dies, is cut off from its cluster or does not
/// answer to pings.
pub struct ClientWatch {
    endpoint: String,
    stream: WatchStream,
}

impl Watch for ClientWatch {
    async fn next(&mut self) -> Result<Changes, EtcdError> {
        loop {
            let answer = self.stream.message().await;
            let answer = answer
                .map_err(|error| EtcdError::from_client(&error, &self.endpoint))?
                .ok_or_else(|| self.ended("the watch ended"))?;
            if answer.compact_revision() > 0 {
                return Err(EtcdError::Compacted {
                    endpoint: self.endpoint.clone(),
                    oldest: answer.compact_revision(),
                });
            }
            if answer.canceled() {
                return Err(self.ended(answer.cancel_reason()));
            }
            if !answer.created() {
                return Ok(changes(&answer));
            }
        }
    }
}

impl ClientWatch {
    fn ended(&self, reason: &str) -> EtcdError {
        EtcdError::Unknown {
            endpoint: self.endpoint.clone(),
            reason: reason.to_owned(),
        }
    }
}

fn changes(answer: &etcd_client::WatchResponse) -> Changes {
    let changes = answer.events().iter().filter_map(|event| {
        let now = event.kv()?;
        let deleted = event.event_type() == EventType::Delete;
        Some(Change {
            key: String::from_utf8_lossy(now.key()).into_owned(),
            revision: now.mod_revision(),
            value: (!deleted).then(|| now.value().to_vec()),
            before: event.prev_kv().map(|before| before.value().to_vec()),
            created: !deleted && now.create_revision() == now.mod_revision(),
        })
    });
    let changes: Vec<_> = changes.collect();
    let header = answer.header();
    // While a watch catches up, etcd names the store's revision, far ahead of what it has told.
    let told = changes.last().map(|change| change.revision);
    let revision = told.or_else(|| header.map(etcd_client::ResponseHeader::revision));
    Changes {
        header: Header {
            revision: revision.unwrap_or_default(),
            raft_term: header.map_or(0, etcd_client::ResponseHeader::raft_term),
        },
        changes,
    }
}
