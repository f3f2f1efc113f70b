//! A network, mounts and processes of our own, in which the real leg breaks things.
//!
//! The program runs itself again in fresh namespaces. Whatever it makes there, bridges, mounts,
//! servers, is invisible outside, cannot meet another run's, and is gone with its first process: the
//! kernel ends all, also when the harness is killed.

use std::env;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::process::{self, Finish};
use crate::skip::skipped;

/// Tells the program inside which network it must not be in: the one that it was started from.
const OUTSIDE: &str = "CHAOS_OUTSIDE_NETWORK";

/// What the real leg needs, each with what it is for.
const PROGRAMS: [&str; 7] = [
    "unshare", "setpriv", "nsenter", "ip", "tc", "iptables", "mount",
];

/// Where everything inside is kept. It is in memory, and gone with the isolation.
pub const HOME: &str = "/run/chaos";

/// Becomes the first process. It stays, and takes in the processes that lose their parents.
const INIT: &str = r#"
set -e
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
mkdir /run/chaos /run/lock
export TMPDIR=/run/chaos
ip link set lo up
set +e
"$@"
exit $?
"#;

/// Why the real leg cannot run here; `None` where nothing is in the way.
pub fn obstacle() -> Result<Option<String>> {
    if fs::metadata("/proc/self")?.uid() != 0 {
        return Ok(Some("namespaces need root".to_owned()));
    }
    if let Some(program) = PROGRAMS.iter().find(|program| !is_installed(program)) {
        return Ok(Some(format!("{program} is not installed")));
    }
    let links = "ip link add br0 type bridge && ip link add one type veth peer name two \
                 && iptables -w -A INPUT -m statistic --mode random --probability 0.3 -j DROP \
                 && iptables -w -A OUTPUT -j NFQUEUE --queue-num 0";
    let mut attempt = command("sh");
    attempt.args(["-c", links]);
    let attempt = process::run(attempt, "", Finish::Normal)?;
    let reason = || format!("this kernel refuses: {}", attempt.stderr.trim());
    Ok((!attempt.status.success()).then(reason))
}

/// Whether this program is on the path.
pub fn is_installed(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|directory| directory.join(program).exists())
}

/// Whether this process is inside. What breaks things asks first.
pub fn is_inside() -> bool {
    env::var(OUTSIDE).is_ok_and(|outside| network().is_ok_and(|own| own != outside))
}

/// A command that will run this program inside.
fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL", "--", "unshare"])
        .args(["--net", "--mount", "--pid", "--fork", "--kill-child"])
        .args(["sh", "-c", INIT, "chaos"])
        .arg(program)
        .env(OUTSIDE, network().unwrap_or_default());
    command
}

/// The network that this process is in.
fn network() -> Result<String> {
    let link = fs::read_link("/proc/self/ns/net")?;
    Ok(link.display().to_string())
}

/// Runs this very program again, inside, with these arguments, and says how it ended.
pub fn run_inside(arguments: &[String]) -> Result<ExitStatus> {
    ensure!(!is_inside(), "this process is inside already");
    let status = command(env::current_exe()?)
        .args(arguments)
        .status()
        .context("cannot start setpriv")?;
    Ok(status)
}

/// Runs a test inside; `name` is its full name. Where that is impossible, the test is skipped.
pub fn test(name: &str, body: impl FnOnce() -> Result<()>) -> Result<()> {
    if is_inside() {
        return body();
    }
    if let Some(reason) = obstacle()? {
        skipped(name, &reason);
        return Ok(());
    }
    let mut again = command(env::current_exe()?);
    again
        .args(["--exact", name, "--show-output", "--color=never"])
        .stdin(Stdio::null());
    let output = process::run(again, "", Finish::Normal)?;
    let said = &output.stdout;
    repeat(said);
    ensure!(
        output.status.success() && said.contains("test result: ok. 1 passed"),
        "inside: {said}{}",
        output.stderr
    );
    Ok(())
}

/// Repeats what a test inside said, as its own words.
#[expect(
    clippy::print_stdout,
    reason = "libtest captures standard output and shows it under the test's name"
)]
fn repeat(said: &str) {
    let own = said.lines().skip_while(|line| !line.starts_with("---- "));
    let own = own.skip(1).take_while(|line| !line.is_empty());
    own.for_each(|line| println!("{line}"));
}

/// A directory for something inside.
pub fn directory(name: &str) -> Result<PathBuf> {
    ensure!(is_inside(), "not inside an isolation");
    let directory = Path::new(HOME).join(name);
    fs::create_dir_all(&directory)?;
    Ok(directory)
}
