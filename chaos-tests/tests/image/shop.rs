//! The engine and the image that the tests of this file share.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use anyhow::{Context as _, Result, ensure};
use chaos_tests::binaries;
use chaos_tests::engine::Engine;
use chaos_tests::process::{self, Finish, Output};
use chaos_tests::skip::skipped;

/// The name of the image that is built once for all tests.
pub(crate) const IMAGE: &str = "etcd-ipam:test";

/// The engine, which has the image; `None`, and the test says that it is skipped, where there is
/// none on this machine. Tests that run at the same time have one together.
pub(crate) fn engine(test: &str) -> Result<Option<Arc<Engine>>> {
    static SHARED: Mutex<Weak<Engine>> = Mutex::new(Weak::new());
    if let Some(reason) = Engine::why_missing() {
        skipped(test, &reason);
        return Ok(None);
    }
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(engine) = shared.upgrade() {
        return Ok(Some(engine));
    }
    let engine = Arc::new(with_image()?);
    *shared = Arc::downgrade(&engine);
    Ok(Some(engine))
}

fn with_image() -> Result<Engine> {
    let engine = Engine::new()?;
    let built = build(&engine, &binaries::directory()?, IMAGE, &[])?;
    ensure!(built.status.success(), "{built:?}");
    Ok(engine)
}

/// Runs the build script, whatever comes of it.
pub(crate) fn build(
    engine: &Engine,
    programs: &Path,
    image: &str,
    environment: &[(&str, &str)],
) -> Result<Output> {
    let mut command = engine.command(script()?);
    command
        .arg(programs)
        .arg(image)
        .envs(environment.iter().copied());
    process::run(command, "", Finish::Normal)
}

/// The build script.
pub(crate) fn script() -> Result<PathBuf> {
    Ok(root()?.join("deploy/image/build.sh"))
}

/// The repository.
pub(crate) fn root() -> Result<&'static Path> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().context("no directory above")
}

/// What git says about the repository.
pub(crate) fn git(arguments: &[&str]) -> Result<String> {
    let mut command = Command::new("git");
    command.arg("-C").arg(root()?).args(arguments);
    let said = process::run(command, "", Finish::Normal)?;
    ensure!(said.status.success(), "{said:?}");
    Ok(said.stdout.trim_end().to_owned())
}
