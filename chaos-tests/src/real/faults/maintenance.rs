//! What operators do to a database while it is in use.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use etcd_client::GetOptions;

use crate::real::Lab;
use crate::real::faults::Fault;
use crate::real::member::Member;

/// A recorder that is behind for this long does not record.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a member logs when it has rewritten its database.
const DEFRAGMENTED: &str = "finished defragment";

/// Old revisions are forgotten.
#[derive(Debug, Default)]
pub struct Compacted {
    revision: i64,
}

/// Every member rewrites its database, during which it does not answer.
#[derive(Debug, Default)]
pub struct Defragmented {
    before: Vec<usize>,
}

impl Fault for Compacted {
    fn kind(&self) -> &'static str {
        "compaction"
    }

    fn aim(&mut self, lab: &Lab) -> Result<String> {
        let (leader, _) = lab.cluster.leader()?;
        let raw = leader.patient()?;
        // Two, so that the first of them is old once the second is compacted to.
        let mut revision = 0;
        for _ in 0..2 {
            let put = raw.ask(async |client| client.put("/chaos/compaction", "", None).await)?;
            revision = put.header().context("no header")?.revision();
        }
        let patience = Instant::now() + PATIENCE;
        while lab.cluster.compactable() < revision {
            if Instant::now() > patience {
                bail!("the log was not recorded up to revision {revision}");
            }
            thread::sleep(Duration::from_millis(20));
        }
        self.revision = revision;
        Ok(format!("everything before revision {revision}"))
    }

    fn strike(&mut self, lab: &Lab) -> Result<()> {
        let (leader, _) = lab.cluster.leader()?;
        let revision = self.revision;
        let raw = leader.patient()?;
        raw.ask(async |client| client.compact(revision, None).await)?;
        Ok(())
    }

    fn proven(&mut self, lab: &Lab) -> Result<Option<String>> {
        let (leader, _) = lab.cluster.leader()?;
        let before = self.revision - 1;
        let options = GetOptions::new().with_revision(before);
        let read = leader
            .raw()?
            .ask(async |client| client.get("/chaos/compaction", Some(options)).await);
        let refusal = read.err().map(|error| format!("{error:#}"));
        let refusal = refusal.filter(|refusal| refusal.contains("has been compacted"));
        Ok(refusal.map(|refusal| format!("a read at revision {before}: {refusal}")))
    }

    fn end(&mut self, _: &Lab) -> Result<()> {
        Ok(())
    }
}

impl Fault for Defragmented {
    fn kind(&self) -> &'static str {
        "defragmentation"
    }

    fn aim(&mut self, lab: &Lab) -> Result<String> {
        self.before = lab.cluster.members().iter().map(defragmented).collect();
        Ok("all members, one after the other".to_owned())
    }

    fn strike(&mut self, lab: &Lab) -> Result<()> {
        for member in lab.cluster.members() {
            let raw = member.patient()?;
            raw.ask(async |client| client.defragment().await)?;
        }
        Ok(())
    }

    fn proven(&mut self, lab: &Lab) -> Result<Option<String>> {
        let now = lab.cluster.members().iter().map(defragmented);
        let all = now.zip(&self.before).all(|(now, before)| now > *before);
        Ok(all.then(|| format!("every member logged {DEFRAGMENTED:?}")))
    }

    fn end(&mut self, _: &Lab) -> Result<()> {
        Ok(())
    }
}

/// How often a member has rewritten its database.
fn defragmented(member: &Member) -> usize {
    member.log().matches(DEFRAGMENTED).count()
}
