//! What happened in one run: the one format that both legs write and every checker reads.
//!
//! A history is a list of events in the order in which they happened, kept as JSON lines. It holds what
//! the harness did (calls, faults), what it saw (answers, containers, the complete log of etcd), and
//! what is true of the cluster whatever our own records say. A checker sees nothing else.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::net::IpAddr;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

/// One event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When, in milliseconds since the run began, on one monotonic clock. The order of the events of one
    /// millisecond is their order in the history.
    pub at: u64,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum What {
    /// The run begins. The first event.
    Run(Run),
    /// A call of the plugin begins.
    Invoke(Invoke),
    /// It ended, in whatever way.
    Return(Return),
    /// A linearizable look at the store right after a call was acknowledged.
    Look(Look),
    /// A container has these addresses on an interface from now on, and answers for them. Said after it
    /// has them.
    Up(Interface),
    /// It has them no more. Said before they are taken from it, so that nothing that happens between is
    /// held against anybody.
    Down(Interface),
    /// etcd committed a transaction that changed something.
    Commit(Commit),
    /// etcd was brought back to an earlier revision, or to another line of its history.
    Line(Line),
    /// A collector says that it has released a record.
    Released(Released),
    /// A pod exists from now on, in the Kubernetes API as it truly is.
    PodCreated(Pod),
    /// The pod's object is gone from the API.
    PodDeleted(Pod),
    /// What is true of a node has changed.
    Node(Node),
    /// A fault begins.
    FaultBegins(Fault),
    /// The fault's effect was seen. A fault without this event makes the run void.
    FaultProven(Fault),
    /// The fault was taken back.
    FaultEnds(Fault),
    /// All faults are taken back for good; from now on everything must come right.
    Healed,
    /// Who answered for an address on the wire.
    Probe(Probe),
    /// A process of ours ended.
    Process(Process),
    /// How the run left things. The last event.
    End(End),
}

/// What a run is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// `simulation` or `real`.
    pub leg: String,
    /// The seed of all its choices.
    pub seed: u64,
    /// The commit of this repository, where known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub commit: String,
    /// The bug that was planted, if one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mutant: Option<String>,
    /// What workload it is.
    pub workload: String,
    /// The prefix of the keys, for example `/etcd-ipam`.
    pub prefix: String,
    /// The ranges that the networks are configured with.
    pub ranges: Vec<Range>,
    /// How long an address must rest after it was released (milliseconds).
    pub cooldown: u64,
    /// The collectors' grace period (milliseconds).
    pub grace: u64,
    /// How long a node's Node object must be gone before its records are released (milliseconds).
    pub node_gone_grace: u64,
    /// The length of the election's lease (milliseconds).
    pub election_ttl: u64,
    /// How often the collectors sweep (milliseconds); 0 where the run has no collectors.
    pub sweep_every: u64,
    /// Fewer acknowledged calls than this make the run void.
    pub least_operations: u64,
    /// What a right wall clock showed when the run began (seconds since 1970); 0 where nobody can say.
    #[serde(default)]
    pub wall: u64,
}

/// A range of one network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// The CNI network.
    pub network: String,
    /// The address space's name, as it stands in the keys.
    pub space: String,
    /// The subnet, for example `10.0.0.0/24`.
    pub subnet: String,
    /// The first address that may be given out.
    pub first: IpAddr,
    /// The last.
    pub last: IpAddr,
    /// What may not be given out: subnets or single addresses.
    #[serde(default)]
    pub excludes: Vec<String>,
    /// The gateway, which may not be given out either.
    #[serde(default)]
    pub gateway: Option<IpAddr>,
}

/// The number of a call; every call of a run has its own.
pub type Call = u64;

/// What holds addresses, as the runtime names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Attachment {
    /// The Kubernetes cluster.
    pub cluster: String,
    /// The node.
    pub node: String,
    /// The CNI network.
    pub network: String,
    /// `CNI_CONTAINERID`.
    pub container: String,
    /// `CNI_IFNAME`.
    pub interface: String,
}

impl Attachment {
    /// Its names in the order in which an owner key has them.
    pub fn parts(&self) -> [&str; 5] {
        [
            &self.cluster,
            &self.node,
            &self.network,
            &self.container,
            &self.interface,
        ]
    }
}

/// A call of the plugin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Invoke {
    /// Which.
    pub call: Call,
    /// `ADD`, `DEL`, `CHECK`, `GC` or `STATUS`.
    pub verb: String,
    /// For what; GC and STATUS name only the node and the network.
    pub attachment: Attachment,
    /// The pod's uid, as the runtime passes it; empty where it does not.
    #[serde(default)]
    pub pod: String,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Return {
    /// Which.
    pub call: Call,
    /// How.
    pub outcome: Outcome,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The runtime was told that it succeeded: the addresses that it was told, for an ADD.
    Ok {
        /// In the order of the answer.
        #[serde(default)]
        addresses: Vec<IpAddr>,
    },
    /// The runtime was told that it failed.
    Failed {
        /// CNI's error code.
        code: u32,
        /// The message.
        message: String,
    },
    /// It was killed, or its answer never reached the runtime. It may have done anything.
    Unknown,
}

/// What a linearizable read found right after an acknowledged ADD, DEL or CHECK.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// After which call.
    pub call: Call,
    /// Whose record was looked for.
    pub attachment: Attachment,
    /// Whether it had an owner record.
    pub present: bool,
    /// Whether the node's spool had a release for it.
    pub spooled: bool,
    /// The store's revision as of which it was read; 0 where it is not known.
    #[serde(default)]
    pub revision: i64,
}

/// An interface of a container.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interface {
    /// Which.
    pub attachment: Attachment,
    /// Its address space's name, as it stands in the keys.
    pub space: String,
    /// What it has.
    pub addresses: Vec<IpAddr>,
}

/// A transaction that changed something, as etcd's event log tells it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Commit {
    /// The line of history that it belongs to; 0 is the first.
    #[serde(default)]
    pub line: u32,
    /// Its revision.
    pub revision: i64,
    /// What changed, in the order of the log.
    pub changes: Vec<Change>,
    /// Who sent it, where the harness knows: only the simulation does. A collector by its identity, as it
    /// stands in the election key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// A change of one key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The key.
    pub key: String,
    /// Its value now; absent if it was deleted. What is not UTF-8 is replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// Another line of etcd's history begins, or an earlier one goes on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// The line that counts from now on.
    pub line: u32,
    /// The line that it branched off.
    pub from: u32,
    /// The last revision that they share.
    pub revision: i64,
    /// The Raft term that etcd answers with from now on; 0 where it is not known.
    #[serde(default)]
    pub term: u64,
}

/// A release that a collector reports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Released {
    /// The collector's identity.
    pub collector: String,
    /// The owner key.
    pub key: String,
    /// The evidence, in the collector's words (`rebooted`, `pod_gone`, …).
    pub evidence: String,
}

/// A pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pod {
    /// The cluster.
    pub cluster: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// The node that it is bound to; empty where it is not.
    pub node: String,
}

/// A node as it truly is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// The cluster.
    pub cluster: String,
    /// The node.
    pub name: String,
    /// Whether the API has its object.
    pub exists: bool,
    /// Whether it is Ready.
    pub ready: bool,
    /// Its present boot.
    pub boot: String,
    /// Whether it has the out-of-service taint.
    #[serde(default)]
    pub out_of_service: bool,
}

/// A fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// Its number in the run.
    pub number: u64,
    /// Its kind, for example `leader_killed`.
    pub kind: String,
    /// What it hit, or how its effect was seen; for people.
    pub detail: String,
}

/// Who answered for an address on the wire.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// The address space's name, as it stands in the keys.
    pub space: String,
    /// The address.
    pub address: IpAddr,
    /// The hardware addresses that answered.
    pub answered: Vec<String>,
}

/// A process of ours that ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Process {
    /// The program, for example `etcd-ipam`.
    pub program: String,
    /// The call that it was, for the plugin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<Call>,
    /// Its exit status; absent if a signal ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<i32>,
    /// The signal that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// Whether the harness killed or stopped it, so that neither its end nor its time is its own.
    #[serde(default)]
    pub disturbed: bool,
    /// How long it ran (milliseconds).
    pub ran: u64,
    /// The longest that it may run (milliseconds).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<u64>,
    /// The line of a panic, or of anything else that must never be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub panic: Option<String>,
}

/// How the run left things.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct End {
    /// Every owner key that is left.
    pub owners: Vec<String>,
    /// Every address key that is left, with its value.
    pub addresses: BTreeMap<String, String>,
    /// The interfaces that are up.
    pub up: Vec<Attachment>,
    /// Releases that wait in the spools of the nodes.
    pub spooled: u64,
    /// How many owner keys the collectors say that they keep until an operator comes.
    #[serde(default)]
    pub held_by_breaker: bool,
    /// Processes of ours that are still there and should not be.
    #[serde(default)]
    pub zombies: u64,
    /// How many more files the longest-lived process has open than it had at first.
    #[serde(default)]
    pub leaked_files: i64,
}

/// Events in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// All of them.
    pub events: Vec<Event>,
}

impl History {
    /// Takes the next event.
    pub fn push(&mut self, at: u64, what: What) {
        self.events.push(Event { at, what });
    }

    /// What the run is, which its first event says.
    pub fn run(&self) -> Option<&Run> {
        match self.events.first().map(|event| &event.what) {
            Some(What::Run(run)) => Some(run),
            _ => None,
        }
    }

    /// Writes it as JSON lines.
    pub fn write(&self, mut out: impl Write) -> Result<()> {
        for event in &self.events {
            serde_json::to_writer(&mut out, event)?;
            out.write_all(b"\n")?;
        }
        Ok(())
    }

    /// Reads JSON lines.
    pub fn read(input: impl BufRead) -> Result<Self> {
        let mut history = Self::default();
        for (number, line) in input.lines().enumerate() {
            let event = serde_json::from_str(&line?)
                .with_context(|| format!("line {} of the history", number + 1))?;
            history.events.push(event);
        }
        Ok(history)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let mut history = History::default();
        history.push(
            0,
            What::Run(Run {
                leg: "real".to_owned(),
                ..Run::default()
            }),
        );
        history.push(
            7,
            What::Return(Return {
                call: 1,
                outcome: Outcome::Unknown,
            }),
        );
        history.push(9, What::Healed);
        let mut lines = Vec::new();
        history.write(&mut lines).unwrap();
        assert_eq!(History::read(lines.as_slice()).unwrap(), history);
        assert_eq!(history.run().unwrap().leg, "real");
    }
}
