//! The harness itself: a machine made of namespaces is apart from the real one.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use chaos_tests::machine::{BIN_DIR, Machine};
use chaos_tests::skip::skipped;

#[test]
fn a_machine_writes_nothing_of_the_real_one_and_takes_all_that_it_ran_with_it() -> Result<()> {
    let test = "a_machine_writes_nothing_of_the_real_one_and_takes_all_that_it_ran_with_it";
    if let Some(reason) = Machine::obstacle(&[], &["macvlan"])? {
        skipped(test, &reason);
        return Ok(());
    }
    let machine = Machine::start("apart")?;
    for path in ["/usr/written", "/written"] {
        ensure!(
            !machine.attempt(&["touch", path])?.status.success(),
            "{path}"
        );
    }
    for path in ["/etc/written", "/var/tmp/written"] {
        machine.run(&["touch", path])?;
        ensure!(!Path::new(path).exists(), "{path}");
    }
    let plugin = fs::read("/usr/lib/cni/macvlan")?;
    machine.install_script("macvlan", "#!/bin/sh\n")?;
    ensure!(machine.run(&["cat", &format!("{BIN_DIR}/macvlan")])? == "#!/bin/sh\n");
    ensure!(fs::read("/usr/lib/cni/macvlan")? == plugin);

    // Nobody is left to end this one: its parent in the machine is the first process.
    machine.run(&["sh", "-c", "sleep infinity >/dev/null 2>&1 &"])?;
    let processes = machine.outside("/proc");
    ensure!(
        fs::read_dir(&processes)?
            .flatten()
            .any(|one| one.file_name() == "1")
    );
    let network = fs::read_link(machine.outside("/proc/1/ns/net"))?;
    drop(machine);
    for process in fs::read_dir("/proc")?.flatten() {
        // Most are other people's, and some end meanwhile.
        let found = fs::read_link(process.path().join("ns/net"));
        ensure!(found.is_err() || found? != network, "{process:?} is left");
    }
    Ok(())
}
