//! What one sweep found and did: for the metrics, the page, and whoever asked for it.
//!
//! It is bounded, however much a sweep frees: it counts everything and lists the newest.

mod count;
mod newest;
mod tally;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use store::address::Address;
use store::inspect::Damaged;

pub use self::count::Count;
pub use self::newest::Newest;
pub use self::tally::Tally;

/// One sweep. As JSON its fields' names are stable: `ipamctl gc` prints it.
#[derive(Clone, Debug, Serialize)]
pub struct SweepReport {
    /// When it began, by the wall clock.
    pub started: Timestamp,
    /// How long it took. In JSON: `duration_seconds`.
    #[serde(rename = "duration_seconds", serialize_with = "seconds")]
    pub duration: Duration,
    /// How it ended.
    pub result: SweepResult,
    /// Why it is void, or what interrupted it; for people.
    pub error: Option<String>,
    /// Which kind of refusal made the sweep void, where one did. Not in JSON: `error` says it in words.
    #[serde(skip)]
    pub refused: Option<&'static str>,
    /// Why the store is frozen, where it is.
    pub frozen: Option<String>,
    /// How many owner records this cluster has.
    pub records: u64,
    /// What looks dead but has not waited long enough, by evidence.
    pub candidates: Tally,
    /// What is kept, by reason.
    pub kept: Tally,
    /// What was released (in a dry run: would have been), by evidence.
    pub released: Tally,
    /// The same, one by one.
    pub releases: Newest<Release>,
    /// How many addresses of living pods got the record that they lacked.
    pub adopted: u64,
    /// How many addresses had rested long enough and are free again.
    pub rests_ended: u64,
    /// How many addresses were reserved or quarantined until a time that is past, and are free
    /// again.
    pub reservations_ended: u64,
    /// Addresses that two claim.
    pub conflicts: Newest<Conflict>,
    /// Breakers that stopped releases.
    pub breakers: Vec<OpenBreaker>,
    /// Keys that cannot be read; they count as taken.
    pub damaged: Newest<DamagedKey>,
    /// Every configured range and how full it is.
    pub ranges: Vec<RangeReport>,
}

impl SweepReport {
    /// A sweep that has found nothing yet. It is void until it says otherwise.
    pub fn new(started: Timestamp) -> Self {
        Self {
            started,
            duration: Duration::ZERO,
            result: SweepResult::Void,
            error: None,
            refused: None,
            frozen: None,
            records: 0,
            candidates: Tally::default(),
            kept: Tally::default(),
            released: Tally::default(),
            releases: Newest::default(),
            adopted: 0,
            rests_ended: 0,
            reservations_ended: 0,
            conflicts: Newest::default(),
            breakers: Vec::new(),
            damaged: Newest::default(),
            ranges: Vec::new(),
        }
    }

    /// Counts and lists a release.
    pub fn release(&mut self, release: Release) {
        self.released.add(release.evidence);
        self.releases.push(release);
    }
}

/// How a sweep ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SweepResult {
    /// Everything was judged, and all that the rules allow was released.
    Complete,
    /// Everything was judged, and by wish nothing was changed.
    DryRun,
    /// Everything was judged, and nothing released because the store is frozen.
    Frozen,
    /// Everything was judged, and a breaker held releases back.
    Breaker,
    /// It ended before all was released: leadership went, etcd failed, or the process was told to
    /// end. What was released stays so.
    Interrupted,
    /// A reading was incomplete or not plausible: nothing was judged.
    Void,
}

impl SweepResult {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Complete,
        Self::DryRun,
        Self::Frozen,
        Self::Breaker,
        Self::Interrupted,
        Self::Void,
    ];

    /// Its name in JSON and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::DryRun => "dry_run",
            Self::Frozen => "frozen",
            Self::Breaker => "breaker",
            Self::Interrupted => "interrupted",
            Self::Void => "void",
        }
    }

    /// Whether the sweep did all that it was there for.
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Complete | Self::DryRun)
    }

    /// Whether what the sweep says of records and ranges is known to be whole.
    pub const fn has_judged(self) -> bool {
        !matches!(self, Self::Void)
    }
}

/// A record that was released (in a dry run: would have been).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Release {
    /// When, by the wall clock.
    pub at: Timestamp,
    /// What it held.
    pub addresses: Vec<Address>,
    /// Whose: the attachment, as the store names it.
    pub owner: String,
    /// The pod, as `namespace/name`, where the record says.
    pub pod: Option<String>,
    /// Which row of the evidence table.
    pub evidence: &'static str,
}

/// An address that one holds in the store and another uses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Conflict {
    /// The address.
    pub address: Address,
    /// Who holds it, as the store names it.
    pub holder: String,
    /// The living pod that names it as its own, as `namespace/name`.
    pub pod: String,
}

/// A breaker that stopped releases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OpenBreaker {
    /// Which.
    pub kind: &'static str,
    /// How many it would have let through.
    pub found: u64,
    /// The most that it lets through in one sweep.
    pub limit: u64,
}

/// A key whose name or value is not what belongs there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DamagedKey {
    /// The key.
    pub key: String,
    /// What is wrong, for people.
    pub reason: String,
}

impl From<Damaged> for DamagedKey {
    fn from(damaged: Damaged) -> Self {
        let Damaged { key, reason } = damaged;
        Self { key, reason }
    }
}

/// A configured range and how it is used.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RangeReport {
    /// Where its addresses are unique.
    pub space: String,
    /// The range: `192.168.20.10-192.168.20.100/24`.
    pub range: String,
    /// How many addresses may be given out: the sum of the four below.
    pub capacity: Count,
    /// How many attachments hold.
    pub allocated: Count,
    /// How many wait for the end of their cool-down.
    pub resting: Count,
    /// How many an operator keeps, or a value that cannot be read.
    pub reserved: Count,
    /// How many are free.
    pub free: Count,
}

fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_json_has_the_documented_names() {
        let mut report = SweepReport::new("2026-11-20T11:00:00Z".parse().unwrap());
        report.duration = Duration::from_millis(1500);
        report.result = SweepResult::DryRun;
        report.kept.add("not_ready");
        report.release(Release {
            at: report.started,
            addresses: vec!["192.168.20.11".parse().unwrap()],
            owner: "default/n1/blue/c1/net1".to_owned(),
            pod: Some("shop/web-0".to_owned()),
            evidence: "pod_gone",
        });
        report.ranges.push(RangeReport {
            space: "default".to_owned(),
            range: "2001:db8::1-2001:db8::ffff:ffff:ffff:ffff/64".to_owned(),
            capacity: Count((1 << 64) - 1),
            allocated: Count(1),
            resting: Count(0),
            reserved: Count(0),
            free: Count((1 << 64) - 2),
        });
        assert_eq!(
            serde_json::to_value(&report).unwrap(),
            json!({
                "started": "2026-11-20T11:00:00Z",
                "duration_seconds": 1.5,
                "result": "dry_run",
                "error": null,
                "frozen": null,
                "records": 0,
                "candidates": {},
                "kept": {"not_ready": 1},
                "released": {"pod_gone": 1},
                "releases": {"total": 1, "newest": [{
                    "at": "2026-11-20T11:00:00Z", "addresses": ["192.168.20.11"],
                    "owner": "default/n1/blue/c1/net1", "pod": "shop/web-0",
                    "evidence": "pod_gone",
                }]},
                "adopted": 0,
                "rests_ended": 0,
                "reservations_ended": 0,
                "conflicts": {"total": 0, "newest": []},
                "breakers": [],
                "damaged": {"total": 0, "newest": []},
                "ranges": [{
                    "space": "default", "range": "2001:db8::1-2001:db8::ffff:ffff:ffff:ffff/64",
                    "capacity": "18446744073709551615", "allocated": 1, "resting": 0,
                    "reserved": 0, "free": "18446744073709551614",
                }],
            })
        );
    }

    #[test]
    fn a_result_has_the_same_name_in_json_and_in_metrics() {
        for result in SweepResult::ALL {
            assert_eq!(serde_json::to_value(result).unwrap(), result.name());
        }
    }
}
