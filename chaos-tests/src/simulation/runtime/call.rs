//! One call of the plugin: a process of the node, and what it tells the history.

use std::net::IpAddr;
use std::time::Duration;

use ipam_plugin::cni::command::{Command, Environment};
use ipam_plugin::cni::error::CniError;
use serde_json::{Value, json};
use store::key::Keyspace;
use store::names;
use tokio::sync::oneshot;

use super::{Network, Pod, Runtime};
use crate::history::{self, Attachment, Call, Invoke, Look, Outcome, Return, What};
use crate::layout::DEFAULT_PREFIX;
use crate::simulation::node::{Ended, Invocation, Stdout};

/// The version of CNI that the networks are configured with.
const VERSION: &str = "1.1.0";

impl Network {
    /// Its configuration.
    pub(super) fn config(&self) -> Value {
        json!({"cniVersion": VERSION, "name": self.name, "type": "macvlan", "ipam": self.ipam})
    }

    /// All that some callers leave of it for a DEL.
    pub(super) fn stripped_config(&self) -> Value {
        let kind = &self.ipam["type"];
        json!({"cniVersion": VERSION, "name": self.name, "type": "macvlan", "ipam": {"type": kind}})
    }

    /// Its configuration for a GC that spares these containers.
    pub(super) fn gc_config<'a>(&self, containers: impl Iterator<Item = &'a String>) -> Value {
        let valid = |container| json!({"containerID": container, "ifname": self.interface});
        let mut config = self.config();
        config["cni.dev/valid-attachments"] = containers.map(valid).collect();
        config
    }

    /// Its configuration for a CHECK of a container with these addresses.
    pub(super) fn check_config(&self, addresses: &[IpAddr]) -> Value {
        let ips = addresses.iter().map(|ip| {
            let bits = if ip.is_ipv4() { 32 } else { 128 };
            json!({"address": format!("{ip}/{bits}")})
        });
        let mut config = self.config();
        config["prevResult"] = json!({"cniVersion": VERSION, "ips": ips.collect::<Value>()});
        config
    }
}

impl Pod {
    /// `CNI_ARGS` as containerd writes it.
    pub(super) fn arguments(&self, container: &str) -> String {
        let history::Pod {
            namespace, name, ..
        } = &self.identity;
        let mut arguments = format!(
            "IgnoreUnknown=1;K8S_POD_NAMESPACE={namespace};K8S_POD_NAME={name};\
             K8S_POD_INFRA_CONTAINER_ID={container}"
        );
        if !self.told_uid.is_empty() {
            arguments.push_str(";K8S_POD_UID=");
            arguments.push_str(&self.told_uid);
        }
        arguments
    }
}

impl Runtime {
    /// Calls the plugin and waits for its end, but no longer than `patience`: then the answer is lost, and
    /// the process goes on by itself.
    pub(super) async fn call(
        &self,
        command: Command,
        attachment: Attachment,
        pod: &str,
        config: Value,
        patience: Option<Duration>,
    ) -> Outcome {
        let number = self.world().recorder.next_call();
        let verb = command.to_string();
        self.world().recorder.push(What::Invoke(Invoke {
            call: number,
            verb,
            attachment: attachment.clone(),
            pod: pod.to_owned(),
        }));
        let args = match command.target() {
            Some(target) => {
                let state = self.state();
                let pod = state.sandboxes.get(&target.container);
                pod.map(|pod| pod.arguments(&target.container))
            }
            None => None,
        };
        let invocation = Invocation {
            environment: Environment {
                command: command.clone(),
                args: args.unwrap_or_default(),
            },
            config: config.to_string(),
            node_file: self.shared.node_file.clone(),
        };
        let fate = self.habits().fate(&mut self.shared.rng.borrow_mut());
        let machine = self.node().start(&self.world().etcd, fate, self.fork());
        let process = machine.process().clone();
        let out = Stdout::of(&process);
        let work = (self.world().program)(machine, invocation, out.clone());
        *self.state().at_work.entry(attachment.clone()).or_default() += 1;
        let (answer, mut answered) = oneshot::channel();
        let (runtime, running) = (self.clone(), process.clone());
        tokio::task::spawn_local(async move {
            let ended = running.run(work).await;
            let is_read = !ended.unread && !answer.is_closed();
            let outcome = runtime.ended(number, &command, attachment, &ended, &out.take(), is_read);
            // Nobody waits for it where the runtime was given up.
            let _ = answer.send(outcome);
        });
        let waited = match patience {
            Some(patience) => tokio::time::timeout(patience, &mut answered).await.ok(),
            None => Some((&mut answered).await),
        };
        if let Some(outcome) = waited {
            return outcome.unwrap_or(Outcome::Unknown);
        }
        process.hang_up();
        // What takes a runtime down is hard on its orphans too.
        if self.happens(0.5) {
            process.pause(self.moment(500..12_000));
        }
        Outcome::Unknown
    }

    /// Writes down how a call ended.
    fn ended(
        &self,
        call: Call,
        command: &Command,
        attachment: Attachment,
        ended: &Ended<Result<(), CniError>>,
        answer: &[u8],
        is_read: bool,
    ) -> Outcome {
        let mut panic = None;
        let outcome = match &ended.result {
            Ok(Ok(())) => match (command, addresses(answer)) {
                (Command::Add(_), Some(addresses)) => Outcome::Ok { addresses },
                (Command::Add(_), None) => {
                    panic = Some(format!("ADD: {}", String::from_utf8_lossy(answer)));
                    Outcome::Unknown
                }
                _ => Outcome::Ok {
                    addresses: Vec::new(),
                },
            },
            Ok(Err(error)) => Outcome::Failed {
                code: error.code().number(),
                message: error.msg().to_owned(),
            },
            Err(_) => Outcome::Unknown,
        };
        let recorder = &self.world().recorder;
        recorder.push(What::Process(history::Process {
            program: "etcd-ipam".to_owned(),
            call: Some(call),
            status: (ended.result.as_ref().ok()).map(|result| i32::from(result.is_err())),
            signal: ended.result.as_ref().err().copied(),
            disturbed: ended.disturbed,
            ran: milliseconds(ended.ran),
            budget: ended.budget.map(milliseconds),
            panic,
        }));
        let outcome = if is_read { outcome } else { Outcome::Unknown };
        recorder.push(What::Return(Return {
            call,
            outcome: outcome.clone(),
        }));
        let is_alone = {
            let mut state = self.state();
            let others = state.at_work.entry(attachment.clone()).or_default();
            *others = others.saturating_sub(1);
            let is_alone = *others == 0;
            if is_alone {
                state.at_work.remove(&attachment);
            }
            is_alone
        };
        if is_alone && command.target().is_some() && matches!(outcome, Outcome::Ok { .. }) {
            self.look(call, attachment);
        }
        outcome
    }

    /// Looks what etcd and the spool have of an attachment, of which no process is at work.
    fn look(&self, call: Call, attachment: Attachment) {
        let name = names::Attachment {
            cluster: attachment.cluster.clone(),
            node: attachment.node.clone(),
            network: attachment.network.clone(),
            container: attachment.container.clone(),
            interface: attachment.interface.clone(),
        };
        let key = Keyspace::new(DEFAULT_PREFIX).owner(&name);
        let (present, revision) = self
            .world()
            .etcd
            .look(|model| (model.has(&key), model.header().revision));
        let spooled = self.node().spooled().iter().any(|spooled| {
            let name = &spooled.entry.name;
            name.network == attachment.network
                && name.container == attachment.container
                && name.interface == attachment.interface
        });
        self.world().recorder.push(What::Look(Look {
            call,
            attachment,
            present,
            spooled,
            revision,
        }));
    }
}

/// The addresses of an ADD's answer.
fn addresses(answer: &[u8]) -> Option<Vec<IpAddr>> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let ips = answer["ips"].as_array()?.iter();
    ips.map(|ip| ip["address"].as_str()?.split('/').next()?.parse().ok())
        .collect()
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
