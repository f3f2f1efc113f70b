//! The binary `etcd-ipam`: see the library of this package.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use ipam_plugin::local::machine::Linux;

fn main() -> ExitCode {
    let program = std::env::args_os().next().unwrap_or_default();
    let binary = Path::new(&program)
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let variables = |name: &str| std::env::var(name).ok();
    ipam_plugin::run(
        Linux::start(),
        &binary,
        variables,
        io::stdin().lock(),
        io::stdout().lock(),
    )
}
