//! What happens to the collectors.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::layout::Layout;
use crate::real::Lab;
use crate::real::control_plane::CLUSTER;
use crate::real::faults::Fault;
use crate::real::network::HARNESS;
use crate::real::replicas::Replica;
use crate::real::stage::Stage;

/// Who does not lead by then does not come to lead.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often the election is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// What a collector says when it cannot judge.
pub(super) const VOID: &str = "a sweep was not completed";

/// What happens to the one that leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blow {
    /// It is killed.
    Killed,
    /// It is stopped for longer than its lease lives.
    Paused,
    /// It reaches no member of etcd.
    CutFromEtcd,
    /// It does not reach Kubernetes.
    CutFromKubernetes,
}

/// The leader is struck, until another leads.
#[derive(Debug)]
pub struct LeaderStruck {
    stage: Arc<Stage>,
    blow: Blow,
    victim: Option<usize>,
    /// How many lines its log had before.
    logged: usize,
}

impl LeaderStruck {
    /// In this way.
    pub fn new(stage: &Arc<Stage>, blow: Blow) -> Self {
        Self {
            stage: Arc::clone(stage),
            blow,
            victim: None,
            logged: 0,
        }
    }

    fn victim(&self) -> Result<&Replica> {
        let number = self.victim.context("nobody was aimed at")?;
        let found = self.stage.replicas.get(number);
        found.context("no such collector")
    }

    /// Drops what the victim sends to these, or no more.
    fn filter(&self, how: &str, targets: &[String]) -> Result<()> {
        let victim = self.victim()?;
        for target in targets {
            let what = match self.blow {
                // Otherwise it would wait for answers for longer than the fault lasts.
                Blow::CutFromKubernetes => "-p tcp -j REJECT --reject-with tcp-reset",
                _ => "-j DROP",
            };
            let rule = format!("iptables -w {how} OUTPUT -d {target} {what}");
            victim.host.run(&rule)?;
        }
        Ok(())
    }

    fn targets(&self, lab: &Lab) -> Vec<String> {
        match self.blow {
            Blow::CutFromEtcd => lab
                .cluster
                .endpoints()
                .iter()
                .map(|url| host_of(url))
                .collect(),
            Blow::CutFromKubernetes => vec![HARNESS.to_string()],
            Blow::Killed | Blow::Paused => Vec::new(),
        }
    }
}

impl Fault for LeaderStruck {
    fn kind(&self) -> &'static str {
        match self.blow {
            Blow::Killed => "collector_killed",
            Blow::Paused => "collector_paused",
            Blow::CutFromEtcd => "collector_cut_from_etcd",
            Blow::CutFromKubernetes => "collector_cut_from_kubernetes",
        }
    }

    fn aim(&mut self, _lab: &Lab) -> Result<String> {
        // After other faults there may be none yet.
        let patience = Instant::now() + PATIENCE;
        while self.victim.is_none() && Instant::now() < patience {
            let leader = leader(&self.stage)?;
            let mut all = self.stage.replicas.iter();
            self.victim = all.position(|replica| Some(replica.name()) == leader.as_deref());
            thread::sleep(LOOK);
        }
        self.logged = self.victim()?.logged();
        Ok(format!("{}, which leads", self.victim()?.name()))
    }

    fn strike(&mut self, lab: &Lab) -> Result<()> {
        match self.blow {
            Blow::Killed => self.victim()?.kill(),
            Blow::Paused => self.victim()?.pause(),
            Blow::CutFromEtcd | Blow::CutFromKubernetes => self.filter("-A", &self.targets(lab)),
        }
    }

    fn proven(&mut self, _lab: &Lab) -> Result<Option<String>> {
        if self.blow == Blow::CutFromKubernetes {
            let void = self.victim()?.says(self.logged, VOID);
            return Ok(void.first().map(Value::to_string));
        }
        let now = leader(&self.stage)?;
        let victim = self.victim()?.name();
        let other = now.filter(|now| now != victim);
        Ok(other.map(|now| format!("{now} leads instead")))
    }

    fn end(&mut self, lab: &Lab) -> Result<()> {
        if self.victim.is_none() {
            return Ok(());
        }
        match self.blow {
            Blow::Killed => self.victim()?.start(),
            Blow::Paused => self.victim()?.resume(),
            Blow::CutFromEtcd | Blow::CutFromKubernetes => self.filter("-D", &self.targets(lab)),
        }
    }
}

/// One collector more than there should be.
#[derive(Debug)]
pub struct ThreeAtOnce {
    stage: Arc<Stage>,
    logged: usize,
}

impl ThreeAtOnce {
    /// The spare one is started.
    pub fn new(stage: &Arc<Stage>) -> Self {
        Self {
            stage: Arc::clone(stage),
            logged: 0,
        }
    }

    fn spare(&self) -> Result<&Replica> {
        self.stage.replicas.last().context("no collectors")
    }
}

impl Fault for ThreeAtOnce {
    fn kind(&self) -> &'static str {
        "three_collectors"
    }

    fn aim(&mut self, _lab: &Lab) -> Result<String> {
        let spare = self.spare()?;
        let (logged, name) = (spare.logged(), spare.name().to_owned());
        self.logged = logged;
        Ok(format!("{name} beside the others"))
    }

    fn strike(&mut self, _lab: &Lab) -> Result<()> {
        self.spare()?.start()
    }

    fn proven(&mut self, _lab: &Lab) -> Result<Option<String>> {
        let spare = self.spare()?;
        let follows = spare.says(self.logged, "another leads");
        let leads = spare.says(self.logged, "elected");
        let first = follows.into_iter().chain(leads).next();
        Ok(first.map(|line| format!("{} says: {}", spare.name(), line["message"])))
    }

    fn end(&mut self, _lab: &Lab) -> Result<()> {
        let spare = self.spare()?;
        if spare.runs() { spare.kill() } else { Ok(()) }
    }
}

/// Who leads, by the election's key.
pub fn leader(stage: &Stage) -> Result<Option<String>> {
    let key = Layout::default().leader(CLUSTER);
    let found = stage.observer.list(&key)?;
    let Some(value) = found.get(&key) else {
        return Ok(None);
    };
    let value: Value = serde_json::from_str(value)?;
    Ok(value["identity"].as_str().map(str::to_owned))
}

fn host_of(url: &str) -> String {
    let (_, rest) = url.split_once("://").unwrap_or(("", url));
    let (host, _) = rest.split_once(':').unwrap_or((rest, ""));
    host.to_owned()
}
