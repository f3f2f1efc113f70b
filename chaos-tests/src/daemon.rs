//! Server processes that never outlive the test.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{LazyLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A server process. Dropping it kills it; so does the death of the test process, even by SIGKILL.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
}

/// Where a process writes to.
#[derive(Debug)]
pub struct Output {
    stdout: File,
    stderr: File,
}

impl Output {
    /// Both streams into one file, after what it holds.
    pub fn together(path: &Path) -> Result<Self> {
        Self::apart(path, path)
    }

    /// Each stream into a file of its own, after what it holds.
    pub fn apart(stdout: &Path, stderr: &Path) -> Result<Self> {
        let open = |path| File::options().create(true).append(true).open(path);
        Ok(Self {
            stdout: open(stdout)?,
            stderr: open(stderr)?,
        })
    }
}

/// A process to start, and where to send it.
type Order = (Command, mpsc::Sender<std::io::Result<Child>>);

/// The kernel ties "die with your parent" to the parent's thread, and libtest ends a thread with
/// its test. So one thread that lives as long as the process starts all servers.
static STARTER: LazyLock<mpsc::Sender<Order>> = LazyLock::new(|| {
    let (orders, inbox) = mpsc::channel::<Order>();
    thread::spawn(move || {
        for (mut command, reply) in inbox {
            // The one who asked may have given up; then the process dies with the reply.
            let _ = reply.send(command.spawn());
        }
    });
    orders
});

impl Daemon {
    /// Starts `program` in `directory`, with an empty environment and its output in these files.
    pub fn start(
        program: &Path,
        arguments: &[String],
        directory: &Path,
        output: Output,
    ) -> Result<Self> {
        // setpriv becomes the program: the process ID stays.
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--"])
            .arg(program)
            .args(arguments)
            .current_dir(directory)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .stdin(Stdio::null())
            .stdout(output.stdout)
            .stderr(output.stderr);
        let (reply, started) = mpsc::channel();
        STARTER.send((command, reply))?;
        let child = started
            .recv()?
            .with_context(|| format!("cannot start {} through setpriv", program.display()))?;
        Ok(Self { child })
    }

    /// The id of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Sends a signal. A child that was not waited for keeps its process ID, so the signal can
    /// reach no other process.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        if let Some(status) = self.ended()? {
            bail!("the server has ended already: {status}");
        }
        kill(self.pid()?, signal)?;
        Ok(())
    }

    /// Stops it in its tracks: it accepts connections and never answers.
    pub fn pause(&mut self) -> Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    /// Ends a pause.
    pub fn resume(&mut self) -> Result<()> {
        self.signal(Signal::SIGCONT)
    }

    /// Whether the kernel says that it is stopped.
    pub fn is_paused(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.id())).unwrap_or_default();
        let state = stat.rsplit_once(") ");
        state.is_some_and(|(_, state)| state.starts_with('T'))
    }

    /// Asks it to end, waits until it has, and says how.
    pub fn stop(mut self) -> Result<ExitStatus> {
        self.signal(Signal::SIGTERM)?;
        let patience = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            ensure!(Instant::now() < patience, "the server does not stop");
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn pid(&self) -> Result<Pid> {
        Ok(Pid::from_raw(self.child.id().try_into()?))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Both fail only for a process that has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
