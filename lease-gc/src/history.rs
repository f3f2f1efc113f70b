//! The history of an address: one line for every tenancy that ended.
//!
//! The leader follows the store's own watch, so a line is written however a tenancy ended: by a
//! DEL, by the collector, by an operator. How far it came is kept in the store, so that the next
//! leader goes on where this one stopped.

mod causes;
mod sink;
mod tenancy;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use store::clock::Clock;
use store::collect::Fenced;
use store::coordination::{Change, Changes, Coordination, Watch as _};
use store::election::Fence;
use store::etcd::EtcdError;
use store::retry::Deadline;
use store::store::Store;

pub use self::causes::Causes;
use self::sink::Sink;
use self::tenancy::Tenancy;
use crate::chain::chain;
use crate::metrics::Metrics;

/// How long the position may lag behind the lines that are written.
const LAG: Duration = Duration::from_secs(1);
/// How long one question to etcd may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long to wait after a failure.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Where the lines go.
#[derive(Clone)]
pub enum Destination {
    /// A file, in which what is told twice is written once.
    File(PathBuf),
    /// Standard output, or what stands in for it. It remembers nothing: what is told twice is
    /// written twice.
    Output(Output),
}

/// Takes whole lines.
pub type Output = Arc<dyn Fn(&[u8]) -> std::io::Result<()> + Send + Sync>;

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Output(_) => f.write_str("standard output"),
        }
    }
}

/// Follows the owner records of one cluster.
pub struct History<'a, E, C> {
    store: &'a Store<E, C>,
    cluster: &'a str,
    to: Destination,
    causes: &'a Causes,
    metrics: &'a Metrics,
    /// What is written but not yet recorded as written.
    unrecorded: Option<i64>,
}

/// Why the history cannot go on for now.
#[derive(Debug, thiserror::Error)]
enum Stopped {
    #[error(transparent)]
    Etcd(#[from] EtcdError),
    #[error("the history cannot be written to {0}; free space or name another --history-file")]
    Unwritable(Destination, #[source] std::io::Error),
    #[error("somebody else leads")]
    NotLeader,
}

impl<'a, E: Coordination, C: Clock> History<'a, E, C> {
    /// A history of `cluster`.
    pub const fn new(
        store: &'a Store<E, C>,
        cluster: &'a str,
        to: Destination,
        causes: &'a Causes,
        metrics: &'a Metrics,
    ) -> Self {
        Self {
            store,
            cluster,
            to,
            causes,
            metrics,
            unrecorded: None,
        }
    }

    /// Writes lines until the leadership is lost, whatever fails in between.
    pub async fn follow(&mut self, fence: &Fence) {
        loop {
            match self.follow_once(fence).await {
                Stopped::NotLeader => return,
                error => {
                    tracing::warn!(error = %chain(&error), "the history is interrupted");
                }
            }
            self.store.clock().sleep(AFTER_FAILURE).await;
        }
    }

    /// Records how far the history is, before the leadership is given up.
    pub async fn settle(&mut self, fence: &Fence) {
        if let Some(revision) = self.unrecorded.take() {
            // What is not recorded is written again, and known again by its revision.
            let _ = self.record(fence, revision).await;
        }
    }

    async fn follow_once(&mut self, fence: &Fence) -> Stopped {
        match self.write_lines(fence).await {
            Ok(never) => match never {},
            Err(stopped) => stopped,
        }
    }

    async fn write_lines(&mut self, fence: &Fence) -> Result<std::convert::Infallible, Stopped> {
        let mut sink = self.open_sink()?;
        let from = self.resume(&sink).await?;
        let mut watch = self.watch(from).await?;
        // At once: where nothing is recorded yet, nobody else could go on from here.
        self.record_what_is_synced(fence, &sink, from - 1).await?;
        let clock = self.store.clock();
        let mut recorded = clock.monotonic();
        loop {
            // Counted from the last time, however much is written meanwhile.
            let since = clock.monotonic().saturating_sub(recorded);
            let due = clock.sleep(LAG.saturating_sub(since));
            let changes = tokio::select! {
                biased;
                () = due, if self.unrecorded.is_some() => {
                    if let Some(revision) = self.unrecorded {
                        self.record_what_is_synced(fence, &sink, revision).await?;
                        recorded = clock.monotonic();
                    }
                    continue;
                }
                changes = watch.next() => changes,
            };
            match changes {
                Ok(changes) => self.write(&mut sink, &changes)?,
                // Told only by the first answer, so nothing was written since the watch began.
                Err(EtcdError::Compacted { oldest, .. }) => {
                    self.gap(from, oldest);
                    self.unrecorded = Some(oldest - 1);
                    watch = self.watch(oldest).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn watch(&self, from: i64) -> Result<E::Watch, EtcdError> {
        let stretch = self.store.keys().owners_of_cluster(self.cluster);
        self.store.etcd().watch(&stretch, from).await
    }

    /// The revision to go on from: after what was recorded, and after what the file says was
    /// written since. A store that is younger than either was restored; its history begins now.
    async fn resume(&self, sink: &Sink) -> Result<i64, Stopped> {
        let deadline = Deadline::after(self.store.clock(), PATIENCE);
        let (recorded, now) = self.store.history_position(self.cluster, deadline).await?;
        let recorded = self.unrecorded.or(recorded).map(|revision| revision + 1);
        let written = sink.last_revision().filter(|revision| *revision <= now);
        Ok(match recorded.max(written) {
            Some(from) if from <= now + 1 => from,
            Some(from) => {
                self.gap(from, now + 1);
                now + 1
            }
            None => now + 1,
        })
    }

    fn gap(&self, from: i64, to: i64) {
        self.metrics.history_gap();
        tracing::warn!(
            from,
            to,
            "etcd has forgotten these revisions: the history lacks what ended in them"
        );
    }

    fn write(&mut self, sink: &mut Sink, changes: &Changes) -> Result<(), Stopped> {
        let until = humantime::format_rfc3339_seconds(self.store.clock().wall()).to_string();
        let mut ended = Vec::new();
        for change in &changes.changes {
            self.count(change);
            ended.extend(self.tenancies(change, &until));
        }
        let written = sink.write(&ended).map_err(|error| self.unwritable(error))?;
        (0..written).for_each(|_| self.metrics.history_line());
        let last = changes.changes.last().map(|change| change.revision);
        self.unrecorded = self.unrecorded.max(last).max(Some(changes.header.revision));
        Ok(())
    }

    fn count(&self, change: &Change) {
        let Some(attachment) = self.store.keys().parse_owner(&change.key) else {
            return;
        };
        if change.created {
            self.metrics.allocated(&attachment.network);
        } else if change.value.is_none() {
            self.metrics.released(&attachment.network);
        }
    }

    /// The tenancies that a change ended: all of a record that was deleted, and those of an earlier
    /// life of the machine where the same attachment got its addresses anew.
    fn tenancies(&self, change: &Change, until: &str) -> Vec<Tenancy> {
        let owner = change.of_owner(self.store.keys());
        let Some((attachment, before, now)) =
            owner.and_then(|owner| Some((owner.attachment, owner.before?, owner.now)))
        else {
            return Vec::new();
        };
        let why = match &now {
            Some(now) if now.boot.id == before.boot.id => return Vec::new(),
            Some(_) => "restarted",
            None => self.causes.take(&before.id).unwrap_or("released"),
        };
        Tenancy::all(&attachment, &before, until, why, change.revision)
    }

    async fn record_what_is_synced(
        &mut self,
        fence: &Fence,
        sink: &Sink,
        revision: i64,
    ) -> Result<(), Stopped> {
        self.unrecorded = Some(revision);
        sink.sync().map_err(|error| self.unwritable(error))?;
        self.record(fence, revision).await?;
        self.unrecorded = None;
        Ok(())
    }

    async fn record(&self, fence: &Fence, revision: i64) -> Result<(), Stopped> {
        let deadline = Deadline::after(self.store.clock(), PATIENCE);
        let outcome = self
            .store
            .record_history(fence, self.cluster, revision, deadline)
            .await?;
        match outcome {
            Fenced::Done(()) => Ok(()),
            _ => Err(Stopped::NotLeader),
        }
    }

    fn open_sink(&self) -> Result<Sink, Stopped> {
        match &self.to {
            Destination::Output(output) => Ok(Sink::output(Arc::clone(output))),
            Destination::File(path) => {
                Sink::file(path, self.cluster).map_err(|error| self.unwritable(error))
            }
        }
    }

    fn unwritable(&self, error: std::io::Error) -> Stopped {
        Stopped::Unwritable(self.to.clone(), error)
    }
}
