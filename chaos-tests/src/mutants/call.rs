//! Bugs between the plugin and whoever calls it: what it makes of its configuration, and of its own failure. No
//! input or output.

use serde_json::Value;

use super::Mutant;

/// A network's configuration as the bug reads it.
pub fn misread(mutant: Option<Mutant>, config: String) -> String {
    if mutant != Some(Mutant::ExcludesIgnored) {
        return config;
    }
    let Ok(mut read) = serde_json::from_str::<Value>(&config) else {
        return config;
    };
    let ranges = read["ipam"]["ipRanges"].as_array_mut();
    for range in ranges
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
    {
        range.remove("exclude");
    }
    read.to_string()
}

/// Whether an ADD that fails is followed by a DEL of its attachment.
pub fn failed_add_releases(mutant: Option<Mutant>) -> bool {
    mutant == Some(Mutant::FailedAddReleases)
}
