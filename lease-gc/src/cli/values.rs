//! What the values of flags must be like.

use std::fs;
use std::ops::RangeInclusive;
use std::time::Duration;

/// The longest wait. Beyond it, sums of times could overflow.
const LONGEST: Duration = Duration::from_hours(365 * 24);

/// What an election's lease may take. etcd grants none shorter than 2 s with its default election
/// timeout (`minTTL` of its lessor), and counts whole seconds.
const ELECTION_TTL: RangeInclusive<Duration> = Duration::from_secs(2)..=Duration::from_mins(10);

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text)
        .map_err(|error| format!("{error}; give a number with a unit, such as 15m or 0s"))?;
    if duration > LONGEST {
        return Err("it is longer than a year".to_owned());
    }
    Ok(duration)
}

pub(super) fn election_ttl(text: &str) -> Result<Duration, String> {
    let ttl = duration(text)?;
    if !ELECTION_TTL.contains(&ttl) || ttl.subsec_nanos() > 0 {
        return Err("it must be whole seconds, from 2s to 10m".to_owned());
    }
    Ok(ttl)
}

pub(super) fn ratio(text: &str) -> Result<f64, String> {
    let ratio: f64 = text.parse().map_err(|_| "it is not a number".to_owned())?;
    if !(0.0..=1.0).contains(&ratio) {
        return Err("it must be from 0 to 1; five per cent are 0.05".to_owned());
    }
    Ok(ratio)
}

/// The host's name, which in Kubernetes is the pod's, and a number that tells restarts apart.
pub(super) fn default_identity() -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = match host.trim() {
        "" => "lease-gc",
        host => host,
    };
    format!("{host}-{:08x}", rand::random::<u32>())
}
