//! `ipamctl`: what an operator types to see and to care for the allocations of `etcd-ipam`.
//!
//! Each command is a file of [`command`]; it reads the store, and says what it found through
//! [`output::Output`].

pub mod access;
pub mod archive;
pub mod arguments;
pub mod audit;
pub mod cli;
pub mod command;
pub mod config;
pub mod inventory;
pub mod network;
pub mod operator;
pub mod output;
pub mod pods;
pub mod state;
pub mod text;

#[cfg(test)]
mod testing;

use std::process::ExitCode;

use crate::cli::Cli;
use crate::command::Verdict;
use crate::output::{Output, is_closed_pipe};

/// The exit status of a command that was carried out and whose answer is no.
const NEGATIVE: u8 = 3;

/// Does what the command line says.
///
/// The exit status is 0 if it was done, 3 if it was and the answer is no ([`Verdict::Negative`]),
/// and 1 if it could not be done. Who closes standard output early has seen enough: that is no
/// failure.
pub async fn run(cli: &Cli, mut output: Output<'_>) -> ExitCode {
    match Box::pin(command::run(cli, &mut output)).await {
        Ok(Verdict::Done) => ExitCode::SUCCESS,
        Ok(Verdict::Negative) => ExitCode::from(NEGATIVE),
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output.error(&error);
            ExitCode::FAILURE
        }
    }
}
