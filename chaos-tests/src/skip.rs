//! Tests that cannot run here say so; they never pass in silence.

use std::process::{Command, Stdio};

/// Prints the line that `make test` counts as a skipped test. The caller returns afterwards.
#[expect(
    clippy::print_stdout,
    reason = "libtest captures standard output and shows it under the test's name"
)]
pub fn skipped(test: &str, reason: &str) {
    println!("skipped: {test}: {reason}");
}

/// Whether one of these programs is missing here; then the test is skipped, and that was said.
pub fn lacks(test: &str, programs: &[&str]) -> bool {
    let missing = programs.iter().find(|program| {
        let mut command = Command::new("sh");
        command
            .args(["-c", "command -v \"$0\"", program])
            .stdout(Stdio::null());
        !command.status().is_ok_and(|status| status.success())
    });
    if let Some(program) = missing {
        skipped(test, &format!("no {program} is installed"));
    }
    missing.is_some()
}
