//! The one error that a runtime gets to see.

use std::borrow::Cow;

use serde_json::json;

use super::version::Version;

/// What kind of failure it is.
///
/// CNI specification, section 5, "Error": 1 to 99 are the specification's, 100 and more are ours.
/// Code 3 is missing on purpose: it tells a runtime that no DEL is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// 1: the configuration's `cniVersion` is not supported, or too old for the verb.
    IncompatibleVersion,
    /// 4: an environment variable is missing or wrong.
    InvalidEnvironment,
    /// 5: a local file or a pipe failed.
    Io,
    /// 6: what should be JSON is not, or has the wrong type.
    Decode,
    /// 7: the network's configuration cannot work.
    InvalidConfig,
    /// 11: it may work later.
    TryAgain,
    /// 50: STATUS: the plugin cannot serve an ADD.
    NotAvailable,
    /// 100: the range has no free address.
    Exhausted,
    /// 101: the requested address is held by somebody else.
    Taken,
    /// 102: the requested address lies outside every range.
    OutsideRanges,
    /// 103: the store was never initialised.
    StoreNotInitialised,
    /// 104: the store was restored from an older snapshot, or is another one.
    StoreRestored,
    /// 105: an operator or a recovery has frozen the store.
    StoreFrozen,
    /// 106: CHECK: the allocation is missing.
    AllocationMissing,
}

impl Code {
    /// The number on the wire.
    pub const fn number(self) -> u32 {
        match self {
            Self::IncompatibleVersion => 1,
            Self::InvalidEnvironment => 4,
            Self::Io => 5,
            Self::Decode => 6,
            Self::InvalidConfig => 7,
            Self::TryAgain => 11,
            Self::NotAvailable => 50,
            Self::Exhausted => 100,
            Self::Taken => 101,
            Self::OutsideRanges => 102,
            Self::StoreNotInitialised => 103,
            Self::StoreRestored => 104,
            Self::StoreFrozen => 105,
            Self::AllocationMissing => 106,
        }
    }
}

/// A failure: what was wrong, with which value, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{msg}{}{details}", if details.is_empty() { "" } else { ": " })]
pub struct CniError {
    code: Code,
    msg: String,
    details: String,
}

impl CniError {
    /// A failure of that kind, in one sentence.
    pub fn new(code: Code, msg: impl Into<String>) -> Self {
        Self {
            code,
            msg: reword(msg.into()),
            details: String::new(),
        }
    }

    /// Adds what helps whoever has to repair it.
    #[must_use]
    pub fn with_details(mut self, details: impl Into<String>) -> Self {
        self.details = reword(details.into());
        self
    }

    /// A failure of code 7.
    pub(crate) fn config(msg: impl Into<String>) -> Self {
        Self::new(Code::InvalidConfig, msg)
    }

    /// A failure of code 6.
    pub(crate) fn decode(msg: impl Into<String>) -> Self {
        Self::new(Code::Decode, msg)
    }

    /// The kind of failure.
    pub const fn code(&self) -> Code {
        self.code
    }

    /// What was wrong.
    pub fn msg(&self) -> &str {
        &self.msg
    }

    /// What helps to repair it; may be empty.
    pub fn details(&self) -> &str {
        &self.details
    }

    /// The JSON object for standard output. `None` where the configuration's version is unknown.
    pub fn to_json(&self, version: Option<Version>) -> String {
        json!({
            "cniVersion": version.unwrap_or(Version::LATEST).as_str(),
            "code": self.code.number(),
            "msg": self.msg,
            "details": self.details,
        })
        .to_string()
    }
}

/// Phrases that make containerd and Multus take a failed DEL for a success, and what to say instead.
const MISREAD: [(&str, &str); 2] = [
    ("not found", "missing"),
    ("no such file or directory", "the file is missing"),
];

/// Keeps the misread phrases out of a message, wherever its parts come from.
fn reword(text: String) -> String {
    MISREAD.iter().fold(text, |text, (phrase, instead)| {
        let mut rest = text.as_str();
        let mut reworded = Cow::Borrowed("");
        while let Some(at) = rest.to_ascii_lowercase().find(phrase) {
            let (before, found) = rest.split_at(at);
            reworded.to_mut().push_str(before);
            reworded.to_mut().push_str(instead);
            rest = found.get(phrase.len()..).unwrap_or_default();
        }
        reworded.into_owned() + rest
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_error_is_one_object_with_an_unsigned_code() {
        let error = CniError::new(Code::Exhausted, "full").with_details("10 of 10");
        let json: serde_json::Value =
            serde_json::from_str(&error.to_json(Some(Version::V0_3_1))).unwrap();
        assert_eq!(
            json,
            json!({"cniVersion": "0.3.1", "code": 100, "msg": "full", "details": "10 of 10"})
        );
    }

    #[test]
    fn a_message_never_reads_as_if_there_were_nothing_to_release() {
        let error = CniError::new(Code::Io, "/etc/x: No such file or directory (os error 2)")
            .with_details("key Not Found, not found");
        assert_eq!(
            error.to_string(),
            "/etc/x: the file is missing (os error 2): key missing, missing"
        );
    }

    proptest! {
        #[test]
        fn no_text_survives_with_a_misread_phrase(text in "(not found|No such file or directory|[a-zé ]){0,5}") {
            let msg = CniError::new(Code::Io, text).msg().to_ascii_lowercase();
            prop_assert!(MISREAD.iter().all(|(phrase, _)| !msg.contains(phrase)), "{msg}");
        }
    }
}
