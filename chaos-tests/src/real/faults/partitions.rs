//! Members that are cut off.

use anyhow::{Context as _, Result};

use crate::loopback::Place;
use crate::real::Lab;
use crate::real::faults::Fault;
use crate::real::faults::rules::Rules;
use crate::real::faults::target::{Contact, Target, Whom, contact};
use crate::real::member::Member;

/// How a member is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Its plug is pulled: nobody reaches it.
    Off,
    /// It hears nothing from the other members; what it sends arrives.
    Deaf,
    /// The other members hear nothing from it; what they send arrives.
    Mute,
    /// Nothing passes between it and the other members; clients still reach it.
    Peers,
    /// Its connections to the other members are reset.
    Reset,
}

/// A member is cut off.
#[derive(Debug)]
pub struct CutOff {
    cut: Cut,
    whom: Whom,
    target: Option<Target>,
    is_unplugged: bool,
    rules: Vec<Rules>,
}

impl CutOff {
    /// Cuts off these members in this way.
    pub fn new(cut: Cut, whom: Whom) -> Self {
        Self {
            cut,
            whom,
            target: None,
            is_unplugged: false,
            rules: Vec::new(),
        }
    }

    /// What matches the packets that are hit.
    fn hooks(&self, member: &Member, lab: &Lab) -> Vec<String> {
        let port = Place::PEER_PORT;
        let others = lab.cluster.members().iter();
        let others = others.filter(|one| one.name() != member.name());
        let others = others.map(|one| one.host().address());
        match self.cut {
            Cut::Off => Vec::new(),
            Cut::Deaf => others.map(|from| format!("INPUT -s {from}")).collect(),
            Cut::Mute => others.map(|to| format!("OUTPUT -d {to}")).collect(),
            Cut::Peers => ["INPUT", "OUTPUT"]
                .into_iter()
                .flat_map(|chain| {
                    ["sport", "dport"].map(|end| format!("{chain} -p tcp --{end} {port}"))
                })
                .collect(),
            Cut::Reset => ["sport", "dport"]
                .map(|end| format!("INPUT -p tcp --{end} {port}"))
                .into(),
        }
    }
}

impl Fault for CutOff {
    fn kind(&self) -> &'static str {
        match (self.cut, self.whom) {
            (Cut::Off, Whom::Leader) => "leader_cut_off",
            (Cut::Off, _) => "follower_cut_off",
            (Cut::Deaf, Whom::Leader) => "leader_deaf",
            (Cut::Deaf, _) => "follower_deaf",
            (Cut::Mute, Whom::Leader) => "leader_mute",
            (Cut::Mute, _) => "follower_mute",
            (Cut::Peers, Whom::Leader) => "leader_without_peers",
            (Cut::Peers, _) => "follower_without_peers",
            (Cut::Reset, Whom::Leader) => "leader_reset",
            (Cut::Reset, _) => "follower_reset",
        }
    }

    fn aim(&mut self, lab: &Lab) -> Result<String> {
        let target = self.target.insert(self.whom.choose(lab)?);
        Ok(target.names())
    }

    fn strike(&mut self, lab: &Lab) -> Result<()> {
        let target = self.target.as_ref().context("nothing was aimed at")?;
        for member in target.members(lab) {
            if self.cut == Cut::Off {
                self.is_unplugged = true;
                member.host().unplug()?;
            } else {
                let action = match self.cut {
                    Cut::Reset => "-p tcp -j REJECT --reject-with tcp-reset",
                    _ => "-j DROP",
                };
                let hooks = self.hooks(member, lab);
                self.rules.push(Rules::add(member.host(), hooks, action)?);
            }
        }
        Ok(())
    }

    fn proven(&mut self, lab: &Lab) -> Result<Option<String>> {
        let Some(target) = &self.target else {
            return Ok(None);
        };
        let mut hit = 0;
        for rules in &self.rules {
            hit += rules.count()?;
        }
        target.proof(lab, |member| {
            if self.cut == Cut::Off {
                let is_gone = contact(member) == Contact::Unreachable;
                return Ok(is_gone.then(|| "cannot be reached".to_owned()));
            }
            // It still speaks with us, but not for the cluster.
            let is_alone = hit > 0 && member.view().is_ok() && member.read().is_err();
            Ok(is_alone.then(|| format!("has no majority, {hit} packets were stopped")))
        })
    }

    fn end(&mut self, lab: &Lab) -> Result<()> {
        if std::mem::take(&mut self.is_unplugged) {
            let mut hit = self.target.iter().flat_map(|target| target.members(lab));
            hit.try_for_each(|member| member.host().plug_in())?;
        }
        self.rules.drain(..).try_for_each(Rules::remove)
    }
}
