//! What happens to nodes and pods.

use std::sync::{Arc, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use crate::history::{Attachment, What};
use crate::layout::Layout;
use crate::real::Lab;
use crate::real::control_plane::{CLUSTER, Pod};
use crate::real::faults::Fault;
use crate::real::nodes::Node;
use crate::real::stage::Stage;
use crate::real::workload::Worker;

/// How many pods are deleted by force.
const PODS: usize = 3;

/// A workload that has no pod for this long has none.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often the pods are looked at.
const LOOK: Duration = Duration::from_millis(20);

/// How long a machine is off.
const OFF: Duration = Duration::from_millis(500);

/// Pods are deleted while their containers run.
#[derive(Debug)]
pub struct ForceDeleted {
    stage: Arc<Stage>,
    rng: StdRng,
    /// Whether a pod of the same name is made elsewhere at once.
    recreated: bool,
    victims: Vec<(Attachment, Pod)>,
    successors: Vec<JoinHandle<Result<()>>>,
}

impl ForceDeleted {
    /// Some pods, whose successors come when they are gone, or at once.
    pub fn new(stage: &Arc<Stage>, rng: &mut StdRng, recreated: bool) -> Self {
        Self {
            stage: Arc::clone(stage),
            rng: StdRng::seed_from_u64(rng.random()),
            recreated,
            victims: Vec::new(),
            successors: Vec::new(),
        }
    }

    /// Makes the successor of a pod on another node.
    fn succeed(&mut self, pod: &Pod) {
        let (stage, name, node) = (Arc::clone(&self.stage), pod.name.clone(), pod.node.clone());
        let number = u64::MAX / 2 + stage.next_name();
        self.successors.push(thread::spawn(move || {
            let other = stage
                .nodes
                .iter()
                .find(|one| one.name() != node && one.works());
            let other = other.context("no other node works")?;
            Worker::new(&stage, number).replace(&name, other)
        }));
    }
}

impl Fault for ForceDeleted {
    fn kind(&self) -> &'static str {
        if self.recreated {
            "pod_recreated"
        } else {
            "pod_force_deleted"
        }
    }

    fn aim(&mut self, _lab: &Lab) -> Result<String> {
        Ok(format!("{PODS} pods that run"))
    }

    fn strike(&mut self, _lab: &Lab) -> Result<()> {
        let running: Vec<_> = {
            let running = self.stage.running();
            let all = running.iter().map(|(who, pod)| (who.clone(), pod.clone()));
            all.collect()
        };
        let chosen: Vec<_> = running.sample(&mut self.rng, PODS).cloned().collect();
        for (who, pod) in chosen {
            self.stage.control_plane.delete(&pod)?;
            if self.recreated {
                self.succeed(&pod);
            }
            self.victims.push((who, pod));
        }
        Ok(())
    }

    fn proven(&mut self, lab: &Lab) -> Result<Option<String>> {
        let up = self.stage.containers.up();
        let is_up = |who: &Attachment| up.iter().any(|one| one.attachment == *who);
        let gone = |pod: &Pod| !self.stage.control_plane.exists(pod);
        let has_successor = |pod: &Pod| {
            let running = self.stage.running();
            let mut others = running.values();
            others.any(|other| other.name == pod.name && other.uid != pod.uid)
        };
        let orphans = self.victims.iter().filter(|(who, pod)| {
            gone(pod) && is_up(who) && (!self.recreated || has_successor(pod))
        });
        let orphans = orphans.count();
        if self.victims.is_empty() {
            return Ok(None);
        }
        if orphans == 0 {
            // They may have ended at that moment: others are chosen.
            if self.victims.iter().all(|(who, _)| !is_up(who)) {
                self.strike(lab)?;
            }
            return Ok(None);
        }
        let with = if self.recreated {
            " beside their successors"
        } else {
            ""
        };
        Ok(Some(format!(
            "{orphans} containers ran on{with} without their pods"
        )))
    }

    fn end(&mut self, _lab: &Lab) -> Result<()> {
        for thread in self.successors.drain(..) {
            thread
                .join()
                .map_err(|_| anyhow!("a successor panicked"))??;
        }
        Ok(())
    }
}

/// What happens to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The API server does not hear of it, and somebody deletes its pods by force.
    NotReady,
    /// It boots again.
    Rebooted,
    /// It is switched off, and its object deleted; later it comes back.
    Deleted,
}

/// A node is in trouble.
#[derive(Debug)]
pub struct NodeInTrouble {
    stage: Arc<Stage>,
    rng: StdRng,
    trouble: Trouble,
    /// How long it lasts until it counts.
    length: Duration,
    victim: Option<usize>,
    from: usize,
    /// Its boot when it was aimed at.
    boot: String,
    struck: Option<Instant>,
    orphans: Vec<Attachment>,
}

impl NodeInTrouble {
    /// One of the nodes; `length` is longer than a collector waits for any other evidence.
    pub fn new(stage: &Arc<Stage>, rng: &mut StdRng, trouble: Trouble, length: Duration) -> Self {
        Self {
            stage: Arc::clone(stage),
            rng: StdRng::seed_from_u64(rng.random()),
            trouble,
            length,
            victim: None,
            from: 0,
            boot: String::new(),
            struck: None,
            orphans: Vec::new(),
        }
    }

    fn victim(&self) -> Result<&Node> {
        let number = self.victim.context("nobody was aimed at")?;
        self.stage.nodes.get(number).context("no such node")
    }

    /// The pods of the node that run.
    fn pods(&self) -> Result<Vec<(Attachment, Pod)>> {
        let name = self.victim()?.name();
        let running = self.stage.running();
        let here = running.iter().filter(|(_, pod)| pod.node == name);
        Ok(here.map(|(who, pod)| (who.clone(), pod.clone())).collect())
    }

    fn switch_off(&self) -> Result<()> {
        let node = self.victim()?;
        let _power = node.power.write().unwrap_or_else(PoisonError::into_inner);
        node.switch_off();
        self.stage.containers.end_all_on(node)?;
        self.stage.control_plane.tell(node, true)
    }

    fn switch_on(&mut self) -> Result<()> {
        let boot = self.rng.random();
        let node = self.victim()?;
        node.switch_on(boot)?;
        self.stage.control_plane.tell(node, true)
    }
}

impl Fault for NodeInTrouble {
    fn kind(&self) -> &'static str {
        match self.trouble {
            Trouble::NotReady => "node_not_ready",
            Trouble::Rebooted => "node_rebooted",
            Trouble::Deleted => "node_deleted",
        }
    }

    fn aim(&mut self, _lab: &Lab) -> Result<String> {
        // The one with the most pods: somebody must be hit.
        let count = |node: &Node| {
            let running = self.stage.running();
            let here = running.values().filter(|pod| pod.node == node.name());
            here.count()
        };
        let patience = Instant::now() + PATIENCE;
        let most = loop {
            let nodes = self.stage.nodes.iter().enumerate();
            let all = nodes.map(|(number, node)| (count(node), number));
            let most = all.max().context("no nodes")?;
            if most.0 > 0 || Instant::now() > patience {
                break most.1;
            }
            thread::sleep(LOOK);
        };
        self.victim = Some(most);
        self.from = self.stage.recorder.count();
        let node = self.victim()?;
        let (boot, name) = (node.boot(), node.name().to_owned());
        self.boot = boot;
        Ok(name)
    }

    fn strike(&mut self, _lab: &Lab) -> Result<()> {
        self.struck = Some(Instant::now());
        match self.trouble {
            Trouble::NotReady => {
                let node = self.victim()?;
                node.set_ready(false);
                self.stage.control_plane.tell(node, true)?;
                // What was under way ends; then it lets everything run.
                thread::sleep(OFF);
                for (who, pod) in self.pods()?.into_iter().take(PODS) {
                    self.stage.control_plane.delete(&pod)?;
                    self.orphans.push(who);
                }
                Ok(())
            }
            Trouble::Rebooted => {
                self.switch_off()?;
                thread::sleep(OFF);
                self.switch_on()
            }
            Trouble::Deleted => {
                self.switch_off()?;
                let node = self.victim()?;
                self.stage.control_plane.forget(node)?;
                self.stage.control_plane.delete_all_on(node)
            }
        }
    }

    fn proven(&mut self, _lab: &Lab) -> Result<Option<String>> {
        let node = self.victim()?;
        let lasted = self
            .struck
            .map(|struck| struck.elapsed())
            .unwrap_or_default();
        Ok(match self.trouble {
            Trouble::NotReady => {
                let up = self.stage.containers.up();
                let is_up = |who: &&Attachment| up.iter().any(|one| one.attachment == **who);
                let orphans = self.orphans.iter().filter(is_up).count();
                (lasted >= self.length && orphans > 0).then(|| {
                    let lasted = lasted.as_secs_f64();
                    format!("{orphans} containers ran on for {lasted:.1} s without their pods")
                })
            }
            Trouble::Rebooted => {
                let (name, boot) = (node.name(), node.boot());
                let owners = Layout::default().owners();
                let records = self
                    .stage
                    .observer
                    .list(&format!("{owners}{CLUSTER}/{name}/"))?;
                let new = records.values().filter(|record| record.contains(&boot));
                let new = new.count();
                (boot != self.boot && new > 0).then(|| format!("{new} records name boot {boot}"))
            }
            Trouble::Deleted => {
                let released = |what: &What| matches!(what, What::Released(one) if one.evidence == "node_gone");
                let count = self.stage.recorder.count_since(self.from, released);
                (count > 0).then(|| format!("{count} records were released, the node being gone"))
            }
        })
    }

    fn end(&mut self, _lab: &Lab) -> Result<()> {
        match self.trouble {
            Trouble::NotReady => {
                let node = self.victim()?;
                node.set_ready(true);
                self.stage.control_plane.tell(node, true)
            }
            Trouble::Rebooted => Ok(()),
            Trouble::Deleted => self.switch_on(),
        }
    }
}
