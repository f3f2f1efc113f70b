//! Prints the JSON Schema of the `ipam` section.

use std::io::Write;

fn main() -> std::io::Result<()> {
    let schema = ipam_plugin::config::ipam_schema();
    writeln!(std::io::stdout(), "{schema:#}")
}
