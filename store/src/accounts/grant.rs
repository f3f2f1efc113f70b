//! What a role allows.

use serde::Serialize;

use crate::key::KeyRange;

/// The range end that means "to the last key" (etcd documentation, "Role").
const LAST: &str = "\0";

/// What may be done with keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Read them.
    Read,
    /// Write and delete them, unseen.
    Write,
    /// Both.
    ReadWrite,
}

impl Access {
    /// As etcdctl calls it.
    const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::ReadWrite => "readwrite",
        }
    }

    fn includes(self, other: Self) -> bool {
        self == Self::ReadWrite || self == other
    }
}

/// A permission of a role: some access to one key or to a stretch of keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Grant {
    /// What may be done.
    pub access: Access,
    /// The key, or the first of the stretch.
    pub key: String,
    /// The first key past the stretch; `None` for one key.
    pub end: Option<String>,
}

impl Grant {
    /// To read a stretch.
    pub(super) fn read(stretch: KeyRange) -> Self {
        Self {
            access: Access::Read,
            key: stretch.start,
            end: Some(stretch.end),
        }
    }

    /// To read and write a stretch.
    pub(super) fn write(stretch: KeyRange) -> Self {
        Self {
            access: Access::ReadWrite,
            ..Self::read(stretch)
        }
    }

    /// To read and write one key.
    pub(super) const fn write_key(key: String) -> Self {
        Self {
            access: Access::ReadWrite,
            key,
            end: None,
        }
    }

    /// Whether it is over the very same keys.
    pub(super) fn is_over(&self, other: &Self) -> bool {
        self.key == other.key && self.end == other.end
    }

    /// Whether the other one adds nothing to it, of those over the same keys.
    pub(super) fn includes(&self, other: &Self) -> bool {
        self.is_over(other) && self.access.includes(other.access)
    }

    /// What `etcdctl role grant-permission` takes behind the role's name.
    pub(super) fn arguments(&self) -> String {
        let access = self.access.name();
        match self.stretch() {
            Stretch::Key => format!("{access} {}", quoted(&self.key)),
            Stretch::Prefix => format!("{access} --prefix {}", quoted(&self.key)),
            Stretch::From => format!("{access} --from-key {}", quoted(&self.key)),
            Stretch::To(end) => format!("{access} {} {}", quoted(&self.key), quoted(end)),
        }
    }

    /// What `etcdctl role revoke-permission` takes behind the role's name.
    pub(super) fn keys(&self) -> String {
        match self.stretch() {
            Stretch::Key => quoted(&self.key),
            Stretch::Prefix => format!("--prefix {}", quoted(&self.key)),
            Stretch::From => format!("--from-key {}", quoted(&self.key)),
            Stretch::To(end) => format!("{} {}", quoted(&self.key), quoted(end)),
        }
    }

    fn stretch(&self) -> Stretch<'_> {
        match self.end.as_deref() {
            None => Stretch::Key,
            Some(LAST) => Stretch::From,
            Some(end) if *end == end_of_prefix(&self.key) => Stretch::Prefix,
            Some(end) => Stretch::To(end),
        }
    }
}

/// How etcdctl names the keys of a grant.
enum Stretch<'a> {
    Key,
    Prefix,
    From,
    To(&'a str),
}

/// The first key that does not begin with `prefix` any more.
fn end_of_prefix(prefix: &str) -> String {
    let mut end = prefix.to_owned();
    let last = end.pop().map(u32::from);
    let next = last.and_then(|last| char::from_u32(last + 1));
    end.extend(next);
    end
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/%@:".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    // The key before all others stands for "" in etcd.
    let word = if word == LAST { "" } else { word };
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(key: &str, end: Option<&str>) -> Grant {
        Grant {
            access: Access::ReadWrite,
            key: key.to_owned(),
            end: end.map(str::to_owned),
        }
    }

    #[test]
    fn keys_are_named_as_etcdctl_takes_them() {
        for (key, end, named) in [
            ("/p/v1/meta/freeze", None, "/p/v1/meta/freeze"),
            ("/p/v1/addr/", Some("/p/v1/addr0"), "--prefix /p/v1/addr/"),
            ("/p", Some("/q"), "--prefix /p"),
            ("/p/a", Some("/p/c"), "/p/a /p/c"),
            ("/p", Some("\0"), "--from-key /p"),
            ("\0", Some("\0"), "--from-key ''"),
            ("/it's", None, r"'/it'\''s'"),
            ("/a b/", Some("/a b0"), "--prefix '/a b/'"),
        ] {
            assert_eq!(grant(key, end).keys(), named);
            assert_eq!(grant(key, end).arguments(), format!("readwrite {named}"));
        }
    }
}
