//! What a node says that it holds.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Boot, DamagedValue, OwnerRecord, SCHEMA, parse_up_to, to_json};
use crate::gate::Seen;

/// A report larger than this is neither written nor read (bytes). etcd takes requests of 1.5 MiB
/// (`--max-request-bytes`); an attachment takes some 500 bytes of it.
pub const LARGEST_REPORT: usize = 1024 * 1024;

/// What a node's journal of one boot says that the node holds: the value of its report key. It is
/// there whole or not at all, so that whoever counts claims never counts some of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportRecord {
    /// The record's version.
    pub v: u32,
    /// Random: two reports never look alike.
    pub id: String,
    /// The store in which the addresses were taken.
    pub store_id: String,
    /// The machine and the boot that speak, and when in that boot they do.
    #[serde(flatten)]
    pub boot: Boot,
    /// Wall clock, for people (RFC 3339).
    pub reported: String,
    /// The furthest that the node has seen the store; nothing where it never did.
    pub seen: Seen,
    /// What is held.
    pub claims: Vec<Claim>,
    /// How many entries of the journal could not be read: the node may hold more than it says.
    #[serde(default)]
    pub unreadable: u64,
    /// The version of the program that wrote it.
    pub plugin: String,
    /// What a newer version added.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// What one attachment holds, as the node wrote it down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The CNI network's name.
    pub network: String,
    /// `CNI_CONTAINERID`.
    pub container: String,
    /// `CNI_IFNAME`.
    pub interface: String,
    /// How far the store was when the addresses were taken: the epoch, and the commit's revision.
    pub seen: Seen,
    /// The owner record that was written then.
    pub record: OwnerRecord,
}

/// A report that is too large to be written.
#[derive(Debug, thiserror::Error)]
#[error(
    "the report of {claims} attachments has {bytes} bytes, and {LARGEST_REPORT} are the most that \
     one key may have"
)]
pub struct ReportTooLarge {
    /// How many attachments it names.
    pub claims: usize,
    /// How large it is.
    pub bytes: usize,
}

impl ReportRecord {
    /// Reads the value of a report key.
    pub fn parse(value: &[u8]) -> Result<Self, DamagedValue> {
        let record: Self = parse_up_to(LARGEST_REPORT, value)?;
        if record.v > SCHEMA {
            Err(DamagedValue::Version(record.v))
        } else {
            Ok(record)
        }
    }

    /// The value to write.
    ///
    /// # Errors
    /// [`ReportTooLarge`].
    pub fn to_json(&self) -> Result<String, ReportTooLarge> {
        let json = to_json(self);
        if json.len() > LARGEST_REPORT {
            return Err(ReportTooLarge {
                claims: self.claims.len(),
                bytes: json.len(),
            });
        }
        Ok(json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(claims: usize) -> ReportRecord {
        let record = r#"{"v":1,"id":"0a89edcd2fc83a05e260fe24dafce1c4","addresses":[
            {"space":"default","address":"192.168.20.10","prefix":24}],"created":"","plugin":"0"}"#;
        let claim = |number: usize| Claim {
            network: "lan".into(),
            container: format!("{number:064}"),
            interface: "net1".into(),
            seen: Seen {
                epoch: 1,
                revision: 7,
            },
            record: OwnerRecord::parse(record.as_bytes()).unwrap(),
        };
        ReportRecord {
            v: SCHEMA,
            id: "r".into(),
            store_id: "s".into(),
            boot: Boot {
                machine: "m".into(),
                id: "b".into(),
                started_ms: 5,
            },
            reported: "2026-11-20T12:00:00Z".into(),
            seen: Seen {
                epoch: 1,
                revision: 9,
            },
            claims: (0..claims).map(claim).collect(),
            unreadable: 0,
            plugin: "0.1.0".into(),
            other: Map::new(),
        }
    }

    #[test]
    fn a_report_reads_back() {
        // More than any other record may have.
        let report = report(1000);
        let json = report.to_json().unwrap();
        assert!(json.len() > crate::record::LARGEST_VALUE);
        assert_eq!(ReportRecord::parse(json.as_bytes()).unwrap(), report);
    }

    #[test]
    fn a_report_that_no_key_can_hold_is_not_written() {
        let error = report(10_000).to_json().unwrap_err();
        assert_eq!(error.claims, 10_000);
        let large = vec![b' '; LARGEST_REPORT + 1];
        assert!(matches!(
            ReportRecord::parse(&large).unwrap_err(),
            DamagedValue::TooLarge(_)
        ));
    }

    #[test]
    fn a_report_of_a_later_version_is_not_misread() {
        let later = ReportRecord { v: 2, ..report(0) };
        let error = ReportRecord::parse(later.to_json().unwrap().as_bytes()).unwrap_err();
        assert!(matches!(error, DamagedValue::Version(2)));
    }
}
