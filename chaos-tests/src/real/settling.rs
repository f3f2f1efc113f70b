//! The end of a run: everything comes right, or does not.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::history::End;
use crate::layout::Layout;
use crate::real::calls::{Disturbance, Order};
use crate::real::control_plane::Pod;
use crate::real::replicas::Replica;
use crate::real::stage::Stage;

/// How often the store is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Waits until nothing is held any more, for so long at most, lets one pod more come and go on every
/// network, and says how things stand then.
pub(super) fn settle(
    stage: &Stage,
    patience: Duration,
    say: &(dyn Fn(&str) + Sync),
) -> Result<End> {
    let layout = Layout::default();
    let took = wait_until_free(stage, &layout, patience)?;
    say(&format!("settled in {:.1} s", took.as_secs_f64()));
    last_calls(stage)?;
    // The rest of what they released ends, too.
    wait_until_free(stage, &layout, patience)?;
    let mut spooled = 0;
    for node in &stage.nodes {
        spooled += u64::try_from(node.spooled()?.len())?;
    }
    let leaked = stage.replicas.iter().filter_map(Replica::leaked_files);
    let up = stage.containers.up().into_iter();
    Ok(End {
        owners: stage.observer.list(&layout.owners())?.into_keys().collect(),
        addresses: stage.observer.list(&layout.addresses())?,
        up: up.map(|interface| interface.attachment).collect(),
        spooled,
        held_by_breaker: false,
        zombies: zombies()?,
        leaked_files: leaked.max().unwrap_or(0),
    })
}

/// How long it took until neither a record nor an address was left, or until patience ended.
fn wait_until_free(stage: &Stage, layout: &Layout, patience: Duration) -> Result<Duration> {
    let begun = Instant::now();
    while begun.elapsed() < patience {
        let is_free = stage.observer.list(&layout.owners())?.is_empty()
            && stage.observer.list(&layout.addresses())?.is_empty();
        if is_free {
            break;
        }
        thread::sleep(LOOK);
    }
    Ok(begun.elapsed())
}

fn last_calls(stage: &Stage) -> Result<()> {
    let node = stage.nodes.first().context("no node")?;
    for network in &stage.plan.networks {
        let pod = Pod {
            name: "last".to_owned(),
            uid: format!("last-{}", stage.next_name()),
            node: node.name().to_owned(),
        };
        stage.control_plane.create(&pod)?;
        for verb in ["ADD", "DEL"] {
            let order = Order {
                verb,
                network,
                container: &pod.uid,
                pod: Some(&pod),
                more: None,
                disturbance: Disturbance::None,
            };
            stage.caller.call(node, node.boots(), &order)?;
        }
        stage.control_plane.delete(&pod)?;
    }
    Ok(())
}

/// How many processes of ours are there that should not be. Nobody else's are seen in an isolation.
fn zombies() -> Result<u64> {
    let mut count = 0;
    for entry in fs::read_dir("/proc")? {
        // A process that is gone by now is none.
        let Ok(stat) = fs::read_to_string(entry?.path().join("stat")) else {
            continue;
        };
        let is_plugin = stat.contains("(etcd-ipam)");
        let is_dead_collector = stat.contains("(lease-gc) Z");
        count += u64::from(is_plugin || is_dead_collector);
    }
    Ok(count)
}
