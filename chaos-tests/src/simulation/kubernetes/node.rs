//! A node: its machine, its kubelet, and the object that the API has of it.

use jiff::{SignedDuration, Timestamp};
use lease_gc::pods::LeaseState;
use serde_json::{Value, json};

use crate::simulation::clock::Wall;

/// A node as it is, and as the API has it.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Its machine's id.
    pub machine: String,
    /// The boot that the machine is in.
    pub boot: String,
    /// The clock of its machine.
    pub wall: Wall,
    /// Whether its kubelet runs and reaches the API.
    pub kubelet: bool,
    /// When the kubelet last renewed its lease, by its own clock; `None` if there is no lease.
    pub lease: Option<Timestamp>,
    /// What the API has of it; `None` if nothing.
    pub object: Option<Object>,
}

/// A Node object.
#[derive(Clone, Debug)]
pub struct Object {
    /// The boot that was last reported.
    pub boot: String,
    /// The `Ready` condition.
    pub ready: Ready,
    /// When it last changed, by the clock of who changed it.
    pub since: Timestamp,
    /// When the kubelet last reported, by its own clock.
    pub heartbeat: Timestamp,
    /// The same, by the right clock.
    pub heard: Timestamp,
    /// When the taint `node.kubernetes.io/out-of-service` was set, where it is.
    pub out_of_service: Option<Timestamp>,
}

/// A node's `Ready` condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// Its kubelet says that all is well.
    True,
    /// Its kubelet says that something is not.
    False,
    /// Its kubelet is not heard of.
    Unknown,
}

impl Node {
    /// Whether the API says that it is Ready.
    pub fn is_ready(&self) -> bool {
        let object = self.object.as_ref();
        object.is_some_and(|object| object.ready == Ready::True)
    }

    /// The kubelet reports that all is well.
    pub(super) fn report(&mut self, now: Timestamp) {
        let by_its_clock = self.by_its_clock(now);
        self.lease = Some(by_its_clock);
        if let Some(object) = &mut self.object {
            object.boot.clone_from(&self.boot);
            object.heard = now;
            object.heartbeat = by_its_clock;
            object.turn(Ready::True, by_its_clock);
        }
    }

    fn by_its_clock(&self, now: Timestamp) -> Timestamp {
        let error = SignedDuration::from_millis(self.wall.error());
        now.saturating_add(error).unwrap_or(now)
    }

    /// A kubelet that starts makes the object that the API lacks.
    pub(super) fn register(&mut self, now: Timestamp) {
        if self.object.is_none() {
            let by_its_clock = self.by_its_clock(now);
            self.object = Some(Object {
                boot: self.boot.clone(),
                ready: Ready::True,
                since: by_its_clock,
                heartbeat: by_its_clock,
                heard: now,
                out_of_service: None,
            });
        }
        self.report(now);
    }

    /// The object as the API writes it.
    pub(super) fn json(&self) -> Option<Value> {
        let object = self.object.as_ref()?;
        let status = match object.ready {
            Ready::True => "True",
            Ready::False => "False",
            Ready::Unknown => "Unknown",
        };
        let taint = |added: Timestamp| {
            json!({
                "key": "node.kubernetes.io/out-of-service",
                "value": "nodeshutdown",
                "effect": "NoExecute",
                "timeAdded": seconds(added),
            })
        };
        let taints: Vec<Value> = object.out_of_service.into_iter().map(taint).collect();
        Some(json!({
            "metadata": {"name": self.name},
            "spec": {"taints": taints},
            "status": {
                "conditions": [{
                    "type": "Ready",
                    "status": status,
                    "lastHeartbeatTime": seconds(object.heartbeat),
                    "lastTransitionTime": seconds(object.since),
                }],
                "nodeInfo": {"machineID": self.machine, "bootID": object.boot},
            },
        }))
    }

    /// What its kubelet's lease says.
    pub(super) fn lease_state(&self) -> LeaseState {
        let renewed = self.lease.map(|renewed| renewed.to_string());
        renewed.map_or(LeaseState::Absent, LeaseState::Renewed)
    }
}

impl Object {
    /// Sets the condition.
    pub(super) fn turn(&mut self, ready: Ready, now: Timestamp) {
        if self.ready != ready {
            self.ready = ready;
            self.since = now;
        }
    }
}

/// The API writes times to the second.
pub(super) fn seconds(at: Timestamp) -> String {
    format!("{at:.0}")
}
