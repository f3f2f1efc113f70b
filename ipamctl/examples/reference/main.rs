//! Prints the reference of `ipamctl`: `docs/reference/ipamctl.md`.

mod markdown;

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    write!(std::io::stdout(), "{}", markdown::reference())
}
