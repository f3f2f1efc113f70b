//! Container engines, with images and containers that nobody else on the machine sees.

use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use tempfile::TempDir;

use crate::process::{self, Finish, Output};
use crate::random::hex;

/// What does not happen within this time will not happen at all.
const PATIENCE: Duration = Duration::from_mins(1);

/// What is needed.
const PROGRAMS: [&str; 3] = ["buildah", "podman", "runc"];

/// buildah and podman, with a storage of their own, which goes with the engine.
#[derive(Debug)]
pub struct Engine {
    home: TempDir,
}

impl Engine {
    /// Why there can be none on this machine.
    pub fn why_missing() -> Option<String> {
        let is_root = std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
        if !is_root {
            return Some("the containers of these tests run as root".to_owned());
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        // Where podman looks, whatever the path.
        let system = ["/usr/sbin", "/sbin"].map(PathBuf::from);
        let is_there = |program: &str| {
            let mut directories = std::env::split_paths(&path).chain(system.clone());
            directories.any(|directory| directory.join(program).is_file())
        };
        let missing = PROGRAMS.iter().find(|program| !is_there(program))?;
        Some(format!(
            "there is no {missing} here; scripts/install-engines.sh installs it"
        ))
    }

    /// An engine without any image.
    pub fn new() -> Result<Self> {
        // The name is short because sockets are made far below it, and theirs may not be long.
        let home = tempfile::Builder::new().prefix("oci-").tempdir()?;
        let engine = Self { home };
        let path = |name: &str| engine.path(name).display().to_string();
        // Locks and events are files in here instead of the machine's shared memory and journal;
        // limits are below what a machine without the right to raise them has.
        let containers = format!(
            "[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n\
             [engine]\nruntime = \"runc\"\ncgroup_manager = \"cgroupfs\"\n\
             events_logger = \"file\"\nlock_type = \"file\"\n\
             tmp_dir = {:?}\n",
            path("tmp"),
        );
        std::fs::write(engine.path("containers.conf"), containers)?;
        // The second copies everything for each container, but works on every file system.
        for driver in ["overlay", "vfs"] {
            let storage = format!(
                "[storage]\ndriver = \"{driver}\"\ngraphroot = {:?}\nrunroot = {:?}\n",
                path(driver),
                path("run"),
            );
            std::fs::write(engine.path("storage.conf"), storage)?;
            if engine.podman(["info"]).is_ok() {
                break;
            }
        }
        Ok(engine)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// A command that finds this engine's storage.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env("CONTAINERS_STORAGE_CONF", self.path("storage.conf"))
            .env("CONTAINERS_CONF", self.path("containers.conf"));
        command
    }

    /// What podman says, if it does what it is asked for.
    pub fn podman<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Result<String> {
        let mut command = self.command("podman");
        command.args(arguments);
        let said = process::run(command, "", Finish::Normal)?;
        ensure!(said.status.success(), "podman: {said:?}");
        Ok(said.stdout)
    }

    /// Runs a container to its end, whatever comes of it: its status and what it said.
    pub fn run(&self, spec: &Spec, arguments: &[&str]) -> Result<Output> {
        let container = self.named(spec);
        let mut command = self.command("podman");
        command
            .args(["run", "--name", &container.name])
            .args(&spec.flags)
            .arg(&spec.image)
            .args(arguments);
        process::run(command, "", Finish::Normal)
    }

    /// Starts a container.
    pub fn start<'a>(&'a self, spec: &Spec, arguments: &[&str]) -> Result<Container<'a>> {
        let container = self.named(spec);
        let run = ["run", "--detach", "--name", &container.name];
        let flags = spec.flags.iter().map(String::as_str);
        let image = std::iter::once(spec.image.as_str());
        let all = run.into_iter().chain(flags).chain(image);
        self.podman(all.chain(arguments.iter().copied()))?;
        Ok(container)
    }

    fn named(&self, spec: &Spec) -> Container<'_> {
        Container {
            engine: self,
            name: format!("{}-{:.8}", spec.name, hex()),
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // What is mounted or runs would keep the directory from being removed.
        let _ = self.podman(["rm", "--all", "--force", "--time=0"]);
        let _ = self.podman(["image", "unmount", "--all", "--force"]);
    }
}

/// A container to be made.
#[derive(Clone, Debug)]
pub struct Spec {
    name: String,
    image: String,
    flags: Vec<String>,
}

impl Spec {
    /// A container as a pod that is allowed nothing: it shares the host's network, so that it
    /// reaches the servers of the test, may write nowhere and has no capabilities.
    pub fn confined(name: &str, image: &str) -> Self {
        let spec = Self {
            name: name.to_owned(),
            image: image.to_owned(),
            flags: Vec::new(),
        };
        [
            "--network=host",
            "--read-only",
            "--read-only-tmpfs=false",
            "--cap-drop=all",
            "--security-opt=no-new-privileges",
        ]
        .into_iter()
        .fold(spec, Self::flag)
    }

    /// With another flag of `podman run`.
    #[must_use]
    pub fn flag(mut self, flag: impl Into<String>) -> Self {
        self.flags.push(flag.into());
        self
    }

    /// With this variable.
    #[must_use]
    pub fn env(self, name: &str, value: &str) -> Self {
        self.flag(format!("--env={name}={value}"))
    }

    /// As this user.
    #[must_use]
    pub fn user(self, id: u32) -> Self {
        self.flag(format!("--user={id}"))
    }

    /// With a directory or a file of the host, to be written to.
    #[must_use]
    pub fn mount(self, from: &Path, to: &str) -> Self {
        self.flag(format!("--volume={}:{to}", from.display()))
    }

    /// With a directory or a file of the host, to be read.
    #[must_use]
    pub fn read_only(self, from: &Path, to: &str) -> Self {
        self.flag(format!("--volume={}:{to}:ro", from.display()))
    }
}

/// A container that was started. Dropping it removes it.
#[derive(Debug)]
pub struct Container<'a> {
    engine: &'a Engine,
    name: String,
}

impl Container<'_> {
    /// What it wrote so far, to both outputs.
    pub fn log(&self) -> Result<String> {
        let mut command = self.engine.command("podman");
        command.args(["logs", &self.name]);
        let said = process::run(command, "", Finish::Normal)?;
        Ok(said.stdout + &said.stderr)
    }

    /// Waits until something holds; fails after a minute or when the container ends, with its log.
    pub fn wait_until(&self, what: &str, mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
        let patience = Instant::now() + PATIENCE;
        while !holds().with_context(|| what.to_owned())? {
            let is_over = self.inspect("{{.State.Running}}")? != "true";
            if is_over || Instant::now() > patience {
                bail!("in vain: {what} (ended: {is_over}): {}", self.log()?);
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Asks it to end by SIGTERM, as Kubernetes does, and gives its exit status; 137 where it did
    /// not listen.
    pub fn stop(&self) -> Result<i32> {
        self.engine.podman(["stop", "--time=30", &self.name])?;
        Ok(self.inspect("{{.State.ExitCode}}")?.parse()?)
    }

    fn inspect(&self, format: &str) -> Result<String> {
        let inspect = ["container", "inspect", "--format", format, &self.name];
        Ok(self.engine.podman(inspect)?.trim_end().to_owned())
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        // What fails here is removed with the engine.
        let _ = self
            .engine
            .podman(["rm", "--force", "--time=0", &self.name]);
    }
}
