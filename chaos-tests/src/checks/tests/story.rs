//! Histories made by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde_json::json;

use crate::history::{
    Attachment, Change, Commit, End, Fault, History, Interface, Invoke, Line, Look, Node, Outcome,
    Pod, Process, Range, Released, Return, Run, What,
};
use crate::layout::Layout;

pub(crate) const SPACE: &str = "default";
pub(crate) const LEADER: &str = "lease-gc-1";

/// A run, told as it goes on. What it does is right; a test makes one thing wrong.
pub(crate) struct Story {
    pub(crate) history: History,
    pub(crate) at: u64,
    pub(crate) revision: i64,
    line: u32,
    calls: u64,
    store: BTreeMap<String, String>,
    up: BTreeSet<Attachment>,
    layout: Layout,
}

pub(crate) fn attachment(container: &str) -> Attachment {
    Attachment {
        cluster: "default".into(),
        node: "n1".into(),
        network: "lan".into(),
        container: container.into(),
        interface: "eth0".into(),
    }
}

pub(crate) fn holder(container: &str) -> String {
    format!("default/n1/lan/{container}/eth0")
}

pub(crate) fn ip(last: u8) -> IpAddr {
    [10, 0, 0, last].into()
}

pub(crate) fn pod(uid: &str) -> Pod {
    Pod {
        cluster: "default".into(),
        namespace: "shop".into(),
        name: format!("pod-{uid}"),
        uid: uid.into(),
        node: "n1".into(),
    }
}

pub(crate) fn node() -> Node {
    Node {
        cluster: "default".into(),
        name: "n1".into(),
        exists: true,
        ready: true,
        boot: "boot-1".into(),
        out_of_service: false,
    }
}

pub(crate) fn fault(number: u64, kind: &str) -> Fault {
    Fault {
        number,
        kind: kind.into(),
        detail: "a <detail>".into(),
    }
}

/// An owner record, as the plugin writes it for a pod whose uid is the container's name.
pub(crate) fn record(container: &str, addresses: &[IpAddr], id: &str) -> serde_json::Value {
    let held = |ip: &IpAddr| json!({"space": SPACE, "address": ip, "prefix": 24});
    json!({
        "v": 1, "id": id, "addresses": addresses.iter().map(held).collect::<Vec<_>>(),
        "pod": {"namespace": "shop", "name": format!("pod-{container}"), "uid": container},
        "machine_id": "m1", "boot_id": "boot-1", "started_ms": 1000,
        "created": "2026-01-05T08:00:00.000Z", "cooldown_s": 5, "plugin": "0.1.0",
    })
}

pub(crate) fn rest() -> String {
    json!({"kind": "cooldown", "released": "2026-01-05T08:00:00Z", "cooldown_s": 5, "was": "x"})
        .to_string()
}

impl Story {
    /// A node, no collector yet.
    pub(crate) fn new() -> Self {
        Self::of("simulation")
    }

    pub(crate) fn of(leg: &str) -> Self {
        let mut story = Self {
            history: History::default(),
            at: 0,
            revision: 1,
            line: 0,
            calls: 0,
            store: BTreeMap::new(),
            up: BTreeSet::new(),
            layout: Layout::default(),
        };
        story.tell(What::Run(Run {
            leg: leg.into(),
            seed: 7,
            workload: "churn".into(),
            prefix: "/etcd-ipam".into(),
            ranges: vec![Range {
                network: "lan".into(),
                space: SPACE.into(),
                subnet: "10.0.0.0/24".into(),
                first: ip(0),
                last: ip(255),
                excludes: vec!["10.0.0.48/30".into()],
                gateway: Some(ip(1)),
            }],
            cooldown: 5_000,
            grace: 45_000,
            node_gone_grace: 120_000,
            election_ttl: 15_000,
            sweep_every: 10_000,
            least_operations: 2,
            ..Run::default()
        }));
        let seal = json!({"schema": 1, "id": "s", "sealed_term": 64, "epoch": 0}).to_string();
        story.commit([(story.layout.store(), Some(seal))]);
        story.tell(What::Node(node()));
        story.lead(Some(LEADER));
        story.sweep();
        story
    }

    pub(crate) fn run(&mut self) -> &mut Run {
        match &mut self.history.events[0].what {
            What::Run(run) => run,
            _ => unreachable!("the first event is the run"),
        }
    }

    pub(crate) fn tell(&mut self, what: What) -> &mut Self {
        self.at += 1;
        self.history.push(self.at, what);
        self
    }

    pub(crate) fn wait(&mut self, ms: u64) -> &mut Self {
        self.at += ms;
        self
    }

    pub(crate) fn owner(&self, container: &str) -> String {
        self.layout.owner(&holder(container))
    }

    pub(crate) fn address(&self, ip: IpAddr) -> String {
        self.layout.address(SPACE, ip)
    }

    pub(crate) fn freeze(&self) -> String {
        self.layout.freeze()
    }

    pub(crate) fn commit<K: Into<String>>(
        &mut self,
        changes: impl IntoIterator<Item = (K, Option<String>)>,
    ) -> &mut Self {
        self.commit_by(changes, None)
    }

    pub(crate) fn commit_by<K: Into<String>>(
        &mut self,
        changes: impl IntoIterator<Item = (K, Option<String>)>,
        by: Option<&str>,
    ) -> &mut Self {
        self.revision += 1;
        let changes = changes.into_iter().map(|(key, value)| Change {
            key: key.into(),
            value,
        });
        let changes: Vec<_> = changes.collect();
        for Change { key, value } in changes.clone() {
            match value {
                Some(value) => self.store.insert(key, value),
                None => self.store.remove(&key),
            };
        }
        self.tell(What::Commit(Commit {
            line: self.line,
            revision: self.revision,
            changes,
            by: by.map(str::to_owned),
        }))
    }

    /// The store goes on from an earlier revision; what stood there is given.
    pub(crate) fn restore(&mut self, revision: i64, term: u64) -> &mut Self {
        let from = self.line;
        self.line += 1;
        self.revision = revision;
        self.tell(What::Line(Line {
            line: self.line,
            from,
            revision,
            term,
        }))
    }

    pub(crate) fn lead(&mut self, identity: Option<&str>) -> &mut Self {
        let value = identity.map(|identity| json!({"identity": identity, "id": "x"}).to_string());
        self.commit([(self.layout.leader("default"), value)])
    }

    pub(crate) fn sweep(&mut self) -> &mut Self {
        let key = "/etcd-ipam/v1/gc/default/last";
        let value = json!({"by": LEADER, "result": "complete"}).to_string();
        self.commit([(key, Some(value))])
    }

    pub(crate) fn invoke(&mut self, verb: &str, container: &str) -> u64 {
        self.calls += 1;
        self.tell(What::Invoke(Invoke {
            call: self.calls,
            verb: verb.into(),
            attachment: attachment(container),
            pod: container.into(),
        }));
        self.calls
    }

    pub(crate) fn answer(&mut self, call: u64, addresses: &[IpAddr]) -> &mut Self {
        let outcome = Outcome::Ok {
            addresses: addresses.to_vec(),
        };
        self.outcome(call, outcome)
    }

    pub(crate) fn outcome(&mut self, call: u64, outcome: Outcome) -> &mut Self {
        self.tell(What::Return(Return { call, outcome }))
    }

    pub(crate) fn fail(&mut self, call: u64, code: u32) -> &mut Self {
        let message = "no <luck>".to_owned();
        self.outcome(call, Outcome::Failed { code, message })
    }

    pub(crate) fn look(&mut self, call: u64, container: &str, present: bool) -> &mut Self {
        self.look_at(call, container, present, false, 0)
    }

    pub(crate) fn look_at(
        &mut self,
        call: u64,
        container: &str,
        present: bool,
        spooled: bool,
        revision: i64,
    ) -> &mut Self {
        self.tell(What::Look(Look {
            call,
            attachment: attachment(container),
            present,
            spooled,
            revision,
        }))
    }

    fn interface(container: &str, addresses: &[IpAddr]) -> Interface {
        Interface {
            attachment: attachment(container),
            space: SPACE.into(),
            addresses: addresses.to_vec(),
        }
    }

    pub(crate) fn up(&mut self, container: &str, ip: IpAddr) -> &mut Self {
        self.up.insert(attachment(container));
        self.tell(What::Up(Self::interface(container, &[ip])))
    }

    pub(crate) fn down(&mut self, container: &str, ip: IpAddr) -> &mut Self {
        self.up.remove(&attachment(container));
        self.tell(What::Down(Self::interface(container, &[ip])))
    }

    /// What the plugin writes in an ADD.
    pub(crate) fn take(&mut self, container: &str, ip: IpAddr) -> &mut Self {
        let value = record(container, &[ip], &format!("id-{}", self.revision)).to_string();
        let owner = (self.owner(container), Some(value));
        self.commit([(self.address(ip), Some(holder(container))), owner])
    }

    /// What a release writes.
    pub(crate) fn free(&mut self, container: &str, ip: IpAddr) -> &mut Self {
        self.free_by(container, ip, None)
    }

    pub(crate) fn free_by(&mut self, container: &str, ip: IpAddr, by: Option<&str>) -> &mut Self {
        let changes = [
            (self.owner(container), None),
            (self.address(ip), Some(rest())),
        ];
        self.commit_by(changes, by)
    }

    /// A collector releases, and says so.
    pub(crate) fn collect(&mut self, container: &str, ip: IpAddr, evidence: &str) -> &mut Self {
        self.free_by(container, ip, Some(LEADER));
        let key = self.owner(container);
        self.tell(What::Released(Released {
            collector: LEADER.into(),
            key,
            evidence: evidence.into(),
        }))
    }

    /// A whole ADD, until the container has the address.
    pub(crate) fn add(&mut self, container: &str, ip: IpAddr) -> &mut Self {
        let call = self.invoke("ADD", container);
        self.take(container, ip).answer(call, &[ip]);
        let revision = self.revision;
        self.look_at(call, container, true, false, revision);
        self.up(container, ip)
    }

    /// A whole DEL.
    pub(crate) fn del(&mut self, container: &str, ip: IpAddr) -> &mut Self {
        self.down(container, ip);
        let call = self.invoke("DEL", container);
        self.free(container, ip).answer(call, &[]);
        let revision = self.revision;
        self.look_at(call, container, false, false, revision)
    }

    /// The rest of an address is over.
    pub(crate) fn rested(&mut self, ip: IpAddr) -> &mut Self {
        self.wait(5_000);
        self.commit([(self.address(ip), None)])
    }

    /// A plugin's process ended.
    pub(crate) fn process(&mut self, process: Process) -> &mut Self {
        self.tell(What::Process(Process {
            program: "etcd-ipam".into(),
            ..process
        }))
    }

    pub(crate) fn pods(&mut self, uid: &str, there: bool) -> &mut Self {
        let what = if there {
            What::PodCreated
        } else {
            What::PodDeleted
        };
        self.tell(what(pod(uid)))
    }

    /// How the store and the containers are now.
    pub(crate) fn state(&self) -> End {
        let below = |prefix: String| {
            let entries = self.store.iter();
            entries.filter(move |(key, _)| key.starts_with(&prefix))
        };
        let owners = below(self.layout.owners()).map(|(key, _)| key.clone());
        let addresses = below(self.layout.addresses());
        End {
            owners: owners.collect(),
            addresses: addresses
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
            up: self.up.iter().cloned().collect(),
            ..End::default()
        }
    }

    /// The faults are over, something still works, and the run ends.
    pub(crate) fn end(&mut self) -> &History {
        self.heal();
        let end = self.state();
        self.tell(What::End(end));
        &self.history
    }

    pub(crate) fn heal(&mut self) -> &mut Self {
        self.tell(What::Healed);
        self.add("last", ip(200)).del("last", ip(200));
        self.wait(60_000)
    }
}
