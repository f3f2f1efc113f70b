//! `ipamctl`: what an operator types to see and to care for the allocations of `etcd-ipam`.
//!
//! Each command is a file of [`command`]; it reads the store, and says what it found through
//! [`output::Output`].

pub mod access;
pub mod cli;
pub mod command;
pub mod config;
pub mod output;
pub mod text;

#[cfg(test)]
mod testing;

use std::io::Write;
use std::process::ExitCode;

use crate::cli::Cli;
use crate::output::{Output, is_closed_pipe};

/// Does what the command line says. Results go to `out`, everything else to `err`.
///
/// The exit status is 0 if it was done and 1 if not. Who closes `out` early has seen enough: that
/// is no failure.
pub async fn run(cli: &Cli, out: &mut dyn Write, err: &mut dyn Write) -> ExitCode {
    let mut output = Output::new(cli.output, out, err);
    match Box::pin(command::run(cli, &mut output)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output.error(&error);
            ExitCode::FAILURE
        }
    }
}
