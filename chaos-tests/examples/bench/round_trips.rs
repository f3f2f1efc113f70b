//! Round trips of an allocation.

use anyhow::Result;
use chaos_tests::etcd::EtcdServer;
use store::claim::Order;

use crate::Bench;
use crate::counting::{Counting, SCENES, Scene, Taken};
use crate::table::Table;

/// How many allocations stand for all.
const COUNT: u32 = 200;

/// Counts them at every occupancy, in both orders.
pub(crate) fn measure(bench: &mut Bench) -> Result<()> {
    let etcd = EtcdServer::start()?;
    let mut counting = Counting::new(&etcd, 1)?;
    let count = bench.effort.choose(COUNT, 3);
    let is_counted = |scene: &&Scene| {
        let is_quick = scene.is_slash_16() && scene.taken == Taken::Nothing;
        bench.effort.choose(true, is_quick)
    };
    let mut table = Table::new(["range", "order", "mean", "max", "≤ 1", "≤ 2", "≤ 4"]);
    for scene in SCENES.iter().filter(is_counted) {
        counting.fill(scene)?;
        for (order, name) in [(Order::Lowest, "lowest"), (Order::Spread, "spread")] {
            let trips = counting.trips(scene, order, count.try_into()?)?;
            let mean = f64::from(trips.iter().sum::<u32>()) / f64::from(count);
            let most = trips.iter().max().copied().unwrap_or(0);
            let share = |limit: u32| {
                let within = trips.iter().filter(|trips| **trips <= limit).count();
                format!("{} %", within * 100 / trips.len().max(1))
            };
            table.row(&[
                scene.name.to_owned(),
                name.to_owned(),
                format!("{mean:.2}"),
                most.to_string(),
                share(1),
                share(2),
                share(4),
            ]);
        }
    }
    bench.report.table(
        "Round trips to etcd per allocation",
        &table,
        &format!("{count} allocations each, nobody contending, each released again."),
    );
    Ok(())
}
