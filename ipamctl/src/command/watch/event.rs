//! What a change of a key means.

use std::collections::HashSet;
use std::fmt;
use std::io;

use serde::Serialize;
use store::coordination::{Change, OwnerChange};
use store::election::LeaderRecord;
use store::key::{Keyspace, parse_holder_name};
use store::record::{FreezeRecord, HeldAddress, Holder, OwnerRecord};

use crate::command::filters::Filters;
use crate::command::listing::CONTAINER_WIDTH;
use crate::inventory::{Names, PodNames, Subject};
use crate::text::shortened;

/// The heads of a table's columns.
pub(super) const HEADS: [&str; 9] = [
    "TIME",
    "EVENT",
    "ADDRESS",
    "SPACE",
    "NAMESPACE/POD",
    "NODE",
    "NETWORK",
    "CONTAINER",
    "DETAIL",
];

/// How wide these columns may be expected to be.
pub(super) const WIDEST: [&str; 9] = [
    "2026-11-20T12:00:00Z",
    "QUARANTINED",
    "192.168.200.200/24",
    "default",
    "shop/checkout-6d5f7c9b8-abcde",
    "node-name-1",
    "network",
    "0123456789ab",
    "",
];

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Word {
    Added,
    Released,
    Renewed,
    Changed,
    Resting,
    Reserved,
    Quarantined,
    Freed,
    Unreadable,
    Frozen,
    Thawed,
    Leader,
    Leaderless,
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Added => "ADDED",
            Self::Released => "RELEASED",
            Self::Renewed => "RENEWED",
            Self::Changed => "CHANGED",
            Self::Resting => "RESTING",
            Self::Reserved => "RESERVED",
            Self::Quarantined => "QUARANTINED",
            Self::Freed => "FREED",
            Self::Unreadable => "UNREADABLE",
            Self::Frozen => "FROZEN",
            Self::Thawed => "THAWED",
            Self::Leader => "LEADER",
            Self::Leaderless => "LEADERLESS",
        })
    }
}

/// An event. The fields' names are those of the JSON.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Event<'a> {
    time: &'a str,
    #[serde(rename = "event")]
    word: Word,
    revision: i64,
    /// Of which address, or at least of which attachment; `None`: of all.
    #[serde(flatten)]
    subject: Option<Subject<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix: Option<u8>,
    /// Of which cluster, where it is about all of it.
    #[serde(skip_serializing_if = "Option::is_none", rename = "cluster")]
    whole_cluster: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

impl Event<'_> {
    /// Whether the filters let it through.
    pub(super) fn is_wanted(&self, filters: &Filters) -> bool {
        self.subject.is_none_or(|subject| filters.matches(&subject))
    }

    /// For a table.
    pub(super) fn cells(&self) -> [String; 9] {
        let subject = self.subject.unwrap_or(NOBODY);
        let [node, network, container] = subject.names.map_or([""; 3], |names| {
            [names.node, names.network, names.container]
        });
        let address = match (subject.address, self.prefix) {
            (Some(address), Some(prefix)) => format!("{address}/{prefix}"),
            (Some(address), None) => address.to_string(),
            (None, _) => String::new(),
        };
        let detail = self.detail.unwrap_or_default();
        [
            self.time.to_owned(),
            self.word.to_string(),
            address,
            subject.space.to_owned(),
            subject.pod.map(PodNames::full_name).unwrap_or_default(),
            node.to_owned(),
            network.to_owned(),
            shortened(container, CONTAINER_WIDTH),
            match self.whole_cluster {
                Some(cluster) if detail.is_empty() => format!("of cluster {cluster}"),
                Some(cluster) => format!("{detail}, of cluster {cluster}"),
                None => detail.to_owned(),
            },
        ]
    }
}

const NOBODY: Subject<'_> = Subject {
    address: None,
    space: "",
    pod: None,
    names: None,
};

/// Where events go.
pub(super) type Listener<'a> = &'a mut dyn FnMut(Event<'_>) -> io::Result<()>;

/// Tells each event that a change of a key is, seen at `time`.
pub(super) fn tell(
    change: &Change,
    keys: &Keyspace,
    time: &str,
    listener: Listener<'_>,
) -> io::Result<()> {
    let bare = Event {
        time,
        word: Word::Changed,
        revision: change.revision,
        subject: None,
        prefix: None,
        whole_cluster: None,
        detail: None,
    };
    if let Some(owner) = change.of_owner(keys) {
        of_owner(change, &owner, bare, listener)
    } else if let Some((space, address)) = keys.parse_address(&change.key) {
        let space = space.to_string();
        let subject = Subject {
            address: Some(address),
            space: &space,
            ..NOBODY
        };
        of_address(change, subject, bare, listener)
    } else if change.key == keys.freeze() {
        of_freeze(change, bare, listener)
    } else if let Some(cluster) = keys.parse_leader(&change.key) {
        of_leader(change, &cluster, bare, listener)
    } else {
        Ok(())
    }
}

fn of_owner(
    change: &Change,
    owner: &OwnerChange,
    bare: Event<'_>,
    listener: Listener<'_>,
) -> io::Result<()> {
    let OwnerChange {
        attachment,
        before,
        now,
    } = owner;
    let names = Some(Names::from(attachment));
    let unknown = |word| Event {
        word,
        subject: Some(Subject { names, ..NOBODY }),
        ..bare
    };
    let mut tell = |word, record: &OwnerRecord, held: &HeldAddress| {
        let space = held.space.to_string();
        listener(Event {
            word,
            subject: Some(Subject {
                address: Some(held.address),
                space: &space,
                pod: Some(PodNames::from(&record.pod)),
                names,
            }),
            prefix: Some(held.prefix),
            ..bare
        })
    };
    match (before, now) {
        (_, None) if change.value.is_some() => listener(unknown(Word::Unreadable)),
        (None, None) => listener(unknown(Word::Released)),
        (Some(before), None) => before
            .addresses
            .iter()
            .try_for_each(|held| tell(Word::Released, before, held)),
        (None, Some(now)) => {
            let word = if change.created {
                Word::Added
            } else {
                Word::Changed
            };
            now.addresses
                .iter()
                .try_for_each(|held| tell(word, now, held))
        }
        (Some(before), Some(now)) => {
            let key = |held: &HeldAddress| (held.space.clone(), held.address);
            let had: HashSet<_> = before.addresses.iter().map(key).collect();
            let has: HashSet<_> = now.addresses.iter().map(key).collect();
            let kept = if before.id == now.id {
                Word::Changed
            } else {
                Word::Renewed
            };
            let gone = before.addresses.iter();
            gone.filter(|held| !has.contains(&key(held)))
                .try_for_each(|held| tell(Word::Released, before, held))?;
            now.addresses.iter().try_for_each(|held| {
                let word = if had.contains(&key(held)) {
                    kept
                } else {
                    Word::Added
                };
                tell(word, now, held)
            })
        }
    }
}

/// What an attachment does with an address is told by its record.
fn of_address(
    change: &Change,
    subject: Subject<'_>,
    bare: Event<'_>,
    listener: Listener<'_>,
) -> io::Result<()> {
    let holder = |value: &Option<Vec<u8>>| value.as_deref().map(Holder::parse);
    let mut tell = |word, subject, detail: &str| {
        listener(Event {
            word,
            subject: Some(subject),
            detail: Some(detail).filter(|detail| !detail.is_empty()),
            ..bare
        })
    };
    match (holder(&change.value), holder(&change.before)) {
        (Some(Ok(Holder::Attachment(_))), _) | (None, None | Some(Ok(Holder::Attachment(_)))) => {
            Ok(())
        }
        (Some(Ok(Holder::Cooldown(cooldown))), _) => {
            let was = parse_holder_name(&cooldown.was);
            let names = was.as_ref().map(Names::from);
            tell(Word::Resting, Subject { names, ..subject }, "")
        }
        (Some(Ok(Holder::Reservation(why))), _) => tell(Word::Reserved, subject, &why.reason),
        (Some(Ok(Holder::Quarantine(why))), _) => tell(Word::Quarantined, subject, &why.reason),
        (Some(Err(problem)), _) => tell(Word::Unreadable, subject, &problem.to_string()),
        (None, Some(_)) => tell(Word::Freed, subject, ""),
    }
}

fn of_freeze(change: &Change, bare: Event<'_>, listener: Listener<'_>) -> io::Result<()> {
    let Some(value) = &change.value else {
        return listener(Event {
            word: Word::Thawed,
            ..bare
        });
    };
    listener(Event {
        word: Word::Frozen,
        detail: Some(&FreezeRecord::parse(value).reason),
        ..bare
    })
}

fn of_leader(
    change: &Change,
    cluster: &str,
    bare: Event<'_>,
    listener: Listener<'_>,
) -> io::Result<()> {
    let bare = Event {
        whole_cluster: Some(cluster),
        ..bare
    };
    let Some(value) = &change.value else {
        return listener(Event {
            word: Word::Leaderless,
            ..bare
        });
    };
    // One that cannot be read leads all the same.
    let leader: LeaderRecord = serde_json::from_slice(value).unwrap_or_default();
    listener(Event {
        word: Word::Leader,
        detail: Some(&leader.identity),
        ..bare
    })
}
