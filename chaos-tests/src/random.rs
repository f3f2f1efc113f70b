//! Random choices that a failed test can be repeated with.

use rand::SeedableRng as _;
use rand::rngs::StdRng;

/// A generator, seeded from `CHAOS_SEED` or anew. Prints the seed, which libtest shows when the
/// test fails.
#[expect(
    clippy::print_stdout,
    reason = "libtest captures standard output and shows it when the test fails"
)]
pub fn seeded() -> StdRng {
    let seed = std::env::var("CHAOS_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(rand::random);
    println!("CHAOS_SEED={seed}");
    StdRng::seed_from_u64(seed)
}
