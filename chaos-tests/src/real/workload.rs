//! Pods that come and go: what schedulers and kubelets do, and through them runtimes.

mod runtime;

use std::sync::PoisonError;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;

use crate::history::Interface;
use crate::random::uuid_of;
use crate::real::calls::{Disturbance, Ended, Order, attachment};
use crate::real::control_plane::Pod;
use crate::real::nodes::Node;
use crate::real::plan::Network;
use crate::real::stage::{Mischief, Stage};

/// How often a kubelet looks at its pods.
const GLANCE: Duration = Duration::from_millis(50);

/// How long a DEL is repeated at the end of a run.
const PATIENCE: Duration = Duration::from_mins(1);

/// One of those who let pods live.
#[derive(Debug)]
pub struct Worker<'a> {
    stage: &'a Stage,
    rng: StdRng,
    name: String,
}

/// A pod with a container.
struct Alive<'a> {
    pod: Pod,
    node: &'a Node,
    boot: u64,
    network: &'a Network,
    container: String,
    result: Value,
}

impl<'a> Worker<'a> {
    /// The worker of this number.
    pub fn new(stage: &'a Stage, number: u64) -> Self {
        Self {
            stage,
            rng: StdRng::seed_from_u64(
                stage.seed ^ (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15),
            ),
            name: format!("web-{number}"),
        }
    }

    /// Lets pods live until no more are wanted.
    pub fn work(mut self) -> Result<()> {
        while !self.stage.is_closing() {
            let mut alive = Vec::new();
            for number in 0..self.stage.plan.pods_each {
                // Its successor has its name: a pod of a StatefulSet, on whatever node.
                let name = format!("{}-{number}", self.name);
                alive.extend(self.begin(&name)?);
            }
            let length = Duration::from_millis(self.rng.random_range(self.stage.plan.life.clone()));
            self.live(alive, Instant::now() + length)?;
            let pause = self.rng.random_range(self.stage.plan.pause.clone());
            thread::sleep(Duration::from_millis(pause));
        }
        Ok(())
    }

    /// Lets one pod of this name live on this node, from its beginning to its end.
    pub fn replace(mut self, name: &str, node: &'a Node) -> Result<()> {
        let alive = self.begin_on(name, node)?;
        let length = Duration::from_millis(self.rng.random_range(1_000..3_000));
        self.live(alive.into_iter().collect(), Instant::now() + length)
    }

    /// Creates a pod and gives it a container; `None` where no more pods are wanted.
    fn begin(&mut self, name: &str) -> Result<Option<Alive<'a>>> {
        let Some(node) = self.choose_node() else {
            return Ok(None);
        };
        self.begin_on(name, node)
    }

    fn begin_on(&mut self, name: &str, node: &'a Node) -> Result<Option<Alive<'a>>> {
        let network = self.stage.plan.networks.choose(&mut self.rng);
        let pod = Pod {
            name: name.to_owned(),
            uid: uuid_of(self.rng.random()),
            node: node.name().to_owned(),
        };
        // The one of its name that there was may not be gone yet.
        if !self.stage.control_plane.create(&pod)? {
            return Ok(None);
        }
        let alive = self.start(&pod, node, network.context("no network")?)?;
        if alive.is_none() {
            self.stage.control_plane.delete(&pod)?;
        }
        Ok(alive)
    }

    fn choose_node(&mut self) -> Option<&'a Node> {
        loop {
            let works = self.stage.nodes.iter().filter(|node| node.works());
            let works: Vec<_> = works.collect();
            if self.stage.is_closing() {
                return None;
            }
            if let Some(node) = works.choose(&mut self.rng) {
                return Some(node);
            }
            thread::sleep(GLANCE);
        }
    }

    /// Makes containers for a pod until one runs; `None` where the pod is not wanted any more.
    fn start(
        &mut self,
        pod: &Pod,
        node: &'a Node,
        network: &'a Network,
    ) -> Result<Option<Alive<'a>>> {
        loop {
            // Its kubelet does nothing while it is not heard of, and begins anew after a reboot.
            if self.stage.is_closing() || !self.stage.control_plane.exists(pod) {
                return Ok(None);
            }
            if !node.works() {
                thread::sleep(GLANCE);
                continue;
            }
            let boot = node.boots();
            let container = format!("{:032x}", self.rng.random::<u128>());
            if let Some(alive) = self.try_start(pod, node, boot, network, container)? {
                return Ok(Some(alive));
            }
            thread::sleep(Duration::from_millis(self.rng.random_range(100..600)));
        }
    }

    fn try_start(
        &mut self,
        pod: &Pod,
        node: &'a Node,
        boot: u64,
        network: &'a Network,
        container: String,
    ) -> Result<Option<Alive<'a>>> {
        let order = Order {
            verb: "ADD",
            network,
            container: &container,
            pod: Some(pod),
            more: None,
            disturbance: Disturbance::None,
        };
        // Until the container is up: a runtime's GC does not come between.
        let _apart = node.adds.read().unwrap_or_else(PoisonError::into_inner);
        let overtaken = self.stage.mischief() == Mischief::Overtake && self.rng.random_bool(0.5);
        let ended = if overtaken {
            self.overtake(node, boot, &order)?;
            None
        } else {
            self.call(node, boot, order)?
        };
        let Some(addresses) = ended.as_ref().and_then(Ended::addresses) else {
            drop(ended);
            if !overtaken {
                // The runtime tidies up once, whatever comes of it.
                self.del(pod, node, boot, network, &container)?;
            }
            return Ok(None);
        };
        let space = network.ranges.first().map(|range| range.space.clone());
        let interface = Interface {
            attachment: attachment(node, network, &container),
            space: space.unwrap_or_default(),
            addresses: addresses.to_vec(),
        };
        let texts: Vec<_> = addresses.iter().map(ToString::to_string).collect();
        if !self.stage.containers.bring_up(node, boot, interface)? {
            return Ok(None);
        }
        let owner = attachment(node, network, &container);
        self.stage.running().insert(owner, pod.clone());
        self.stage.control_plane.runs(pod, &texts)?;
        Ok(Some(Alive {
            pod: pod.clone(),
            node,
            boot,
            network,
            container,
            result: ended.map(|ended| ended.result).unwrap_or_default(),
        }))
    }

    /// Lets pods live until then, and ends them.
    fn live(&mut self, mut alive: Vec<Alive<'a>>, end: Instant) -> Result<()> {
        while !alive.is_empty() {
            thread::sleep(GLANCE);
            let mut left = Vec::new();
            for one in alive {
                left.extend(self.attend(one, end)?);
            }
            alive = left;
        }
        Ok(())
    }

    /// What a kubelet does about a pod now, through whatever happens to its node; `None` if it has ended.
    fn attend(&mut self, mut alive: Alive<'a>, end: Instant) -> Result<Option<Alive<'a>>> {
        if alive.node.boots() != alive.boot || !alive.node.is_on() {
            match self.restart(&alive)? {
                Some(again) => alive = again,
                None => return Ok(None),
            }
        }
        // A kubelet that is not heard of lets everything run.
        if !alive.node.works() {
            return Ok(Some(alive));
        }
        if !self.stage.control_plane.exists(&alive.pod) {
            // Deleted by force, as the kubelet learns a little later.
            thread::sleep(Duration::from_millis(self.rng.random_range(200..1_000)));
            self.stop(&alive)?;
            return Ok(None);
        }
        if Instant::now() > end || self.stage.is_closing() {
            self.stop(&alive)?;
            return Ok(None);
        }
        match self.rng.random_range(0..1_000) {
            0..5 => self.check(&alive)?,
            5..7 => self.collect(&alive)?,
            7..9 => return self.make_anew(&alive),
            _ => {}
        }
        Ok(Some(alive))
    }

    /// Its node was off. The pod gets another container when it is on again, if it is still wanted.
    fn restart(&mut self, alive: &Alive<'a>) -> Result<Option<Alive<'a>>> {
        self.ended(alive)?;
        while !alive.node.works() {
            if self.stage.is_closing() || !self.stage.control_plane.exists(&alive.pod) {
                break;
            }
            thread::sleep(GLANCE);
        }
        let boot = alive.node.boots();
        if alive.node.works() && self.rng.random_bool(0.5) {
            // Some runtimes tidy up what was there before the boot.
            self.del(
                &alive.pod,
                alive.node,
                boot,
                alive.network,
                &alive.container,
            )?;
        }
        self.begin_again(alive)
    }

    /// The runtime makes the container anew, and the DEL of the old one is lost.
    fn make_anew(&mut self, alive: &Alive<'a>) -> Result<Option<Alive<'a>>> {
        self.ended(alive)?;
        self.begin_again(alive)
    }

    fn begin_again(&mut self, alive: &Alive<'a>) -> Result<Option<Alive<'a>>> {
        let again = self.start(&alive.pod, alive.node, alive.network)?;
        if again.is_none() {
            self.stage.control_plane.delete(&alive.pod)?;
        }
        Ok(again)
    }

    /// The container ends.
    fn ended(&mut self, alive: &Alive<'_>) -> Result<()> {
        let owner = attachment(alive.node, alive.network, &alive.container);
        self.stage.running().remove(&owner);
        self.stage.containers.take_down(alive.node, &owner)
    }

    /// The pod ends as it should: the container, then the DEL, then the object.
    fn stop(&mut self, alive: &Alive<'_>) -> Result<()> {
        self.ended(alive)?;
        let is_lost = self.rng.random_bool(self.stage.plan.lost_dels);
        let patience = Instant::now() + PATIENCE;
        while !is_lost && Instant::now() < patience && alive.node.is_on() {
            // Also after a reboot the kubelet does not give up.
            let boot = alive.node.boots();
            if self.del(
                &alive.pod,
                alive.node,
                boot,
                alive.network,
                &alive.container,
            )? {
                break;
            }
            thread::sleep(Duration::from_millis(self.rng.random_range(100..500)));
        }
        self.stage.control_plane.delete(&alive.pod)
    }
}
