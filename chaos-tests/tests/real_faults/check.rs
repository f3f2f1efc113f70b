//! What is asked of every fault.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use chaos_tests::random;
use chaos_tests::real::cluster::Settings;
use chaos_tests::real::faults::{self, Fault};
use chaos_tests::real::{Lab, isolation};
use chaos_tests::skip::skipped;

/// A fault that shows no effect for this long has none.
const PATIENCE: Duration = Duration::from_secs(40);

/// Checks faults of these kinds, one after the other, in a test of this name.
pub(crate) fn check(test: &str, kinds: &[&str]) -> Result<()> {
    isolation::test(test, || {
        let lab = Lab::start(Settings::newest(isolation::directory("logs")?)?)?;
        check_all(test, &lab, kinds)
    })
}

/// The same in a lab that is there.
pub(crate) fn check_all(test: &str, lab: &Lab, kinds: &[&str]) -> Result<()> {
    let mut random = random::seeded();
    for kind in kinds {
        let mut fault = faults::make(kind, &mut random).context("no such kind")?;
        ensure!(fault.kind() == *kind);
        if let Some(reason) = fault.obstacle() {
            skipped(test, &format!("{kind}: {reason}"));
            continue;
        }
        check_one(lab, &mut *fault).with_context(|| (*kind).to_owned())?;
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "libtest shows it when the test fails")]
fn check_one(lab: &Lab, fault: &mut dyn Fault) -> Result<()> {
    fault.aim(lab)?;
    for _ in 0..5 {
        let proof = fault.proven(lab)?;
        ensure!(
            proof.is_none(),
            "proven without having been done: {proof:?}"
        );
        thread::sleep(Duration::from_millis(50));
    }
    fault.end(lab)?;
    lab.cluster.wait_until_healthy()?;

    let start = Instant::now();
    let hit = fault.begin(lab)?;
    let proof = loop {
        if let Some(proof) = fault.proven(lab)? {
            break proof;
        }
        if start.elapsed() > PATIENCE {
            bail!("at {hit} and without any effect");
        }
        thread::sleep(Duration::from_millis(50));
    };
    let (proven, heals) = (start.elapsed(), Instant::now());
    fault.end(lab)?;
    lab.cluster.wait_until_healthy()?;
    let kind = fault.kind();
    let healed = heals.elapsed();
    println!("{kind} ({hit}): {proof}; after {proven:?}, healed after {healed:?}");
    Ok(())
}
