//! Sees what etcd holds, past the programs under test: its complete log, and single keys.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use etcd_client::{Channel, Client, Event, EventType, GetOptions, WatchOptions, WatchResponse};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tonic::transport::Endpoint;

use crate::history::{Change, Commit, Line, What};
use crate::real::recorder::Recorder;

/// A member that has not answered for this long is not waited for.
const PATIENCE: Duration = Duration::from_millis(700);

/// How long a look may take, over all members. Most faults are over by then.
const LOOK: Duration = Duration::from_secs(12);

/// Values of keys that are not ours say nothing, and some are large.
const LONGEST_FOREIGN: usize = 64;

/// Follows the log of etcd in the background, from revision 1 on, and looks at keys.
#[derive(Debug)]
pub struct Observer {
    runtime: Runtime,
    clients: Clients,
    shared: Arc<Shared>,
    seen: watch::Receiver<i64>,
}

/// A client of each member.
struct Clients(Vec<Client>);

impl std::fmt::Debug for Clients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Clients({})", self.0.len())
    }
}

/// What the log's follower shares with those who look.
#[derive(Debug)]
struct Shared {
    recorder: Arc<Recorder>,
    prefix: String,
    endpoints: Vec<Endpoint>,
    /// The greatest revision that any answer has named: the log goes on at least so far.
    wanted: AtomicI64,
    seen: watch::Sender<i64>,
    position: Mutex<Position>,
}

/// Where the log is read.
#[derive(Debug, Default)]
struct Position {
    line: u32,
    /// Counts the changes of the line, so that a watch of an earlier one ends.
    turn: u64,
    /// How far the lines that do not count now were read.
    left: BTreeMap<u32, i64>,
}

impl Observer {
    /// An observer of the cluster with these members, whose log has only just begun.
    pub fn start(urls: &[String], prefix: &str, recorder: Arc<Recorder>) -> Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let endpoints = urls
            .iter()
            .map(|url| Ok(Endpoint::from_shared(url.clone())?.connect_timeout(PATIENCE)));
        let endpoints = endpoints.collect::<Result<Vec<_>>>()?;
        let clients = runtime.block_on(async {
            let mut clients = Vec::new();
            for endpoint in &endpoints {
                let channel = Channel::Tonic(endpoint.connect_lazy());
                clients.push(Client::from_channel(channel, None).await?);
            }
            Ok::<_, anyhow::Error>(clients)
        })?;
        let (sender, seen) = watch::channel(0);
        let shared = Arc::new(Shared {
            recorder,
            prefix: prefix.to_owned(),
            endpoints,
            wanted: AtomicI64::new(0),
            seen: sender,
            position: Mutex::default(),
        });
        runtime.spawn(Arc::clone(&shared).follow());
        Ok(Self {
            runtime,
            clients: Clients(clients),
            shared,
            seen,
        })
    }

    /// Whether a key exists, and at which revision that was so, by a linearizable read; `None` where no
    /// member could say so in time. What has led to the answer is in the history by then.
    pub fn look(&self, key: &str) -> Option<(bool, i64)> {
        let (entries, revision) = self.runtime.block_on(self.read(key, false))?;
        Some((!entries.is_empty(), revision))
    }

    /// Everything below a prefix, by a linearizable read.
    pub fn list(&self, prefix: &str) -> Result<BTreeMap<String, String>> {
        let found = self.runtime.block_on(self.read(prefix, true));
        let (entries, _) = found.context("no member answers")?;
        Ok(entries)
    }

    /// The revision up to which the history has the log.
    pub fn consumed(&self) -> i64 {
        *self.seen.borrow()
    }

    /// etcd goes on with another line of its history, which shares this much with the one before.
    pub fn turn_to(&self, line: Line) {
        let mut position = self.shared.position();
        let left = position.line;
        position.left.insert(left, self.consumed());
        position.line = line.line;
        position.turn += 1;
        // One that counted before goes on where it was left.
        let seen = position.left.get(&line.line).copied();
        let seen = seen.unwrap_or(line.revision);
        self.shared.wanted.store(seen, Ordering::SeqCst);
        self.shared.seen.send_replace(seen);
        self.shared.recorder.push(What::Line(line));
    }

    /// The line that is read.
    pub fn line(&self) -> u32 {
        self.shared.position().line
    }

    async fn read(&self, key: &str, below: bool) -> Option<(BTreeMap<String, String>, i64)> {
        let end = Instant::now() + LOOK;
        let mut clients = self.clients.0.iter().cycle();
        let (entries, revision) = loop {
            let mut client = clients.next()?.clone();
            let options = below.then(|| GetOptions::new().with_prefix());
            if let Ok(Ok(answer)) = timeout(PATIENCE, client.get(key, options)).await {
                let entries = answer.kvs().iter().map(|entry| {
                    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                    (text(entry.key()), text(entry.value()))
                });
                let revision = answer
                    .header()
                    .map_or(0, etcd_client::ResponseHeader::revision);
                break (entries.collect(), revision);
            }
            if Instant::now() > end {
                return None;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        self.shared.wanted.fetch_max(revision, Ordering::SeqCst);
        let mut seen = self.seen.clone();
        let caught_up = seen.wait_for(|seen| *seen >= revision);
        // The log of a line that has ended does not go on.
        let _ = timeout(LOOK, caught_up).await;
        Some((entries, revision))
    }
}

impl Shared {
    /// Watches one member after the other, for ever.
    async fn follow(self: Arc<Self>) {
        for endpoint in self.endpoints.iter().cycle() {
            // A member that fails, or is behind the others, is left for the next one.
            if let Err(error) = self.follow_at(endpoint).await
                && error.to_string().contains("compacted")
            {
                self.recorder.spoil(format!("the log has a gap: {error}"));
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn follow_at(&self, endpoint: &Endpoint) -> Result<()> {
        let (line, turn) = {
            let position = self.position();
            (position.line, position.turn)
        };
        let mut next = *self.seen.borrow() + 1;
        let channel = timeout(PATIENCE, endpoint.connect()).await??;
        let mut client = Client::from_channel(Channel::Tonic(channel), None).await?;
        let options = WatchOptions::new()
            .with_all_keys()
            .with_start_revision(next);
        let mut watch = timeout(PATIENCE, client.watch("\0", Some(options))).await??;
        loop {
            let answer = timeout(PATIENCE, watch.message()).await;
            // Nobody turns to another line while what belongs to this one is written down.
            let position = self.position();
            if position.turn != turn {
                bail!("the line has changed");
            }
            match answer {
                Ok(answer) => {
                    let answer = answer?.context("the watch has ended")?;
                    if answer.compact_revision() > 0 {
                        bail!("compacted at {}", answer.compact_revision());
                    }
                    if answer.canceled() {
                        bail!("cancelled: {}", answer.cancel_reason());
                    }
                    next = self.take(line, next, &answer)?;
                }
                Err(_) if self.wanted.load(Ordering::SeqCst) >= next => bail!("it is behind"),
                Err(_) => {}
            }
        }
    }

    /// Writes down what an answer tells, which is never a part of a revision only.
    fn take(&self, line: u32, mut next: i64, answer: &WatchResponse) -> Result<i64> {
        for events in answer.events().chunk_by(|a, b| revision(a) == revision(b)) {
            let revision = events.first().map_or(0, revision);
            // Revisions follow each other: one that is skipped was lost, one that comes again was torn.
            if revision != next && next > 1 {
                bail!("revision {revision} instead of {next}");
            }
            let changes = events.iter().filter_map(|event| self.change(event));
            self.recorder.push(What::Commit(Commit {
                line,
                revision,
                changes: changes.collect(),
                by: None,
            }));
            next = revision + 1;
            self.seen.send_replace(revision);
        }
        Ok(next)
    }

    fn change(&self, event: &Event) -> Option<Change> {
        let entry = event.kv()?;
        let key = String::from_utf8_lossy(entry.key()).into_owned();
        let ours = key.starts_with(&self.prefix);
        let bytes = entry.value();
        let shown = if ours {
            bytes.len()
        } else {
            bytes.len().min(LONGEST_FOREIGN)
        };
        let value = String::from_utf8_lossy(bytes.get(..shown)?).into_owned();
        let is_put = event.event_type() == EventType::Put;
        Some(Change {
            key,
            value: is_put.then_some(value),
        })
    }

    fn position(&self) -> std::sync::MutexGuard<'_, Position> {
        self.position.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn revision(event: &Event) -> i64 {
    event.kv().map_or(0, etcd_client::KeyValue::mod_revision)
}
