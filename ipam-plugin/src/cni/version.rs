//! The versions of the CNI specification.

use std::fmt;

use store::address::Family;
use store::claim::Claim;

use super::command::Command;
use super::error::{CniError, Code};

/// A version of the specification, in order of age.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// 0.1.0, which is also meant where no version is given.
    #[default]
    V0_1_0,
    /// 0.2.0.
    V0_2_0,
    /// 0.3.0: a list of addresses.
    V0_3_0,
    /// 0.3.1.
    V0_3_1,
    /// 0.4.0: CHECK.
    V0_4_0,
    /// 1.0.0.
    V1_0_0,
    /// 1.1.0: GC and STATUS.
    V1_1_0,
}

impl Version {
    /// Every version, oldest first.
    pub const ALL: [Self; 7] = [
        Self::V0_1_0,
        Self::V0_2_0,
        Self::V0_3_0,
        Self::V0_3_1,
        Self::V0_4_0,
        Self::V1_0_0,
        Self::V1_1_0,
    ];

    /// The latest version.
    pub const LATEST: Self = Self::V1_1_0;

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V0_1_0 => "0.1.0",
            Self::V0_2_0 => "0.2.0",
            Self::V0_3_0 => "0.3.0",
            Self::V0_3_1 => "0.3.1",
            Self::V0_4_0 => "0.4.0",
            Self::V1_0_0 => "1.0.0",
            Self::V1_1_0 => "1.1.0",
        }
    }

    /// Reads `cniVersion`. Missing or empty means 0.1.0; anything unknown is code 1.
    pub fn parse(text: &str) -> Result<Self, CniError> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        Self::ALL
            .into_iter()
            .find(|version| version.as_str() == text)
            .ok_or_else(|| {
                let known = Self::ALL.map(Self::as_str).join(", ");
                CniError::new(
                    Code::IncompatibleVersion,
                    format!("cniVersion {text:?} is not supported; use one of {known}"),
                )
            })
    }

    /// Whether the verb exists in this version, else code 1.
    pub fn allows(self, command: &Command) -> Result<(), CniError> {
        let since = match command {
            Command::Check(_) => Self::V0_4_0,
            Command::Gc | Command::Status => Self::V1_1_0,
            Command::Add(_) | Command::Del(_) | Command::Version => Self::V0_1_0,
        };
        if self >= since {
            return Ok(());
        }
        Err(CniError::new(
            Code::IncompatibleVersion,
            format!("{command} needs cniVersion {since} or later, and this network has {self}"),
        ))
    }

    /// Whether a result of this version can carry an address for every claim, else code 7:
    /// before 0.3.0 it has room for one of each family.
    pub fn can_answer(self, claims: &[Claim]) -> Result<(), CniError> {
        if self >= Self::V0_3_0 {
            return Ok(());
        }
        for family in [Family::V4, Family::V6] {
            let count = claims
                .iter()
                .filter(|claim| family_of(claim) == Some(family))
                .count();
            if count > 1 {
                return Err(CniError::config(format!(
                    "{count} {family} addresses are configured, but a result of cniVersion {self} \
                     carries one; set cniVersion to 0.3.0 or later"
                )));
            }
        }
        Ok(())
    }
}

/// The family of the address that a claim will get. The ranges of one pool are of one family.
fn family_of(claim: &Claim) -> Option<Family> {
    match claim {
        Claim::Any(ranges) => ranges.first().map(|pool| pool.range.network().family()),
        Claim::Exact(held) => Some(held.address.family()),
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The answer to VERSION, which does not depend on any configuration.
pub fn version_answer() -> String {
    serde_json::json!({
        "cniVersion": Version::LATEST.as_str(),
        "supportedVersions": Version::ALL.map(Version::as_str),
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::super::command::Target;
    use super::*;
    use store::names::Space;
    use store::record::HeldAddress;

    #[test]
    fn only_exact_versions_are_known() {
        for version in Version::ALL {
            assert_eq!(Version::parse(version.as_str()).unwrap(), version);
        }
        assert_eq!(Version::parse("").unwrap(), Version::V0_1_0);
        for text in ["0.3.2", "1.2.0", "2.0.0", "abc", "v1.0.0", "1.0", " 1.0.0"] {
            let error = Version::parse(text).unwrap_err();
            assert_eq!(error.code(), Code::IncompatibleVersion, "{text}");
        }
        assert!(Version::ALL.is_sorted());
    }

    #[test]
    fn verbs_appear_with_their_version() {
        let target = Target {
            container: "c".into(),
            interface: "eth0".into(),
        };
        let check = Command::Check(target.clone());
        assert!(Version::V0_3_1.allows(&check).is_err());
        assert!(Version::V0_4_0.allows(&check).is_ok());
        assert!(Version::V1_0_0.allows(&Command::Gc).is_err());
        assert!(Version::V1_0_0.allows(&Command::Status).is_err());
        assert!(Version::V1_1_0.allows(&Command::Status).is_ok());
        assert!(Version::V0_1_0.allows(&Command::Add(target)).is_ok());
    }

    #[test]
    fn before_0_3_0_there_is_room_for_one_address_of_each_family() {
        let exact = |address: &str| {
            Claim::Exact(HeldAddress {
                space: Space::Shared("default".into()),
                address: address.parse().unwrap(),
                prefix: 24,
                gateway: None,
            })
        };
        let dual = [exact("10.0.0.1"), exact("fd00::1")];
        let two = [exact("10.0.0.1"), exact("10.0.0.2")];
        assert!(Version::V0_2_0.can_answer(&dual).is_ok());
        assert!(Version::V0_3_0.can_answer(&two).is_ok());
        assert_eq!(
            Version::V0_2_0.can_answer(&two).unwrap_err().code(),
            Code::InvalidConfig
        );
    }
}
