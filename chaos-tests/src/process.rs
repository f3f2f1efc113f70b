//! Runs one program to its end, with a guard against hanging.

use std::io::{Read, Write as _};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

/// Nothing that a test runs takes this long; what does, hangs.
const PATIENCE: Duration = Duration::from_mins(2);

/// How the process meets its end.
#[derive(Clone, Copy, Debug)]
pub enum Finish {
    /// By itself.
    Normal,
    /// By SIGKILL, this long after its start, unless it was faster.
    Killed(Duration),
    /// By itself, after nobody reads its standard output any more.
    Unheard,
}

/// What a process said and how it ended.
#[derive(Debug)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Runs `command` with `stdin`.
pub fn run(mut command: Command, stdin: &str, finish: Finish) -> Result<Output> {
    let (heard, said) = std::io::pipe()?;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(said)
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", command.get_program().display()))?;
    // The command holds the writing end of the pipe; while it lives, the pipe never ends.
    drop(command);
    let stdout = match finish {
        Finish::Unheard => {
            drop(heard);
            collect(std::io::empty())
        }
        Finish::Normal | Finish::Killed(_) => collect(heard),
    };
    let stderr = collect(child.stderr.take().context("no standard error")?);
    if let Some(mut input) = child.stdin.take() {
        // A program may end without having read its input.
        let _ = input.write_all(stdin.as_bytes());
    }
    if let Finish::Killed(delay) = finish {
        thread::sleep(delay);
        child.kill()?;
    }
    // Standard error ends with the process.
    let Ok(stderr) = stderr.recv_timeout(PATIENCE) else {
        child.kill()?;
        child.wait()?;
        bail!("the process hung and was killed");
    };
    let status = child.wait()?;
    Ok(Output {
        status,
        stdout: stdout.recv_timeout(PATIENCE)?,
        stderr,
    })
}

/// Reads to the end in a thread: a process that fills one pipe waits for its reader.
fn collect(mut from: impl Read + Send + 'static) -> Receiver<String> {
    let (done, text) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // A broken pipe ends the output like any other end.
        let _ = from.read_to_end(&mut bytes);
        let _ = done.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    text
}
