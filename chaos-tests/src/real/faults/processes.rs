//! Members that die or stand still.

use anyhow::{Context as _, Result};

use crate::real::Lab;
use crate::real::faults::Fault;
use crate::real::faults::target::{Contact, Target, Whom, contact};

/// What happens to the process of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halt {
    /// It ends by SIGKILL, and is started again.
    Killed,
    /// It stops in its tracks (SIGSTOP): it accepts connections and never answers.
    Paused,
}

/// Members stop working.
#[derive(Debug)]
pub struct Halted {
    halt: Halt,
    whom: Whom,
    target: Option<Target>,
    is_struck: bool,
}

impl Halted {
    /// Halts these members in this way.
    pub fn new(halt: Halt, whom: Whom) -> Self {
        Self {
            halt,
            whom,
            target: None,
            is_struck: false,
        }
    }
}

impl Fault for Halted {
    fn kind(&self) -> &'static str {
        match (self.halt, self.whom) {
            (Halt::Killed, Whom::Leader) => "leader_killed",
            (Halt::Killed, Whom::Follower(_)) => "follower_killed",
            (Halt::Killed, Whom::Everyone) => "all_killed",
            (Halt::Paused, Whom::Leader) => "leader_paused",
            (Halt::Paused, Whom::Follower(_)) => "follower_paused",
            (Halt::Paused, Whom::Everyone) => "all_paused",
        }
    }

    fn aim(&mut self, lab: &Lab) -> Result<String> {
        let target = self.target.insert(self.whom.choose(lab)?);
        Ok(target.names())
    }

    fn strike(&mut self, lab: &Lab) -> Result<()> {
        self.is_struck = true;
        let target = self.target.as_ref().context("nothing was aimed at")?;
        target.members(lab).try_for_each(|member| match self.halt {
            Halt::Killed => member.kill(),
            Halt::Paused => member.pause(),
        })
    }

    fn proven(&mut self, lab: &Lab) -> Result<Option<String>> {
        let target = self.target.as_ref().context("nothing was aimed at")?;
        target.proof(lab, |member| {
            let (is_so, what) = match self.halt {
                Halt::Killed => (contact(member) == Contact::Refuses, "refuses connections"),
                Halt::Paused => (
                    member.is_paused() && contact(member) == Contact::Silent,
                    "accepts connections and does not answer",
                ),
            };
            Ok(is_so.then(|| what.to_owned()))
        })
    }

    fn end(&mut self, lab: &Lab) -> Result<()> {
        if !std::mem::take(&mut self.is_struck) {
            return Ok(());
        }
        let target = self.target.as_ref().context("nothing was aimed at")?;
        target.members(lab).try_for_each(|member| match self.halt {
            Halt::Killed => member.revive(),
            Halt::Paused => member.resume(),
        })
    }
}
