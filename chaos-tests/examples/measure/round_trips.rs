//! Round trips of an allocation.

use anyhow::Result;
use chaos_tests::etcd::EtcdServer;
use store::claim::Order;

use crate::counting::{Counting, SCENES};
use crate::table::Table;

/// How many allocations stand for all.
const COUNT: u32 = 200;

/// Counts them at every occupancy, in both orders.
pub(crate) fn measure() -> Result<()> {
    let etcd = EtcdServer::start()?;
    let mut counting = Counting::new(&etcd, 1)?;
    let mut table = Table::new(["range", "order", "mean", "max", "≤ 1", "≤ 2", "≤ 4"]);
    for scene in SCENES {
        counting.fill(&scene)?;
        for (order, name) in [(Order::Lowest, "lowest"), (Order::Spread, "spread")] {
            let trips = counting.trips(&scene, order, COUNT.try_into()?)?;
            let mean = f64::from(trips.iter().sum::<u32>()) / f64::from(COUNT);
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
    table.print(
        "Round trips to etcd per allocation",
        &format!("{COUNT} allocations each, nobody contending, each released again."),
    );
    Ok(())
}
