//! Three etcd members on the bridge.

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use crate::ctl;
use crate::history::Line;
use crate::install::{self, Install};
use crate::real::member::{Member, View};
use crate::real::network::{self, Network};

/// A cluster that does not come right for this long never will.
const PATIENCE: Duration = Duration::from_mins(1);

/// The number of the first member's address.
const FIRST: u8 = 11;

/// What a cluster is started with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The etcd of each member.
    pub installs: [Install; 3],
    /// Where the members' logs are kept.
    pub logs: PathBuf,
}

impl Settings {
    /// Three members of the newest etcd here.
    pub fn newest(logs: PathBuf) -> Result<Self> {
        let newest = install::newest()?;
        Ok(Self {
            installs: [newest.clone(), newest.clone(), newest],
            logs,
        })
    }

    /// Two members of the newest etcd and one of the oldest; `None` where there is only one version.
    pub fn mixed(logs: PathBuf) -> Result<Option<Self>> {
        let newest = install::newest()?;
        let versions = install::etcd_versions();
        let oldest = versions.into_iter().next_back();
        let oldest = oldest.filter(|oldest| oldest.version != newest.version);
        Ok(oldest.map(|oldest| Self {
            installs: [newest.clone(), newest, oldest],
            logs,
        }))
    }
}

/// The members.
#[derive(Debug)]
pub struct Cluster {
    members: Vec<Member>,
    id: u64,
    line: Mutex<Line>,
    recorded: AtomicI64,
}

impl Cluster {
    /// Starts three members, and waits until they agree on a leader.
    pub fn start(network: &Network, settings: Settings) -> Result<Self> {
        let mut members = Vec::new();
        for (number, install) in (1..).zip(settings.installs) {
            let host = network.add_host(
                &format!("member-{number}"),
                network::address(FIRST + number - 1),
            )?;
            members.push(Member::new(host, install, &settings.logs)?);
        }
        let mut cluster = Self {
            members,
            id: 0,
            line: Mutex::default(),
            recorded: AtomicI64::new(i64::MAX),
        };
        let names = cluster.names();
        for member in &cluster.members {
            member.join(&names, false);
            member.start(&[])?;
        }
        cluster.wait_until_healthy()?;
        let (_, view) = cluster.leader()?;
        cluster.id = view.cluster_id;
        Ok(cluster)
    }

    /// `name=url,…` of all members.
    pub fn names(&self) -> String {
        let all = self.members.iter();
        let all: Vec<_> = all
            .map(|member| format!("{}={}", member.name(), member.peer_url()))
            .collect();
        all.join(",")
    }

    /// The URLs for clients.
    pub fn endpoints(&self) -> Vec<String> {
        self.members.iter().map(Member::endpoint).collect()
    }

    /// All members.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Creates the store as an operator does, which also raises the term.
    pub fn create_store(&self) -> Result<()> {
        ctl::init(&self.endpoints(), &[])
    }

    /// The line of etcd's history that counts now.
    pub fn line(&self) -> Line {
        let line = self.line.lock();
        line.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Another line counts from now on. Nobody serves meanwhile.
    pub(super) fn set_line(&self, line: Line) {
        let mut current = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        *current = line;
    }

    /// Tells up to which revision the log was recorded: what was not is never compacted. Without a
    /// recorder there is no such limit.
    pub fn recorded(&self, revision: i64) {
        self.recorded.store(revision, Ordering::Relaxed);
    }

    /// Up to which revision the log may be compacted.
    pub fn compactable(&self) -> i64 {
        self.recorded.load(Ordering::Relaxed)
    }

    /// A member that answers for the cluster, other than this one. Waits until there is one.
    pub fn another(&self, than: &Member) -> Result<&Member> {
        let patience = Instant::now() + PATIENCE;
        while Instant::now() < patience {
            let mut others = self.members.iter().filter(|one| one.name() != than.name());
            if let Some(found) = others.find(|one| one.read().is_ok()) {
                return Ok(found);
            }
            thread::sleep(Duration::from_millis(20));
        }
        bail!("no member answers: {}", self.log_tails());
    }

    /// Those that answer, with what they say.
    pub fn views(&self) -> impl Iterator<Item = (&Member, View)> {
        let all = self.members.iter();
        all.filter_map(|member| Some((member, member.view().ok()?)))
    }

    /// Fails unless the servers that answer are those that were started here.
    pub fn confirm(&self) -> Result<()> {
        for (member, view) in self.views() {
            let id = view.cluster_id;
            ensure!(
                id == self.id,
                "{} is of another cluster: {id:x}",
                member.name()
            );
        }
        Ok(())
    }

    /// The member that leads, in the highest term that anybody knows. Waits until there is one.
    pub fn leader(&self) -> Result<(&Member, View)> {
        let patience = Instant::now() + PATIENCE;
        while Instant::now() < patience {
            let leads = |(_, view): &(&Member, View)| view.leader == view.member_id;
            let found = self.views().filter(leads);
            if let Some(found) = found.max_by_key(|(_, view)| view.term) {
                return Ok(found);
            }
            thread::sleep(Duration::from_millis(20));
        }
        bail!("no member leads: {}", self.log_tails());
    }

    /// The members that do not lead.
    pub fn followers(&self) -> Result<Vec<&Member>> {
        let (leader, _) = self.leader()?;
        let all = self.members.iter();
        Ok(all.filter(|one| one.name() != leader.name()).collect())
    }

    /// Waits until every member answers, through one leader, and nobody is out of space.
    pub fn wait_until_healthy(&self) -> Result<()> {
        let patience = Instant::now() + PATIENCE;
        loop {
            match self.health() {
                Ok(()) => return Ok(()),
                Err(error) if Instant::now() > patience => {
                    return Err(error.context(self.log_tails()));
                }
                Err(_) => thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// Why the cluster is not healthy.
    fn health(&self) -> Result<()> {
        let mut believed = Vec::new();
        for member in &self.members {
            let view = member.view().with_context(|| member.name().to_owned())?;
            ensure!(view.leader != 0, "{} knows no leader", member.name());
            believed.push((view.leader, view.term));
            member.read().with_context(|| member.name().to_owned())?;
            ensure!(!member.raw()?.is_out_of_space()?, "out of space");
        }
        believed.dedup();
        ensure!(believed.len() == 1, "several leaders: {believed:?}");
        Ok(())
    }

    /// The ends of the logs, for an error.
    fn log_tails(&self) -> String {
        let tail = |member: &Member| {
            let log = member.log();
            let lines: Vec<_> = log.lines().rev().take(5).collect();
            let lines: Vec<_> = lines.into_iter().rev().collect();
            format!("{}:\n{}", member.name(), lines.join("\n"))
        };
        let all: Vec<_> = self.members.iter().map(tail).collect();
        all.join("\n")
    }
}
