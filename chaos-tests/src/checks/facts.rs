//! What a history says, put so that checkers need not search: read once, in one pass.

mod groups;
mod hash;
mod lives;
mod log;
mod names;
mod truth;
mod values;

use std::net::IpAddr;

pub use self::groups::Groups;
pub use self::hash::Map;
pub use self::lives::{Edge, Holding, How, Life, Lives, Version};
pub use self::log::{Changed, Log};
pub use self::names::{Names, Place, Who};
pub use self::truth::Truth;
pub use self::values::{Holder, Record};
use crate::history::{Call as Number, End, History, Invoke, Line, Look, Outcome, Run, What};
use crate::layout::Layout;

/// How much later than it was written a real etcd's log may be seen (milliseconds): a watch may have to
/// wait for an election, and then to find another member.
pub const LAG: u64 = 10_000;

/// When something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// The number of the event.
    pub event: usize,
    /// Its time (milliseconds).
    pub at: u64,
}

/// A call of the plugin.
#[derive(Debug)]
pub struct Call<'a> {
    /// What was called.
    pub invoke: &'a Invoke,
    /// For what.
    pub who: Who,
    /// When.
    pub began: Moment,
    /// When and how it ended, if it did.
    pub ended: Option<(Moment, &'a Outcome)>,
    /// What a look found after it.
    pub look: Option<(Moment, &'a Look)>,
    /// The revision that the store had surely reached when it began.
    pub reached: i64,
    /// The same when it ended.
    pub reached_then: i64,
}

impl Call<'_> {
    /// Whether it was one of these.
    pub fn is(&self, verb: &str) -> bool {
        self.invoke.verb == verb
    }

    /// When it was acknowledged, if it was.
    pub fn acknowledged(&self) -> Option<(Moment, &[IpAddr])> {
        match self.ended {
            Some((moment, Outcome::Ok { addresses })) => Some((moment, addresses)),
            _ => None,
        }
    }

    /// Until when it may have had effects that its sender knows of; `None` where nobody can say.
    pub fn answered(&self) -> Option<Moment> {
        match self.ended {
            Some((_, Outcome::Unknown)) | None => None,
            Some((moment, _)) => Some(moment),
        }
    }
}

/// An address of a container.
#[derive(Debug)]
pub struct Up {
    /// Whose.
    pub who: Who,
    /// Which.
    pub place: Place,
    /// From when.
    pub begin: Moment,
    /// Until when, if it ended.
    pub end: Option<Moment>,
    /// When its record was released on an operator's word that its machine is off, if it was. From then
    /// on it is the operator's.
    pub given_up: Option<Moment>,
}

/// What a collector said that it released.
#[derive(Debug)]
pub struct Release<'a> {
    /// When it said so.
    pub moment: Moment,
    /// The collector.
    pub collector: &'a str,
    /// The owner key.
    pub key: &'a str,
    /// Why.
    pub evidence: &'a str,
    /// The life that it ended, where there is one.
    pub life: Option<usize>,
}

/// A fault.
#[derive(Debug)]
pub struct FaultSpan<'a> {
    /// Its number.
    pub number: u64,
    /// Its kind.
    pub kind: &'a str,
    /// When it began.
    pub begin: Moment,
    /// When its effect was first seen.
    pub proven: Option<Moment>,
    /// When it was taken back.
    pub end: Option<Moment>,
}

/// All of it.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The history itself.
    pub history: &'a History,
    /// What the run is.
    pub run: &'a Run,
    /// Whether commits stand in the history where they happened, and not only where they were seen.
    pub exact: bool,
    /// Attachments and addresses by number.
    pub names: Names<'a>,
    /// etcd's log.
    pub log: Log<'a>,
    /// What lived in the store.
    pub lives: Lives<'a>,
    /// Owner records by attachment.
    pub owners_of: Groups,
    /// Address keys by address.
    pub holdings_of: Groups,
    /// The calls, in the order of their beginnings.
    pub calls: Vec<Call<'a>>,
    /// By attachment.
    pub calls_of: Groups,
    /// Containers' addresses, in the order of their beginnings.
    pub ups: Vec<Up>,
    /// By attachment.
    pub ups_of: Groups,
    /// By address.
    pub ups_at: Groups,
    /// What collectors said.
    pub releases: Vec<Release<'a>>,
    /// By life: the release that ended it.
    pub released: Map<usize, usize>,
    /// What was true of the cluster.
    pub truth: Truth<'a>,
    /// The faults.
    pub faults: Vec<FaultSpan<'a>>,
    /// From when on everything must come right.
    pub healed: Option<Moment>,
    /// How the run left things.
    pub end: Option<(Moment, &'a End)>,
}

impl<'a> Facts<'a> {
    /// Reads a history. `None`: it does not begin with what the run is.
    pub fn new(history: &'a History) -> Option<Self> {
        let run = history.run()?;
        let mut facts = Self {
            history,
            run,
            exact: run.leg == "simulation",
            names: Names::default(),
            log: Log::default(),
            lives: Lives::default(),
            owners_of: Groups::default(),
            holdings_of: Groups::default(),
            calls: Vec::new(),
            calls_of: Groups::default(),
            ups: Vec::new(),
            ups_of: Groups::default(),
            ups_at: Groups::default(),
            releases: Vec::new(),
            released: Map::default(),
            truth: Truth::default(),
            faults: Vec::new(),
            healed: None,
            end: None,
        };
        let layout = Layout::new(&run.prefix);
        let mut open = Open::default();
        for (event, what) in history.events.iter().enumerate() {
            let moment = Moment { event, at: what.at };
            facts.take(moment, &what.what, &layout, &mut open);
        }
        facts.group();
        facts.bind_releases(&layout);
        Some(facts)
    }

    fn take(&mut self, moment: Moment, what: &'a What, layout: &Layout, open: &mut Open) {
        match what {
            What::Invoke(invoke) => {
                open.calls.insert(invoke.call, self.calls.len());
                self.calls.push(Call {
                    invoke,
                    who: self.names.attachment(&invoke.attachment),
                    began: moment,
                    ended: None,
                    look: None,
                    reached: self.lives.reached.max(open.looked),
                    reached_then: 0,
                });
            }
            What::Return(ended) => {
                if let Some(call) = open.calls.get(&ended.call) {
                    self.calls[*call].ended = Some((moment, &ended.outcome));
                    self.calls[*call].reached_then = self.lives.reached;
                }
            }
            What::Look(look) => {
                if let Some(call) = open.calls.get(&look.call) {
                    self.calls[*call].look = Some((moment, look));
                }
                open.looked = open.looked.max(look.revision);
            }
            What::Up(interface) => {
                let who = self.names.attachment(&interface.attachment);
                for address in &interface.addresses {
                    let place = self.names.address(&interface.space, *address);
                    if open.ups.contains_key(&(who, place)) {
                        continue;
                    }
                    open.ups.insert((who, place), self.ups.len());
                    self.ups.push(Up {
                        who,
                        place,
                        begin: moment,
                        end: None,
                        given_up: None,
                    });
                }
            }
            What::Down(interface) => {
                let who = self.names.attachment(&interface.attachment);
                for address in &interface.addresses {
                    let place = self.names.address(&interface.space, *address);
                    if let Some(up) = open.ups.remove(&(who, place)) {
                        self.ups[up].end = Some(moment);
                    }
                }
            }
            // What a restored store shares with the line before is told once more.
            What::Commit(commit) if open.shared.contains(&(commit.line, commit.revision)) => {}
            What::Commit(commit) => {
                let names = &mut self.names;
                let index = self.log.push(moment, commit, layout.root(), names);
                let cluster_of = |who: Who| names.attachments[who][0];
                let lives = &mut self.lives;
                lives.commit(&self.log, index, commit.line, cluster_of);
            }
            What::Line(line) => {
                let line = Line {
                    revision: self.shared(moment.event, line, open),
                    ..line.clone()
                };
                self.lives.turn(moment, &line, &self.log);
                open.looked = 0;
            }
            What::Released(released) => self.releases.push(Release {
                moment,
                collector: &released.collector,
                key: &released.key,
                evidence: &released.evidence,
                life: None,
            }),
            What::PodCreated(pod) => self.truth.pod_created(pod),
            What::PodDeleted(pod) => self.truth.pod_deleted(moment, pod),
            What::Node(node) => self.truth.node(moment, node),
            What::FaultBegins(fault) => self.faults.push(FaultSpan {
                number: fault.number,
                kind: &fault.kind,
                begin: moment,
                proven: None,
                end: None,
            }),
            What::FaultProven(fault) => {
                if let Some(known) = self.fault(fault.number) {
                    known.proven.get_or_insert(moment);
                }
            }
            What::FaultEnds(fault) => {
                if let Some(known) = self.fault(fault.number) {
                    known.end.get_or_insert(moment);
                }
            }
            What::Healed => self.healed = self.healed.or(Some(moment)),
            What::End(end) => self.end = Some((moment, end)),
            What::Run(_) | What::Probe(_) | What::Process(_) => {}
        }
    }

    /// The last revision that a new line truly shares with the one before it. A snapshot holds what was
    /// committed while it was taken, so it may be more than is said.
    fn shared(&self, event: usize, line: &Line, open: &mut Open) -> i64 {
        let mut revision = line.revision;
        if self.exact {
            return revision;
        }
        let later = self.history.events.iter().skip(event + 1);
        let later = later.take_while(|event| !matches!(event.what, What::Line(_)));
        for event in later {
            let What::Commit(commit) = &event.what else {
                continue;
            };
            let twin = self
                .log
                .commits
                .iter()
                .rev()
                .find(|one| one.revision == commit.revision);
            let twin = twin.map(|one| &self.history.events[one.moment.event].what);
            let same = matches!(twin, Some(What::Commit(twin))
                if twin.line == line.from && twin.changes == commit.changes);
            if !same || commit.line != line.line {
                break;
            }
            revision = commit.revision;
            open.shared.push((line.line, revision));
        }
        revision
    }

    fn fault(&mut self, number: u64) -> Option<&mut FaultSpan<'a>> {
        let faults = self.faults.iter_mut().rev();
        faults.into_iter().find(|fault| fault.number == number)
    }

    fn group(&mut self) {
        let (whos, places) = (self.names.attachments.len(), self.names.addresses.len());
        self.owners_of = Groups::new(whos, self.lives.owners.iter().map(|life| life.who));
        let holdings = self.lives.holdings.iter();
        self.holdings_of = Groups::new(places, holdings.map(|holding| holding.place));
        self.calls_of = Groups::new(whos, self.calls.iter().map(|call| call.who));
        self.ups_of = Groups::new(whos, self.ups.iter().map(|up| up.who));
        self.ups_at = Groups::new(places, self.ups.iter().map(|up| up.place));
    }

    /// Finds the deletion that each release was: the last one before it was told of, or, where the log
    /// is seen late, the one that was seen nearest to it.
    fn bind_releases(&mut self, layout: &Layout) {
        for index in 0..self.releases.len() {
            let release = &self.releases[index];
            let holder = release.key.strip_prefix(layout.root());
            let holder = holder.and_then(|key| key.strip_prefix("owner/"));
            let Some(who) = holder.and_then(|name| self.names.known(name)) else {
                continue;
            };
            let moment = release.moment;
            let free = |life: &&usize| {
                let end = self.lives.owners[**life].end;
                !self.released.contains_key(*life)
                    && end.is_some_and(|end| end.how == How::Committed)
                    && end.is_some_and(|end| self.before(end.moment, moment))
            };
            let lives = self.owners_of.of(who).iter();
            let ended = |life: &usize| self.lives.owners[*life].end.map(|end| end.moment);
            let distance = |life: &&usize| {
                let late = |end: Moment| (end > moment, end.at.abs_diff(moment.at));
                let (late, distance) = ended(life).map_or((true, u64::MAX), late);
                (self.exact && late, distance)
            };
            let Some(life) = lives.filter(free).rev().min_by_key(distance).copied() else {
                continue;
            };
            self.releases[index].life = Some(life);
            self.released.insert(life, index);
            let word = matches!(
                self.releases[index].evidence,
                "node_gone" | "out_of_service"
            );
            if let Some(released) = ended(&life).filter(|_| word) {
                self.give_up(who, released);
            }
        }
    }

    fn give_up(&mut self, who: Who, released: Moment) {
        for up in self.ups_of.of(who) {
            let up = &mut self.ups[*up];
            if up.begin < released && up.end.is_none_or(|end| end > released) {
                up.given_up = Some(released);
            }
        }
    }

    /// Whether what was seen at `seen` may have happened before `moment`.
    pub fn before(&self, seen: Moment, moment: Moment) -> bool {
        seen < moment || (!self.exact && seen.at <= moment.at.saturating_add(LAG))
    }

    /// Whether another line of etcd's history began to count between two moments, so that revisions before
    /// and after cannot be compared.
    pub fn turned(&self, from: Moment, until: Moment) -> bool {
        let mut turns = self.lives.turns.iter();
        turns.any(|turn| from < *turn && *turn < until)
    }

    /// How many calls of the plugin were acknowledged.
    pub fn acknowledged(&self) -> u64 {
        let calls = self.calls.iter();
        calls
            .map(|call| u64::from(call.acknowledged().is_some()))
            .sum()
    }

    /// The record of a version.
    pub fn record(&self, version: &Version) -> &Record<'a> {
        &self.log.records[version.record]
    }

    /// The last record of a life.
    pub fn last_record(&self, life: &Life) -> &Record<'a> {
        &self.log.records[life.versions[life.versions.len() - 1].record]
    }

    /// The lives of an attachment's owner record.
    pub fn lives_of(&self, who: Who) -> impl DoubleEndedIterator<Item = &Life> {
        let lives = self.owners_of.of(who).iter();
        lives.map(|life| &self.lives.owners[*life])
    }

    /// Whether a collector ended this life, as far as is known: it said so, or it is known as the sender.
    pub fn is_collectors(&self, life: usize, end: Edge) -> bool {
        let by = end.commit.and_then(|commit| self.log.commits[commit].by);
        by.is_some_and(|by| self.lives.identities.contains(&by))
            || self.released.contains_key(&life)
    }

    /// The collector that surely ended a life. One whose answer was lost takes the credit for a record that is
    /// gone, whoever deleted it; where the sender is not known, that is doubt enough.
    pub fn collector(&self, index: usize, life: &Life, end: Edge) -> Option<&'a str> {
        let by = end.commit.and_then(|commit| self.log.commits[commit].by);
        let release = self.released.get(&index);
        let said = release.map(|release| self.releases[*release].collector);
        if let Some(by) = by {
            let is_collector = self.lives.identities.contains(&by) || said == Some(by);
            return is_collector.then_some(by);
        }
        let other = |call: &Call<'_>| call.is("DEL") && call.began < end.moment;
        said.filter(|_| !self.calls_for(life.who).any(other))
    }

    /// The calls for an attachment.
    pub fn calls_for(&self, who: Who) -> impl DoubleEndedIterator<Item = &Call<'a>> {
        self.calls_of.of(who).iter().map(|call| &self.calls[*call])
    }
}

/// What has begun and not ended.
#[derive(Default)]
struct Open {
    calls: Map<Number, usize>,
    ups: Map<(Who, Place), usize>,
    /// The highest revision that a look has seen on the present line.
    looked: i64,
    /// By line: revisions that it shares with the line before, and that are told once more.
    shared: Vec<(u32, i64)>,
}
