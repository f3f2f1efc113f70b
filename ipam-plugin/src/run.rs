//! One call from its first byte to its last.

use std::io::{self, Read, Write};
use std::process::ExitCode;

use tokio::runtime;

use crate::cni::command::{Command, Environment};
use crate::cni::error::{CniError, Code};
use crate::cni::version::{Version, version_answer};
use crate::config::{NetworkConfig, NodeFile};
use crate::local::machine::Machine;
use crate::log;
use crate::verb::{self, Call, budget};

/// The largest configuration that is read (bytes).
const LARGEST_CONFIG: u64 = 16 * 1024 * 1024;

/// Does what the runtime asks on `machine`: `binary` is the name that it calls the plugin by. Answers
/// on `out`, with one JSON document or nothing (CNI specification, section 5), and by the exit status.
pub fn run(
    machine: impl Machine,
    binary: &str,
    variables: impl Fn(&str) -> Option<String>,
    input: impl Read,
    mut out: impl Write,
) -> ExitCode {
    let mut version = None;
    let error = match serve(machine, binary, &variables, input, &mut out, &mut version) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(error) => error,
    };
    // Nobody reads it if this fails too.
    let _ = out
        .write_all(error.to_json(version).as_bytes())
        .and_then(|()| out.flush());
    ExitCode::FAILURE
}

fn serve(
    machine: impl Machine,
    binary: &str,
    variables: &impl Fn(&str) -> Option<String>,
    input: impl Read,
    out: &mut impl Write,
    version: &mut Option<Version>,
) -> Result<(), CniError> {
    let Some(environment) = Environment::read(variables)? else {
        about(binary);
        return Ok(());
    };
    if environment.command == Command::Version {
        return print(out, &version_answer());
    }
    let mut bytes = Vec::new();
    let read = input.take(LARGEST_CONFIG).read_to_end(&mut bytes);
    read.map_err(|error| CniError::new(Code::Io, format!("standard input: {error}")))?;
    let config = NetworkConfig::parse(&bytes)?;
    *version = Some(config.version());
    config.version().allows(&environment.command)?;
    let (config, file, warnings) = with_node_file(config, variables, &environment.command)?;
    log::start(
        config.section().log_file().as_deref(),
        log::level(config.section().log_level()),
    );
    for warning in config.warnings().iter().chain(&warnings) {
        tracing::warn!("{warning}");
    }
    carry_out(
        &Call::new(machine, config, file, binary.to_owned()),
        &environment,
        out,
    )
}

/// A node's file that cannot be read stops an ADD. Everything else goes on with what is known, and
/// a release that then knows too little is spooled.
fn with_node_file(
    config: NetworkConfig,
    variables: &impl Fn(&str) -> Option<String>,
    command: &Command,
) -> Result<(NetworkConfig, Option<NodeFile>, Vec<String>), CniError> {
    let environment = variables("ETCD_IPAM_CONFIG");
    match (
        NodeFile::find(config.configuration_path(), environment.as_deref()),
        command,
    ) {
        (Ok(search), _) => {
            let config = match &search.file {
                Some(file) => config.with_node_file(file),
                None => config,
            };
            Ok((config, search.file, search.warnings))
        }
        (Err(error), Command::Add(_)) => Err(error),
        (Err(error), _) => Ok((config, None, vec![error.to_string()])),
    }
}

fn carry_out(
    call: &Call<impl Machine>,
    environment: &Environment,
    out: &mut impl Write,
) -> Result<(), CniError> {
    // Whatever happens, the process ends: an orphan that answered late would do harm.
    let end = call.budget(budget::of(&environment.command)) + budget::GRACE;
    nix::unistd::alarm::set(
        u32::try_from(end.as_secs())
            .unwrap_or(u32::MAX)
            .saturating_add(1),
    );
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| CniError::new(Code::Io, error.to_string()))?;
    let result = runtime.block_on(verb::run(call, environment, out));
    // A name that is still being resolved must not keep the process.
    runtime.shutdown_background();
    result.inspect_err(|error| report(call, environment, error))
}

/// A failed call leaves one line in the log, because the runtime may not show what it was told.
fn report(call: &Call<impl Machine>, environment: &Environment, error: &CniError) {
    let target = environment.command.target();
    tracing::error!(
        command = %environment.command,
        network = call.config.name(),
        container = target.map(|target| target.container.as_str()),
        interface = target.map(|target| target.interface.as_str()),
        code = error.code().number(),
        details = Some(error.details()).filter(|details| !details.is_empty()),
        "{}",
        error.msg()
    );
}

fn print(out: &mut impl Write, answer: &str) -> Result<(), CniError> {
    let written = out.write_all(answer.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| CniError::new(Code::Io, format!("the answer: {error}")))
}

/// What a person sees who calls the plugin by hand, as the reference plugins do it.
fn about(binary: &str) {
    let versions = Version::ALL.map(Version::as_str).join(", ");
    let _ = writeln!(
        io::stderr(),
        "{binary} {}: a CNI IPAM plugin that allocates addresses in etcd.\n\
         A container runtime calls it with CNI_COMMAND set. CNI versions: {versions}",
        env!("CARGO_PKG_VERSION")
    );
}
