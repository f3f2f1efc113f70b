//! Tests that cannot run here say so; they never pass in silence.

/// Prints the line that `make test` counts as a skipped test. The caller returns afterwards.
#[expect(
    clippy::print_stdout,
    reason = "libtest captures standard output and shows it under the test's name"
)]
pub fn skipped(test: &str, reason: &str) {
    println!("skipped: {test}: {reason}");
}
