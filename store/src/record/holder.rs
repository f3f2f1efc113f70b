//! The value of an address key: who holds the address, or why nobody may.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{DamagedValue, LARGEST_VALUE, parse, to_json};
use crate::key;
use crate::names::Attachment;

/// What stands as an address key's value.
///
/// An attachment is written as its owner key's suffix. Everything else is a JSON object, whose `{`
/// sorts behind every character of an encoded name: sorted by value, whatever is not an attachment
/// comes last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A container's interface holds it.
    Attachment(Attachment),
    /// Nobody holds it, and it rests before somebody may.
    Cooldown(Cooldown),
    /// An operator keeps it for something else.
    Reservation(Reservation),
    /// An operator wants nobody to have it.
    Quarantine(Reservation),
}

/// An address that an operator keeps, and why. What is not said is empty: operators write such
/// values by hand, too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Who wants it so, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub owner: String,
    /// When it was made, by the operator's wall clock (RFC 3339).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub created: String,
    /// When it ends (RFC 3339); `None`: when an operator ends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// What a newer version added.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// How much the clocks of those who end a reservation may be ahead of its author's: as much as
/// Kerberos allows for (RFC 4120, section 1.6). Everybody's clock is right to within that, or has
/// worse consequences than a reservation which ends early.
const CLOCK_MARGIN: Duration = Duration::from_mins(5);

impl Reservation {
    /// Whether it ended before `now`, by more than clocks may differ. One whose end cannot be read
    /// does not end.
    pub fn is_over(&self, now: SystemTime) -> bool {
        let expires = self.expires.as_deref().map(humantime::parse_rfc3339);
        matches!(expires, Some(Ok(expires))
            if now.duration_since(expires).is_ok_and(|since| since > CLOCK_MARGIN))
    }
}

/// A released address that rests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cooldown {
    /// When it was released, by the releaser's wall clock (RFC 3339).
    pub released: String,
    /// How long it is to rest (seconds).
    pub cooldown_s: u64,
    /// Who held it: a holder's name.
    pub was: String,
}

impl Cooldown {
    /// Whether the rest has lasted more than twice its length at `now`, so that an ADD which finds
    /// nothing else may end it. Twice, because the two clocks may differ.
    pub fn is_long_over(&self, now: SystemTime) -> bool {
        let rest = Duration::from_secs(self.cooldown_s.saturating_mul(2));
        humantime::parse_rfc3339(&self.released)
            .is_ok_and(|released| now.duration_since(released).is_ok_and(|since| since > rest))
    }
}

/// The JSON form of a holder that is not an attachment.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum OtherHolder {
    Cooldown(Cooldown),
    Reservation(Reservation),
    Quarantine(Reservation),
}

impl Holder {
    /// Reads an address key's value.
    pub fn parse(value: &[u8]) -> Result<Self, DamagedValue> {
        if value.first() == Some(&b'{') {
            return Ok(match parse(value)? {
                OtherHolder::Cooldown(cooldown) => Self::Cooldown(cooldown),
                OtherHolder::Reservation(why) => Self::Reservation(why),
                OtherHolder::Quarantine(why) => Self::Quarantine(why),
            });
        }
        if value.len() > LARGEST_VALUE {
            return Err(DamagedValue::TooLarge(value.len()));
        }
        std::str::from_utf8(value)
            .ok()
            .and_then(key::parse_holder_name)
            .map(Self::Attachment)
            .ok_or_else(|| DamagedValue::Json(serde::de::Error::custom("not a holder's name")))
    }

    /// The value to write.
    pub fn into_value(self) -> String {
        to_json(&match self {
            Self::Attachment(attachment) => return key::holder_name(&attachment),
            Self::Cooldown(cooldown) => OtherHolder::Cooldown(cooldown),
            Self::Reservation(why) => OtherHolder::Reservation(why),
            Self::Quarantine(why) => OtherHolder::Quarantine(why),
        })
    }

    /// Whether it ended so long ago that anybody who needs the address may end it.
    pub fn is_long_over(&self, now: SystemTime) -> bool {
        match self {
            Self::Attachment(_) => false,
            Self::Cooldown(cooldown) => cooldown.is_long_over(now),
            Self::Reservation(why) | Self::Quarantine(why) => why.is_over(now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_not_an_attachment_sorts_behind_all_attachments() {
        let cooldown = Holder::Cooldown(Cooldown {
            released: "2026-11-20T12:00:00Z".into(),
            cooldown_s: 60,
            was: "zzz/z/z/z/z".into(),
        })
        .into_value();
        assert!(cooldown.as_str() > "zzz/z/z/z/z");
        assert!(matches!(
            Holder::parse(cooldown.as_bytes()),
            Ok(Holder::Cooldown(_))
        ));
    }

    #[test]
    fn a_rest_is_long_over_after_twice_its_length() {
        let cooldown = Cooldown {
            released: "2026-11-20T12:00:00Z".into(),
            cooldown_s: 60,
            was: String::new(),
        };
        let at = |text| humantime::parse_rfc3339(text).unwrap();
        assert!(!cooldown.is_long_over(at("2026-11-20T12:02:00Z")));
        assert!(cooldown.is_long_over(at("2026-11-20T12:02:01Z")));
        assert!(!cooldown.is_long_over(at("2026-11-20T11:00:00Z")));
    }

    #[test]
    fn a_holder_reads_back() {
        let attachment = key::parse_holder_name("default/n/net/c/eth0").unwrap();
        let mut why = Reservation {
            reason: "printers".into(),
            owner: "ann".into(),
            created: "2026-11-20T12:00:00Z".into(),
            expires: None,
            other: Map::new(),
        };
        why.other.insert("ticket".into(), 7.into());
        for holder in [
            Holder::Attachment(attachment),
            Holder::Reservation(why.clone()),
            Holder::Quarantine(why),
        ] {
            let value = holder.clone().into_value();
            assert_eq!(Holder::parse(value.as_bytes()).unwrap(), holder);
        }
    }

    #[test]
    fn a_reservation_is_over_when_no_clock_can_say_otherwise() {
        let until = |expires: Option<&str>| Reservation {
            expires: expires.map(str::to_owned),
            ..Reservation::default()
        };
        let at = |text| humantime::parse_rfc3339(text).unwrap();
        let noon = until(Some("2026-11-20T12:00:00Z"));
        assert!(!noon.is_over(at("2026-11-20T11:00:00Z")));
        assert!(!noon.is_over(at("2026-11-20T12:05:00Z")));
        assert!(noon.is_over(at("2026-11-20T12:05:01Z")));
        for never in [until(None), until(Some("soon")), until(Some(""))] {
            assert!(!never.is_over(at("2999-01-01T00:00:00Z")), "{never:?}");
        }
    }
}
