//! Judges what happened: were the promises kept?
//!
//! A checker reads a history ([`crate::history`]) and nothing else, so that both legs are judged by the
//! same code. It knows what is documented of the programs, above all the layout of their keys, and nothing
//! of how they are made.
//!
//! Three things it must bear in mind. A container has its addresses at least from its `Up` to its `Down`.
//! In the simulation a commit stands where it happened; a real etcd's log is seen later, so that what was
//! seen before something happened before it, but not the other way round. And a restored store brings back
//! an earlier line of history: what lived then lives again, by nobody's doing.
//!
//! What each checker is for, and which planted bugs it must find, stands in `docs/chaos.md`.

mod acknowledged;
mod closed;
mod evidence;
mod explained;
pub mod facts;
mod fencing;
mod holding;
mod index;
mod leaks;
mod lifetimes;
mod liveness;
mod order;
mod probes;
mod processes;
mod ranges;
mod released;
mod rests;
mod schema;
mod validity;

#[cfg(test)]
pub(crate) mod tests;

use std::fmt;

use serde::Serialize;

use self::facts::{Facts, Moment, Place, Who};
use crate::history::History;

/// The most violations that one checker tells of; one bug can break a promise a thousand times.
const MOST: usize = 50;

/// What the checkers say of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// In one word.
    pub finish: Finish,
    /// How many calls of the plugin were acknowledged.
    acknowledged: u64,
    /// Every promise that was broken, in the order of the checkers.
    pub violations: Vec<Violation>,
    /// How many more there are than are told of.
    pub more: usize,
    /// Why the run says nothing, where it does.
    pub void: Vec<String>,
}

impl Verdict {
    /// How many calls of the plugin were acknowledged.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged
    }
}

/// What a run shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// Enough happened, and no promise was broken.
    Passed,
    /// A promise was broken.
    Failed,
    /// Nothing: not enough happened, or not all of it is known.
    Void,
}

/// A promise was broken.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Violation {
    /// The checker that says so.
    pub check: &'static str,
    /// The number of the event at which it shows.
    pub event: usize,
    /// The time of that event (milliseconds).
    pub at: u64,
    /// What happened.
    pub what: String,
    /// The attachment, as a holder's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attachment: Option<String>,
    /// The address, after its space.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The store's revision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<i64>,
}

/// One checker.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// Its name, in verdicts and in `docs/chaos.md`.
    pub name: &'static str,
    /// What it holds the run to.
    pub promise: &'static str,
    /// Whether it means nothing where etcd's log is not known in full.
    reads_log: bool,
    run: fn(&Facts<'_>, &mut Found),
}

/// All checkers, in the order in which they are told of.
pub const CHECKS: &[Check] = &[
    Check {
        name: "lifetimes",
        promise: "no two containers have one address at the same time",
        reads_log: false,
        run: lifetimes::check,
    },
    Check {
        name: "probes",
        promise: "on the wire one container answers for an address, and none that is gone",
        reads_log: false,
        run: probes::check,
    },
    Check {
        name: "holding",
        promise: "a container's addresses are held in the store for it as long as it has them",
        reads_log: true,
        run: holding::check,
    },
    Check {
        name: "acknowledged",
        promise: "an ADD that succeeded has written a record with these addresses; a CHECK saw one",
        reads_log: true,
        run: acknowledged::check,
    },
    Check {
        name: "released",
        promise: "a DEL that succeeded has released, or, where etcd fails, has left a release in the node's spool",
        reads_log: true,
        run: released::check,
    },
    Check {
        name: "explained",
        promise: "no record comes without an ADD or goes without a release",
        reads_log: true,
        run: explained::check,
    },
    Check {
        name: "order",
        promise: "what was acknowledged is seen by everybody who asks later",
        reads_log: true,
        run: order::check,
    },
    Check {
        name: "index",
        promise: "at every revision records name exactly the addresses that are held for them",
        reads_log: true,
        run: index::check,
    },
    Check {
        name: "schema",
        promise: "every key and value is spelled as documented",
        reads_log: true,
        run: schema::check,
    },
    Check {
        name: "fencing",
        promise: "a collector releases only while the election key is its own",
        reads_log: true,
        run: fencing::check,
    },
    Check {
        name: "evidence",
        promise: "a collector releases only what is dead, for reasons that are true",
        reads_log: true,
        run: evidence::check,
    },
    Check {
        name: "ranges",
        promise: "every address lies in a configured range, and is none that may not be given out",
        reads_log: true,
        run: ranges::check,
    },
    Check {
        name: "rests",
        promise: "between two holders an address rests for the cool-down",
        reads_log: true,
        run: rests::check,
    },
    Check {
        name: "closed",
        promise: "no address is given out by a frozen store, or by one from the past; collectors free nothing in a \
                  frozen one",
        reads_log: true,
        run: closed::check,
    },
    Check {
        name: "liveness",
        promise: "once all faults are over, ADD succeeds soon and somebody leads",
        reads_log: true,
        run: liveness::check,
    },
    Check {
        name: "leaks",
        promise: "at the end the store holds what the containers have, and nothing else",
        reads_log: true,
        run: leaks::check,
    },
    Check {
        name: "processes",
        promise: "no process panics, outlives its budget, stays behind, leaks files or answers nonsense",
        reads_log: false,
        run: processes::check,
    },
];

/// Judges a run.
pub fn check(history: &History) -> Verdict {
    let Some(facts) = Facts::new(history) else {
        return Verdict {
            finish: Finish::Void,
            acknowledged: 0,
            violations: Vec::new(),
            more: 0,
            void: vec!["the history does not begin with what the run is".to_owned()],
        };
    };
    let void = validity::reasons(&facts);
    let log_is_whole = facts.lives.gaps.is_empty();
    let mut found = Found::default();
    for check in CHECKS {
        if log_is_whole || !check.reads_log {
            found.begin(check.name);
            (check.run)(&facts, &mut found);
        }
    }
    let finish = match (found.violations.is_empty(), void.is_empty()) {
        (false, _) => Finish::Failed,
        (true, false) => Finish::Void,
        (true, true) => Finish::Passed,
    };
    Verdict {
        finish,
        acknowledged: facts.acknowledged(),
        violations: found.violations,
        more: found.more,
        void,
    }
}

/// What checkers have found.
#[derive(Default)]
struct Found {
    check: &'static str,
    told: usize,
    violations: Vec<Violation>,
    more: usize,
}

impl Found {
    fn begin(&mut self, check: &'static str) {
        (self.check, self.told) = (check, 0);
    }

    fn push(&mut self, violation: Violation) {
        if self.told == MOST {
            self.more += 1;
            return;
        }
        self.told += 1;
        self.violations.push(Violation {
            check: self.check,
            ..violation
        });
    }
}

impl Violation {
    fn new(moment: Moment, what: impl Into<String>) -> Self {
        Self {
            check: "",
            event: moment.event,
            at: moment.at,
            what: what.into(),
            attachment: None,
            address: None,
            revision: None,
        }
    }

    fn of(mut self, facts: &Facts<'_>, who: Who) -> Self {
        self.attachment = Some(facts.names.name(who));
        self
    }

    fn at(mut self, facts: &Facts<'_>, place: Place) -> Self {
        let (space, address) = facts.names.addresses[place];
        self.address = Some(format!("{space}/{address}"));
        self
    }

    fn revision(mut self, revision: i64) -> Self {
        self.revision = Some(revision);
        self
    }
}

impl fmt::Display for Finish {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Void => "void",
        })
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            check, event, at, ..
        } = self;
        write!(out, "{check}: event {event} at {at} ms: {}", self.what)?;
        if let Some(address) = &self.address {
            write!(out, "; address {address}")?;
        }
        if let Some(attachment) = &self.attachment {
            write!(out, "; attachment {attachment}")?;
        }
        match self.revision {
            Some(revision) => write!(out, "; revision {revision}"),
            None => Ok(()),
        }
    }
}
