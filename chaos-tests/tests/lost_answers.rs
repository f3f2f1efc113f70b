//! Plugins that are killed, or whose answer nobody reads.

#![expect(clippy::indexing_slicing, reason = "a test may panic")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use chaos_tests::lab::{Lab, at_once};
use chaos_tests::layout;
use chaos_tests::node::Node;
use chaos_tests::plugin::{Call, dual_stack, network};
use chaos_tests::process::Finish;
use chaos_tests::random::seeded;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

/// Threads that kill, each with containers of its own.
const KILLERS: usize = 4;
/// Containers of each.
const CONTAINERS: usize = 4;
/// Tries of each, at least.
const TRIES: usize = 150;

/// One thread's share of the killing.
struct Killer<'a> {
    node: &'a Node,
    number: usize,
    random: StdRng,
    longest: Duration,
    seen: &'a Seen,
}

/// What came of the killed ADDs. Both must happen, or nothing was tested.
#[derive(Default)]
struct Seen {
    committed: AtomicUsize,
    not_committed: AtomicUsize,
}

impl Seen {
    fn enough(&self) -> bool {
        let enough = |count: &AtomicUsize| count.load(Ordering::Relaxed) >= 5;
        enough(&self.committed) && enough(&self.not_committed)
    }
}

impl Killer<'_> {
    fn run(mut self, lab: &Lab, net: &Value) -> Result<()> {
        for tries in 0.. {
            if tries >= TRIES && self.seen.enough() {
                break;
            }
            ensure!(
                tries < 20 * TRIES,
                "the kills never hit both sides of the commit"
            );
            self.kill_one(lab, net)?;
        }
        Ok(())
    }

    fn kill_one(&mut self, lab: &Lab, net: &Value) -> Result<()> {
        let container = container(self.number, self.random.random_range(0..CONTAINERS));
        let verb = if self.random.random_bool(0.7) {
            "ADD"
        } else {
            "DEL"
        };
        let owner = lab
            .layout
            .owner(&layout::holder(&node_name(self.number), "net", &container));
        let existed = lab.raw.count(&owner)? > 0;
        let delay = self.longest.mul_f64(self.random.random_range(0.0..1.0));
        let call = Call::attachment(verb, &container, "eth0", net).finish(Finish::Killed(delay));
        let answer = self.node.run(&call)?;
        // Whoever got to the end before the kill must have succeeded.
        if answer.0.status.code().is_some() {
            answer.success()?;
        } else if verb == "ADD" && !existed {
            let committed = lab.raw.count(&owner)? > 0;
            let counter = if committed {
                &self.seen.committed
            } else {
                &self.seen.not_committed
            };
            counter.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}

fn container(killer: usize, number: usize) -> String {
    format!("c{killer}-{number}")
}

fn node_name(killer: usize) -> String {
    format!("node-{}", killer % 2)
}

/// What killed processes have sent may still be on its way: waits until nothing changes any more.
fn settle(lab: &Lab) -> Result<()> {
    let revision = || {
        let answer = lab.raw.ask(async |client| client.get("\0", None).await)?;
        anyhow::Ok(answer.header().map(etcd_client::ResponseHeader::revision))
    };
    loop {
        let before = revision()?;
        thread::sleep(Duration::from_millis(500));
        if revision()? == before {
            return Ok(());
        }
    }
}

/// The longest that an undisturbed ADD took here and now.
fn longest_add(lab: &Lab, net: &Value) -> Result<Duration> {
    let mut longest = Duration::ZERO;
    for _ in 0..10 {
        let start = Instant::now();
        lab.node.add("stopwatch", net)?.success()?;
        longest = longest.max(start.elapsed());
        lab.node.del("stopwatch", net)?.silence()?;
    }
    Ok(longest)
}

fn killed_plugins_leave_nothing_half_done(order: &str) -> Result<()> {
    let lab = Lab::new()?;
    let nodes = [lab.another_node("node-0")?, lab.another_node("node-1")?];
    // Barely more addresses than containers: a leak would soon be felt.
    let net = network(
        "net",
        json!({
            "order": order,
            "ranges": [
                [{"subnet": "10.68.0.0/24", "rangeStart": "10.68.0.10", "rangeEnd": "10.68.0.27"}],
                [{"subnet": "fd00:68::/64", "rangeStart": "fd00:68::10", "rangeEnd": "fd00:68::21"}],
            ],
        }),
    );
    let longest = longest_add(&lab, &net)?;
    let seeds: [u64; KILLERS] = seeded().random();
    let seen = Seen::default();
    at_once(KILLERS, |number| {
        let killer = Killer {
            node: &nodes[number % 2],
            number,
            random: StdRng::seed_from_u64(seeds[number]),
            longest,
            seen: &seen,
        };
        killer.run(&lab, &net)
    })?;

    for node in &nodes {
        // Releases what killed DELs have left in the spool.
        node.status(&net)?.silence()?;
    }
    settle(&lab)?;
    let before = lab.holdings()?;
    for killer in 0..KILLERS {
        for number in 0..CONTAINERS {
            let container = container(killer, number);
            let recorded = before.of(&layout::holder(&node_name(killer), "net", &container))?;
            let answer = nodes[killer % 2].add(&container, &net)?.success()?;
            if !recorded.is_empty() {
                assert_eq!(answer.addresses()?, recorded, "{container}");
            }
        }
    }
    let holdings = lab.holdings()?;
    let attachments = KILLERS * CONTAINERS;
    assert_eq!(
        (holdings.owners(), holdings.addresses()),
        (attachments, 2 * attachments)
    );

    for killer in 0..KILLERS {
        for number in 0..CONTAINERS {
            nodes[killer % 2]
                .del(&container(killer, number), &net)?
                .silence()?;
        }
    }
    for node in &nodes {
        assert_eq!(node.spool()?, Vec::<std::path::PathBuf>::new());
    }
    lab.ensure_all_is_free()
}

#[test]
fn killed_plugins_leave_nothing_half_done_in_lowest_order() -> Result<()> {
    killed_plugins_leave_nothing_half_done("lowest")
}

#[test]
fn killed_plugins_leave_nothing_half_done_in_random_order() -> Result<()> {
    killed_plugins_leave_nothing_half_done("spread")
}

#[test]
fn an_add_whose_result_nobody_reads_is_rolled_back() -> Result<()> {
    for order in ["lowest", "spread"] {
        let lab = Lab::new()?;
        let net = dual_stack(69, order);
        let add = Call::attachment("ADD", "c", "eth0", &net).finish(Finish::Unheard);
        let answer = lab.node.run(&add)?;
        assert!(!answer.is_success(), "{answer:?}");
        lab.ensure_all_is_free()?;
    }
    Ok(())
}

#[test]
fn a_repeated_add_whose_result_nobody_reads_keeps_what_the_pod_has() -> Result<()> {
    let lab = Lab::new()?;
    let net = network("net", json!({"range": "10.70.0.0/24"}));
    let ip = lab.node.add("c", &net)?.success()?.ip()?;
    let repeat = Call::attachment("ADD", "c", "eth0", &net).finish(Finish::Unheard);
    lab.node.run(&repeat)?;
    assert_eq!(lab.holdings()?.addresses(), 1);
    assert_eq!(lab.node.add("c", &net)?.success()?.ip()?, ip);
    // What a DEL without settings needs is still there, too.
    lab.node.del("c", &network("net", json!({})))?.silence()?;
    lab.ensure_all_is_free()
}
