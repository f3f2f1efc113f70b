//! A member that is replaced.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::raw::Raw;
use crate::real::Lab;
use crate::real::faults::Fault;
use crate::real::faults::target::{Target, Whom};
use crate::real::member::View;

/// etcd changes its members only once all have been connected for 5 s.
const PATIENCE: Duration = Duration::from_secs(20);

/// A member is removed, and another one with an empty disk takes its place, name and address.
#[derive(Debug)]
pub struct Replaced {
    whom: Whom,
    target: Option<Target>,
    before: Option<View>,
}

impl Replaced {
    /// This member.
    pub fn new(whom: Whom) -> Self {
        Self {
            whom,
            target: None,
            before: None,
        }
    }
}

impl Fault for Replaced {
    fn kind(&self) -> &'static str {
        "member_replaced"
    }

    fn aim(&mut self, lab: &Lab) -> Result<String> {
        let target = self.target.insert(self.whom.choose(lab)?);
        self.before = Some(target.one(lab)?.view()?);
        Ok(target.names())
    }

    fn strike(&mut self, lab: &Lab) -> Result<()> {
        let target = self.target.as_ref().context("nothing was aimed at")?;
        let member = target.one(lab)?;
        let id = self
            .before
            .as_ref()
            .context("nothing was aimed at")?
            .member_id;
        let through = lab.cluster.another(member)?.patient()?;
        insist(|| through.ask(async |client| client.member_remove(id).await))?;
        // One that was removed ends by itself, sooner or later.
        if member.ended()?.is_none() {
            member.kill()?;
        }
        fs::remove_dir_all(member.data())?;
        let through: Raw = lab.cluster.another(member)?.patient()?;
        let url = [member.peer_url()];
        insist(|| through.ask(async |client| client.member_add(&url, None).await))?;
        member.join(&lab.cluster.names(), true);
        member.start(&[])
    }

    fn proven(&mut self, lab: &Lab) -> Result<Option<String>> {
        let target = self.target.as_ref().context("nothing was aimed at")?;
        let before = self.before.as_ref().context("nothing was aimed at")?;
        let member = target.one(lab)?;
        let Ok(now) = member.view() else {
            return Ok(None);
        };
        let is_new = now.member_id != before.member_id && now.revision >= before.revision;
        Ok(is_new.then(|| {
            let (name, id, revision) = (member.name(), now.member_id, now.revision);
            format!("{name} is member {id:x} now and has caught up to revision {revision}")
        }))
    }

    fn end(&mut self, _: &Lab) -> Result<()> {
        Ok(())
    }
}

/// Tries until it succeeds.
fn insist<T>(ask: impl Fn() -> Result<T>) -> Result<T> {
    let patience = Instant::now() + PATIENCE;
    loop {
        match ask() {
            Err(_) if Instant::now() < patience => thread::sleep(Duration::from_millis(200)),
            answer => return answer,
        }
    }
}
