//! What is taken, by whom or why.
//!
//! Made for hundreds of thousands of addresses, of which each takes about 300 bytes: the names
//! stand in one text, and what many of them share stands there once.

mod read;
mod state;
mod subject;
mod taken;

use std::cmp::Ordering;
use std::collections::HashSet;
use std::time::SystemTime;

use lease_gc::texts::{Span, Texts, index, place};
use store::address::Address;
use store::inspect::{Damaged, Owner};
use store::key::{Keyspace, parse_holder_name};
use store::names::{Attachment, Space};
use store::record::{Holder, OwnerRecord, Reservation};

pub use self::read::{everything, of_records};
pub use self::state::State;
pub use self::subject::{Names, PodNames, Subject};
pub use self::taken::{Rest, Taken, Why};

/// All addresses that are taken, or of some attachments.
#[derive(Debug, Default)]
pub struct Inventory {
    texts: Texts,
    details: Vec<Details>,
    rows: Vec<Row>,
    /// How many of the rows come from owner records. While address keys are added they stand first
    /// and sorted.
    claimed: usize,
    damaged: Vec<Damaged>,
    /// Attachments whose owner record cannot be read.
    unreadable: HashSet<Attachment>,
}

/// One address.
#[derive(Clone, Copy, Debug)]
struct Row {
    address: Address,
    space: Span,
    gateway: Option<Span>,
    prefix: Option<u8>,
    state: State,
    key: Key,
    details: u32,
}

/// What stands as the key of an address that an owner record names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Missing,
    Anothers,
    Own,
}

/// What is known of some addresses beside their state.
#[derive(Clone, Copy, Debug)]
enum Details {
    Record(Record),
    /// No record that could be read.
    Holder(Names<Span>),
    Rest {
        was: Option<Names<Span>>,
        released: Span,
        cooldown_s: u64,
    },
    Kept {
        reason: Span,
        owner: Span,
        created: Span,
        expires: Option<Span>,
    },
    Unreadable {
        problem: Span,
    },
}

/// An owner record without its addresses.
#[derive(Clone, Copy, Debug)]
struct Record {
    names: Names<Span>,
    pod: PodNames<Span>,
    kind: Span,
    created: Span,
    plugin: Span,
}

impl Inventory {
    /// Adds what an attachment's record names. Whether it holds that is for [`Self::settle`] and
    /// the address keys to say.
    pub fn add_owner(&mut self, owner: Owner) {
        let Owner {
            attachment, record, ..
        } = owner;
        let OwnerRecord {
            kind,
            addresses,
            pod,
            created,
            plugin,
            ..
        } = record;
        let state = State::of(&kind);
        let names = self.add_names(attachment);
        let texts = &mut self.texts;
        let record = Record {
            names,
            pod: PodNames {
                namespace: texts.add_shared(pod.namespace),
                pod: texts.add(&pod.name),
                uid: texts.add(&pod.uid),
            },
            kind: texts.add_shared(kind.into()),
            created: texts.add(&created),
            plugin: texts.add_shared(plugin),
        };
        let details = self.add_details(Details::Record(record));
        for held in addresses {
            let gateway = held.gateway.map(|gateway| gateway.to_string());
            let row = Row {
                address: held.address,
                space: self.texts.add_shared(held.space.to_string()),
                gateway: gateway.map(|gateway| self.texts.add_shared(gateway)),
                prefix: Some(held.prefix),
                state,
                key: Key::Missing,
                details,
            };
            self.rows.push(row);
        }
    }

    /// Adds an owner record that cannot be read.
    pub fn add_damaged_owner(&mut self, keys: &Keyspace, damaged: Damaged) {
        self.unreadable.extend(keys.parse_owner(&damaged.key));
        self.damaged.push(damaged);
    }

    /// Adds a key that stands among the addresses and is not one's.
    pub fn add_damaged(&mut self, damaged: Damaged) {
        self.damaged.push(damaged);
    }

    /// All records have been added: now come the keys of addresses.
    pub fn settle(&mut self) {
        self.sort();
        self.claimed = self.rows.len();
    }

    /// An address key, which the record of its holder is looked for. `false` if there is none.
    pub fn confirm(&mut self, space: &Space, address: Address, holder: Option<&Holder>) -> bool {
        let Self {
            texts,
            details,
            rows,
            claimed,
            ..
        } = self;
        let space = space.to_string();
        let claims = rows.get_mut(..*claimed).unwrap_or_default();
        let order = |row: &Row| (texts.get(row.space), row.address).cmp(&(&space, address));
        let first = claims.partition_point(|row| order(row).is_lt());
        let named = claims.get_mut(first..).unwrap_or_default();
        let mut found = false;
        for row in named.iter_mut().take_while(|row| order(row).is_eq()) {
            let claimant = details.get(index(row.details)).and_then(Details::names);
            let own = match (holder, claimant) {
                (Some(Holder::Attachment(holder)), Some(claimant)) => {
                    claimant.map(|span| texts.get(span)) == Names::from(holder)
                }
                _ => false,
            };
            row.key = if own { Key::Own } else { Key::Anothers };
            found |= own;
        }
        found
    }

    /// Adds an address key: it is what the record of its holder names, or stands for itself.
    pub fn add_address(
        &mut self,
        space: &Space,
        address: Address,
        holder: Result<Holder, Damaged>,
    ) {
        if self.confirm(space, address, holder.as_ref().ok()) {
            return;
        }
        let (state, details) = match holder {
            Ok(Holder::Attachment(attachment)) => {
                let state = if self.unreadable.contains(&attachment) {
                    State::Unreadable
                } else {
                    State::Orphaned
                };
                (state, Details::Holder(self.add_names(attachment)))
            }
            Ok(Holder::Cooldown(cooldown)) => {
                let was = parse_holder_name(&cooldown.was);
                let details = Details::Rest {
                    was: was.map(|attachment| self.add_names(attachment)),
                    released: self.texts.add(&cooldown.released),
                    cooldown_s: cooldown.cooldown_s,
                };
                (State::Resting, details)
            }
            Ok(Holder::Reservation(why)) => (State::Reserved, self.kept(why)),
            Ok(Holder::Quarantine(why)) => (State::Quarantined, self.kept(why)),
            Err(damaged) => {
                let problem = self.texts.add_shared(damaged.reason.clone());
                self.damaged.push(damaged);
                (State::Unreadable, Details::Unreadable { problem })
            }
        };
        let row = Row {
            address,
            space: self.texts.add_shared(space.to_string()),
            gateway: None,
            prefix: None,
            state,
            key: Key::Own,
            details: self.add_details(details),
        };
        self.rows.push(row);
    }

    /// Everything has been added.
    pub fn complete(&mut self) {
        self.sort();
        self.texts.complete();
    }

    /// What is taken, sorted by space and address; ages are counted until `now`.
    pub fn taken(&self, now: SystemTime) -> impl Iterator<Item = Taken<'_>> {
        self.rows.iter().filter_map(move |row| self.view(row, now))
    }

    /// How many addresses are taken.
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether none is.
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Keys that cannot be read.
    pub fn damaged(&self) -> &[Damaged] {
        &self.damaged
    }

    fn add_names(&mut self, attachment: Attachment) -> Names<Span> {
        let texts = &mut self.texts;
        Names {
            cluster: texts.add_shared(attachment.cluster),
            node: texts.add_shared(attachment.node),
            network: texts.add_shared(attachment.network),
            container: texts.add(&attachment.container),
            interface: texts.add_shared(attachment.interface),
        }
    }

    fn kept(&mut self, why: Reservation) -> Details {
        let texts = &mut self.texts;
        Details::Kept {
            reason: texts.add_shared(why.reason),
            owner: texts.add_shared(why.owner),
            created: texts.add_shared(why.created),
            expires: why.expires.map(|expires| texts.add_shared(expires)),
        }
    }

    fn add_details(&mut self, details: Details) -> u32 {
        self.details.push(details);
        place(self.details.len() - 1)
    }

    fn sort(&mut self) {
        let Self {
            texts,
            rows,
            details,
            ..
        } = self;
        let container = |row: &Row| {
            let names = details.get(index(row.details)).and_then(Details::names);
            names.map(|names| texts.get(names.container))
        };
        let compare = |one: &Row, other: &Row| -> Ordering {
            (texts.get(one.space), one.address)
                .cmp(&(texts.get(other.space), other.address))
                .then_with(|| container(one).cmp(&container(other)))
        };
        rows.sort_unstable_by(compare);
    }

    fn view(&self, row: &Row, now: SystemTime) -> Option<Taken<'_>> {
        let details = self.details.get(index(row.details))?;
        let text = |span| self.texts.get(span);
        let taken = Taken::new(
            Subject {
                address: Some(row.address),
                space: text(row.space),
                pod: None,
                names: details.names().map(|names| names.map(text)),
            },
            row.state,
        );
        let taken = Taken {
            prefix: row.prefix,
            gateway: row.gateway.map(text),
            ..taken
        };
        Some(match *details {
            Details::Record(record) => {
                let Record {
                    pod,
                    kind,
                    created,
                    plugin,
                    ..
                } = record;
                let mut taken = Taken {
                    kind: Some(text(kind)).filter(|_| row.state == State::Other),
                    plugin: Some(text(plugin)),
                    ..taken.created(text(created), now)
                };
                taken.subject.pod = Some(pod.map(text));
                match row.key {
                    Key::Own => taken,
                    Key::Missing => taken.lost("its key is missing: anybody may be given it"),
                    Key::Anothers => taken.lost("its key says that it is another's"),
                }
            }
            Details::Holder(_) => Taken {
                problem: Some(match row.state {
                    State::Unreadable => "its holder's record cannot be read",
                    _ => "its holder has no record of it",
                }),
                ..taken
            },
            Details::Rest {
                released,
                cooldown_s,
                ..
            } => taken.resting(text(released), cooldown_s, now),
            Details::Kept {
                reason,
                owner,
                created,
                expires,
            } => Taken {
                why: Some(Why {
                    reason: text(reason),
                    owner: text(owner),
                    expires: expires.map(text),
                }),
                ..taken.created(text(created), now)
            },
            Details::Unreadable { problem } => Taken {
                problem: Some(text(problem)),
                ..taken
            },
        })
    }
}

impl Details {
    /// Who holds the address, or held it before it rested.
    const fn names(&self) -> Option<Names<Span>> {
        match self {
            Self::Record(Record { names, .. }) | Self::Holder(names) => Some(*names),
            Self::Rest { was, .. } => *was,
            Self::Kept { .. } | Self::Unreadable { .. } => None,
        }
    }
}
