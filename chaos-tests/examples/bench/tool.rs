//! Other programs that watch a call.

use std::process::{Command, Stdio};

/// Whether a program can be run here.
pub(crate) fn is_here(program: &str) -> bool {
    let mut command = Command::new("sh");
    command
        .args(["-c", "command -v \"$0\"", program])
        .stdout(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
