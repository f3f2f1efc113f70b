//! Builders of records, pods and nodes. What is not said is as in a healthy cluster: node `a` is
//! Ready in its boot `boot-1` since noon, and the record `c1` of pod `shop/web` with uid `u1`
//! was made there.

use jiff::Timestamp;
use store::inspect::Owner;
use store::key::Keyspace;
use store::names::{Attachment, Space};
use store::record::{Boot, HeldAddress, Kind, OwnerRecord, Pod as PodName, SCHEMA};
use store::release::Judged;

use crate::pods::{NamedAddress, Node, Pod, Readiness};

/// A time of 20 November 2026.
pub(super) fn at(clock: &str) -> Timestamp {
    format!("2026-11-20T{clock}Z").parse().unwrap()
}

pub(super) fn space() -> Space {
    Space::Shared("default".into())
}

/// A record of the container `c1`; see the module.
pub(super) fn record() -> Owner {
    let attachment = Attachment {
        cluster: "default".into(),
        node: "a".into(),
        network: "net".into(),
        container: "c1".into(),
        interface: "net1".into(),
    };
    let record = OwnerRecord {
        v: SCHEMA,
        id: "0123".into(),
        kind: Kind::Allocated,
        addresses: Vec::new(),
        pod: PodName {
            namespace: "shop".into(),
            name: "web".into(),
            uid: "u1".into(),
        },
        boot: Boot {
            machine: "machine-a".into(),
            id: "boot-1".into(),
            started_ms: 1000,
        },
        created: "2026-11-20T10:00:00Z".into(),
        cooldown_s: 0,
        plugin: "0.1.0".into(),
        other: serde_json::Map::new(),
    };
    let judged = Judged {
        key: Keyspace::new("/etcd-ipam").owner(&attachment),
        value: record.to_json().into_bytes(),
        mod_revision: 7,
    };
    let owner = Owner {
        attachment,
        record,
        judged,
    };
    owner.holds("10.0.0.5")
}

/// Changes to a record.
pub(super) trait OwnerExt: Sized {
    fn with(self, change: impl FnOnce(&mut Attachment, &mut OwnerRecord)) -> Self;

    fn node(self, node: &str) -> Self {
        self.with(|attachment, _| attachment.node = node.into())
    }

    fn container(self, container: &str) -> Self {
        self.with(|attachment, _| attachment.container = container.into())
    }

    fn interface(self, interface: &str) -> Self {
        self.with(|attachment, _| attachment.interface = interface.into())
    }

    fn pod(self, namespace: &str, name: &str, uid: &str) -> Self {
        self.with(|_, record| {
            record.pod = PodName {
                namespace: namespace.into(),
                name: name.into(),
                uid: uid.into(),
            }
        })
    }

    fn uid(self, uid: &str) -> Self {
        self.with(|_, record| record.pod.uid = uid.into())
    }

    fn boot(self, boot: &str) -> Self {
        self.with(|_, record| record.boot.id = boot.into())
    }

    fn machine(self, machine: &str) -> Self {
        self.with(|_, record| record.boot.machine = machine.into())
    }

    fn started(self, started_ms: u64) -> Self {
        self.with(|_, record| record.boot.started_ms = started_ms)
    }

    fn kind(self, kind: Kind) -> Self {
        self.with(|_, record| record.kind = kind)
    }

    fn created(self, created: &str) -> Self {
        self.with(|_, record| record.created = created.into())
    }

    fn holds(self, address: &str) -> Self {
        let held = HeldAddress {
            space: space(),
            address: address.parse().unwrap(),
            prefix: 24,
            gateway: None,
        };
        self.with(|_, record| record.addresses = vec![held])
    }
}

impl OwnerExt for Owner {
    fn with(mut self, change: impl FnOnce(&mut Attachment, &mut OwnerRecord)) -> Self {
        change(&mut self.attachment, &mut self.record);
        self.judged.key = Keyspace::new("/etcd-ipam").owner(&self.attachment);
        self.judged.value = self.record.to_json().into_bytes();
        self
    }
}

/// A node that is Ready in `boot-1` since noon.
pub(super) fn ready(name: &str) -> Node {
    Node {
        name: name.into(),
        machine_id: format!("machine-{name}"),
        boot_id: "boot-1".into(),
        readiness: Readiness {
            ready: true,
            since: Some(at("12:00:00")),
        },
        reported: Some(at("12:30:00")),
        out_of_service: None,
    }
}

/// A node that is not Ready since noon.
pub(super) fn not_ready(name: &str) -> Node {
    let readiness = Readiness {
        ready: false,
        since: Some(at("12:00:00")),
    };
    Node {
        readiness,
        ..ready(name)
    }
}

/// A node that is not Ready since noon and was tainted as out of service one minute later.
pub(super) fn tainted(name: &str) -> Node {
    Node {
        out_of_service: Some(Some(at("12:01:00"))),
        ..not_ready(name)
    }
}

/// Changes to a node.
pub(super) trait NodeExt {
    fn boot(self, boot: &str) -> Self;
    fn machine(self, machine: &str) -> Self;
    fn since(self, since: Option<Timestamp>) -> Self;
    fn tainted_at(self, at: Option<Timestamp>) -> Self;
    fn reported_at(self, at: Option<Timestamp>) -> Self;
}

impl NodeExt for Node {
    fn boot(self, boot: &str) -> Self {
        let boot_id = boot.into();
        Self { boot_id, ..self }
    }

    fn machine(self, machine: &str) -> Self {
        let machine_id = machine.into();
        Self { machine_id, ..self }
    }

    fn since(mut self, since: Option<Timestamp>) -> Self {
        self.readiness.since = since;
        self
    }

    fn reported_at(self, reported: Option<Timestamp>) -> Self {
        Self { reported, ..self }
    }

    fn tainted_at(self, at: Option<Timestamp>) -> Self {
        let out_of_service = Some(at);
        Self {
            out_of_service,
            ..self
        }
    }
}

/// The running pod `shop/web` with this uid on node `a`, which names no address.
pub(super) fn pod(uid: &str) -> Pod {
    Pod {
        namespace: "shop".into(),
        name: "web".into(),
        uid: uid.into(),
        node: "a".into(),
        ..Pod::default()
    }
}

/// Changes to a pod.
pub(super) trait PodExt {
    fn called(self, namespace: &str, name: &str) -> Self;
    fn on(self, node: &str) -> Self;
    fn finished(self) -> Self;
    fn terminating(self) -> Self;
    fn mirroring(self, hash: &str) -> Self;
    /// Names an address in the network-status annotation, as `shop/net` on `net1`.
    fn naming(self, address: &str) -> Self;
    /// Has an address in `status.podIPs` only.
    fn pod_ip(self, address: &str) -> Self;
}

impl PodExt for Pod {
    fn called(self, namespace: &str, name: &str) -> Self {
        let (namespace, name) = (namespace.into(), name.into());
        Self {
            namespace,
            name,
            ..self
        }
    }

    fn on(self, node: &str) -> Self {
        let node = node.into();
        Self { node, ..self }
    }

    fn finished(self) -> Self {
        let finished = true;
        Self { finished, ..self }
    }

    fn terminating(self) -> Self {
        let terminating = true;
        Self {
            terminating,
            ..self
        }
    }

    fn mirroring(mut self, hash: &str) -> Self {
        self.mirrors.push(hash.into());
        self
    }

    fn naming(mut self, address: &str) -> Self {
        self.addresses.push(NamedAddress {
            address: address.parse().unwrap(),
            attachment: Some(("shop/net".into(), "net1".into())),
        });
        self
    }

    fn pod_ip(mut self, address: &str) -> Self {
        self.addresses.push(NamedAddress {
            address: address.parse().unwrap(),
            attachment: None,
        });
        self
    }
}
