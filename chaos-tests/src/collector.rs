//! Runs the collector, `lease-gc`, as a process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::binaries;
use crate::daemon::{Daemon, Output};
use crate::http::{Answer, Client};
use crate::loopback::Place;
use crate::metrics::Metrics;
use crate::process::{self, Finish};

/// What does not happen within this time will not happen at all.
const PATIENCE: Duration = Duration::from_mins(1);

/// So many lines of the log explain a failure.
const TAIL: usize = 20;

/// Where the collector learns which pods live.
#[derive(Clone, Debug)]
pub enum Source {
    /// From the API that this kubeconfig leads to.
    Kubernetes(PathBuf),
    /// From a file of pods and nodes.
    File(PathBuf),
}

impl Source {
    fn arguments(&self) -> [String; 2] {
        let (flag, path) = match self {
            Self::Kubernetes(path) => ("--kubeconfig", path),
            Self::File(path) => ("--pods-from", path),
        };
        [flag.to_owned(), path.display().to_string()]
    }
}

/// A collector that runs. Dropping it kills it.
#[derive(Debug)]
pub struct Collector {
    // Dropped before the directory that it writes into.
    daemon: Daemon,
    place: Place,
    home: TempDir,
}

impl Collector {
    /// Starts a collector with `more` arguments, and waits until it serves its metrics.
    pub fn start(endpoints: &[String], source: &Source, more: &[&str]) -> Result<Self> {
        let home = tempfile::Builder::new().prefix("collector-").tempdir()?;
        let place = Place::free()?;
        let mut arguments = arguments(endpoints, source, more);
        arguments.extend(["--listen".to_owned(), address(place).to_string()]);
        let output = Output::apart(&home.path().join("stdout"), &home.path().join("stderr"))?;
        let daemon = Daemon::start(&binaries::collector()?, &arguments, home.path(), output)?;
        let mut collector = Self {
            daemon,
            place,
            home,
        };
        collector.wait_until("it serves its metrics", |collector| {
            Ok(collector.metrics().is_ok())
        })?;
        Ok(collector)
    }

    /// Runs the collector with `--once` to its end.
    pub fn once(endpoints: &[String], source: &Source, more: &[&str]) -> Result<process::Output> {
        let mut command = Command::new(binaries::collector()?);
        command
            .args(arguments(endpoints, source, more))
            .arg("--once")
            .env_clear();
        process::run(command, "", Finish::Normal)
    }

    /// The id of its process.
    pub fn id(&self) -> u32 {
        self.daemon.id()
    }

    /// Where it serves its metrics.
    pub fn address(&self) -> SocketAddr {
        address(self.place)
    }

    /// Sends a signal.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        self.daemon.signal(signal)
    }

    /// Stops the process in its tracks.
    pub fn pause(&mut self) -> Result<()> {
        self.daemon.pause()
    }

    /// Ends a pause.
    pub fn resume(&mut self) -> Result<()> {
        self.daemon.resume()
    }

    /// Ends the process at once.
    pub fn kill(self) {
        drop(self);
    }

    /// Asks the process to end, and waits until it has: how it ended, and its whole log.
    pub fn stop(self) -> Result<(ExitStatus, Vec<Value>)> {
        let stopped = self.daemon.stop();
        let status = stopped.with_context(|| tail(self.home.path()))?;
        Ok((status, log(self.home.path())?))
    }

    /// The log so far: the JSON lines on standard error.
    pub fn log(&self) -> Result<Vec<Value>> {
        log(self.home.path())
    }

    /// The lines on standard output so far.
    pub fn stdout_lines(&self) -> Result<Vec<String>> {
        let text = std::fs::read_to_string(self.home.path().join("stdout"))?;
        Ok(whole_lines(&text).map(str::to_owned).collect())
    }

    /// What a path of its HTTP server answers.
    pub fn get(&self, path: &str) -> Result<Answer> {
        Client::plain(self.address()).get(path)
    }

    /// What a path of its HTTP server answers to another method than GET.
    pub fn send(&self, method: &str, path: &str) -> Result<Answer> {
        Client::plain(address(self.place)).send(method, path, "")
    }

    /// Its metrics now.
    pub fn metrics(&self) -> Result<Metrics> {
        let answer = self.get("/metrics")?;
        if answer.status != 200 {
            bail!("/metrics: {answer:?}");
        }
        Metrics::parse(&answer.body)
    }

    /// Whether it says that it leads.
    pub fn is_leader(&self) -> Result<bool> {
        Ok(self.metrics()?.value("etcd_ipam_leader", &[]) == Some(1.0))
    }

    /// How many sweeps it has done so far, whatever came of them.
    pub fn sweeps(&self) -> Result<f64> {
        let metrics = self.metrics()?;
        Ok(metrics.value("etcd_ipam_sweeps_total", &[]).unwrap_or(0.0))
    }

    /// Asks for a sweep and waits until one is done; one that runs already may be the one. So give
    /// the collector a schedule that never comes by itself, and let the first sweep pass.
    pub fn sweep_now(&mut self) -> Result<()> {
        let before = self.sweeps()?;
        self.signal(Signal::SIGHUP)?;
        self.wait_until("a sweep is done", |collector| {
            Ok(collector.sweeps()? > before)
        })
    }

    /// Waits until something holds. Fails after a minute, or when the process ends, with the end of
    /// its log.
    pub fn wait_until(&mut self, what: &str, holds: impl Fn(&Self) -> Result<bool>) -> Result<()> {
        let patience = Instant::now() + PATIENCE;
        loop {
            let explain = || format!("waiting until {what}; {}", tail(self.home.path()));
            if let Some(status) = self.daemon.ended()? {
                bail!("the collector ended ({status}), {}", explain());
            }
            if holds(self).with_context(explain)? {
                return Ok(());
            }
            if Instant::now() > patience {
                bail!("in vain: {}", explain());
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

fn address(place: Place) -> SocketAddr {
    (place.ip, Place::CLIENT_PORT).into()
}

fn arguments(endpoints: &[String], source: &Source, more: &[&str]) -> Vec<String> {
    let mut arguments = vec![
        "--endpoints".to_owned(),
        endpoints.join(","),
        "--log-format".to_owned(),
        "json".to_owned(),
    ];
    arguments.extend(source.arguments());
    arguments.extend(more.iter().map(|&argument| argument.to_owned()));
    arguments
}

fn log(home: &Path) -> Result<Vec<Value>> {
    let text = std::fs::read_to_string(home.join("stderr"))?;
    let lines = whole_lines(&text);
    lines
        .map(|line| serde_json::from_str(line).with_context(|| format!("no JSON: {line}")))
        .collect()
}

/// The lines that end: the last one may still be written.
fn whole_lines(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.split_inclusive('\n');
    lines.filter_map(|line| line.strip_suffix('\n'))
}

fn tail(home: &Path) -> String {
    // What cannot be read explains nothing.
    let log = std::fs::read_to_string(home.join("stderr")).unwrap_or_default();
    let lines: Vec<_> = log.lines().collect();
    let tail = lines.get(lines.len().saturating_sub(TAIL)..);
    format!("its log ends:\n{}", tail.unwrap_or_default().join("\n"))
}
