//! `chaos`: proves the promises while etcd is being broken.

use std::process::ExitCode;

fn main() -> ExitCode {
    chaos_tests::cli::main()
}
