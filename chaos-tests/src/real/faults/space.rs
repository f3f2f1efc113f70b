//! Members that have no room left.

use anyhow::{Context as _, Result};
use etcd_client::{AlarmAction, AlarmOptions, AlarmType};

use crate::real::Lab;
use crate::real::faults::Fault;
use crate::real::faults::target::{Target, Whom};
use crate::real::member::Member;

/// What is written to use up room (bytes); etcd refuses requests of 1.5 MiB.
const PIECE: usize = 1 << 20;

/// A member reaches its quota, so the whole cluster refuses to grow.
#[derive(Debug)]
pub struct QuotaReached {
    whom: Whom,
    target: Option<Target>,
    is_struck: bool,
}

/// The disk of a member is full.
#[derive(Debug)]
pub struct DiskFull {
    whom: Whom,
    target: Option<Target>,
    logged: usize,
    is_struck: bool,
}

impl QuotaReached {
    /// By this member.
    pub fn new(whom: Whom) -> Self {
        Self {
            whom,
            target: None,
            is_struck: false,
        }
    }
}

impl DiskFull {
    /// Of this member.
    pub fn new(whom: Whom) -> Self {
        Self {
            whom,
            target: None,
            logged: 0,
            is_struck: false,
        }
    }
}

impl Fault for QuotaReached {
    fn kind(&self) -> &'static str {
        "quota_reached"
    }

    fn aim(&mut self, lab: &Lab) -> Result<String> {
        let target = self.target.insert(self.whom.choose(lab)?);
        Ok(target.names())
    }

    fn strike(&mut self, lab: &Lab) -> Result<()> {
        self.is_struck = true;
        let target = self.target.as_ref().context("nothing was aimed at")?;
        let member = target.one(lab)?;
        member.stop()?;
        member.start(&["--quota-backend-bytes=1".to_owned()])
    }

    fn proven(&mut self, lab: &Lab) -> Result<Option<String>> {
        let target = self.target.as_ref().context("nothing was aimed at")?;
        let member = target.one(lab)?;
        let Err(refusal) = member.raw()?.put("/chaos/quota", "") else {
            return Ok(None);
        };
        let refusal = format!("{refusal:#}");
        let other = lab.cluster.another(member)?;
        let is_proof =
            refusal.contains("database space exceeded") && other.raw()?.is_out_of_space()?;
        Ok(is_proof.then(|| format!("{} lists the alarm; a put: {refusal}", other.name())))
    }

    fn end(&mut self, lab: &Lab) -> Result<()> {
        if !std::mem::take(&mut self.is_struck) {
            return Ok(());
        }
        let target = self.target.as_ref().context("nothing was aimed at")?;
        let member = target.one(lab)?;
        member.stop()?;
        member.start(&[])?;
        disarm(lab.cluster.another(member)?)
    }
}

/// Takes back every alarm, as an operator does once there is room.
fn disarm(through: &Member) -> Result<()> {
    through.patient()?.ask(async |client| {
        let get = client.alarm(AlarmAction::Get, AlarmType::None, None);
        for alarm in get.await?.alarms() {
            let mut of = AlarmOptions::new();
            of.with_member(alarm.member_id());
            client
                .alarm(AlarmAction::Deactivate, alarm.alarm(), Some(of))
                .await?;
        }
        Ok(())
    })
}

impl Fault for DiskFull {
    fn kind(&self) -> &'static str {
        "disk_full"
    }

    fn aim(&mut self, lab: &Lab) -> Result<String> {
        let target = self.target.insert(self.whom.choose(lab)?);
        self.logged = target.one(lab)?.log().len();
        Ok(target.names())
    }

    fn strike(&mut self, lab: &Lab) -> Result<()> {
        self.is_struck = true;
        let target = self.target.as_ref().context("nothing was aimed at")?;
        target.one(lab)?.fill_disk()
    }

    fn proven(&mut self, lab: &Lab) -> Result<Option<String>> {
        let target = self.target.as_ref().context("nothing was aimed at")?;
        let member = target.one(lab)?;
        let other = lab.cluster.another(member)?;
        // Every member writes what one was given.
        let _ = other.raw()?.put("/chaos/ballast", vec![b'x'; PIECE]);
        let Some(status) = member.ended()? else {
            return Ok(None);
        };
        let log = member.log();
        let since = log.get(self.logged..).unwrap_or_default();
        let reason = "no space left on device";
        Ok(since
            .contains(reason)
            .then(|| format!("{} ended by itself: {status}, {reason}", member.name())))
    }

    fn end(&mut self, lab: &Lab) -> Result<()> {
        if !std::mem::take(&mut self.is_struck) {
            return Ok(());
        }
        let target = self.target.as_ref().context("nothing was aimed at")?;
        let member = target.one(lab)?;
        member.empty_disk()?;
        member.revive()
    }
}
