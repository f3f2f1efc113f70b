//! What two reports agree on. No input or output.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use humantime::{format_duration, parse_rfc3339};
use store::address::Address;

use crate::audit::{Finding, Kind, Report};

/// What two reports agree on.
#[derive(Debug)]
pub(super) struct Agreement {
    /// What both found, remarks left out.
    pub(super) found: Vec<Finding>,
    /// How many findings only one of them has.
    pub(super) disputed: usize,
    /// How long one was made after the other.
    pub(super) apart: Duration,
}

impl Agreement {
    /// Compares two reports.
    ///
    /// # Errors
    /// Where they are the same report, or of different stores, prefixes or clusters: then they
    /// prove nothing together.
    pub(super) fn of(one: &Report, other: &Report) -> anyhow::Result<Self> {
        ensure!(
            one.about.id != other.about.id,
            "both files are the same report ({}): the second must come from another run of \
             `ipamctl check`",
            one.about.id
        );
        for (what, first, second) in [
            ("stores", &one.about.store_id, &other.about.store_id),
            ("prefixes", &one.about.prefix, &other.about.prefix),
            ("clusters", &one.about.cluster, &other.about.cluster),
        ] {
            if first != second {
                bail!("the reports are of different {what}: {first} and {second}");
            }
        }
        let time = |report: &Report| {
            parse_rfc3339(&report.about.checked)
                .with_context(|| format!("the report's time {:?} is none", report.about.checked))
        };
        let (first, second) = (time(one)?, time(other)?);
        let apart = second
            .duration_since(first)
            .unwrap_or_else(|earlier| earlier.duration());
        let known: HashSet<_> = one.findings.iter().map(identity).collect();
        let (found, only): (Vec<_>, Vec<_>) = other
            .findings
            .iter()
            .partition(|finding| known.contains(&identity(finding)));
        let agreed: HashSet<_> = found.iter().map(|finding| identity(finding)).collect();
        let disputed = known.difference(&agreed).count() + only.len();
        Ok(Self {
            found: found
                .into_iter()
                .filter(|finding| !finding.kind.is_remark())
                .cloned()
                .collect(),
            disputed,
            apart,
        })
    }

    /// Whether they are far enough apart for what must stand so long.
    ///
    /// # Errors
    /// Where not: why, for people.
    pub(super) fn stood_for(&self, grace: Duration) -> Result<(), String> {
        if self.apart >= grace {
            return Ok(());
        }
        Err(format!(
            "the reports are {} apart, and a pod must be gone for {}",
            format_duration(self.apart),
            format_duration(grace)
        ))
    }
}

/// By what two findings are the same: also the value and the revision of what they are about.
fn identity(finding: &Finding) -> (Kind, &str, i64, &str, Option<Address>, Option<&str>) {
    (
        finding.kind,
        &finding.key,
        finding.mod_revision,
        &finding.value_sha256,
        finding.address,
        finding.space.as_deref(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{About, Counts, digest};

    fn found(kind: Kind, key: &str, mod_revision: i64, value: &str) -> Finding {
        Finding {
            kind,
            key: key.into(),
            mod_revision,
            value_sha256: digest(value.as_bytes()),
            address: None,
            space: None,
            holder: None,
            detail: String::new(),
            repair: None,
        }
    }

    fn about(id: &str) -> About {
        About {
            id: id.into(),
            store_id: "s".into(),
            prefix: "/p".into(),
            cluster: "c".into(),
            checked: "2026-11-20T12:00:00Z".into(),
            ..About::default()
        }
    }

    fn report(about: About, findings: &[Finding]) -> Report {
        Report::new(about, Counts::default(), findings.to_vec())
    }

    #[test]
    fn only_what_is_the_same_in_both_counts() {
        let same = found(Kind::OrphanedAddress, "a", 5, "x");
        let one = [
            same.clone(),
            found(Kind::Unreadable, "b", 5, "x"),
            found(Kind::Unreadable, "c", 5, "x"),
            found(Kind::Unreadable, "d", 5, "x"),
            found(Kind::UnknownKey, "e", 5, "x"),
        ];
        let other = [
            same.clone(),
            found(Kind::Unreadable, "b", 6, "x"),
            found(Kind::Unreadable, "c", 5, "y"),
            found(Kind::OrphanedAddress, "d", 5, "x"),
            found(Kind::UnknownKey, "e", 5, "x"),
        ];
        let one = report(about("1"), &one);
        let agreement = Agreement::of(&one, &report(about("2"), &other)).unwrap();
        assert_eq!(agreement.found, [same]);
        assert_eq!(agreement.disputed, 6);
    }

    #[test]
    fn reports_that_prove_nothing_together_are_refused() {
        let refused = |change: fn(&mut About)| {
            let mut other = about("2");
            change(&mut other);
            let outcome = Agreement::of(&report(about("1"), &[]), &report(other, &[]));
            outcome.unwrap_err().to_string()
        };
        assert!(refused(|about| about.id = "1".into()).contains("the same report"));
        assert!(refused(|about| about.store_id = "t".into()).contains("different stores: s and t"));
        assert!(refused(|about| about.prefix = "/q".into()).contains("different prefixes"));
        assert!(refused(|about| about.cluster = "d".into()).contains("different clusters"));
        assert!(refused(|about| about.checked = "noon".into()).contains("noon"));
    }

    #[test]
    fn what_must_stand_for_long_is_told_by_the_times_of_both() {
        let minutes = |minutes| Duration::from_mins(minutes);
        let mut later = about("2");
        later.checked = "2026-11-20T12:15:00Z".into();
        for (one, other) in [(about("1"), later.clone()), (later, about("1"))] {
            let agreement = Agreement::of(&report(one, &[]), &report(other, &[])).unwrap();
            assert_eq!(agreement.apart, minutes(15));
            agreement.stood_for(minutes(15)).unwrap();
            assert!(
                agreement
                    .stood_for(minutes(16))
                    .unwrap_err()
                    .contains("15m apart")
            );
        }
    }
}
