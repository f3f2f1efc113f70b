//! What a container runtime asks of the plugin, and what is done to its calls.

use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow};
use rand::RngExt as _;

use super::{Alive, Worker};
use crate::history::Attachment;
use crate::real::calls::{Disturbance, Ended, Order, valid_attachments};
use crate::real::control_plane::Pod;
use crate::real::nodes::Node;
use crate::real::plan::Network;
use crate::real::stage::Mischief;

impl Worker<'_> {
    pub(super) fn del(
        &mut self,
        pod: &Pod,
        node: &Node,
        boot: u64,
        network: &Network,
        container: &str,
    ) -> Result<bool> {
        let order = Order {
            verb: "DEL",
            network,
            container,
            pod: Some(pod),
            more: None,
            disturbance: Disturbance::None,
        };
        let ended = self.call(node, boot, order)?;
        Ok(ended.is_some_and(|ended| ended.is_ok()))
    }

    pub(super) fn check(&mut self, alive: &Alive<'_>) -> Result<()> {
        let order = Order {
            verb: "CHECK",
            network: alive.network,
            container: &alive.container,
            pod: Some(&alive.pod),
            more: Some(("prevResult", alive.result.clone())),
            disturbance: Disturbance::None,
        };
        self.stage.caller.call(alive.node, alive.boot, &order)?;
        Ok(())
    }

    /// The runtime tells the plugin which containers live, if no ADD runs.
    pub(super) fn collect(&mut self, alive: &Alive<'_>) -> Result<()> {
        let Ok(_apart) = alive.node.adds.try_write() else {
            return Ok(());
        };
        let here =
            |one: &Attachment| one.node == alive.node.name() && one.network == alive.network.name;
        let containers = self.stage.containers.up();
        let living = containers.into_iter().map(|up| up.attachment);
        let living: Vec<_> = living.filter(here).map(|one| one.container).collect();
        let order = Order {
            verb: "GC",
            network: alive.network,
            container: "",
            pod: None,
            more: Some(("cni.dev/valid-attachments", valid_attachments(&living))),
            disturbance: Disturbance::None,
        };
        self.stage.caller.call(alive.node, alive.boot, &order)?;
        Ok(())
    }

    /// Calls the plugin, and does to the call what is done to calls just now.
    pub(super) fn call(
        &mut self,
        node: &Node,
        boot: u64,
        mut order: Order<'_>,
    ) -> Result<Option<Ended>> {
        let mischief = self.stage.mischief();
        let wait = Duration::from_millis(self.rng.random_range(0..30));
        match mischief {
            Mischief::Kill if self.rng.random_bool(0.5) => {
                order.disturbance = Disturbance::Killed(wait);
            }
            Mischief::Pause if self.rng.random_bool(0.3) => {
                let length = Duration::from_millis(self.rng.random_range(300..3_000));
                order.disturbance = Disturbance::Paused(wait, length);
            }
            Mischief::Twice if self.rng.random_bool(0.5) => {
                return self.twice(node, boot, &order);
            }
            _ => {}
        }
        let ended = self.stage.caller.call(node, boot, &order)?;
        let strikes = order.disturbance != Disturbance::None;
        if strikes && node.is_on() && ended.as_ref().is_some_and(|ended| ended.disturbed) {
            self.stage.count_victim();
        }
        Ok(ended)
    }

    /// Two calls at once. The runtime believes the first.
    fn twice(&self, node: &Node, boot: u64, order: &Order<'_>) -> Result<Option<Ended>> {
        let caller = &self.stage.caller;
        let (first, second) = thread::scope(|scope| {
            let second = scope.spawn(|| caller.call(node, boot, order));
            (caller.call(node, boot, order), second.join())
        });
        let second = second.map_err(|_| anyhow!("a thread panicked"))??;
        if second.is_some() {
            self.stage.count_victim();
        }
        first
    }

    /// An ADD that the runtime gives up, and its DEL while it runs.
    pub(super) fn overtake(&mut self, node: &Node, boot: u64, order: &Order<'_>) -> Result<()> {
        let del = Order {
            verb: "DEL",
            ..order.clone()
        };
        let wait = Duration::from_millis(self.rng.random_range(1..20));
        let caller = &self.stage.caller;
        let overtakes = thread::scope(|scope| {
            let add = scope.spawn(|| caller.call(node, boot, order));
            thread::sleep(wait);
            let overtakes = !add.is_finished();
            caller.call(node, boot, &del)?;
            add.join().map_err(|_| anyhow!("a thread panicked"))??;
            Ok::<_, anyhow::Error>(overtakes)
        })?;
        if overtakes {
            self.stage.count_victim();
        }
        Ok(())
    }
}
