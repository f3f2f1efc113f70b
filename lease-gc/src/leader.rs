//! The life of a collector: to know its cluster, to be elected, to lead, and to hand over.

use std::time::Duration;

use jiff::Zoned;
use jiff::tz::TimeZone;
use store::clock::Clock;
use store::collect::Fenced;
use store::coordination::Coordination;
use store::election::{Fence, LeaderRecord, Leadership, Lost};
use store::etcd::EtcdError;
use store::request::PendingRequest;
use store::retry::Deadline;
use tokio::sync::mpsc;

use crate::chain::chain;
use crate::collector::{Collector, FatalError, observer};
use crate::history::History;
use crate::pods::View;
use crate::report::SweepReport;
use crate::signals::Shutdown;
use crate::sweep::{Memory, Mode, VoidReason};

/// How long to wait after a failure that may pass.
const AFTER_FAILURE: Duration = Duration::from_secs(5);
/// How long giving back the leadership may take.
const FAREWELL: Duration = Duration::from_secs(2);
/// After so many sweeps in a row that could not see the pods, another candidate may see better.
const BLIND_SWEEPS: u32 = 3;
/// The longest sleep on the way to a scheduled sweep, so that a clock that was set is noticed.
const NAP: Duration = Duration::from_secs(30);

/// What a sweep is made for.
#[derive(Debug)]
pub enum Occasion {
    /// This process has just been elected.
    Election,
    /// The schedule.
    Schedule,
    /// SIGHUP.
    Signal,
    /// An operator's wish.
    Request(PendingRequest),
}

impl Occasion {
    /// Its name in logs.
    const fn name(&self) -> &'static str {
        match self {
            Self::Election => "election",
            Self::Schedule => "schedule",
            Self::Signal => "signal",
            Self::Request(_) => "request",
        }
    }
}

/// Why a term ends.
enum End {
    /// The process was told to end.
    Told,
    /// The lease could not be kept.
    Lost(Lost),
    /// Somebody else was elected, although the lease seemed to be kept.
    Deposed,
    /// This process cannot see the pods; another may.
    Blind,
    /// It must not lead, now or later.
    Fatal(FatalError),
}

impl<E: Coordination, C: Clock, V: View> Collector<E, C, V> {
    /// Takes part in elections and sweeps while it leads, until it is told to end.
    ///
    /// # Errors
    /// [`FatalError`] where this process must not collect for this cluster.
    pub async fn run(
        &self,
        mut occasions: mpsc::Receiver<Occasion>,
        shutdown: &Shutdown,
    ) -> Result<(), FatalError> {
        loop {
            let mut leadership = tokio::select! {
                biased;
                () = shutdown.told() => return Ok(()),
                elected = self.be_elected() => elected?,
            };
            let fence = leadership.fence().clone();
            self.begin_term(&fence);
            let end = tokio::select! {
                biased;
                lost = self.store.keep_leading(&mut leadership) => End::Lost(lost),
                end = self.lead(&fence, &mut occasions, shutdown) => end,
            };
            if let Some(result) = self.end_term(leadership, end).await {
                return result;
            }
            tokio::select! {
                biased;
                () = shutdown.told() => return Ok(()),
                () = self.store.clock().sleep(AFTER_FAILURE) => {}
            }
        }
    }

    async fn be_elected(&self) -> Result<Leadership, FatalError> {
        // Who cannot see its pods must not lead, and who sees another cluster's must not either.
        loop {
            match self.verify_cluster().await {
                Ok(()) => break,
                Err(VoidReason::Fatal(error)) => return Err(error),
                Err(reason) => {
                    tracing::warn!(reason = %chain(&reason), "not ready to be elected");
                    self.store.clock().sleep(AFTER_FAILURE).await;
                }
            }
        }
        let led_by = |leader: &LeaderRecord| {
            tracing::info!(
                leader = leader.identity,
                since = leader.since,
                "another leads"
            );
            self.status.follows(Some(leader.identity.clone()));
        };
        let failed = |error: &EtcdError| {
            tracing::warn!(error = %chain(error), "the election goes on");
        };
        let elected = self.store.campaign(&self.candidate, led_by, failed).await;
        Ok(elected?)
    }

    fn begin_term(&self, fence: &Fence) {
        tracing::info!(
            identity = self.candidate.identity,
            token = fence.token(),
            "elected"
        );
        self.metrics.leads();
        self.status.leads(self.now());
    }

    /// `None` if another term may follow.
    async fn end_term(&self, leadership: Leadership, end: End) -> Option<Result<(), FatalError>> {
        self.metrics.follows();
        self.status.follows(None);
        let (result, still_leads) = match end {
            End::Told => (Some(Ok(())), true),
            End::Fatal(error) => (Some(Err(error)), true),
            End::Blind => {
                tracing::warn!("the pods cannot be seen from here: another collector may lead");
                (None, true)
            }
            End::Deposed => {
                tracing::warn!("somebody else leads");
                (None, false)
            }
            End::Lost(lost) => {
                tracing::warn!(error = %chain(&lost), "leads no longer");
                (None, false)
            }
        };
        if still_leads {
            let deadline = Deadline::after(self.store.clock(), FAREWELL);
            let resigned = self.store.resign(leadership, deadline);
            match tokio::time::timeout(FAREWELL, resigned).await {
                Ok(Ok(())) => tracing::info!("handed over"),
                Ok(Err(error)) => {
                    tracing::warn!(error = %chain(&error), "could not hand over");
                }
                Err(_) => tracing::warn!("could not hand over in time"),
            }
        }
        result
    }

    async fn lead(
        &self,
        fence: &Fence,
        occasions: &mut mpsc::Receiver<Occasion>,
        shutdown: &Shutdown,
    ) -> End {
        let mut history = History::new(
            &self.store,
            &self.candidate.cluster,
            self.history.clone(),
            &self.causes,
            &self.metrics,
        );
        let (wish, mut wishes) = mpsc::channel(1);
        let end = tokio::select! {
            biased;
            () = shutdown.told() => End::Told,
            () = history.follow(fence) => End::Deposed,
            () = self.hear_requests(&wish) => End::Deposed,
            () = self.watch_pods() => End::Deposed,
            end = self.sweep_on_occasion(fence, occasions, &mut wishes) => end,
        };
        if !matches!(end, End::Deposed) {
            // Whoever leads next goes on from there.
            let _ = tokio::time::timeout(FAREWELL, history.settle(fence)).await;
        }
        end
    }

    async fn sweep_on_occasion(
        &self,
        fence: &Fence,
        occasions: &mut mpsc::Receiver<Occasion>,
        wishes: &mut mpsc::Receiver<PendingRequest>,
    ) -> End {
        let mut memory = Memory::default();
        let mut occasion = Occasion::Election;
        let mut blind = 0;
        loop {
            let dry_run = self.dry_run
                || matches!(&occasion, Occasion::Request(pending) if pending.request.dry_run);
            tracing::info!(occasion = occasion.name(), dry_run, "a sweep begins");
            let mode = if dry_run {
                Mode::DryRun
            } else {
                Mode::Leading(fence)
            };
            let (report, void) = self.sweep(&mut memory, mode).await;
            // What an operator only asked about is not how things stand.
            if dry_run == self.dry_run {
                let next = self.next_scheduled();
                self.publish(fence, &report, next.as_ref()).await;
            }
            if let Occasion::Request(pending) = occasion {
                self.answer(fence, pending, report).await;
            }
            match void {
                Some(VoidReason::Fatal(error)) => return End::Fatal(error),
                Some(VoidReason::NotLeader) => return End::Deposed,
                Some(VoidReason::Source(_)) => blind += 1,
                Some(_) | None => blind = 0,
            }
            if blind >= BLIND_SWEEPS {
                return End::Blind;
            }
            occasion = self.next_occasion(occasions, wishes).await;
        }
    }

    async fn next_occasion(
        &self,
        occasions: &mut mpsc::Receiver<Occasion>,
        wishes: &mut mpsc::Receiver<PendingRequest>,
    ) -> Occasion {
        let due = self.next_scheduled();
        self.status.next_sweep(due.as_ref().map(Zoned::timestamp));
        tokio::select! {
            biased;
            // Somebody waits for the answer.
            Some(pending) = wishes.recv() => Occasion::Request(pending),
            Some(occasion) = occasions.recv() => occasion,
            () = self.until(due) => Occasion::Schedule,
        }
    }

    fn next_scheduled(&self) -> Option<Zoned> {
        let now = self.now().to_zoned(TimeZone::system());
        self.schedule.next_after(&now)
    }

    /// Waits until a time on the wall; for ever where there is none.
    async fn until(&self, due: Option<Zoned>) {
        let Some(due) = due else {
            return std::future::pending().await;
        };
        loop {
            let left = due.timestamp().duration_since(self.now());
            let Ok(left) = Duration::try_from(left) else {
                return;
            };
            if left.is_zero() {
                return;
            }
            self.store.clock().sleep(left.min(NAP)).await;
        }
    }

    /// Passes operators' wishes on, as long as this process leads.
    async fn hear_requests(&self, wish: &mpsc::Sender<PendingRequest>) {
        let cluster = &self.candidate.cluster;
        loop {
            let heard = async {
                let pending = self.store.pending_request(cluster, self.deadline());
                let (pending, revision) = pending.await?;
                match pending {
                    // Nobody hears only once the term has ended.
                    Some(Ok(pending)) => drop(wish.send(pending).await),
                    Some(Err(error)) => {
                        tracing::warn!(error = %chain(&error), "a request cannot be read");
                    }
                    None => {}
                }
                self.store.await_request(cluster, revision).await
            };
            if let Err(error) = heard.await {
                tracing::debug!(error = %chain(&error), "requests are not heard");
                self.store.clock().sleep(AFTER_FAILURE).await;
            }
        }
    }

    /// Takes note of pods as they are deleted, where that is asked for.
    async fn watch_pods(&self) {
        let (tell, mut told) = mpsc::channel(1024);
        let watch = self.view.deletions(observer(&self.metrics), tell);
        let note = async {
            while let Some(uid) = told.recv().await {
                self.deletions.note(uid, self.store.clock().monotonic());
            }
        };
        tokio::join!(watch, note);
    }

    /// Tells an operator what the sweep found. Not how full the ranges are, which fills pages and
    /// which `ipamctl ranges` tells better.
    async fn answer(&self, fence: &Fence, pending: PendingRequest, mut report: SweepReport) {
        report.ranges.clear();
        let answer = serde_json::to_value(report).unwrap_or_default();
        let cluster = &self.candidate.cluster;
        let answered = self
            .store
            .answer_request(fence, cluster, pending, answer, self.deadline());
        match answered.await {
            Ok(Fenced::Done(())) => {}
            Ok(_) => tracing::info!("nobody waits for the answer to a request any more"),
            Err(error) => {
                let error = chain(&error);
                tracing::warn!(error, "a request was not answered");
            }
        }
    }
}
