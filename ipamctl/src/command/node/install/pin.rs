//! Which store a node belongs to: the one that it is told, else the first that it sees; for good.

use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use ipam_plugin::config::NodeFile;
use store::etcd::EtcdError;
use store::record::{DamagedValue, SCHEMA, StoreRecord};

/// What etcd said when it was asked for the store.
pub(super) type Sight = Result<Option<Result<StoreRecord, DamagedValue>>, EtcdError>;

/// What a node is to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Use the store of this id.
    Use(String),
    /// The same, although it could not be looked at, for this reason.
    UseUnseen(String, String),
    /// Wait: it is not known yet which one, for this reason.
    Wait(String),
}

/// What to do about a node whose file pins another store.
const WHEN_GONE: &str = "Its pods hold addresses of that one. If it is gone for good, end them, \
                         remove that file, and install again";

/// The one store that a node may belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pin {
    id: String,
    /// Who says so, and what lifts it.
    because: String,
}

impl Pin {
    /// What the node's file says, and what the command line does. `None`: neither says anything.
    ///
    /// # Errors
    /// Where they say different things, or the file cannot be read: then nobody knows which store it
    /// pinned.
    pub(super) fn of(file: &Path, flag: Option<&str>) -> anyhow::Result<Option<Self>> {
        let shown = file.display();
        match (pinned(file)?, flag) {
            (Some(id), Some(flag)) if id != flag => bail!(
                "--store-id (or IPAMCTL_STORE_ID) names store {flag}, but this node belongs to \
                 store {id}, as {shown} says. {WHEN_GONE}"
            ),
            (Some(id), _) => Ok(Some(Self {
                id,
                because: format!("as {shown} says. {WHEN_GONE}"),
            })),
            (None, Some(flag)) => Ok(Some(Self {
                id: flag.to_owned(),
                because:
                    "as --store-id (or IPAMCTL_STORE_ID) says. Correct that, or the endpoints \
                          and the prefix"
                        .to_owned(),
            })),
            (None, None) => Ok(None),
        }
    }
}

/// The store that a node's file pins, if there is such a file and it does.
fn pinned(file: &Path) -> anyhow::Result<Option<String>> {
    let unknown = || {
        format!(
            "it cannot be known which store this node belongs to; repair {} or, if the node's pods \
             are gone, remove it",
            file.display()
        )
    };
    let Some(file) = NodeFile::read(file).with_context(unknown)? else {
        return Ok(None);
    };
    if let Some(problem) = file.problem() {
        return Err(anyhow::anyhow!("{problem}").context(unknown()));
    }
    Ok(file.etcd().store_id().map(str::to_owned))
}

/// Which store is used, of the one that is pinned and the one that is there.
///
/// # Errors
/// Where the one that is there must not be used, or etcd will not let this node in.
pub(super) fn decide(pin: Option<&Pin>, sight: Sight) -> anyhow::Result<Decision> {
    let record = match sight {
        Ok(Some(Ok(record))) => record,
        Ok(Some(Err(damaged))) => bail!(
            "the store's birth certificate is damaged ({damaged}); restore its value, and this \
             node goes on"
        ),
        Ok(None) => match pin {
            Some(pin) => bail!(
                "the store is gone: etcd has none under this prefix, and this node belongs to \
                 store {}. etcd has lost its data, or it is another etcd or prefix. Do not \
                 run `ipamctl init`: pods hold addresses that it would give out again",
                pin.id
            ),
            None => {
                return Ok(Decision::Wait(
                    "etcd has no store under this prefix yet: run `ipamctl init`, once".to_owned(),
                ));
            }
        },
        Err(error) if error.is_transient() => {
            let why = error.to_string();
            return Ok(match pin {
                Some(pin) => Decision::UseUnseen(pin.id.clone(), why),
                None => Decision::Wait(why),
            });
        }
        Err(error) => return Err(error.into()),
    };
    ensure!(
        record.schema <= SCHEMA,
        "the store's schema is {}, and this version knows {SCHEMA}: install a newer one",
        record.schema
    );
    if let Some(pin) = pin.filter(|pin| pin.id != record.id) {
        bail!(
            "etcd holds store {}, but this node belongs to store {}, {}",
            record.id,
            pin.id,
            pin.because
        );
    }
    Ok(Decision::Use(record.id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn store(id: &str, schema: u32) -> Result<StoreRecord, DamagedValue> {
        let text = format!(r#"{{"schema":{schema},"id":"{id}","sealed_term":2,"epoch":0}}"#);
        StoreRecord::parse(text.as_bytes())
    }

    fn away() -> Sight {
        Err(EtcdError::Unreachable("a:1".into()))
    }

    fn denied() -> Sight {
        Err(EtcdError::Denied {
            endpoint: "a:1".into(),
            reason: "no".into(),
        })
    }

    /// A node of which nothing is known but this flag.
    fn told(flag: Option<&str>) -> Option<Pin> {
        Pin::of(Path::new("/none/such"), flag).unwrap()
    }

    fn decided(pinned: Option<&str>, sight: Sight) -> Option<Decision> {
        decide(told(pinned).as_ref(), sight).ok()
    }

    #[test]
    fn the_first_store_that_is_seen_is_the_nodes_for_good() {
        let use_it = Some(Decision::Use("s1".into()));
        assert_eq!(decided(None, Ok(Some(store("s1", SCHEMA)))), use_it);
        assert_eq!(decided(Some("s1"), Ok(Some(store("s1", SCHEMA)))), use_it);
        let error = decide(told(Some("s1")).as_ref(), Ok(Some(store("s2", SCHEMA)))).unwrap_err();
        for word in ["s1", "s2", "--store-id"] {
            assert!(error.to_string().contains(word), "{error}");
        }
    }

    #[test]
    fn the_file_and_the_flag_must_say_the_same() {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("etcd-ipam.conf");
        std::fs::write(&file, r#"{"etcd": {"endpoints": "a", "store_id": "s1"}}"#).unwrap();
        for flag in [None, Some("s1")] {
            assert_eq!(Pin::of(&file, flag).unwrap().unwrap().id, "s1");
        }
        let error = Pin::of(&file, Some("s2")).unwrap_err().to_string();
        for word in ["s1", "s2", "etcd-ipam.conf", "--store-id"] {
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn a_store_that_is_gone_is_not_one_that_is_yet_to_come() {
        assert!(matches!(decided(None, Ok(None)), Some(Decision::Wait(_))));
        assert_eq!(decided(Some("s1"), Ok(None)), None);
    }

    #[test]
    fn an_etcd_that_is_away_is_waited_for_unless_the_store_is_known() {
        assert!(matches!(decided(None, away()), Some(Decision::Wait(_))));
        let decision = decided(Some("s1"), away()).unwrap();
        assert!(matches!(decision, Decision::UseUnseen(id, _) if id == "s1"));
    }

    #[test]
    fn what_waiting_does_not_cure_is_an_error() {
        for pinned in [None, Some("s1")] {
            assert_eq!(decided(pinned, denied()), None);
            assert_eq!(decided(pinned, Ok(Some(store("s1", SCHEMA + 1)))), None);
            let damaged = Ok(Some(StoreRecord::parse(b"{")));
            assert_eq!(decided(pinned, damaged), None);
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_pins_nobody_knows_what() {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("etcd-ipam.conf");
        assert_eq!(pinned(&file).unwrap(), None);
        for (text, wanted) in [
            (
                r#"{"etcd": {"endpoints": "a", "store_id": "s1"}}"#,
                Some("s1"),
            ),
            (r#"{"node_name": "by hand"}"#, None),
        ] {
            std::fs::write(&file, text).unwrap();
            assert_eq!(pinned(&file).unwrap().as_deref(), wanted);
        }
        for text in ["{", r#"{"etcd": 5}"#] {
            std::fs::write(&file, text).unwrap();
            let error = format!("{:#}", pinned(&file).unwrap_err());
            assert!(error.contains("etcd-ipam.conf"), "{error}");
        }
    }
}
