//! Whom a fault hits, and what can be seen of them from the harness.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::loopback::Place;
use crate::real::Lab;
use crate::real::member::{Member, View};

/// A kernel that does not answer for this long cannot be reached.
const TIMEOUT: Duration = Duration::from_millis(300);

/// Which members a fault hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// The one that leads.
    Leader,
    /// One that does not lead; the number chooses.
    Follower(usize),
    /// All of them.
    Everyone,
}

/// The members that a fault hits, and who led before.
#[derive(Clone, Debug)]
pub(super) struct Target {
    whom: Whom,
    hit: Vec<String>,
    /// What the leader said before.
    pub(super) before: View,
}

/// How a member meets who knocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Contact {
    /// It answers.
    Answers,
    /// Its host does, but nobody listens.
    Refuses,
    /// Somebody listens and never answers.
    Silent,
    /// Not even its host answers.
    Unreachable,
}

impl Whom {
    /// Finds them.
    pub(super) fn choose(self, lab: &Lab) -> Result<Target> {
        let (leader, before) = lab.cluster.leader()?;
        let all = lab.cluster.members();
        let hit = match self {
            Self::Leader => vec![leader.name().to_owned()],
            Self::Everyone => all.iter().map(|one| one.name().to_owned()).collect(),
            Self::Follower(number) => {
                let followers = all.iter().filter(|one| one.name() != leader.name());
                let one = followers.cycle().nth(number % all.len());
                vec![one.context("no followers")?.name().to_owned()]
            }
        };
        Ok(Target {
            whom: self,
            hit,
            before,
        })
    }
}

impl Target {
    /// Who is hit, for people.
    pub(super) fn names(&self) -> String {
        self.hit.join(", ")
    }

    /// Those who are hit.
    pub(super) fn members<'lab>(&self, lab: &'lab Lab) -> impl Iterator<Item = &'lab Member> {
        let all = lab.cluster.members().iter();
        all.filter(|one| self.hit.iter().any(|name| name == one.name()))
    }

    /// The first of them, for faults that hit one.
    pub(super) fn one<'lab>(&self, lab: &'lab Lab) -> Result<&'lab Member> {
        self.members(lab).next().context("nobody is hit")
    }

    /// The proof: this was seen of every member that is hit, and where it was the leader, another one
    /// leads by now.
    pub(super) fn proof(
        &self,
        lab: &Lab,
        seen: impl Fn(&Member) -> Result<Option<String>>,
    ) -> Result<Option<String>> {
        let mut all = Vec::new();
        for member in self.members(lab) {
            let Some(what) = seen(member)? else {
                return Ok(None);
            };
            all.push(format!("{} {what}", member.name()));
        }
        if self.whom == Whom::Leader {
            let Some(successor) = self.successor(lab) else {
                return Ok(None);
            };
            all.push(successor);
        }
        Ok(Some(all.join("; ")))
    }

    /// Who leads instead, in a later term.
    pub(super) fn successor(&self, lab: &Lab) -> Option<String> {
        let leads = |(_, view): &(&Member, View)| {
            view.leader == view.member_id
                && view.term > self.before.term
                && view.member_id != self.before.member_id
        };
        let found = lab.cluster.views().filter(leads);
        let (member, view) = found.max_by_key(|(_, view)| view.term)?;
        Some(format!("{} leads in term {}", member.name(), view.term))
    }
}

/// Knocks at a member.
pub(super) fn contact(member: &Member) -> Contact {
    let address: SocketAddr = (member.host().address(), Place::CLIENT_PORT).into();
    match TcpStream::connect_timeout(&address, TIMEOUT) {
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => Contact::Refuses,
        Err(_) => Contact::Unreachable,
        Ok(_) if member.view().is_ok() => Contact::Answers,
        Ok(_) => Contact::Silent,
    }
}
