//! One sweep and its confirmation, for audits and tests: `--once`.

use std::time::Duration;

use store::clock::Clock;
use store::coordination::Coordination;
use store::election::{LeaderRecord, Leadership};
use store::etcd::EtcdError;
use store::retry::Deadline;

use crate::chain::chain;
use crate::collector::{Collector, FatalError};
use crate::pods::View;
use crate::report::SweepReport;
use crate::signals::Shutdown;
use crate::sweep::{Memory, Mode, VoidReason};

/// How much longer than its lease another leader is waited for.
const MARGIN: Duration = Duration::from_secs(2);

/// Why a single run did not do what it was to do.
#[derive(Debug, thiserror::Error)]
pub enum OnceError {
    /// Another collector leads, and lives.
    #[error(
        "{leader:?} leads: ask it for a sweep with `ipamctl gc`, or look without releasing by \
         --once --dry-run"
    )]
    Led {
        /// Who.
        leader: String,
    },
    /// etcd failed for as long as another leader is waited for.
    #[error("no election could be held: {0}")]
    NoElection(String),
    /// The sweep was void or interrupted.
    #[error("the sweep was not completed")]
    Void(#[from] VoidReason),
    /// This process must not collect for this cluster.
    #[error(transparent)]
    Fatal(#[from] FatalError),
    /// The process was told to end.
    #[error("told to end before the sweep was complete")]
    Told,
}

impl<E: Coordination, C: Clock, V: View> Collector<E, C, V> {
    /// Sweeps, waits for as long as what it suspects must stand, and sweeps again. A dry run needs
    /// no election.
    ///
    /// # Errors
    /// [`OnceError`].
    pub async fn sweep_once(&self, shutdown: &Shutdown) -> Result<[SweepReport; 2], OnceError> {
        self.verify_cluster().await?;
        if self.dry_run {
            return tokio::select! {
                biased;
                () = shutdown.told() => Err(OnceError::Told),
                swept = self.sweep_and_confirm(Mode::DryRun) => swept,
            };
        }
        let mut leadership = tokio::select! {
            biased;
            () = shutdown.told() => return Err(OnceError::Told),
            elected = self.elected_soon() => elected?,
        };
        let fence = leadership.fence().clone();
        self.metrics.leads();
        let swept = tokio::select! {
            biased;
            () = shutdown.told() => Err(OnceError::Told),
            _lost = self.store.keep_leading(&mut leadership) => {
                Err(VoidReason::NotLeader.into())
            }
            swept = self.sweep_and_confirm(Mode::Leading(&fence)) => swept,
        };
        let deadline = Deadline::after(self.store.clock(), MARGIN);
        if let Err(error) = self.store.resign(leadership, deadline).await {
            // The lease ends by itself.
            tracing::warn!(error = %chain(&error), "could not hand over");
        }
        swept
    }

    async fn sweep_and_confirm(&self, mode: Mode<'_>) -> Result<[SweepReport; 2], OnceError> {
        let mut memory = Memory::default();
        let first = self.sweep_and_tell(&mut memory, mode).await?;
        let wait = memory.longest_wait();
        if !wait.is_zero() {
            tracing::info!(
                seconds = wait.as_secs_f64(),
                "waits to confirm what is suspected"
            );
        }
        self.store.clock().sleep(wait).await;
        let second = self.sweep_and_tell(&mut memory, mode).await?;
        Ok([first, second])
    }

    async fn sweep_and_tell(
        &self,
        memory: &mut Memory,
        mode: Mode<'_>,
    ) -> Result<SweepReport, VoidReason> {
        let (report, void) = self.sweep(memory, mode).await;
        if let Mode::Leading(fence) = mode {
            self.publish(fence, &report, None).await;
        }
        void.map_or(Ok(report), Err)
    }

    /// A leader that died is waited for, one that lives is not.
    async fn elected_soon(&self) -> Result<Leadership, OnceError> {
        let mut leader = None;
        let led_by = |record: &LeaderRecord| {
            tracing::info!(leader = record.identity, "another leads");
            leader = Some(record.identity.clone());
        };
        let mut failure = "etcd did not answer in time".to_owned();
        let failed = |error: &EtcdError| {
            failure = chain(error);
            tracing::warn!(error = failure, "the election goes on");
        };
        let patience = self.candidate.ttl + MARGIN;
        let campaign = self.store.campaign(&self.candidate, led_by, failed);
        match tokio::time::timeout(patience, campaign).await {
            Ok(elected) => Ok(elected.map_err(FatalError::from)?),
            Err(_) => Err(match leader {
                Some(leader) => OnceError::Led { leader },
                None => OnceError::NoElection(failure),
            }),
        }
    }
}
