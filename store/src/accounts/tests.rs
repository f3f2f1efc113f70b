use super::*;
use crate::key::DEFAULT_PREFIX;

struct Scene {
    keys: Keyspace,
    nodes: Nodes,
}

fn named(nodes: &[&str]) -> Nodes {
    Nodes {
        named: nodes.iter().map(|&node| node.to_owned()).collect(),
        shared: false,
    }
}

impl Scene {
    fn of(nodes: &[&str]) -> Self {
        Self {
            keys: Keyspace::new(DEFAULT_PREFIX),
            nodes: named(nodes),
        }
    }

    fn purpose(&self) -> Purpose<'_> {
        Purpose {
            keys: &self.keys,
            cluster: "default",
            name: DEFAULT_NAME,
        }
    }

    fn wanted(&self) -> Accounts {
        Accounts::wanted(&self.purpose(), &self.nodes).unwrap()
    }
}

fn commands(changes: &[Change]) -> Vec<String> {
    changes.iter().map(ToString::to_string).collect()
}

fn role<'a>(accounts: &'a mut Accounts, name: &str) -> &'a mut Role {
    let mut roles = accounts.roles.iter_mut();
    roles.find(|role| role.name == name).unwrap()
}

fn user<'a>(accounts: &'a mut Accounts, name: &str) -> &'a mut User {
    let mut users = accounts.users.iter_mut();
    users.find(|user| user.name == name).unwrap()
}

/// As etcd would have done it.
fn after(mut accounts: Accounts, changes: &[Change]) -> Accounts {
    for change in changes {
        match change {
            Change::AddRole(name) => accounts.roles.push(Role {
                name: name.clone(),
                grants: vec![],
            }),
            Change::AddUser(name) => accounts.users.push(User {
                name: name.clone(),
                roles: vec![],
            }),
            Change::Grant(name, grant) => {
                let grants = &mut role(&mut accounts, name).grants;
                grants.retain(|found| !found.is_over(grant));
                grants.push(grant.clone());
            }
            Change::Revoke(name, grant) => {
                let grants = &mut role(&mut accounts, name).grants;
                grants.retain(|found| !found.is_over(grant));
            }
            Change::GrantRole(name, role) => user(&mut accounts, name).roles.push(role.clone()),
            Change::RevokeRole(name, role) => {
                user(&mut accounts, name).roles.retain(|one| one != role);
            }
            Change::DeleteUser(name) => accounts.users.retain(|user| user.name != *name),
            Change::DeleteRole(name) => accounts.roles.retain(|role| role.name != *name),
        }
    }
    accounts
}

#[test]
fn a_node_is_confined_to_its_own_records() {
    let scene = Scene::of(&["node-1"]);
    let all = commands(&scene.wanted().missing(&Accounts::default()));
    let of_node: Vec<_> = all.iter().filter(|line| line.contains("node-1")).collect();
    assert_eq!(
        of_node,
        [
            "etcdctl role add etcd-ipam-node-node-1",
            "etcdctl role grant-permission etcd-ipam-node-node-1 read --prefix /etcd-ipam/v1/meta/",
            "etcdctl role grant-permission etcd-ipam-node-node-1 readwrite --prefix /etcd-ipam/v1/addr/",
            "etcdctl role grant-permission etcd-ipam-node-node-1 readwrite --prefix /etcd-ipam/v1/range/",
            "etcdctl role grant-permission etcd-ipam-node-node-1 readwrite --prefix \
             /etcd-ipam/v1/owner/default/node-1/",
            "etcdctl role grant-permission etcd-ipam-node-node-1 readwrite \
             /etcd-ipam/v1/node/default/node-1/report",
            "etcdctl user add node-1 --no-password",
            "etcdctl user grant-role node-1 etcd-ipam-node-node-1",
        ]
    );
}

#[test]
fn what_is_there_is_neither_missing_nor_too_much() {
    let scene = Scene::of(&["a", "b"]);
    let wanted = scene.wanted();
    let made = after(Accounts::default(), &wanted.missing(&Accounts::default()));
    assert_eq!(wanted.missing(&made), []);
    assert_eq!(wanted.excess(&made), []);
    assert_eq!(wanted.gone(&scene.purpose(), &made), []);
    // What stops half-way goes on where it stopped.
    let all = wanted.missing(&Accounts::default());
    for done in 0..all.len() {
        let half = after(Accounts::default(), &all[..done]);
        assert_eq!(wanted.missing(&half), all[done..], "{done}");
    }
}

#[test]
fn what_is_too_much_is_found_and_taken_away() {
    let scene = Scene::of(&["a"]);
    let wanted = scene.wanted();
    let mut found = after(Accounts::default(), &wanted.missing(&Accounts::default()));
    let of_node = role(&mut found, "etcd-ipam-node-a");
    of_node.grants[0].access = Access::ReadWrite;
    of_node.grants.push(Grant::write(scene.keys.all_owners()));
    user(&mut found, "a").roles.push("root".to_owned());
    assert_eq!(wanted.missing(&found), []);
    let excess = wanted.excess(&found);
    assert_eq!(
        commands(&excess),
        [
            "etcdctl role grant-permission etcd-ipam-node-a read --prefix /etcd-ipam/v1/meta/",
            "etcdctl role revoke-permission etcd-ipam-node-a --prefix /etcd-ipam/v1/owner/",
            "etcdctl user revoke-role a root",
        ]
    );
    let found = after(found, &excess);
    assert_eq!(wanted.excess(&found), []);
    assert_eq!(wanted.missing(&found), []);
}

#[test]
fn access_that_lacks_something_is_missing() {
    let scene = Scene::of(&[]);
    let wanted = scene.wanted();
    let mut found = after(Accounts::default(), &wanted.missing(&Accounts::default()));
    for (access, lacks) in [
        (Access::Read, true),
        (Access::Write, true),
        (Access::ReadWrite, false),
    ] {
        found.roles[0].grants[1].access = access;
        assert_eq!(
            wanted.missing(&found).len(),
            usize::from(lacks),
            "{access:?}"
        );
    }
}

#[test]
fn only_nodes_of_this_cluster_that_are_not_listed_are_gone() {
    let full = Scene::of(&["a", "b", "c"]);
    let mut found = after(
        Accounts::default(),
        &full.wanted().missing(&Accounts::default()),
    );
    let elsewhere = Purpose {
        cluster: "west",
        ..full.purpose()
    };
    let west = Accounts::wanted(&elsewhere, &named(&["w"])).unwrap();
    found = after(found.clone(), &west.missing(&found));
    let left = Scene::of(&["b"]);
    assert_eq!(
        commands(&left.wanted().gone(&left.purpose(), &found)),
        [
            "etcdctl user delete a",
            "etcdctl role delete etcd-ipam-node-a",
            "etcdctl user delete c",
            "etcdctl role delete etcd-ipam-node-c",
        ]
    );
}

#[test]
fn nobody_gets_anothers_name() {
    let scene = Scene::of(&[]);
    for name in [
        "root",
        "etcd-ipam-lease-gc",
        "etcd-ipam-operator",
        "etcd-ipam-reader",
    ] {
        let error = Accounts::wanted(&scene.purpose(), &named(&[name])).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
    for name in ["", "a b", "a/b", "a'; rm"] {
        let refused = Accounts::wanted(&scene.purpose(), &named(&[name]));
        assert!(matches!(refused, Err(NameError::Unusable(_))), "{name}");
    }
}

#[test]
fn the_nodes_that_share_a_user_are_confined_to_their_cluster() {
    let scene = Scene::of(&[]);
    let nodes = Nodes {
        shared: true,
        ..Nodes::default()
    };
    let wanted = Accounts::wanted(&scene.purpose(), &nodes).unwrap();
    let all = commands(&wanted.missing(&scene.wanted()));
    assert_eq!(all.len(), 8, "{all:?}");
    for prefix in ["owner/default/", "node/default/"] {
        let grant = format!("etcd-ipam-node readwrite --prefix /etcd-ipam/v1/{prefix}");
        assert!(all.iter().any(|line| line.ends_with(&grant)), "{all:?}");
    }
    let taken = Nodes {
        named: ["etcd-ipam-node".to_owned()].into(),
        ..nodes
    };
    assert!(Accounts::wanted(&scene.purpose(), &taken).is_err());
}
