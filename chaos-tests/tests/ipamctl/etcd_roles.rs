//! `ipamctl etcd-roles`: what it makes in a real etcd, and what it leaves alone.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use chaos_tests::ctl;
use chaos_tests::etcd::Options;
use chaos_tests::guarded::{Guarded, OPERATOR, READER, roles_are_kept};
use chaos_tests::plugin::network;
use etcd_client::Permission;
use serde_json::{Value, json};

/// What each role allows, or which roles each user has.
type ByName = BTreeMap<String, Vec<String>>;

/// Every role and every user of the server.
fn accounts(guarded: &Guarded) -> Result<(ByName, ByName)> {
    guarded.raw.ask(async |client| {
        let mut roles = BTreeMap::new();
        for name in client.role_list().await?.roles() {
            let mut grants = Vec::new();
            for grant in client.role_get(name.as_str()).await?.permissions() {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                let access =
                    ["read", "write", "readwrite"][usize::try_from(grant.get_type()).unwrap_or(9)];
                let (key, end) = (text(grant.key()), text(grant.range_end()));
                grants.push(format!("{access} {key} {end}"));
            }
            grants.sort();
            roles.insert(name.clone(), grants);
        }
        let mut users = BTreeMap::new();
        for name in client.user_list().await?.users() {
            let roles = client.user_get(name.as_str()).await?.roles().to_vec();
            users.insert(name.clone(), roles);
        }
        Ok((roles, users))
    })
}

fn texts(value: &Value) -> Result<Vec<&str>> {
    let array = value.as_array().context("no array")?;
    Ok(array.iter().filter_map(Value::as_str).collect())
}

#[test]
fn what_is_printed_is_what_is_made_and_making_it_again_changes_nothing() -> Result<()> {
    let guarded = Guarded::open(Options::default())?;
    let line = ["etcd-roles", "--node", "node-1", "--node", "node-2"];
    // It needs no etcd, not even to know where one would be.
    let printed = ctl::run(&[], &[&line[..], &["--print", "-o", "json"]].concat())?;
    ensure!(printed.status.success(), "{printed:?}");
    let printed: Value = serde_json::from_str(&printed.stdout)?;
    let commands = ctl::run(&[], &[&line[..], &["--print"]].concat())?.stdout;

    let apply = [&line[..], &["--apply"]].concat();
    let made = guarded.json("root", &apply, "")?;
    assert_eq!(
        texts(&made["changed"])?,
        commands.lines().collect::<Vec<_>>()
    );
    let (roles, users) = accounts(&guarded)?;
    for role in printed["roles"].as_array().context("no roles")? {
        let name = role["name"].as_str().unwrap_or_default();
        let mut grants = Vec::new();
        for grant in role["grants"].as_array().context("no grants")? {
            let text = |field: &str| grant[field].as_str().unwrap_or_default();
            grants.push([text("access"), text("key"), text("end")].join(" "));
        }
        grants.sort();
        assert_eq!(roles.get(name), Some(&grants), "{name}");
    }
    assert_eq!(Some(roles.len()), printed["roles"].as_array().map(Vec::len));
    for user in printed["users"].as_array().context("no users")? {
        let name = user["name"].as_str().unwrap_or_default();
        assert_eq!(json!(users.get(name)), user["roles"], "{name}");
    }

    // Also once everybody must sign in, which it did not demand by itself.
    for demands in [false, true] {
        if demands {
            guarded.demand_users()?;
        }
        let again = guarded.json("root", &apply, "")?;
        assert_eq!(again, json!({"changed": [], "removed": [], "excess": []}));
    }
    let text = guarded.done("root", &apply)?;
    assert!(text.stdout.contains("nothing was changed"), "{text:?}");
    let denied = guarded.run(OPERATOR, &apply, "")?;
    assert_eq!(denied.status.code(), Some(1), "{denied:?}");
    assert!(
        denied.stderr.contains("by the user root only"),
        "{denied:?}"
    );
    Ok(())
}

#[test]
fn what_is_too_much_is_shown_and_taken_away_only_when_asked_to() -> Result<()> {
    let guarded = Guarded::new(&["node-1", "node-2", "node-3"])?;
    guarded.raw.ask(async |client| {
        let all = Permission::read_write("").with_all_keys();
        client
            .role_grant_permission("etcd-ipam-node-node-1", all)
            .await?;
        client.user_grant_role("node-2", "root").await?;
        client.role_add("of-somebody-else").await?;
        client
            .user_grant_role("etcd-ipam-reader", "of-somebody-else")
            .await
    })?;
    let excess = [
        "etcdctl user revoke-role etcd-ipam-reader of-somebody-else",
        "etcdctl role revoke-permission etcd-ipam-node-node-1 --from-key ''",
        "etcdctl user revoke-role node-2 root",
    ];
    let sorted = |lines: &Value| -> Result<Vec<String>> {
        let mut lines: Vec<_> = texts(lines)?.into_iter().map(str::to_owned).collect();
        lines.sort();
        Ok(lines)
    };
    let mut expected = excess.map(str::to_owned);
    expected.sort();
    let listed = "node/node-1\nnode/node-2\n";

    // One node says nothing of the others.
    let one = ["etcd-roles", "--apply", "--node", "node-1", "-o", "json"];
    let found = guarded.run("root", &one, "")?;
    assert_eq!(found.status.code(), Some(3), "{found:?}");
    assert!(!found.stdout.contains("node-3"), "{found:?}");

    let all = ["etcd-roles", "--apply", "--nodes-from", "-"];
    let before = accounts(&guarded)?;
    let found = guarded.json("root", &all, listed)?;
    assert_eq!(found["changed"], json!([]));
    let mut with_gone = expected.to_vec();
    with_gone.push("etcdctl user delete node-3".to_owned());
    with_gone.push("etcdctl role delete etcd-ipam-node-node-3".to_owned());
    with_gone.sort();
    assert_eq!(sorted(&found["excess"])?, with_gone);
    // Nobody is there to be asked.
    let prune = [&all[..], &["--prune"]].concat();
    let more = format!("{listed}node-4\n");
    let refused = guarded.run("root", &prune, &more)?;
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert_eq!(accounts(&guarded)?, before);

    let pruned = guarded.json("root", &[&prune[..], &["--yes"]].concat(), listed)?;
    assert_eq!(sorted(&pruned["removed"])?, with_gone);
    let (roles, users) = accounts(&guarded)?;
    assert_eq!(roles["etcd-ipam-node-node-1"].len(), 5);
    assert!(roles.contains_key("of-somebody-else"));
    assert_eq!(users["node-2"], ["etcd-ipam-node-node-2"]);
    assert!(!users.contains_key("node-3") && !roles.contains_key("etcd-ipam-node-node-3"));
    let left = guarded.json("root", &all, listed)?;
    assert_eq!(left, json!({"changed": [], "removed": [], "excess": []}));
    Ok(())
}

#[test]
fn clusters_that_share_an_etcd_have_users_of_their_own() -> Result<()> {
    let guarded = Guarded::new(&["east-1"])?;
    let west = ["--cluster", "west", "--name", "west", "--nodes-from", "-"];
    let west = [&["etcd-roles", "--apply", "--prune", "--yes"], &west[..]].concat();
    let made = guarded.json("root", &west, "west-1\n")?;
    assert_eq!(made["removed"], json!([]));
    let (_, users) = accounts(&guarded)?;
    for user in ["east-1", "west-1", "etcd-ipam-lease-gc", "west-lease-gc"] {
        assert!(users.contains_key(user), "{user}");
    }
    let net = network("net", json!({"range": "10.91.0.0/24"}));
    guarded.node("east-1")?.add("c", &net)?.success()?;
    // Its node's file does not say `west`, so it would write among the records of `default`.
    guarded.node("west-1")?.add("c", &net)?.failure(7)?;
    Ok(())
}

#[test]
fn names_that_no_user_can_have_and_empty_lists_are_refused() -> Result<()> {
    for (arguments, stdin, status, words) in [
        (
            &["--print", "--node", "root"][..],
            "",
            1,
            "must not be called \"root\"",
        ),
        (
            &["--print", "--node", "a b"],
            "",
            1,
            "\"a b\" cannot be a user",
        ),
        (&["--print", "--nodes-from", "-"], "\n", 1, "names no node"),
        (
            &["--print", "--nodes-from", "/none/such"],
            "",
            1,
            "/none/such cannot be read",
        ),
        (&["--node", "a"], "", 2, "--print"),
        (&["--print", "--apply"], "", 2, "cannot be used with"),
        (&["--print", "--prune"], "", 2, "cannot be used with"),
    ] {
        let line = [&["etcd-roles"], arguments].concat();
        let output = ctl::run_with(&[], &line, stdin)?;
        assert_eq!(output.status.code(), Some(status), "{line:?}: {output:?}");
        assert!(output.stderr.contains(words), "{line:?}: {output:?}");
    }
    Ok(())
}

#[test]
fn the_roles_are_enough_for_what_each_is_there_for() -> Result<()> {
    if !roles_are_kept("the_roles_are_enough_for_what_each_is_there_for")? {
        return Ok(());
    }
    let guarded = Guarded::new(&["node-1"])?;
    let node = guarded.node("node-1")?;
    let net = network("net", json!({"range": "10.91.1.0/24"}));
    let added = node.add("c", &net)?.success()?;
    node.check("c", &net, &added.json()?)?.silence()?;
    node.status(&net)?.silence()?;
    node.add("leaked", &net)?.success()?;
    node.gc(&["c"], &net)?.silence()?;
    let file = format!("--node-config={}", node.config().display());
    guarded.done("node-1", &["node", "report", &file])?;

    let reads: [&[&str]; 7] = [
        &["ls"],
        &["who", "10.91.1.1"],
        &["ranges"],
        &["node", "node-1"],
        &["check"],
        &["export"],
        &["status"],
    ];
    let writes: [&[&str]; 6] = [
        &["reserve", "10.91.1.9", "--reason", "x"],
        &["unreserve", "10.91.1.9", "--yes"],
        &["freeze", "--reason", "x"],
        &["thaw", "--yes"],
        &["quarantine", "10.91.1.9", "--reason", "x"],
        &["release", "10.91.1.1", "--force", "--yes"],
    ];
    for line in reads {
        for user in [READER, OPERATOR] {
            let output = guarded.run(user, line, "")?;
            let answered = matches!(output.status.code(), Some(0 | 3));
            assert!(answered, "{user} {line:?}: {output:?}");
        }
    }
    for line in writes {
        for (user, may) in [(READER, false), (OPERATOR, true)] {
            let output = guarded.run(user, line, "")?;
            let denied = output.stderr.contains("denies");
            assert_eq!(denied, !may, "{user} {line:?}: {output:?}");
        }
    }
    Ok(())
}

/// The rows of a user and a right in the table of `SECURITY.md`: `user access key`, where a key that
/// ends with `*` stands for all that begin with it.
fn documented() -> Vec<String> {
    let table = include_str!("../../../SECURITY.md").lines();
    let rows = table
        .skip_while(|line| *line != "| user | right | for |")
        .skip(2);
    let rows = rows.take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<_> = row.split('`').collect();
        let right = cells[3].replace("$p", "/etcd-ipam/v1");
        let right = match right.split_once(" --prefix ") {
            Some((access, key)) => format!("{access} {key}*"),
            None => right,
        };
        format!("{} {right}", cells[1])
    })
    .collect()
}

#[test]
fn the_documented_rights_are_those_that_are_made() -> Result<()> {
    let line = ["etcd-roles", "--print", "--shared", "--node", "node-1"];
    let line = [&line[..], &["-o", "json"]].concat();
    let printed: Value = serde_json::from_str(&ctl::run(&[], &line)?.stdout)?;
    let mut made = Vec::new();
    let array = |value: &Value| value.as_array().cloned().context("no array");
    for user in array(&printed["users"])? {
        for role in array(&printed["roles"])? {
            if !array(&user["roles"])?.contains(&role["name"]) {
                continue;
            }
            for grant in array(&role["grants"])? {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let (access, key) = (text(&grant["access"]), text(&grant["key"]));
                let prefix = if grant["end"].is_null() { "" } else { "*" };
                made.push(format!("{} {access} {key}{prefix}", text(&user["name"])));
            }
        }
    }
    let mut documented = documented();
    made.sort();
    documented.sort();
    assert_eq!(documented, made);
    Ok(())
}
