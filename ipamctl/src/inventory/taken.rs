//! What is shown of a taken address.

use std::time::{Duration, SystemTime};

use serde::{Serialize, Serializer};

use super::{State, Subject};

/// A taken address and all that is known of it. The fields' names are those of the JSON.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Taken<'a> {
    /// Which, and whose.
    #[serde(flatten)]
    pub subject: Subject<'a>,
    /// The length of its network's prefix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<u8>,
    /// The gateway that was handed out with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<&'a str>,
    /// Why it is not free.
    pub state: State,
    /// The kind of its record, if it is of a newer version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'a str>,
    /// Why an operator keeps it.
    #[serde(flatten)]
    pub why: Option<Why<'a>>,
    /// How it rests.
    #[serde(flatten)]
    pub rest: Option<Rest<'a>>,
    /// When it was taken (RFC 3339), as it is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<&'a str>,
    /// How long it has been as it is.
    #[serde(rename = "age_seconds", serialize_with = "seconds")]
    pub age: Option<Duration>,
    /// The version of the program that wrote its record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugin: Option<&'a str>,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<&'a str>,
}

/// Why an operator keeps an address.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Why<'a> {
    /// For people.
    pub reason: &'a str,
    /// Who wants it so.
    pub owner: &'a str,
    /// When it ends (RFC 3339); `None`: when an operator ends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<&'a str>,
}

/// How a released address rests.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Rest<'a> {
    /// When it was released (RFC 3339).
    pub released: &'a str,
    /// How long it is to rest.
    pub cooldown_seconds: u64,
}

impl<'a> Taken<'a> {
    /// An address of which nothing else is known.
    pub(super) const fn new(subject: Subject<'a>, state: State) -> Self {
        Self {
            subject,
            prefix: None,
            gateway: None,
            state,
            kind: None,
            why: None,
            rest: None,
            created: None,
            age: None,
            plugin: None,
            problem: None,
        }
    }

    /// Taken at this time.
    pub(super) fn created(self, created: &'a str, now: SystemTime) -> Self {
        Self {
            created: Some(created),
            age: since(created, now),
            ..self
        }
    }

    /// Released at this time.
    pub(super) fn resting(self, released: &'a str, cooldown_s: u64, now: SystemTime) -> Self {
        Self {
            rest: Some(Rest {
                released,
                cooldown_seconds: cooldown_s,
            }),
            age: since(released, now),
            ..self
        }
    }

    /// Named by a record and by no key.
    pub(super) fn lost(self, problem: &'a str) -> Self {
        Self {
            state: State::Lost,
            problem: Some(problem),
            ..self
        }
    }
}

/// How long ago that was. A clock that is ahead says that it was just now.
fn since(then: &str, now: SystemTime) -> Option<Duration> {
    let then = humantime::parse_rfc3339(then).ok()?;
    Some(now.duration_since(then).unwrap_or_default())
}

#[expect(clippy::ref_option, reason = "serde asks for this signature")]
fn seconds<S: Serializer>(age: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    age.map(|age| age.as_secs()).serialize(serializer)
}
