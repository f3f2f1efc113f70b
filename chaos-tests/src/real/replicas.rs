//! Collectors as real processes, each on a host of its own.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::collectors::NEVER;
use crate::daemon::{Daemon, Output};
use crate::history::{Process, Released, What};
use crate::real::calls::panic_in;
use crate::real::isolation;
use crate::real::network::{Host, Network};
use crate::real::planted::Program;
use crate::real::recorder::Recorder;

/// What all replicas are started with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The program.
    pub program: Program,
    /// The members of etcd.
    pub endpoints: Vec<String>,
    /// How to reach Kubernetes.
    pub kubeconfig: PathBuf,
    /// The length of the election's lease.
    pub election_ttl: Duration,
    /// The grace period.
    pub grace: Duration,
    /// How long a Node object must be gone.
    pub node_gone_grace: Duration,
}

/// A collector that is started again whenever it ends.
#[derive(Debug)]
pub struct Replica {
    /// Where it runs.
    pub host: Host,
    settings: Settings,
    home: PathBuf,
    recorder: Arc<Recorder>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    daemon: Option<Daemon>,
    started: Option<Instant>,
    /// The files that it had open when it was first looked at.
    files: Option<usize>,
    /// Whether the harness has killed or stopped it.
    disturbed: bool,
    /// How many lines its log had when it was started.
    before: usize,
    /// How much of its log was read.
    read: usize,
    log: Vec<Value>,
}

impl Replica {
    /// A collector on a new host, which does not run yet.
    pub fn add(
        network: &Network,
        name: &str,
        address: Ipv4Addr,
        settings: Settings,
        recorder: Arc<Recorder>,
    ) -> Result<Self> {
        Ok(Self {
            host: network.add_host(name, address)?,
            settings,
            home: isolation::directory(name)?,
            recorder,
            state: Mutex::default(),
        })
    }

    fn launch(&self, state: &mut State) -> Result<()> {
        let seconds = |time: Duration| format!("{}s", time.as_secs());
        let [nsenter, network, end] = self.host.entrance();
        let program = &self.settings.program;
        let mut arguments = vec![network, end, program.path.display().to_string()];
        arguments.extend(program.arguments.iter().cloned());
        arguments.extend([
            format!("--endpoints={}", self.settings.endpoints.join(",")),
            format!("--kubeconfig={}", self.settings.kubeconfig.display()),
            format!("--identity={}", self.host.name()),
            // The harness asks for sweeps, more often than a schedule can.
            format!("--cron-schedule={NEVER}"),
            format!("--election-ttl={}", seconds(self.settings.election_ttl)),
            format!("--grace-period={}", seconds(self.settings.grace)),
            format!(
                "--node-gone-grace={}",
                seconds(self.settings.node_gone_grace)
            ),
            // A net under the other rules, which are what is tried here.
            "--breaker-min=1000000".to_owned(),
            "--enable-pod-watch".to_owned(),
            format!("--history-file={}", self.home.join("history").display()),
            "--log-format=json".to_owned(),
        ]);
        let output = Output::apart(&self.home.join("stdout"), &self.log_file())?;
        let daemon = Daemon::start(Path::new(&nsenter), &arguments, &self.home, output)?;
        let log = std::mem::take(&mut state.log);
        *state = State {
            daemon: Some(daemon),
            started: Some(Instant::now()),
            read: state.read,
            before: log.len(),
            log,
            ..State::default()
        };
        Ok(())
    }

    /// Its name in the election.
    pub fn name(&self) -> &str {
        self.host.name()
    }

    /// Where its log is.
    pub fn log_file(&self) -> PathBuf {
        self.home.join("log")
    }

    /// Reads what it has said, and notes if it has ended; then it is started again.
    pub fn attend(&self) -> Result<()> {
        let mut state = self.state();
        self.read_log(&mut state)?;
        let ended = match &mut state.daemon {
            Some(daemon) => daemon.ended()?,
            None => None,
        };
        if let Some(status) = ended {
            self.note_end(&state, Some(status));
            self.launch(&mut state)?;
        }
        if state.files.is_none()
            && state
                .started
                .is_some_and(|started| started.elapsed() > Duration::from_secs(10))
        {
            state.files = state.daemon.as_ref().and_then(|daemon| files(daemon.id()));
        }
        Ok(())
    }

    fn read_log(&self, state: &mut State) -> Result<()> {
        if !self.log_file().exists() {
            return Ok(());
        }
        let text = fs::read_to_string(self.log_file())?;
        let new = text.get(state.read..).unwrap_or_default();
        // The last line may still be written.
        let Some(whole) = new.rfind('\n').and_then(|end| new.get(..=end)) else {
            return Ok(());
        };
        state.read += whole.len();
        for line in whole.lines() {
            let Ok(line) = serde_json::from_str::<Value>(line) else {
                self.recorder.push(What::Process(Process {
                    program: "lease-gc".to_owned(),
                    panic: Some(panic_in(line).unwrap_or_else(|| line.to_owned())),
                    disturbed: true,
                    ..Process::default()
                }));
                continue;
            };
            let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
            if line["message"] == "released" {
                self.recorder.push(What::Released(Released {
                    collector: self.name().to_owned(),
                    key: text("key"),
                    evidence: text("evidence"),
                }));
            }
            state.log.push(line);
        }
        Ok(())
    }

    fn note_end(&self, state: &State, status: Option<ExitStatus>) {
        let ran = state.started.map(|started| started.elapsed().as_millis());
        self.recorder.push(What::Process(Process {
            program: "lease-gc".to_owned(),
            status: status.and_then(|status| status.code()),
            signal: status.and_then(|status| status.signal()),
            disturbed: state.disturbed,
            ran: ran.unwrap_or(0).try_into().unwrap_or(u64::MAX),
            ..Process::default()
        }));
    }

    /// How many lines its log has.
    pub fn logged(&self) -> usize {
        self.state().log.len()
    }

    /// The lines of its log after so many that say this.
    pub fn says(&self, after: usize, message: &str) -> Vec<Value> {
        let state = self.state();
        let lines = state.log.iter().skip(after);
        lines
            .filter(|line| line["message"] == message)
            .cloned()
            .collect()
    }

    /// Asks for a sweep. One that is paused does so when it goes on.
    pub fn sweep(&self) -> Result<()> {
        let mut state = self.state();
        // One that has said nothing yet may not know the signal, and one that has ended is started again
        // soon.
        if state.log.len() > state.before
            && let Some(daemon) = &mut state.daemon
            && daemon.ended()?.is_none()
        {
            daemon.signal(Signal::SIGHUP)?;
        }
        Ok(())
    }

    /// Ends the process at once. It is not started again before [`Self::start`].
    pub fn kill(&self) -> Result<()> {
        let mut state = self.state();
        let daemon = state.daemon.take().context("the collector does not run")?;
        state.disturbed = true;
        drop(daemon);
        self.note_end(&state, None);
        Ok(())
    }

    /// Whether it runs.
    pub fn runs(&self) -> bool {
        self.state().daemon.is_some()
    }

    /// Starts it, or starts it again after it was killed, unless it runs.
    pub fn start(&self) -> Result<()> {
        let mut state = self.state();
        if state.daemon.is_none() {
            self.launch(&mut state)?;
        }
        Ok(())
    }

    /// Stops the process in its tracks.
    pub fn pause(&self) -> Result<()> {
        self.disturb(Daemon::pause)
    }

    /// Ends a pause.
    pub fn resume(&self) -> Result<()> {
        self.disturb(Daemon::resume)
    }

    fn disturb(&self, how: impl FnOnce(&mut Daemon) -> Result<()>) -> Result<()> {
        let mut state = self.state();
        state.disturbed = true;
        let daemon = state.daemon.as_mut();
        how(daemon.context("the collector does not run")?)
    }

    /// How many more files it has open than it had at first; `None` where it was started too lately.
    pub fn leaked_files(&self) -> Option<i64> {
        let state = self.state();
        let now = files(state.daemon.as_ref()?.id())?;
        Some(i64::try_from(now).ok()? - i64::try_from(state.files?).ok()?)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many files a process has open.
fn files(pid: u32) -> Option<usize> {
    Some(fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count())
}
