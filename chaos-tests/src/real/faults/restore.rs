//! A store that goes back in time.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result};
use serde_json::json;

use crate::history::Line;
use crate::node::Node;
use crate::real::Lab;
use crate::real::faults::Fault;
use crate::real::isolation;
use crate::real::member::Member;

/// The number of the next line; the first is 0.
static LINES: AtomicU32 = AtomicU32::new(1);

/// What the plugin says of such a store.
const SEAL: &str = "the store was restored from a snapshot";

/// All members are restored from an older snapshot, with the old cluster's token, and later put back on
/// the data that they had. The store must have been created.
#[derive(Debug, Default)]
pub struct Restored {
    snapshot: Option<PathBuf>,
    revision: i64,
    /// The line that counted before, once another one does.
    before: Option<Line>,
}

impl Fault for Restored {
    fn kind(&self) -> &'static str {
        "snapshot_restored"
    }

    fn aim(&mut self, lab: &Lab) -> Result<String> {
        let (leader, _) = lab.cluster.leader()?;
        let directory = isolation::directory("snapshots")?;
        let file = directory.join(format!("{:016x}", rand::random::<u64>()));
        leader.save_snapshot(&file)?;
        self.revision = leader.snapshot_revision(&file)?;
        self.snapshot = Some(file);
        Ok(format!("all members, back to revision {}", self.revision))
    }

    fn strike(&mut self, lab: &Lab) -> Result<()> {
        let snapshot = self.snapshot.as_ref().context("no snapshot")?;
        let all = lab.cluster.members();
        all.iter().try_for_each(Member::kill)?;
        for member in all {
            fs::rename(member.data(), member.disk().join("before"))?;
            member.restore_snapshot(snapshot)?;
        }
        let before = lab.cluster.line();
        lab.cluster.set_line(Line {
            line: LINES.fetch_add(1, Ordering::Relaxed),
            from: before.line,
            revision: self.revision,
            term: 0,
        });
        self.before = Some(before);
        all.iter().try_for_each(|member| member.start(&[]))
    }

    fn proven(&mut self, lab: &Lab) -> Result<Option<String>> {
        let node = Node::new("chaos-probe", &lab.cluster.endpoints())?;
        let network = json!({
            "cniVersion": "1.1.0", "name": "chaos-probe", "type": "bridge",
            "ipam": {"type": "etcd-ipam", "range": "10.255.255.0/24"},
        });
        let answer = node.status(&network)?;
        if answer.is_success() {
            return Ok(None);
        }
        let message = answer.message()?;
        Ok(message.contains(SEAL).then(|| format!("STATUS: {message}")))
    }

    fn end(&mut self, lab: &Lab) -> Result<()> {
        let Some(before) = self.before.take() else {
            return Ok(());
        };
        let all = lab.cluster.members();
        all.iter().try_for_each(Member::kill)?;
        for member in all {
            fs::remove_dir_all(member.data())?;
            fs::rename(member.disk().join("before"), member.data())?;
        }
        lab.cluster.set_line(Line {
            from: lab.cluster.line().line,
            revision: self.revision,
            ..before
        });
        all.iter().try_for_each(|member| member.start(&[]))
    }
}
