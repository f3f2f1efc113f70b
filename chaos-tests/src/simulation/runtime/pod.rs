//! The life of one pod on its node.

use std::net::IpAddr;
use std::time::Duration;

use futures_util::future::join_all;
use ipam_plugin::cni::command::{Command, Target};
use tokio::sync::mpsc::UnboundedReceiver;

use super::{Network, Pod, Runtime};
use crate::history::{Interface, Outcome, What};

/// How often a DEL is repeated that does not succeed.
const DEL_ATTEMPTS: u32 = 6;

/// What is wanted of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// That it ends.
    Stop,
    /// Another ADD for its container.
    AddAgain,
    /// A CHECK of its container.
    Check,
    /// Its container's end, and its start under the same id.
    Restart,
}

impl Runtime {
    /// Gives a pod containers until it is to end.
    pub(super) async fn look_after(
        self,
        pod: Pod,
        container: Option<String>,
        mut wishes: UnboundedReceiver<Wish>,
    ) {
        let mut container = container.unwrap_or_else(|| self.new_container());
        loop {
            let set_up = self.set_up(&pod, &container).await;
            let is_over = match &set_up {
                Some(addresses) => {
                    self.world().api.running(&pod, addresses);
                    self.live(&pod, &container, &mut wishes).await == Wish::Stop
                }
                None => std::iter::from_fn(|| wishes.try_recv().ok()).any(|it| it == Wish::Stop),
            };
            self.tear_down(&pod, &container).await;
            if is_over {
                break;
            }
            if set_up.is_none() {
                tokio::time::sleep(self.moment(200..4000)).await;
                container = self.new_container();
            }
        }
        self.world().api.deleted(&pod);
        self.state().pods.remove(&pod.identity.uid);
    }

    fn new_container(&self) -> String {
        let mut state = self.state();
        state.containers += 1;
        format!("{}-c{}", self.node().name(), state.containers)
    }

    /// All interfaces of a container, and their addresses; `None` as soon as one fails.
    async fn set_up(&self, pod: &Pod, container: &str) -> Option<Vec<IpAddr>> {
        let sandbox = (container.to_owned(), pod.clone());
        self.state().sandboxes.extend([sandbox]);
        let mut all = Vec::new();
        for network in self.networks_of(pod) {
            let calls = if self.happens(self.habits().doubled) {
                2
            } else {
                1
            };
            let adds = (0..calls).map(|_| self.add(pod, container, network));
            let answers = join_all(adds).await;
            all.extend(answers.into_iter().flatten().next()?);
        }
        Some(all)
    }

    async fn add(&self, pod: &Pod, container: &str, network: &Network) -> Option<Vec<IpAddr>> {
        let patience = self.happens(self.habits().gives_up);
        // As long as a call takes, or much longer.
        let longest = if self.happens(0.5) { 20 } else { 3000 };
        let patience = patience.then(|| self.moment(0..longest));
        let attachment = self.attachment(network, container, &network.interface);
        let command = Command::Add(target(container, network));
        let outcome = {
            let _shared = self.shared.verbs.read().await;
            let config = network.config();
            self.call(command, attachment.clone(), &pod.told_uid, config, patience)
                .await
        };
        let Outcome::Ok { addresses } = outcome else {
            return None;
        };
        let interface = Interface {
            attachment: attachment.clone(),
            space: network.space.clone(),
            addresses: addresses.clone(),
        };
        let before = self.state().up.insert(attachment, interface.clone());
        if before.as_ref() != Some(&interface) {
            let recorder = &self.world().recorder;
            if let Some(before) = before {
                recorder.push(What::Down(before));
            }
            recorder.push(What::Up(interface));
        }
        Some(addresses)
    }

    /// Does what is wished while a container runs, until it must not run any more.
    async fn live(&self, pod: &Pod, container: &str, wishes: &mut UnboundedReceiver<Wish>) -> Wish {
        loop {
            let wish = wishes.recv().await.unwrap_or(Wish::Stop);
            let Some(network) = self.networks_of(pod).next() else {
                return Wish::Stop;
            };
            match wish {
                Wish::AddAgain => {
                    self.add(pod, container, network).await;
                }
                Wish::Check => self.check_one(pod, container, network).await,
                Wish::Stop | Wish::Restart => return wish,
            }
        }
    }

    async fn check_one(&self, pod: &Pod, container: &str, network: &Network) {
        let attachment = self.attachment(network, container, &network.interface);
        let addresses = {
            let state = self.state();
            state.up.get(&attachment).map(|it| it.addresses.clone())
        };
        let config = network.check_config(&addresses.unwrap_or_default());
        let command = Command::Check(target(container, network));
        let _shared = self.shared.verbs.read().await;
        self.call(command, attachment, &pod.told_uid, config, None)
            .await;
    }

    async fn tear_down(&self, pod: &Pod, container: &str) {
        let networks: Vec<_> = self.networks_of(pod).collect();
        for network in networks.iter().rev() {
            let attachment = self.attachment(network, container, &network.interface);
            let interface = self.state().up.remove(&attachment);
            if let Some(interface) = interface {
                self.world().recorder.push(What::Down(interface));
            }
        }
        if !self.happens(self.habits().lost_del) {
            for network in networks.into_iter().rev() {
                self.del(pod, container, network).await;
            }
        }
        self.state().sandboxes.remove(container);
    }

    async fn del(&self, pod: &Pod, container: &str, network: &Network) {
        let attempts = if self.happens(self.habits().careless) {
            1
        } else {
            DEL_ATTEMPTS
        };
        for _ in 0..attempts {
            if self.del_once(pod, container, network).await {
                if self.happens(self.habits().repeated_del) {
                    self.del_once(pod, container, network).await;
                }
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    async fn del_once(&self, pod: &Pod, container: &str, network: &Network) -> bool {
        let config = if self.happens(self.habits().stripped_del) {
            network.stripped_config()
        } else {
            network.config()
        };
        let attachment = self.attachment(network, container, &network.interface);
        let command = Command::Del(target(container, network));
        let _shared = self.shared.verbs.read().await;
        let outcome = self
            .call(command, attachment, &pod.told_uid, config, None)
            .await;
        matches!(outcome, Outcome::Ok { .. })
    }

    fn networks_of<'a>(&'a self, pod: &'a Pod) -> impl Iterator<Item = &'a Network> {
        let networks = pod.networks.iter();
        networks.filter_map(|network| self.world().networks.get(*network))
    }
}

fn target(container: &str, network: &Network) -> Target {
    Target {
        container: container.to_owned(),
        interface: network.interface.clone(),
    }
}
