//! How long nobody leads when a leader goes.

use std::time::{Duration, Instant};

use anyhow::Result;
use chaos_tests::collector::Collector;
use nix::sys::signal::Signal;
use rand::RngExt as _;

use super::scene::Scene;
use crate::report::Report;
use crate::stats::Times;
use crate::table::Table;

/// How often it is done.
const ROUNDS: usize = 5;
/// The collector's own default.
const TTL: Duration = Duration::from_secs(15);
/// A leader renews its lease in thirds of it: when in a third it dies is drawn.
const BEAT: Duration = Duration::from_secs(5);

/// Measures leaders that are killed and leaders that are told to end.
pub(super) fn measure(report: &mut Report) -> Result<()> {
    let scene = Scene::new(100, 0)?;
    let mut table = Table::new(["the leader", "median s", "slowest s"]);
    for (name, signal) in [
        ("is killed (SIGKILL)", Signal::SIGKILL),
        ("is told to end (SIGTERM)", Signal::SIGTERM),
    ] {
        let times = rounds(&scene, signal)?;
        table.row(&[
            name.to_owned(),
            seconds(times.median()),
            seconds(times.percentile(100)),
        ]);
    }
    report.table(
        "Until another collector leads",
        &table,
        &format!(
            "{ROUNDS} rounds each, from the signal to the successor's own word, an election lease \
             of {} s.",
            TTL.as_secs()
        ),
    );
    Ok(())
}

fn rounds(scene: &Scene, signal: Signal) -> Result<Times> {
    let mut times = Times::default();
    let mut leader = scene.collector(&[])?;
    leader.wait_until("it leads", Collector::is_leader)?;
    for _ in 0..ROUNDS {
        let mut successor = scene.collector(&[])?;
        successor.wait_until("it stands by", |successor| {
            let log = successor.log()?;
            Ok(log.iter().any(|line| line["message"] == "another leads"))
        })?;
        std::thread::sleep(rand::rng().random_range(Duration::ZERO..BEAT));
        let start = Instant::now();
        leader.signal(signal)?;
        successor.wait_until("it leads", Collector::is_leader)?;
        times.push(start.elapsed());
        // Kills what has not ended.
        leader = successor;
    }
    Ok(times)
}

fn seconds(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64())
}
