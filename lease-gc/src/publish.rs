//! Tells the store how the last sweep ended, so that an operator who can reach nothing but etcd
//! sees it too.

use std::time::Duration;

use jiff::Zoned;
use store::clock::Clock;
use store::collect::Fenced;
use store::coordination::Coordination;
use store::election::Fence;
use store::retry::Deadline;
use store::sweep::LastSweep;

use crate::chain::chain;
use crate::collector::Collector;
use crate::pods::View;
use crate::report::SweepReport;

/// How long it may take: nothing but a display depends on it.
const PATIENCE: Duration = Duration::from_secs(2);

impl<E: Coordination, C: Clock, V: View> Collector<E, C, V> {
    /// Records how a sweep ended that has just done so, and when the next is due.
    pub(crate) async fn publish(&self, fence: &Fence, report: &SweepReport, next: Option<&Zoned>) {
        let sweep = LastSweep {
            by: self.candidate.identity.clone(),
            ended: format!("{:.0}", self.now()),
            result: report.result.name().to_owned(),
            error: report.error.clone(),
            records: report.records,
            released: report.released.total(),
            next: next.map(|next| format!("{:.0}", next.timestamp())),
            ..LastSweep::default()
        };
        let deadline = Deadline::after(self.store.clock(), PATIENCE);
        let cluster = &self.candidate.cluster;
        let recorded = self.store.record_sweep(fence, cluster, &sweep, deadline);
        match recorded.await {
            Ok(Fenced::Done(())) => {}
            Ok(_) => tracing::debug!("somebody else leads, and says how its own sweep ended"),
            Err(error) => {
                tracing::debug!(error = chain(&error), "how the sweep ended is not recorded");
            }
        }
    }
}
