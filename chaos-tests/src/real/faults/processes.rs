//! Members that die or stand still.

use anyhow::Result;

use crate::real::Lab;
use crate::real::faults::Fault;
use crate::real::faults::target::{Contact, Target, Whom, contact};
use crate::real::member::Member;

/// Members end by SIGKILL, and are started again.
#[derive(Debug)]
pub struct Killed {
    whom: Whom,
    target: Option<Target>,
    is_struck: bool,
}

/// Members stop in their tracks (SIGSTOP): they accept connections and never answer.
#[derive(Debug)]
pub struct Paused {
    whom: Whom,
    target: Option<Target>,
    is_struck: bool,
}

impl Killed {
    /// Of these members.
    pub fn new(whom: Whom) -> Self {
        Self {
            whom,
            target: None,
            is_struck: false,
        }
    }
}

impl Paused {
    /// Of these members.
    pub fn new(whom: Whom) -> Self {
        Self {
            whom,
            target: None,
            is_struck: false,
        }
    }
}

impl Fault for Killed {
    fn kind(&self) -> &'static str {
        match self.whom {
            Whom::Leader => "leader_killed",
            Whom::Follower(_) => "follower_killed",
            Whom::Everyone => "all_killed",
        }
    }

    fn aim(&mut self, lab: &Lab) -> Result<String> {
        let target = self.target.insert(self.whom.choose(lab)?);
        Ok(target.names())
    }

    fn strike(&mut self, lab: &Lab) -> Result<()> {
        self.is_struck = true;
        let mut hit = self.target.iter().flat_map(|target| target.members(lab));
        hit.try_for_each(Member::kill)
    }

    fn proven(&mut self, lab: &Lab) -> Result<Option<String>> {
        let Some(target) = &self.target else {
            return Ok(None);
        };
        target.proof(lab, |member| {
            let is_dead = contact(member) == Contact::Refuses;
            Ok(is_dead.then(|| "refuses connections".to_owned()))
        })
    }

    fn end(&mut self, lab: &Lab) -> Result<()> {
        if !std::mem::take(&mut self.is_struck) {
            return Ok(());
        }
        let mut hit = self.target.iter().flat_map(|target| target.members(lab));
        hit.try_for_each(|member| member.start(&[]))
    }
}

impl Fault for Paused {
    fn kind(&self) -> &'static str {
        match self.whom {
            Whom::Leader => "leader_paused",
            Whom::Follower(_) => "follower_paused",
            Whom::Everyone => "all_paused",
        }
    }

    fn aim(&mut self, lab: &Lab) -> Result<String> {
        let target = self.target.insert(self.whom.choose(lab)?);
        Ok(target.names())
    }

    fn strike(&mut self, lab: &Lab) -> Result<()> {
        self.is_struck = true;
        let mut hit = self.target.iter().flat_map(|target| target.members(lab));
        hit.try_for_each(Member::pause)
    }

    fn proven(&mut self, lab: &Lab) -> Result<Option<String>> {
        let Some(target) = &self.target else {
            return Ok(None);
        };
        target.proof(lab, |member| {
            let is_paused = member.is_paused() && contact(member) == Contact::Silent;
            Ok(is_paused.then(|| "accepts connections and does not answer".to_owned()))
        })
    }

    fn end(&mut self, lab: &Lab) -> Result<()> {
        if !std::mem::take(&mut self.is_struck) {
            return Ok(());
        }
        let mut hit = self.target.iter().flat_map(|target| target.members(lab));
        hit.try_for_each(Member::resume)
    }
}
