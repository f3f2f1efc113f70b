//! What lived in the store, from when until when: etcd's log, replayed line by line.

use super::Moment;
use super::hash::Map;
use super::log::{Changed, Committed, Log};
use super::names::{Place, Who};
use super::values::Holder;
use crate::history::Line;

/// The Raft term of an etcd that was just restored, where nobody looked: a restore begins the term anew.
const RESTORED_TERM: u64 = 2;

/// How a life began or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// By a transaction.
    Committed,
    /// Another line of the history began to count.
    Line,
}

/// A beginning or an end.
#[derive(Clone, Copy, Debug)]
pub struct Edge {
    /// When it was seen.
    pub moment: Moment,
    /// At which revision.
    pub revision: i64,
    /// By what.
    pub how: How,
    /// Who led the attachment's cluster then: an index into [`Lives::identities`].
    pub leader: Option<usize>,
    /// Which transaction it was.
    pub commit: Option<usize>,
    /// Whether the store was frozen then.
    pub frozen: bool,
}

/// One write of an owner record.
#[derive(Clone, Copy, Debug)]
pub struct Version {
    /// When it was seen.
    pub moment: Moment,
    /// At which revision.
    pub revision: i64,
    /// What was written: an index into [`Log::records`].
    pub record: usize,
    /// Whether the store was one from the past then, by its seal.
    pub from_the_past: bool,
}

/// An owner record from its creation to its deletion.
#[derive(Debug)]
pub struct Life {
    /// Whose.
    pub who: Who,
    /// Its beginning.
    pub begin: Edge,
    /// Its end, if it has ended.
    pub end: Option<Edge>,
    /// What was written, in order. The first is what the life began with.
    pub versions: Vec<Version>,
}

/// An address key from when it had a value to when it had another or none.
#[derive(Debug)]
pub struct Holding {
    /// Which address.
    pub place: Place,
    /// The value.
    pub holder: Holder,
    /// Its beginning.
    pub begin: Edge,
    /// Its end, if it has ended.
    pub end: Option<Edge>,
}

/// A change of a cluster's election key.
#[derive(Clone, Copy, Debug)]
pub struct Reign<'a> {
    /// Since when.
    pub moment: Moment,
    /// The cluster.
    pub cluster: &'a str,
    /// Who leads from then on.
    pub identity: Option<&'a str>,
}

/// All lives.
#[derive(Debug, Default)]
pub struct Lives<'a> {
    /// Of owner records, in the order of their beginnings.
    pub owners: Vec<Life>,
    /// Of address keys, in the order of their beginnings.
    pub holdings: Vec<Holding>,
    /// Of the election keys.
    pub reigns: Vec<Reign<'a>>,
    /// When other lines of the history began to count.
    pub turns: Vec<Moment>,
    /// Everybody who ever led.
    pub identities: Vec<&'a str>,
    /// What is wrong with the log itself: at which event, and what.
    pub gaps: Vec<(usize, String)>,
    /// How many sweeps judged everything.
    pub sweeps: usize,
    /// The revision that the store is known to have reached, on its present line.
    pub reached: i64,
    lines: Map<u32, Vec<usize>>,
    line: u32,
    term: u64,
    bumped: bool,
    state: State<'a>,
}

/// What stands in the store.
#[derive(Debug, Default)]
struct State<'a> {
    /// By attachment: the life.
    owners: Map<Who, usize>,
    /// By address: the holding.
    holdings: Map<Place, usize>,
    /// By cluster.
    leaders: Vec<(&'a str, usize)>,
    frozen: bool,
    sealed: u64,
}

impl<'a> Lives<'a> {
    /// Takes the next commit of the log.
    pub fn commit(
        &mut self,
        log: &Log<'a>,
        index: usize,
        line: u32,
        cluster_of: impl Fn(Who) -> &'a str,
    ) {
        let commit = &log.commits[index];
        self.follow(commit, line);
        self.lines.entry(line).or_default().push(index);
        for changed in log.changes_of(commit) {
            self.change(*changed, commit, index, &cluster_of);
        }
    }

    /// Whether the revision follows the one before it.
    fn follow(&mut self, commit: &Committed<'_>, line: u32) {
        let event = commit.moment.event;
        let (revision, reached) = (commit.revision, self.reached);
        if line != self.line {
            let present = self.line;
            let gap = format!("a commit of line {line}, but line {present} is the present one");
            self.gaps.push((event, gap));
        }
        // A store begins at revision 1. A restored one may leave some out.
        let follows = revision == reached.max(1) + 1 || (self.bumped && revision > reached);
        if !follows {
            let gap = format!("revision {revision} follows {reached} in etcd's log");
            self.gaps.push((event, gap));
        }
        self.bumped = false;
        self.reached = revision;
    }

    fn change(
        &mut self,
        changed: Changed<'a>,
        commit: &Committed<'_>,
        index: usize,
        cluster_of: &impl Fn(Who) -> &'a str,
    ) {
        let frozen = self.state.frozen;
        let edge = |leader| Edge {
            moment: commit.moment,
            revision: commit.revision,
            how: How::Committed,
            leader,
            commit: Some(index),
            frozen,
        };
        match changed {
            Changed::Written(who, record) => {
                let version = Version {
                    moment: commit.moment,
                    revision: commit.revision,
                    record,
                    from_the_past: self.term > 0 && self.state.sealed > self.term,
                };
                if let Some(life) = self.state.owners.get(&who) {
                    self.owners[*life].versions.push(version);
                    return;
                }
                let leader = self.state.leader(cluster_of(who));
                self.state.owners.insert(who, self.owners.len());
                self.owners.push(Life {
                    who,
                    begin: edge(leader),
                    end: None,
                    versions: vec![version],
                });
            }
            Changed::Deleted(who) => {
                if let Some(life) = self.state.owners.remove(&who) {
                    let leader = self.state.leader(cluster_of(who));
                    self.owners[life].end = Some(edge(leader));
                }
            }
            Changed::Held(place, holder) => {
                if let Some(open) = self.state.holdings.get(&place) {
                    let open = &mut self.holdings[*open];
                    if open.holder == holder {
                        return;
                    }
                    open.end = Some(edge(None));
                }
                self.state.holdings.insert(place, self.holdings.len());
                self.holdings.push(Holding {
                    place,
                    holder,
                    begin: edge(None),
                    end: None,
                });
            }
            Changed::Freed(place) => {
                if let Some(open) = self.state.holdings.remove(&place) {
                    self.holdings[open].end = Some(edge(None));
                }
            }
            Changed::Leader(cluster, identity) => self.lead(commit.moment, cluster, identity),
            Changed::Freeze(frozen) => self.state.frozen = frozen,
            Changed::Store(sealed) => {
                self.state.sealed = sealed.unwrap_or_default();
                // Whoever writes a seal on this line has raised the term before.
                self.term = 0;
            }
            Changed::Swept(judged) => self.sweeps += usize::from(judged),
            Changed::Other | Changed::Unreadable => {}
        }
    }

    fn lead(&mut self, moment: Moment, cluster: &'a str, identity: Option<&'a str>) {
        self.reigns.push(Reign {
            moment,
            cluster,
            identity,
        });
        self.state.leaders.retain(|(led, _)| *led != cluster);
        if let Some(identity) = identity {
            let known = self.identities.iter().position(|known| *known == identity);
            let number = known.unwrap_or(self.identities.len());
            if known.is_none() {
                self.identities.push(identity);
            }
            self.state.leaders.push((cluster, number));
        }
    }

    /// Another line counts from now on. What lived ends; what lives on that line begins anew.
    pub fn turn(&mut self, moment: Moment, line: &Line, log: &Log<'a>) {
        let edge = Edge {
            moment,
            revision: line.revision,
            how: How::Line,
            leader: None,
            commit: None,
            frozen: false,
        };
        self.turns.push(moment);
        let before = std::mem::take(&mut self.state);
        for life in before.owners.values() {
            self.owners[*life].end = Some(edge);
        }
        for holding in before.holdings.values() {
            self.holdings[*holding].end = Some(edge);
        }
        let is_new = !self.lines.contains_key(&line.line);
        self.bumped = is_new;
        let commits = if let Some(known) = self.lines.get(&line.line) {
            known.clone()
        } else {
            let from = self.lines.get(&line.from).map_or(&[][..], Vec::as_slice);
            let shared = |index: &&usize| log.commits[**index].revision <= line.revision;
            from.iter().filter(shared).copied().collect()
        };
        let last = commits.last().map(|index| log.commits[*index].revision);
        self.reached = last.unwrap_or(1);
        self.line = line.line;
        self.inherit(edge, &commits, log);
        self.term = match line.term {
            0 if is_new => RESTORED_TERM,
            term => term,
        };
        self.lines.insert(line.line, commits);
    }

    /// What lives after these commits begins at `edge`.
    fn inherit(&mut self, edge: Edge, commits: &[usize], log: &Log<'a>) {
        let mut owners: Map<Who, Vec<Version>> = Map::default();
        let mut holdings: Map<Place, Holder> = Map::default();
        for commit in commits.iter().map(|index| &log.commits[*index]) {
            for changed in log.changes_of(commit) {
                match *changed {
                    Changed::Written(who, record) => owners.entry(who).or_default().push(Version {
                        moment: commit.moment,
                        revision: commit.revision,
                        record,
                        from_the_past: false,
                    }),
                    Changed::Deleted(who) => drop(owners.remove(&who)),
                    Changed::Held(place, holder) => drop(holdings.insert(place, holder)),
                    Changed::Freed(place) => drop(holdings.remove(&place)),
                    Changed::Leader(cluster, identity) => {
                        self.lead(edge.moment, cluster, identity);
                    }
                    Changed::Freeze(frozen) => self.state.frozen = frozen,
                    Changed::Store(sealed) => self.state.sealed = sealed.unwrap_or_default(),
                    Changed::Swept(_) | Changed::Other | Changed::Unreadable => {}
                }
            }
        }
        let mut owners: Vec<_> = owners.into_iter().collect();
        owners.sort_unstable_by_key(|(who, _)| *who);
        for (who, versions) in owners {
            self.state.owners.insert(who, self.owners.len());
            self.owners.push(Life {
                who,
                begin: edge,
                end: None,
                versions,
            });
        }
        let mut holdings: Vec<_> = holdings.into_iter().collect();
        holdings.sort_unstable_by_key(|(place, _)| *place);
        for (place, holder) in holdings {
            self.state.holdings.insert(place, self.holdings.len());
            self.holdings.push(Holding {
                place,
                holder,
                begin: edge,
                end: None,
            });
        }
    }
}

impl State<'_> {
    fn leader(&self, cluster: &str) -> Option<usize> {
        let led = self.leaders.iter().find(|(led, _)| *led == cluster);
        led.map(|(_, identity)| *identity)
    }
}
