//! What goes on during the whole of a run: recording, kubelets, collectors, probes.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::Duration;

use anyhow::Result;

use crate::history::Range;
use crate::real::Lab;
use crate::real::prober::Prober;
use crate::real::replicas::Replica;
use crate::real::stage::Stage;

/// How often the harness looks how far the log was recorded.
const LOG: Duration = Duration::from_millis(50);

/// How often kubelets say that they are there.
const KUBELETS: Duration = Duration::from_millis(700);

/// How often what collectors say is read.
const COLLECTORS: Duration = Duration::from_millis(200);

/// Between two probes of all addresses.
const PROBES: Duration = Duration::from_millis(850);

/// Of more addresses than this, those are probed that somebody has.
const MOST_PROBED: usize = 300;

/// Starts all of it. It goes on until the run is over.
pub(super) fn start<'scope>(
    scope: &'scope Scope<'scope, '_>,
    lab: &'scope Lab,
    stage: &'scope Stage,
    sweep_every: Duration,
) -> [ScopedJoinHandle<'scope, ()>; 5] {
    let recorded = |stage: &Stage| {
        lab.cluster.recorded(stage.observer.consumed());
        Ok(())
    };
    [
        repeat(scope, stage, "the log", LOG, recorded),
        repeat(scope, stage, "kubelets", KUBELETS, kubelets),
        repeat(scope, stage, "collectors", COLLECTORS, attend),
        repeat(scope, stage, "sweeps", sweep_every, sweeps),
        scope.spawn(|| report(stage, "the probes", probes(stage))),
    ]
}

/// Does something again and again until the run is over.
fn repeat<'scope>(
    scope: &'scope Scope<'scope, '_>,
    stage: &'scope Stage,
    name: &'static str,
    every: Duration,
    what: impl Fn(&Stage) -> Result<()> + Send + 'scope,
) -> ScopedJoinHandle<'scope, ()> {
    scope.spawn(move || {
        while !stage.is_over() {
            report(stage, name, what(stage));
            thread::sleep(every);
        }
    })
}

/// A harness that fails has proved nothing.
pub(super) fn report(stage: &Stage, name: &str, outcome: Result<()>) {
    if let Err(error) = outcome {
        stage.recorder.spoil(format!("{name}: {error:#}"));
    }
}

fn kubelets(stage: &Stage) -> Result<()> {
    let mut nodes = stage.nodes.iter();
    nodes.try_for_each(|node| stage.control_plane.tell(node, false))
}

fn attend(stage: &Stage) -> Result<()> {
    stage.replicas.iter().try_for_each(Replica::attend)
}

fn sweeps(stage: &Stage) -> Result<()> {
    stage.replicas.iter().try_for_each(Replica::sweep)
}

fn probes(stage: &Stage) -> Result<()> {
    let prober = Prober::new()?;
    let ranges = stage.plan.ranges();
    let mut always: BTreeSet<_> = ranges.iter().flat_map(addresses).collect();
    if always.len() > MOST_PROBED {
        always.clear();
    }
    let mut asked = always.clone();
    while !stage.is_over() {
        // One of a large range is asked for from its first container on, also when that is gone.
        if asked.len() > always.len() + MOST_PROBED {
            asked.clone_from(&always);
        }
        for one in stage.containers.up() {
            let space = &one.space;
            asked.extend(one.addresses.iter().map(|ip| (space.clone(), *ip)));
        }
        prober.probe(&asked, &stage.containers, &stage.recorder)?;
        thread::sleep(PROBES);
    }
    Ok(())
}

/// All that a range gives out; of an IPv6 range, which has too many, none.
fn addresses(range: &Range) -> Vec<(String, IpAddr)> {
    let (IpAddr::V4(first), IpAddr::V4(last)) = (range.first, range.last) else {
        return Vec::new();
    };
    let all = first.to_bits()..=last.to_bits();
    all.map(|bits| (range.space.clone(), Ipv4Addr::from(bits).into()))
        .collect()
}
