//! Members that lose their power, and with it what was written and not synced.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::real::Lab;
use crate::real::disk::Disk;
use crate::real::faults::Fault;
use crate::real::faults::target::{Target, Whom};
use crate::real::member::{Member, done};

/// What is written just before and never synced.
const CANARY: &str = "canary";

/// Members end at once, and their disks forget what was not synced. For this the members move to disks
/// that can, one after the other, and move back when the power returns.
#[derive(Debug)]
pub struct PowerLost {
    whom: Whom,
    target: Option<Target>,
    disks: Vec<Disk>,
    is_cut: bool,
    is_found: bool,
}

impl PowerLost {
    /// The power of these members, all at the same time.
    pub fn new(whom: Whom) -> Self {
        Self {
            whom,
            target: None,
            disks: Vec::new(),
            is_cut: false,
            is_found: false,
        }
    }

    /// Mounts the disks again, as the power cut left them.
    fn find(&mut self) -> Result<()> {
        if self.is_cut && !self.is_found {
            self.is_found = true;
            self.disks.iter().try_for_each(Disk::remount)?;
        }
        Ok(())
    }
}

impl Fault for PowerLost {
    fn kind(&self) -> &'static str {
        "power_lost"
    }

    fn obstacle(&self) -> Option<String> {
        Disk::obstacle()
    }

    fn aim(&mut self, lab: &Lab) -> Result<String> {
        let target = self.target.insert(self.whom.choose(lab)?);
        Ok(target.names())
    }

    fn strike(&mut self, lab: &Lab) -> Result<()> {
        let target = self.target.as_ref().context("nothing was aimed at")?;
        for member in target.members(lab) {
            self.disks.push(move_in(member)?);
            member.start(&[])?;
            member.wait_until_ready()?;
        }
        for disk in &self.disks {
            fs::write(disk.path().join(CANARY), CANARY)?;
        }
        self.is_cut = true;
        self.disks.iter().try_for_each(Disk::cut_power)?;
        for member in target.members(lab) {
            // One that noticed has ended already.
            if member.ended()?.is_none() {
                member.kill()?;
            }
        }
        Ok(())
    }

    fn proven(&mut self, _: &Lab) -> Result<Option<String>> {
        if !self.is_cut {
            return Ok(None);
        }
        self.find()?;
        let mut all = self.disks.iter().map(|disk| disk.path().join(CANARY));
        // Its name may have gone to the disk together with what others synced.
        let is_lost = all.all(|canary| fs::read(canary).unwrap_or_default() != CANARY.as_bytes());
        let count = self.disks.len();
        Ok(is_lost.then(|| format!("what was not synced is gone from {count} disks")))
    }

    fn end(&mut self, lab: &Lab) -> Result<()> {
        self.find()?;
        (self.is_cut, self.is_found) = (false, false);
        let target = self.target.as_ref().context("nothing was aimed at")?;
        for (member, disk) in target.members(lab).zip(self.disks.drain(..)) {
            move_out(member, disk)?;
            member.revive()?;
        }
        Ok(())
    }
}

/// Stops a member and puts its data on a disk that can lose its power.
fn move_in(member: &Member) -> Result<Disk> {
    member.stop()?;
    let (data, aside) = (member.data(), member.disk().join("aside"));
    fs::rename(&data, &aside)?;
    fs::create_dir(&data)?;
    let disk = Disk::make(member.disk().join("image"), data)?;
    copy(&aside, disk.path())?;
    disk.sync()?;
    fs::remove_dir_all(aside)?;
    Ok(disk)
}

/// Puts the data of a member that does not run back on its own disk.
fn move_out(member: &Member, disk: Disk) -> Result<()> {
    let (data, aside) = (member.data(), member.disk().join("aside"));
    copy(disk.path(), &aside)?;
    disk.destroy()?;
    fs::remove_dir(&data)?;
    fs::rename(aside, data)?;
    Ok(())
}

/// Copies what etcd keeps.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    let mut cp = Command::new("cp");
    done(cp.arg("-a").arg(from.join("member")).arg(to)).map(|_| ())
}
