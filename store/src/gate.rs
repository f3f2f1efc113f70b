//! The checks that every answer passes before an address is given out.
//!
//! An etcd that was brought back from a snapshot has forgotten addresses that live pods hold, and
//! neither its cluster id nor its revision need show it. Its Raft term does: a restore starts it
//! anew, so a term below the one that the store itself carries (`sealed_term`) gives it away.

use serde::{Deserialize, Serialize};

use crate::record::{FreezeRecord, SCHEMA, StoreRecord};
use crate::txn::Header;

/// How far into the store's history a node has seen: its recoveries first, then its revisions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Seen {
    /// `meta/store`'s epoch.
    pub epoch: u64,
    /// etcd's revision.
    pub revision: i64,
}

/// Why the store may not give out addresses now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No `init` yet, another prefix, or an etcd that was wiped.
    #[error(
        "the store is not initialised (no {0}): run `ipamctl init`, once; if it was, etcd has lost its data"
    )]
    NotInitialised(String),
    /// Not the store that this client belongs to.
    #[error("this is store {found}, but the configuration names store_id {expected}")]
    OtherStore {
        /// The configuration's `store_id`.
        expected: String,
        /// The id in `meta/store`.
        found: String,
    },
    /// A newer version has changed the keyspace.
    #[error("the store's schema is {0}, this program knows {SCHEMA}: upgrade it")]
    UnknownSchema(u32),
    /// `meta/store` cannot be read.
    #[error(
        "the store's birth certificate {0} is damaged: restore its value, nothing else is lost"
    )]
    Damaged(String),
    /// The Raft term went back.
    #[error(
        "the store was restored from a snapshot (its Raft term {term} is below the sealed {sealed}): \
         it may have forgotten live addresses and must be recovered first"
    )]
    Restored {
        /// The answer's term.
        term: u64,
        /// The store's seal.
        sealed: u64,
    },
    /// The node has seen more of the store than the store now knows.
    #[error(
        "the store went back in time (this node saw epoch {}, revision {}; now it has {}, {}): it \
         may have forgotten live addresses and must be recovered first",
        remembered.epoch, remembered.revision, found.epoch, found.revision
    )]
    BehindMemory {
        /// What the node saw.
        remembered: Seen,
        /// What the store shows.
        found: Seen,
    },
    /// Somebody stopped all ADDs.
    #[error("the store is frozen: {0}")]
    Frozen(String),
}

impl Refusal {
    /// The kinds that say something is wrong with the store: all but the freeze, which is a person's
    /// will.
    pub const FAULTS: [&str; 5] = [
        "not_initialised",
        "other_store",
        "unknown_schema",
        "damaged",
        "restored",
    ];

    /// Its kind, as metrics name it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NotInitialised(_) => "not_initialised",
            Self::OtherStore { .. } => "other_store",
            Self::UnknownSchema(_) => "unknown_schema",
            Self::Damaged(_) => "damaged",
            Self::Restored { .. } | Self::BehindMemory { .. } => "restored",
            Self::Frozen(_) => "frozen",
        }
    }
}

/// What a client knows about the store that it expects.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    /// The id that the store must have, where the configuration names one.
    pub store_id: Option<String>,
    /// What this node has seen of a store before the call began: (its id, how far).
    pub memory: Option<(String, Seen)>,
}

/// A store that passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// The store's id.
    pub store_id: String,
    /// How far its history goes.
    pub seen: Seen,
}

impl Gate {
    /// Checks one answer: its header and the values of `meta/store` and `meta/freeze` in it.
    ///
    /// # Errors
    /// The first [`Refusal`] that applies.
    pub fn admit(
        &self,
        header: Header,
        store_key: &str,
        store: Option<&[u8]>,
        freeze: Option<&[u8]>,
    ) -> Result<Admitted, Refusal> {
        let store = store.ok_or_else(|| Refusal::NotInitialised(store_key.to_owned()))?;
        let store =
            StoreRecord::parse(store).map_err(|_| Refusal::Damaged(store_key.to_owned()))?;
        if store.schema > SCHEMA {
            return Err(Refusal::UnknownSchema(store.schema));
        }
        if let Some(expected) = self.store_id.as_ref().filter(|id| **id != store.id) {
            return Err(Refusal::OtherStore {
                expected: expected.clone(),
                found: store.id,
            });
        }
        if header.raft_term < store.sealed_term {
            return Err(Refusal::Restored {
                term: header.raft_term,
                sealed: store.sealed_term,
            });
        }
        let seen = Seen {
            epoch: store.epoch,
            revision: header.revision,
        };
        match &self.memory {
            Some((id, remembered)) if *id == store.id && seen < *remembered => {
                return Err(Refusal::BehindMemory {
                    remembered: *remembered,
                    found: seen,
                });
            }
            _ => {}
        }
        if let Some(freeze) = freeze {
            return Err(Refusal::Frozen(FreezeRecord::parse(freeze).reason));
        }
        Ok(Admitted {
            store_id: store.id,
            seen,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORE: &str = r#"{"schema":1,"id":"s1","sealed_term":64,"epoch":3,"new":true}"#;

    fn admit(gate: &Gate, term: u64, store: Option<&str>) -> Result<Admitted, Refusal> {
        let header = Header {
            revision: 100,
            raft_term: term,
        };
        gate.admit(header, "/p/v1/meta/store", store.map(str::as_bytes), None)
    }

    #[test]
    fn every_refusal_but_the_freeze_is_a_fault() {
        let seen = Seen::default();
        let faults = [
            Refusal::NotInitialised(String::new()),
            Refusal::OtherStore {
                expected: String::new(),
                found: String::new(),
            },
            Refusal::UnknownSchema(2),
            Refusal::Damaged(String::new()),
            Refusal::Restored { term: 1, sealed: 2 },
        ];
        assert_eq!(faults.map(|fault| fault.name()), Refusal::FAULTS);
        let behind = Refusal::BehindMemory {
            remembered: seen,
            found: seen,
        };
        assert!(Refusal::FAULTS.contains(&behind.name()));
        let frozen = Refusal::Frozen(String::new());
        assert!(!Refusal::FAULTS.contains(&frozen.name()));
    }

    #[test]
    fn a_store_as_it_should_be_passes() {
        let admitted = admit(&Gate::default(), 64, Some(STORE)).unwrap();
        assert_eq!(
            admitted.seen,
            Seen {
                epoch: 3,
                revision: 100
            }
        );
    }

    #[test]
    fn a_store_without_birth_certificate_is_refused() {
        let refusal = admit(&Gate::default(), 64, None).unwrap_err();
        assert!(matches!(refusal, Refusal::NotInitialised(_)));
        let refusal = admit(&Gate::default(), 64, Some("garbage")).unwrap_err();
        assert!(matches!(refusal, Refusal::Damaged(_)));
    }

    #[test]
    fn a_term_below_the_seal_gives_a_restore_away() {
        let refusal = admit(&Gate::default(), 63, Some(STORE)).unwrap_err();
        assert_eq!(
            refusal,
            Refusal::Restored {
                term: 63,
                sealed: 64
            }
        );
    }

    #[test]
    fn another_store_is_refused_where_one_is_named() {
        let gate = Gate {
            store_id: Some("s2".into()),
            memory: None,
        };
        assert!(matches!(
            admit(&gate, 64, Some(STORE)),
            Err(Refusal::OtherStore { .. })
        ));
    }

    #[test]
    fn a_store_behind_the_nodes_memory_is_refused() {
        let remember = |id: &str, epoch, revision| Gate {
            store_id: None,
            memory: Some((id.to_owned(), Seen { epoch, revision })),
        };
        assert!(admit(&remember("s1", 3, 100), 64, Some(STORE)).is_ok());
        assert!(admit(&remember("s1", 2, 500), 64, Some(STORE)).is_ok());
        assert!(admit(&remember("other", 9, 900), 64, Some(STORE)).is_ok());
        for (epoch, revision) in [(3, 101), (4, 1)] {
            let refusal = admit(&remember("s1", epoch, revision), 64, Some(STORE)).unwrap_err();
            assert!(matches!(refusal, Refusal::BehindMemory { .. }));
        }
    }

    #[test]
    fn a_freeze_is_refused_with_its_reason_even_if_that_is_garbage() {
        let header = Header {
            revision: 100,
            raft_term: 64,
        };
        let admit = |freeze: &[u8]| {
            Gate::default()
                .admit(header, "k", Some(STORE.as_bytes()), Some(freeze))
                .unwrap_err()
        };
        assert_eq!(
            admit(br#"{"reason":"drill"}"#),
            Refusal::Frozen("drill".into())
        );
        assert!(matches!(admit(b"\xff"), Refusal::Frozen(_)));
    }
}
