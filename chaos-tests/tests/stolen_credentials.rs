//! What whoever steals a credential can do, tried against a real etcd that keeps to its roles; and
//! that `SECURITY.md` says just that.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail, ensure};
use chaos_tests::guarded::{COLLECTOR, Guarded, OPERATOR, READER, SHARED, roles_are_kept};
use chaos_tests::layout::{Layout, holder};
use chaos_tests::plugin::network;
use chaos_tests::raw::Raw;
use etcd_client::{
    AlarmAction, AlarmType, Client, Compare, CompareOp, DeleteOptions, Error, GetOptions,
    Permission, Txn, TxnOp,
};
use serde_json::json;

const SECURITY: &str = include_str!("../../SECURITY.md");
const HEADER: &str = "| with the credential of | a node | nodes that share one | the collector | an operator | a reader |";

/// The thief's node, and whom it steals from.
const OWN: &str = "node-1";
const OTHER: &str = "node-2";

/// The columns of the table.
const USERS: [&str; 5] = [OWN, SHARED, COLLECTOR, OPERATOR, READER];

/// The keys that are stolen, or not.
struct Keys {
    layout: Layout,
}

impl Keys {
    fn below(&self, rest: &str) -> String {
        format!("{}{rest}", self.layout.root())
    }

    fn free(&self) -> String {
        self.layout.address("default", [10, 90, 0, 99])
    }

    fn held(&self) -> String {
        self.layout.address("default", [10, 90, 0, 1])
    }

    fn own_record(&self) -> String {
        self.layout.owner(&holder(OWN, "net", "x"))
    }

    fn others_record(&self) -> String {
        self.layout.owner(&holder(OTHER, "net", "victim"))
    }

    fn foreign_record(&self) -> String {
        self.layout.owner("west/w1/net/c/eth0")
    }

    fn report(&self, node: &str) -> String {
        self.below(&format!("node/default/{node}/report"))
    }

    /// What stands before each try.
    fn standing(&self, store: &str) -> Vec<(String, String)> {
        let victim = holder(OTHER, "net", "victim");
        vec![
            (self.layout.store(), store.to_owned()),
            (self.held(), victim),
            (self.own_record(), "own".to_owned()),
            (self.others_record(), "other".to_owned()),
            (self.foreign_record(), "foreign".to_owned()),
            (self.below("range/default/r"), "range".to_owned()),
            (self.layout.leader("default"), "leader".to_owned()),
            (self.layout.leader("west"), "leader".to_owned()),
            (self.below("gc/default/last"), "last".to_owned()),
            (self.report(OWN), "report".to_owned()),
            (self.report(OTHER), "report".to_owned()),
            ("/elsewhere".to_owned(), "not ours".to_owned()),
        ]
    }
}

async fn get(client: &mut Client, key: String) -> Result<(), Error> {
    client.get(key, None).await.map(drop)
}

async fn put(client: &mut Client, key: String) -> Result<(), Error> {
    client.put(key, "stolen", None).await.map(drop)
}

async fn delete(client: &mut Client, key: String) -> Result<(), Error> {
    client.delete(key, None).await.map(drop)
}

/// A transaction within a transaction, whose condition never holds.
async fn nested(client: &mut Client, op: TxnOp) -> Result<(), Error> {
    let never = Compare::version("/never", CompareOp::Greater, 1 << 40);
    let inner = Txn::new().when([never]).and_then([op]);
    client
        .txn(Txn::new().and_then([TxnOp::txn(inner)]))
        .await
        .map(drop)
}

/// Does what a row of the table says: every part of it, whatever came of the others.
async fn attempt(what: &str, keys: &Keys, client: &mut Client) -> Vec<Result<(), Error>> {
    let layout = &keys.layout;
    match what {
        "see which addresses are taken, and the names of their attachments" => {
            let all = GetOptions::new().with_prefix();
            vec![client.get(layout.addresses(), Some(all)).await.map(drop)]
        }
        "take an address that is free" => vec![put(client, keys.free()).await],
        "free or take over an address that a pod of any node holds" => vec![
            delete(client, keys.held()).await,
            put(client, keys.held()).await,
        ],
        "write nonsense into the list of ranges" => {
            vec![put(client, keys.below("range/default/r")).await]
        }
        "change the owner records of its node" => vec![put(client, keys.own_record()).await],
        "read the owner records of other nodes: pods, their names and uids" => {
            vec![get(client, keys.others_record()).await]
        }
        "change or delete the owner records of other nodes" => vec![
            put(client, keys.others_record()).await,
            delete(client, keys.others_record()).await,
        ],
        "read the owner records of other clusters" => {
            vec![get(client, keys.foreign_record()).await]
        }
        "change or delete the owner records of other clusters" => vec![
            put(client, keys.foreign_record()).await,
            delete(client, keys.foreign_record()).await,
        ],
        "initialise the store or change its seal" => vec![
            put(client, layout.store()).await,
            delete(client, layout.store()).await,
        ],
        "freeze and thaw the store" => vec![
            put(client, layout.freeze()).await,
            delete(client, layout.freeze()).await,
        ],
        "see who leads and how the last sweep ended" => vec![
            get(client, layout.leader("default")).await,
            get(client, keys.below("gc/default/last")).await,
        ],
        "depose the elected collector, or pass for it" => vec![
            put(client, layout.leader("default")).await,
            delete(client, layout.leader("default")).await,
        ],
        "depose the collector of another cluster" => {
            vec![delete(client, layout.leader("west")).await]
        }
        "ask for a sweep" => vec![put(client, layout.sweep_request("default")).await],
        "write what its node reports to hold" => vec![put(client, keys.report(OWN)).await],
        "write what other nodes report to hold" => vec![put(client, keys.report(OTHER)).await],
        "read or write what others keep in this etcd" => vec![
            get(client, "/elsewhere".to_owned()).await,
            put(client, "/elsewhere".to_owned()).await,
        ],
        "read all keys at once" => {
            let all = GetOptions::new().with_all_keys();
            vec![client.get("", Some(all)).await.map(drop)]
        }
        "delete all keys at once" => {
            let all = DeleteOptions::new().with_all_keys();
            vec![client.delete("", Some(all)).await.map(drop)]
        }
        "reach a forbidden key by a transaction within a transaction" => vec![
            nested(client, TxnOp::get("/elsewhere", None)).await,
            nested(client, TxnOp::put("/elsewhere", "stolen", None)).await,
        ],
        other => administer(other, client).await,
    }
}

/// The same for what is no key.
async fn administer(what: &str, client: &mut Client) -> Vec<Result<(), Error>> {
    match what {
        "see, make or change users and roles" => vec![
            client.user_list().await.map(drop),
            client.role_list().await.map(drop),
            client.role_add("thieves").await.map(drop),
            client.user_delete("nobody").await.map(drop),
            client
                .user_change_password("root", "stolen")
                .await
                .map(drop),
        ],
        "give its role more rights" => {
            let mut outcomes = Vec::new();
            for role in ["etcd-ipam-node-node-1", SHARED, COLLECTOR, OPERATOR, READER] {
                let all = Permission::read_write("").with_all_keys();
                outcomes.push(client.role_grant_permission(role, all).await.map(drop));
            }
            outcomes
        }
        "turn authentication off" => vec![client.auth_disable().await.map(drop)],
        "download a snapshot of the whole database" => vec![match client.snapshot().await {
            Ok(mut stream) => stream.message().await.map(drop),
            Err(error) => Err(error),
        }],
        "see who the members of etcd are" => vec![client.member_list().await.map(drop)],
        "see a member's version, size and alarms" => vec![client.status().await.map(drop)],
        "add or remove members" => vec![
            client
                .member_add(["http://127.0.0.1:1"], None)
                .await
                .map(drop),
            client.member_remove(1).await.map(drop),
        ],
        "compact the history of etcd" => vec![client.compact(1, None).await.map(drop)],
        "defragment a member, which stops it for that time" => {
            vec![client.defragment().await.map(drop)]
        }
        "raise or disarm alarms" => {
            let mut outcomes = Vec::new();
            for action in [AlarmAction::Activate, AlarmAction::Deactivate] {
                outcomes.push(
                    client
                        .alarm(action, AlarmType::Nospace, None)
                        .await
                        .map(drop),
                );
            }
            outcomes
        }
        "make leases" => vec![client.lease_grant(60, None).await.map(drop)],
        unknown => vec![Err(Error::InvalidArgs(format!(
            "nobody knows how to {unknown:?}"
        )))],
    }
}

/// Whether a user may: all of it or nothing. Anything but a yes or a denial fails the test.
fn may(raw: &Raw, what: &str, keys: &Keys) -> Result<bool> {
    let tried = raw.ask(async |client| Ok(attempt(what, keys, client).await))?;
    let mut answers = BTreeSet::new();
    for outcome in tried {
        answers.insert(match outcome {
            Ok(()) => true,
            // For a snapshot it comes with another code.
            Err(Error::GRpcStatus(status)) if status.message().contains("permission denied") => {
                false
            }
            Err(error) => bail!("{what}: {error}"),
        });
    }
    ensure!(answers.len() == 1, "{what}: some of it, and some not");
    answers.pop_first().context("nothing was tried")
}

/// The rows of the table: what, and whether each of [`USERS`] can.
fn documented() -> Result<Vec<(String, Vec<bool>)>> {
    let rows = SECURITY.lines().skip_while(|line| *line != HEADER).skip(2);
    let rows = rows.take_while(|line| line.starts_with('|'));
    let rows: Vec<_> = rows
        .map(|row| {
            let mut cells = row.trim_matches('|').split('|').map(str::trim);
            let what = cells.next().unwrap_or_default().to_owned();
            let cells = cells.map(|cell| match cell {
                "can" => Ok(true),
                "no" => Ok(false),
                other => bail!("{what}: neither can nor no: {other}"),
            });
            let cells: Vec<_> = cells.collect::<Result<_>>()?;
            ensure!(cells.len() == USERS.len(), "{row}");
            Ok((what, cells))
        })
        .collect::<Result<_>>()?;
    ensure!(rows.len() >= 25, "few rows: {rows:?}");
    Ok(rows)
}

#[test]
fn each_credential_can_do_what_is_documented_and_no_more() -> Result<()> {
    if !roles_are_kept("each_credential_can_do_what_is_documented_and_no_more")? {
        return Ok(());
    }
    let guarded = Guarded::new(&[OWN, OTHER])?;
    let keys = Keys {
        layout: Layout::default(),
    };
    let store = guarded.raw.get(keys.layout.store())?;
    let store = String::from_utf8(store.context("no store")?)?;
    let ways: Vec<_> = USERS
        .map(|user| guarded.raw_as(user))
        .into_iter()
        .collect::<Result<_>>()?;
    let mut wrong = BTreeMap::new();
    for (what, expected) in documented()? {
        let mut found = Vec::new();
        for raw in &ways {
            guarded.raw.delete_prefix("/")?;
            guarded.raw.put_all(keys.standing(&store))?;
            found.push(may(raw, &what, &keys)?);
        }
        if found != expected {
            wrong.insert(what, found);
        }
    }
    ensure!(wrong.is_empty(), "{USERS:?} can: {wrong:#?}");
    Ok(())
}

/// The pod of another node whose address is stolen, and what shows it.
#[test]
fn a_stolen_address_leaves_a_trace() -> Result<()> {
    if !roles_are_kept("a_stolen_address_leaves_a_trace")? {
        return Ok(());
    }
    let guarded = Guarded::new(&[OWN, OTHER])?;
    let layout = Layout::default();
    let net = network("net", json!({"range": "10.90.0.0/24"}));
    let victim = guarded.node(OTHER)?;
    let added = victim.add("victim", &net)?.success()?;
    let address = added.ips()?[0];
    let thief = guarded.raw_as(OWN)?;
    // Freed, it is given to a pod of the thief's node by the plugin itself.
    thief.delete(layout.address("default", address))?;
    let stolen = guarded.node(OWN)?.add("thief", &net)?.success()?;
    assert_eq!(stolen.ips()?[0], address);

    victim.check("victim", &net, &added.json()?)?.failure(101)?;
    let checked = guarded.json(READER, &["check"], "")?.to_string();
    assert!(checked.contains("victim"), "{checked}");
    // The victim's DEL frees what is its own, and that is no longer the address.
    victim.del("victim", &net)?.silence()?;
    let holder_now = guarded.raw.get(layout.address("default", address))?;
    assert_eq!(holder_now, Some(holder(OWN, "net", "thief").into_bytes()));

    // Without its user the certificate, which is still good, is of no use.
    assert_eq!(thief.count(&layout.addresses())?, 1);
    guarded
        .raw
        .ask(async |client| client.user_delete(OWN).await)?;
    let denied = thief.count(&layout.addresses()).unwrap_err();
    ensure!(
        denied.to_string().contains("permission denied"),
        "{denied:?}"
    );
    Ok(())
}
