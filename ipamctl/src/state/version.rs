//! Which versions of etcd this program is made for.

use serde::Serialize;

/// The series of etcd that the tests run on: the first and the last.
const SUPPORTED: [[u32; 2]; 2] = [[3, 4], [3, 6]];

/// Whether a version of etcd is one that this program is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Support {
    /// It is.
    Supported,
    /// It lacks something that is needed.
    TooOld,
    /// Nobody has tried it.
    TooNew,
    /// It cannot be read.
    Unknown,
}

impl Support {
    /// Of a version such as `3.5.30`.
    pub fn of(version: &str) -> Self {
        let [first, last] = SUPPORTED;
        match parse(version) {
            None => Self::Unknown,
            Some([major, minor, _]) if [major, minor] < first => Self::TooOld,
            Some([major, minor, _]) if [major, minor] > last => Self::TooNew,
            Some(_) => Self::Supported,
        }
    }
}

/// Major, minor and patch of a version; what stands behind the patch does not count.
pub(crate) fn parse(version: &str) -> Option<[u32; 3]> {
    let mut parts = version.splitn(3, '.');
    let mut number = || {
        let part = parts.next()?;
        let digits = part.split(|character: char| !character.is_ascii_digit());
        digits.into_iter().next()?.parse().ok()
    };
    Some([number()?, number()?, number()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_from_3_4_to_3_6_are_supported() {
        for (version, support) in [
            ("3.3.27", Support::TooOld),
            ("2.9.0", Support::TooOld),
            ("3.4.0", Support::Supported),
            ("3.5.30", Support::Supported),
            ("3.6.0-rc.4", Support::Supported),
            ("3.7.1", Support::TooNew),
            ("4.0.0", Support::TooNew),
            ("3.5", Support::Unknown),
            ("", Support::Unknown),
            ("new", Support::Unknown),
        ] {
            assert_eq!(Support::of(version), support, "{version}");
        }
    }
}
