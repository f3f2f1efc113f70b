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

/// Sixteen random bytes in hexadecimal.
pub fn hex() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// A random UUID (version 4), as Kubernetes gives one to every object.
pub fn uuid() -> String {
    uuid_of(rand::random())
}

/// A UUID of the form of version 4 with these bits.
pub fn uuid_of(bits: u128) -> String {
    let text = format!(
        "{:032x}",
        bits & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62)
    );
    let mut rest = text.as_str();
    let parts = [8, 4, 4, 4, 12].map(|length| {
        let (part, after) = rest.split_at_checked(length).unwrap_or_default();
        rest = after;
        part
    });
    parts.join("-")
}
