//! Who types.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

/// Whom records name as their author: `user@host`, as far as the machine tells.
pub fn name() -> String {
    let user = ["SUDO_USER", "USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| {
            let user = std::env::var(name).ok()?;
            (!user.is_empty()).then_some(user)
        });
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let user = user.unwrap_or_else(number);
    join(&user, host.trim())
}

/// The user whose process this is.
fn number() -> String {
    let process = fs::metadata("/proc/self");
    process.map_or_else(
        |_| "unknown".to_owned(),
        |process| format!("uid-{}", process.uid()),
    )
}

fn join(user: &str, host: &str) -> String {
    if host.is_empty() {
        user.to_owned()
    } else {
        format!("{user}@{host}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_is_not_known_is_left_out() {
        assert_eq!(join("ann", "ops-1"), "ann@ops-1");
        assert_eq!(join("ann", ""), "ann");
    }

    #[test]
    fn a_process_has_a_number_where_it_has_no_name() {
        assert!(number().starts_with("uid-"), "{}", number());
    }
}
