//! etcd as it is, beside the programs under test: to look and to tamper.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use etcd_client::{
    AlarmAction, AlarmType, Channel, Client, ConnectOptions, DeleteOptions, GetOptions, Txn, TxnOp,
};
use tokio::runtime::Builder;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};

use crate::certs::{Authority, Identity};

/// Puts of one transaction; the server's default limit is 128.
const BATCH: usize = 120;

/// A value that a test reads is at most this large; so is a whole listing (bytes).
const LARGEST_ANSWER: usize = 256 << 20;

/// A way to one member, for callers without a runtime of their own.
///
/// Every question has a connection of its own: one that stays open would survive the server that
/// it led to, and would keep that server from ending in an orderly way.
#[derive(Debug)]
pub struct Raw {
    endpoint: Endpoint,
    options: Option<ConnectOptions>,
}

/// What a member says about itself and its cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The cluster.
    pub cluster_id: u64,
    /// The member that answered.
    pub member_id: u64,
    /// The member that leads.
    pub leader: u64,
    /// The Raft term.
    pub raft_term: u64,
    /// The names of all members.
    pub members: Vec<String>,
}

/// How a client proves who it is.
#[derive(Clone, Copy, Default)]
pub struct Access<'a> {
    /// Whom to trust, and a certificate to show.
    pub tls: Option<(&'a Authority, &'a Identity)>,
    /// A user and its password.
    pub password: Option<(&'a str, &'a str)>,
}

impl Raw {
    /// The way to one URL.
    pub fn new(url: &str, access: Access<'_>) -> Result<Self> {
        let mut endpoint = Endpoint::from_shared(url.to_owned())?
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_secs(10));
        if let Some((authority, identity)) = access.tls {
            endpoint = endpoint.tls_config(
                ClientTlsConfig::new()
                    .ca_certificate(Certificate::from_pem(std::fs::read(&authority.ca_file)?))
                    .identity(tonic::transport::Identity::from_pem(
                        std::fs::read(&identity.cert_file)?,
                        std::fs::read(&identity.key_file)?,
                    )),
            )?;
        }
        let options = access
            .password
            .map(|(user, password)| ConnectOptions::new().with_user(user, password));
        Ok(Self { endpoint, options })
    }

    /// The same way, for who does not wait that long for a connection, or for an answer.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.endpoint = self.endpoint.connect_timeout(timeout).timeout(timeout);
        self
    }

    /// Asks anything that the client library can ask.
    pub fn ask<T>(
        &self,
        question: impl AsyncFnOnce(&mut Client) -> Result<T, etcd_client::Error>,
    ) -> Result<T> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let channel = self
                .endpoint
                .connect()
                .await
                .with_context(|| format!("cannot connect to {}", self.endpoint.uri()))?;
            let channel = Channel::Tonic(channel);
            let mut client = Client::from_channel(channel, self.options.clone()).await?;
            Ok(question(&mut client).await?)
        })
    }

    /// Writes a key.
    pub fn put(&self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Result<()> {
        self.ask(async |client| client.put(key, value, None).await)?;
        Ok(())
    }

    /// Writes many keys, many in one transaction.
    pub fn put_all(&self, entries: impl IntoIterator<Item = (String, String)>) -> Result<()> {
        let mut puts = entries
            .into_iter()
            .map(|(key, value)| TxnOp::put(key, value, None));
        self.ask(async |client| {
            loop {
                let batch: Vec<_> = puts.by_ref().take(BATCH).collect();
                if batch.is_empty() {
                    return Ok(());
                }
                client.txn(Txn::new().and_then(batch)).await?;
            }
        })
    }

    /// Reads a key.
    pub fn get(&self, key: impl Into<Vec<u8>>) -> Result<Option<Vec<u8>>> {
        let answer = self.ask(async |client| client.get(key, None).await)?;
        Ok(answer.kvs().first().map(|entry| entry.value().to_vec()))
    }

    /// The version of a key, which counts its writes; 0 if there is none.
    pub fn version(&self, key: impl Into<Vec<u8>>) -> Result<i64> {
        let answer = self.ask(async |client| client.get(key, None).await)?;
        Ok(answer
            .kvs()
            .first()
            .map_or(0, etcd_client::KeyValue::version))
    }

    /// Reads every key that begins with `prefix`, all at one revision.
    pub fn list(&self, prefix: &str) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let options = GetOptions::new().with_prefix();
        let answer = self.ask(async |client| {
            client
                .kv_client()
                .max_decoding_message_size(LARGEST_ANSWER)
                .get(prefix, Some(options))
                .await
        })?;
        let entries = answer.kvs().iter();
        Ok(entries
            .map(|entry| (entry.key().to_vec(), entry.value().to_vec()))
            .collect())
    }

    /// How many keys begin with `prefix`.
    pub fn count(&self, prefix: &str) -> Result<u64> {
        let options = GetOptions::new().with_prefix().with_count_only();
        let answer = self.ask(async |client| client.get(prefix, Some(options)).await)?;
        Ok(answer.count().try_into()?)
    }

    /// Deletes a key.
    pub fn delete(&self, key: impl Into<Vec<u8>>) -> Result<()> {
        self.ask(async |client| client.delete(key, None).await)?;
        Ok(())
    }

    /// Deletes every key that begins with `prefix`.
    pub fn delete_prefix(&self, prefix: &str) -> Result<()> {
        let options = DeleteOptions::new().with_prefix();
        self.ask(async |client| client.delete(prefix, Some(options)).await)?;
        Ok(())
    }

    /// Writes values below `prefix` until the server has no space left for more.
    pub fn fill_up(&self, prefix: &str) -> Result<()> {
        for number in 0..10_000 {
            if self
                .put(format!("{prefix}{number}"), vec![b'x'; 256 << 10])
                .is_err()
                && self.is_out_of_space()?
            {
                return Ok(());
            }
        }
        bail!("the server still has space");
    }

    /// Whether the cluster has run out of space.
    pub fn is_out_of_space(&self) -> Result<bool> {
        let answer = self.ask(async |client| {
            client
                .alarm(AlarmAction::Get, AlarmType::Nospace, None)
                .await
        })?;
        Ok(!answer.alarms().is_empty())
    }

    /// Who answers. Proves that the member has a leader: the list of members is read through it.
    pub fn status(&self) -> Result<Status> {
        let status = self.ask(async |client| client.status().await)?;
        let members = self.ask(async |client| client.member_list().await)?;
        // A read through the leader: a member that has just started may not have caught up.
        self.get("\0")?;
        let header = status.header().context("an answer without a header")?;
        Ok(Status {
            cluster_id: header.cluster_id(),
            member_id: header.member_id(),
            leader: status.leader(),
            raft_term: status.raft_term(),
            members: members
                .members()
                .iter()
                .map(|member| member.name().to_owned())
                .collect(),
        })
    }
}
