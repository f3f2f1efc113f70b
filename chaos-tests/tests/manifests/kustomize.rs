//! The real kustomize.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use chaos_tests::process::{self, Finish};
use chaos_tests::skip::skipped;
use serde_json::json;

use crate::objects::Objects;

/// A kustomize that can be run.
pub(crate) struct Kustomize(PathBuf);

impl Kustomize {
    /// The one in `$KUSTOMIZE_BIN_DIR`; without one the test says that it is skipped.
    pub(crate) fn or_skip(test: &str) -> Option<Self> {
        let directory = std::env::var_os("KUSTOMIZE_BIN_DIR").map(PathBuf::from);
        let program = directory.map(|directory| directory.join("kustomize"));
        let found = program.filter(|program| program.is_file());
        if found.is_none() {
            let reason = std::env::var("KUSTOMIZE_FETCH_ERROR");
            let reason = reason.unwrap_or_else(|_| "none in KUSTOMIZE_BIN_DIR".to_owned());
            skipped(test, &format!("no kustomize: {reason}"));
        }
        found.map(Self)
    }

    /// The text that a kustomization comes to.
    pub(crate) fn text(&self, directory: &Path) -> Result<String> {
        let mut command = Command::new(&self.0);
        command.arg("build").arg(directory).env_clear();
        let output = process::run(command, "", Finish::Normal)?;
        ensure!(
            output.status.success() && output.stderr.is_empty(),
            "kustomize build {}: {output:?}",
            directory.display()
        );
        Ok(output.stdout)
    }

    /// The base with these components of it.
    pub(crate) fn with_components(&self, components: &[&Path]) -> Result<Objects> {
        let place = tempfile::Builder::new()
            .prefix("kustomization-")
            .tempdir()?;
        let home = place.path().canonicalize()?;
        // It takes relative paths only.
        let up = "../".repeat(home.components().count() - 1);
        let relative = |path: &Path| -> Result<String> {
            let path = path.canonicalize()?;
            Ok(format!("{up}{}", path.strip_prefix("/")?.display()))
        };
        let components = components.iter().map(|path| relative(path));
        let kustomization = json!({
            "resources": [relative(&deploy().join("kustomize/base"))?],
            "components": components.collect::<Result<Vec<_>>>()?,
        });
        // YAML reads JSON.
        let file = home.join("kustomization.yaml");
        std::fs::write(file, kustomization.to_string())?;
        self.build(&home)
    }

    /// The objects that a kustomization comes to.
    pub(crate) fn build(&self, directory: &Path) -> Result<Objects> {
        Objects::parse(&self.text(directory)?)
    }
}

/// A component of the base.
pub(crate) fn component(name: &str) -> PathBuf {
    deploy().join("kustomize/components").join(name)
}

/// The folder of the repository in which there is everything to deploy.
pub(crate) fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}
