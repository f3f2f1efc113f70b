//! Leases.

use std::time::Duration;

use super::{ELECTION_TIMEOUT, Model, Refused};

/// The shortest lease that is granted: one and a half election timeouts, in whole seconds.
const SHORTEST: Duration = Duration::from_secs(2);
/// The longest, in seconds.
const LONGEST: u64 = 9_000_000_000;

/// A lease that was granted and has not been revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    ttl: Duration,
    ends: Duration,
}

impl Model {
    /// Grants a lease, and says its number.
    pub fn grant(&mut self, ttl: Duration, now: Duration) -> Result<i64, Refused> {
        if self.out_of_space {
            return Err(Refused::NoSpace);
        }
        if ttl.as_secs() > LONGEST {
            return Err(Refused::LeaseTooLong);
        }
        let ttl = ttl.max(SHORTEST);
        let number = self.next_lease;
        self.next_lease += 1;
        let ends = now + ttl;
        self.leases.insert(number, Lease { ttl, ends });
        Ok(number)
    }

    /// Lets the next lease that is granted have this number.
    pub const fn number_next_lease(&mut self, number: i64) {
        self.next_lease = number;
    }

    /// Lets a lease begin anew: `false` if it has ended.
    pub fn keep_alive(&mut self, number: i64, now: Duration) -> bool {
        match self.leases.get_mut(&number) {
            // One that has expired and is not yet revoked comes back no more.
            Some(lease) if lease.ends > now => {
                lease.ends = now + lease.ttl;
                true
            }
            _ => false,
        }
    }

    /// Ends a lease, and deletes the keys that hang on it, at one revision.
    pub fn revoke(&mut self, number: i64) -> Result<(), Refused> {
        self.leases.remove(&number).ok_or(Refused::NoLease)?;
        let hanging = self.keys.iter().filter(|(_, kept)| kept.lease == number);
        let hanging: Vec<_> = hanging.map(|(key, _)| key.clone()).collect();
        let mut changes = Vec::new();
        for key in hanging {
            self.delete(&key, &mut changes);
        }
        self.commit(changes);
        Ok(())
    }

    /// When the first lease ends.
    pub fn next_end_of_a_lease(&self) -> Option<Duration> {
        self.leases.values().map(|lease| lease.ends).min()
    }

    /// Revokes the leases that have ended by now.
    pub fn expire(&mut self, now: Duration) {
        let ended = self.leases.iter().filter(|(_, lease)| lease.ends <= now);
        let ended: Vec<_> = ended.map(|(number, _)| *number).collect();
        for number in ended {
            let _ = self.revoke(number);
        }
    }

    /// Lets every lease begin anew, as a new leader does.
    pub(super) fn renew_leases(&mut self, now: Duration) {
        for lease in self.leases.values_mut() {
            lease.ends = now + ELECTION_TIMEOUT + lease.ttl;
        }
    }
}
