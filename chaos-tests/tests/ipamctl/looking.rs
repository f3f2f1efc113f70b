//! Who has what: `ls`, `who`, `pod` and `node` on a real etcd.

use std::net::IpAddr;

use anyhow::{Context as _, Result};
use chaos_tests::ctl;
use chaos_tests::lab::Lab;
use chaos_tests::layout::DEFAULT_PREFIX;
use chaos_tests::plugin::network;
use chaos_tests::process::Output;
use chaos_tests::record::{Record, record, write};
use etcd_client::Permission;
use serde_json::{Value, json};

/// A clock that is ahead makes an age that stays the same.
const LATER: &str = "2999-01-01T00:00:00Z";

fn run(lab: &Lab, arguments: &[&str]) -> Result<Output> {
    ctl::run(&[lab.etcd.endpoint()], arguments)
}

fn json_of(lab: &Lab, arguments: &[&str]) -> Result<Value> {
    let output = run(lab, &[arguments, &["-o", "json"]].concat())?;
    serde_json::from_str(&output.stdout).with_context(|| format!("{arguments:?}: {output:?}"))
}

fn ip(last: u8) -> IpAddr {
    [10, 95, 0, last].into()
}

fn of_pod(holder: &str, pod: &str, last: u8) -> Record {
    record(holder)
        .address("default", ip(last), 24)
        .pod("shop", pod, &format!("uid-{pod}"))
        .started("m1", "b1", 12)
        .created(LATER)
}

/// A store with an address in every state.
fn varied() -> Result<Lab> {
    let lab = Lab::new()?;
    let Lab { raw, layout, .. } = &lab;
    let v6: IpAddr = "fd00:95::1".parse()?;
    let web = of_pod("default/n1/lan/0123456789abcdef/net1", "web-0", 1)
        .address("blue", v6, 64)
        .cooldown_s(60);
    let adopted = of_pod("default/n1/lan/c2/net1", "db-0", 2).field("kind", "adopted");
    let imported = of_pod("west/n1/lan/c3/net1", "web-0", 3).field("kind", "imported");
    let lent = of_pod("default/n2/wan/c4/net1", "db-1", 4).field("kind", "lent");
    write(raw, layout, [web, adopted, imported, lent])?;
    let lost = of_pod("default/n2/wan/c9/net1", "db-2", 9).entries(layout);
    let (owner, value) = lost.first().context("no record")?;
    raw.put(owner.clone(), value.clone())?;
    raw.put(layout.owner("default/n3/lan/torn/net1"), "{")?;
    let resting = json!({
        "kind": "cooldown", "released": LATER, "cooldown_s": 60, "was": "default/n2/lan/c5/net1",
    });
    let reserved = json!({
        "kind": "reservation", "reason": "a printer", "owner": "alice", "created": LATER,
        "expires": "2999-06-01T00:00:00Z",
    });
    for (last, value) in [
        (5, resting.to_string()),
        (6, reserved.to_string()),
        (7, json!({"kind": "quarantine"}).to_string()),
        (8, "rubbish".to_owned()),
        (10, "default/n3/lan/orphan/net1".to_owned()),
        (11, "default/n3/lan/torn/net1".to_owned()),
    ] {
        raw.put(layout.address("default", ip(last)), value)?;
    }
    let range = format!("{}range/default/10.95.0.1-10.95.0.99%2F24", layout.root());
    let configured = json!({
        "v": 1, "prefix": 24, "bounds": ["10.95.0.1", "10.95.0.99"],
        "excludes": [["10.95.0.50", "10.95.0.59"]], "seen": LATER,
    });
    raw.put(range, configured.to_string())?;
    Ok(lab)
}

#[test]
fn ls_lists_every_state() -> Result<()> {
    let lab = varied()?;
    let listed = run(&lab, &["ls"])?;
    assert_eq!(
        listed.stdout,
        "\
ADDRESS         STATE         SPACE     NAMESPACE/POD   NODE   NETWORK   CONTAINER      INTERFACE   AGE   NOTE
fd00:95::1/64   allocated     blue      shop/web-0      n1     lan       0123456789ab   net1        0s    -
10.95.0.1/24    allocated     default   shop/web-0      n1     lan       0123456789ab   net1        0s    -
10.95.0.2/24    adopted       default   shop/db-0       n1     lan       c2             net1        0s    -
10.95.0.3/24    imported      default   shop/web-0      n1     lan       c3             net1        0s    -
10.95.0.4/24    other         default   shop/db-1       n2     wan       c4             net1        0s    of kind lent
10.95.0.5       resting       default   -               n2     lan       c5             net1        0s    rests 60s more
10.95.0.6       reserved      default   -               -      -         -              -           0s    a printer, for alice, until 2999-06-01T00:00:00Z
10.95.0.7       quarantined   default   -               -      -         -              -           -     -
10.95.0.8       unreadable    default   -               -      -         -              -           -     the value is not such a record
10.95.0.9/24    lost          default   shop/db-2       n2     wan       c9             net1        0s    its key is missing: anybody may be given it
10.95.0.10      orphaned      default   -               n3     lan       orphan         net1        -     its holder has no record of it
10.95.0.11      unreadable    default   -               n3     lan       torn           net1        -     its holder's record cannot be read
"
    );
    assert_eq!(
        listed.stderr,
        "\
warning: /etcd-ipam/v1/owner/default/n3/lan/torn/net1 cannot be read, so what it stands for counts as taken: the value is not such a record
warning: /etcd-ipam/v1/addr/default/010.095.000.008 cannot be read, so what it stands for counts as taken: the value is not such a record
"
    );
    let some = json_of(&lab, &["ls", "--state=reserved,lost", "--node=n2"])?;
    assert_eq!(some[0]["address"], "10.95.0.9");
    assert_eq!(some.as_array().map(Vec::len), Some(1));
    let wrong = run(&lab, &["ls", "--state", "free"])?;
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
    Ok(())
}

#[test]
fn a_pod_and_a_node_hold_what_their_records_say() -> Result<()> {
    let lab = varied()?;
    let pod = run(&lab, &["pod", "shop/web-0"])?;
    assert_eq!(
        pod.stdout,
        "\
ADDRESS         STATE       SPACE     NAMESPACE/POD   NODE   NETWORK   CONTAINER      INTERFACE   AGE   NOTE
fd00:95::1/64   allocated   blue      shop/web-0      n1     lan       0123456789ab   net1        0s    -
10.95.0.1/24    allocated   default   shop/web-0      n1     lan       0123456789ab   net1        0s    -
10.95.0.3/24    imported    default   shop/web-0      n1     lan       c3             net1        0s    -
"
    );
    let node = run(&lab, &["node", "n2"])?;
    assert_eq!(
        node.stdout,
        "\
NETWORK   ATTACHMENTS   ADDRESSES
wan                 2           2

ADDRESS        STATE   SPACE     NAMESPACE/POD   NODE   NETWORK   CONTAINER   INTERFACE   AGE   NOTE
10.95.0.4/24   other   default   shop/db-1       n2     wan       c4          net1        0s    of kind lent
10.95.0.9/24   lost    default   shop/db-2       n2     wan       c9          net1        0s    its key is missing: anybody may be given it
"
    );
    assert_eq!(node.status.code(), Some(0));
    let of_west = json_of(&lab, &["node", "n1", "--cluster=west"])?;
    assert_eq!(of_west["addresses"][0]["address"], "10.95.0.3");
    assert_eq!(
        of_west["networks"],
        json!([{"network": "lan", "attachments": 1, "addresses": 1}])
    );
    for nobody in [
        &["pod", "bank/web-0"][..],
        &["pod", "web-0", "-n", "bank"],
        &["node", "n"],
    ] {
        let output = run(&lab, nobody)?;
        assert_eq!(output.status.code(), Some(3), "{output:?}");
        assert!(output.stderr.contains("no addresses of"), "{output:?}");
    }
    Ok(())
}

#[test]
fn who_says_all_about_an_address() -> Result<()> {
    let lab = varied()?;
    let who = run(&lab, &["who", "10.95.0.1/24"])?;
    let revision = who.stdout.find("REVISION").context("no revision")?;
    assert_eq!(
        who.stdout.get(..revision),
        Some(
            "\
ADDRESS          10.95.0.1/24
STATE            allocated
SPACE            default
POD              shop/web-0
UID              uid-web-0
CLUSTER          default
NODE             n1
NETWORK          lan
CONTAINER        0123456789abcdef
INTERFACE        net1
CREATED          2999-01-01T00:00:00Z (0s ago)
PLUGIN           0.1.0
ALSO HOLDS       fd00:95::1 in blue
COOL-DOWN        60s after its release
MACHINE          m1
BOOT             b1
RANGE            10.95.0.1-10.95.0.99/24
"
        )
    );
    for (address, state, code) in [
        ("10.95.0.2", "adopted", 0),
        ("10.95.0.5", "resting", 0),
        ("10.95.0.6", "reserved", 0),
        ("10.95.0.8", "unreadable", 0),
        ("10.95.0.9", "free", 3),
        ("10.95.0.10", "orphaned", 0),
        ("10.95.0.11", "unreadable", 0),
        ("10.95.0.55", "free", 3),
        ("FD00:0095:0::0001", "allocated", 0),
    ] {
        let found = json_of(&lab, &["who", address])?;
        assert_eq!(found[0]["state"], state, "{address}: {found}");
        let output = run(&lab, &["who", address])?;
        assert_eq!(output.status.code(), Some(code), "{output:?}");
    }
    let excluded = json_of(&lab, &["who", "10.95.0.55"])?;
    assert_eq!(excluded[0]["ranges"][0]["why_not"], "it is excluded");
    let outside = run(&lab, &["who", "10.95.1.1"])?;
    assert_eq!(
        (outside.stdout.as_str(), outside.status.code()),
        ("", Some(3))
    );
    assert_eq!(
        outside.stderr,
        "10.95.1.1 is free, and lies in no configured range\n"
    );
    let wrong = run(&lab, &["who", "web-0"])?;
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
    Ok(())
}

#[test]
fn who_finds_an_address_in_every_space_that_the_plugin_gave_it_out_in() -> Result<()> {
    let lab = Lab::new()?;
    for (container, more) in [
        ("c1", json!({"network_name": "a/b"})),
        ("c2", json!({"network_name": ""})),
        ("c3", json!({"enable_overlapping_ranges": false})),
    ] {
        let mut section = json!({"range": "10.95.0.0/24"});
        for (name, value) in more.as_object().context("no object")? {
            section[name] = value.clone();
        }
        lab.node
            .add(container, &network("net", section))?
            .success()?;
    }
    let found = json_of(&lab, &["who", "10.95.0.1"])?;
    let found = found.as_array().context("no array")?;
    let mut pods: Vec<_> = found
        .iter()
        .map(|one| (one["space"].as_str(), one["pod"].as_str()))
        .collect();
    pods.sort_unstable();
    assert_eq!(
        pods,
        [
            (Some("a/b"), Some("pod-c1")),
            (Some("default"), Some("pod-c2")),
            (Some("default@10.95.0.0/24"), Some("pod-c3")),
        ]
    );
    Ok(())
}

#[test]
fn a_wrong_prefix_is_no_empty_store() -> Result<()> {
    let lab = Lab::new()?;
    for arguments in [
        &["ls"][..],
        &["pod", "a/b"],
        &["node", "n1"],
        &["who", "10.0.0.1"],
    ] {
        let output = run(&lab, &[arguments, &["--prefix=/mistyped"]].concat())?;
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(output.stderr.contains("/mistyped"), "{output:?}");
        assert_eq!(output.stdout, "");
    }
    Ok(())
}

#[test]
fn the_right_to_read_is_enough_and_needed() -> Result<()> {
    let lab = varied()?;
    lab.raw.ask(async |client| {
        client.user_add("root", "secret-of-root", None).await?;
        client.user_grant_role("root", "root").await?;
        client.role_add("reader").await?;
        let ours = Permission::read(format!("{DEFAULT_PREFIX}/v1/")).with_prefix();
        client.role_grant_permission("reader", ours).await?;
        for user in ["reader", "stranger"] {
            client.user_add(user, "secret-of-both", None).await?;
        }
        client.user_grant_role("reader", "reader").await?;
        client.auth_enable().await
    })?;
    let directory = tempfile::tempdir()?;
    let password = directory.path().join("password");
    std::fs::write(&password, "secret-of-both\n")?;
    let password = format!("--password-file={}", password.display());
    for arguments in [
        &["ls"][..],
        &["node", "n1"],
        &["pod", "web-0"],
        &["ranges"],
        &["watch", "--for=1ms"],
        &["who", "10.95.0.1"],
    ] {
        for (user, code) in [("reader", 0), ("stranger", 1)] {
            let user = format!("--username={user}");
            let output = run(&lab, &[arguments, &[&user, &password]].concat())?;
            assert_eq!(
                output.status.code(),
                Some(code),
                "{arguments:?}: {output:?}"
            );
            let said = [output.stdout, output.stderr].concat();
            assert_eq!(said.contains("denies"), code == 1, "{said}");
            assert!(!said.contains("secret-of"), "{said}");
        }
    }
    Ok(())
}
