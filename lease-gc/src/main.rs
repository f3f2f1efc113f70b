//! The binary `lease-gc`: everything is in the library, where tests reach it.

use std::process::ExitCode;

use lease_gc::cli::Cli;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = match Cli::load(std::env::args_os(), |name| std::env::var_os(name)) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    if let Err(error) = lease_gc::log::start(cli.tell.log_format, cli.tell.log_level) {
        eprintln!("lease-gc: the log cannot be started: {error}");
        return ExitCode::FAILURE;
    }
    lease_gc::run::run(cli).await
}
