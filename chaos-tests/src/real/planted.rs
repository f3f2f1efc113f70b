//! Planted bugs in real processes: the program `mutant` is run in the place of the plugin or of the
//! collectors.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use anyhow::{Result, ensure};

use crate::mutants::{Culprit, Mutant};
use crate::real::isolation;

/// A program, with what it is called with before anything else.
#[derive(Clone, Debug)]
pub struct Program {
    /// The file.
    pub path: PathBuf,
    /// Its first arguments.
    pub arguments: Vec<String>,
}

impl Program {
    /// A program as it is.
    pub const fn new(path: PathBuf) -> Self {
        Self {
            path,
            arguments: Vec::new(),
        }
    }
}

/// A bug, and the program that has it.
#[derive(Clone, Debug)]
pub struct Planted {
    /// The bug.
    pub mutant: Mutant,
    /// The program `mutant` of this package.
    pub program: PathBuf,
}

impl Planted {
    /// The program that is run in the place of the one whose bug it is, under that one's name.
    pub(super) fn program(&self, whose: Culprit) -> Result<Program> {
        let name = match whose {
            Culprit::Plugin => "etcd-ipam",
            Culprit::Collector => "lease-gc",
        };
        let program = &self.program;
        ensure!(program.is_file(), "{} is missing", program.display());
        let path = isolation::directory("mutant")?.join(name);
        if !fs::exists(&path)? {
            symlink(program, &path)?;
        }
        Ok(Program {
            path,
            arguments: vec![self.mutant.name().to_owned()],
        })
    }
}

/// How a run finds a planted bug: its workload and its faults.
#[derive(Clone, Copy, Debug)]
pub struct Recipe {
    /// The bug.
    pub mutant: Mutant,
    /// The workload.
    pub workload: &'static str,
    /// The faults.
    pub faults: &'static [&'static str],
}

impl Recipe {
    /// The recipe for this bug, where there is one.
    pub fn of(mutant: Mutant) -> Option<&'static Self> {
        RECIPES.iter().find(|recipe| recipe.mutant == mutant)
    }
}

const fn recipe(mutant: Mutant, workload: &'static str, faults: &'static [&'static str]) -> Recipe {
    Recipe {
        mutant,
        workload,
        faults,
    }
}

/// The bugs that the real leg finds.
pub const RECIPES: &[Recipe] = &[
    recipe(Mutant::BlindPut, "hand_over", &["plugin_paused"]),
    recipe(Mutant::OwnRecordIgnored, "churn", &["plugin_called_twice"]),
    recipe(
        Mutant::TimeoutIsSuccess,
        "churn",
        &["leader_moved", "packets_lost", "leader_paused"],
    ),
    recipe(Mutant::StaleReads, "churn", &["plugin_called_twice"]),
    recipe(Mutant::TornPair, "churn", &["plugin_killed"]),
    recipe(Mutant::NoRest, "churn", &["plugin_paused"]),
    recipe(Mutant::SealIgnored, "churn", &["snapshot_restored"]),
    recipe(Mutant::RestoreUnnoticed, "churn", &["snapshot_restored"]),
    recipe(Mutant::GcOfAllNodes, "churn", &["plugin_paused"]),
    recipe(Mutant::ReleaseByPodName, "churn", &["pod_recreated"]),
    recipe(Mutant::IntentNotSpooled, "churn", &["credentials_revoked"]),
    recipe(Mutant::SilentIsDead, "churn", &["node_not_ready"]),
    recipe(
        Mutant::NoGrace,
        "churn",
        &["kubernetes_list_stale", "pod_force_deleted"],
    ),
    recipe(Mutant::ErrorsAreEmpty, "churn", &["kubernetes_500"]),
];
