//! A process: how it is stopped, and how it ends.
//!
//! A process is a future. Whatever it does outside itself is a *step*; between two steps it can be killed
//! or stopped. Steps on files are taken without waiting for anything, so a process that is stopped before
//! one runs ahead: its clocks show the time at which it will go on, and what it does takes effect then.

use std::future::{Future, pending};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::Node;
use super::files::Effect;

const SIGKILL: i32 = 9;
const SIGALRM: i32 = 14;

/// What will happen to a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fate {
    /// Nothing.
    #[default]
    Spared,
    /// This, right before one of its steps; the first is 1.
    Struck(u32, Blow),
}

/// What happens to a process between two of its steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blow {
    /// It is killed.
    Kill,
    /// It is stopped for this long.
    Pause(Duration),
    /// Whoever would read its answer is gone.
    HangUp,
}

/// How a process ended.
#[derive(Debug)]
pub struct Ended<T> {
    /// What it came to, or the signal that ended it.
    pub result: Result<T, i32>,
    /// How long it ran.
    pub ran: Duration,
    /// The longest that it may run.
    pub budget: Option<Duration>,
    /// Whether it was killed or stopped from outside.
    pub disturbed: bool,
    /// Whether there is nobody to read its answer.
    pub unread: bool,
}

/// A process. A clone is the same process.
#[derive(Clone)]
pub struct Process {
    shared: Arc<Shared>,
}

struct Shared {
    node: Node,
    number: u64,
    started: Instant,
    state: Mutex<State>,
    /// Told when its end may have moved.
    changed: Notify,
}

struct State {
    fate: Fate,
    steps: u32,
    /// It is stopped until then.
    resumes: Instant,
    /// It ends itself then.
    alarm: Option<Instant>,
    /// When it ends, and by which signal. Nothing that it does any more has an effect.
    doom: Option<(Instant, i32)>,
    /// What it did while it ran ahead.
    later: Vec<Effect>,
    disturbed: bool,
    unread: bool,
}

impl Process {
    pub(super) fn new(node: Node, number: u64, fate: Fate) -> Self {
        let now = Instant::now();
        let state = State {
            fate,
            steps: 0,
            resumes: now,
            alarm: None,
            doom: None,
            later: Vec::new(),
            disturbed: false,
            unread: false,
        };
        Self {
            shared: Arc::new(Shared {
                node,
                number,
                started: now,
                state: Mutex::new(state),
                changed: Notify::new(),
            }),
        }
    }

    /// The machine that it runs on.
    pub fn node(&self) -> &Node {
        &self.shared.node
    }

    /// Its number on its machine.
    pub fn number(&self) -> u64 {
        self.shared.number
    }

    /// How many steps it has taken.
    pub fn steps(&self) -> u32 {
        self.state().steps
    }

    /// Kills it.
    pub fn kill(&self) {
        self.state().kill();
        self.shared.changed.notify_one();
    }

    /// Stops it for so long.
    pub fn pause(&self, time: Duration) {
        self.state().pause(time);
        self.shared.changed.notify_one();
    }

    /// Whoever would read its answer goes away. It goes on.
    pub fn hang_up(&self) {
        self.state().unread = true;
    }

    /// Lets it end itself after so long, whatever it waits for (`alarm(2)`).
    pub fn set_alarm(&self, after: Duration) {
        let mut state = self.state();
        state.alarm = Some(state.now() + after);
        drop(state);
        self.shared.changed.notify_one();
    }

    /// Runs it to its end.
    pub async fn run<T>(self, work: impl Future<Output = T>) -> Ended<T> {
        let result = {
            let work = pin!(async {
                let result = work.await;
                self.catch_up().await;
                result
            });
            tokio::select! {
                biased;
                signal = self.doom() => Err(signal),
                result = work => Ok(result),
            }
        };
        self.node().bury(self.number());
        let state = self.state();
        Ended {
            result,
            ran: self.shared.started.elapsed(),
            budget: state.alarm.map(|alarm| alarm - self.shared.started),
            disturbed: state.disturbed,
            unread: state.unread,
        }
    }

    /// Waits for the signal that ends it. A process that is stopped hears of it when it goes on.
    async fn doom(&self) -> i32 {
        loop {
            let (ends, signal) = {
                let state = self.state();
                let alarm = state.alarm.map(|at| (at.max(state.resumes), SIGALRM));
                (state.doom.or(alarm)).map_or((None, 0), |(at, signal)| (Some(at), signal))
            };
            let changed = self.shared.changed.notified();
            let Some(ends) = ends else {
                changed.await;
                continue;
            };
            tokio::select! {
                biased;
                () = sleep_until(ends) => return signal,
                () = changed => {}
            }
        }
    }

    /// The time as it sees it.
    pub(super) fn now(&self) -> Instant {
        self.state().now()
    }

    /// How far it runs ahead.
    pub(super) fn ahead(&self) -> Duration {
        let state = self.state();
        state.resumes.saturating_duration_since(Instant::now())
    }

    /// Takes a step. Says whether it has an effect.
    pub(super) fn step(&self) -> bool {
        let mut state = self.state();
        if state.doom.is_some() {
            return false;
        }
        state.steps += 1;
        let Fate::Struck(step, blow) = state.fate else {
            return true;
        };
        if state.steps != step {
            return true;
        }
        match blow {
            Blow::Kill => state.kill(),
            Blow::Pause(time) => state.pause(time),
            Blow::HangUp => state.unread = true,
        }
        let lives = state.doom.is_none();
        drop(state);
        self.shared.changed.notify_one();
        lives
    }

    /// Takes a step, and waits until it really is where it believes to be. One that is dead stays here
    /// until it is dropped.
    pub(super) async fn pass(&self) {
        self.step();
        self.catch_up().await;
    }

    pub(super) async fn catch_up(&self) {
        loop {
            let resumes = {
                let mut state = self.state();
                if state.doom.is_some() {
                    None
                } else if state.resumes <= Instant::now() {
                    let later = std::mem::take(&mut state.later);
                    drop(state);
                    self.take_effect(later);
                    return;
                } else {
                    Some(state.resumes)
                }
            };
            match resumes {
                Some(resumes) => sleep_until(resumes).await,
                None => pending().await,
            }
        }
    }

    fn take_effect(&self, effects: Vec<Effect>) {
        if effects.is_empty() {
            return;
        }
        let mut node = self.node().state();
        for effect in effects {
            node.files.apply(effect);
        }
        drop(node);
    }

    /// Changes a file or a lock, when it gets there.
    pub(super) fn change(&self, effect: Effect) {
        let mut state = self.state();
        if state.doom.is_some() {
            return;
        }
        if state.resumes > Instant::now() {
            state.later.push(effect);
            return;
        }
        drop(state);
        self.take_effect(vec![effect]);
    }

    /// What it did to a file while it ran ahead: the file's content, or `None` for none.
    #[expect(
        clippy::option_option,
        reason = "a file that was removed is not one that was left alone"
    )]
    pub(super) fn own(&self, path: &str) -> Option<Option<(Vec<u8>, SystemTime)>> {
        let state = self.state();
        let last = state
            .later
            .iter()
            .rev()
            .find_map(|one| one.content_of(path));
        last.map(|file| file.map(|(content, written)| (content.to_vec(), written)))
    }

    pub(super) fn is_unread(&self) -> bool {
        self.state().unread
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let state = self.shared.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn now(&self) -> Instant {
        Instant::now().max(self.resumes)
    }

    fn kill(&mut self) {
        self.disturbed = true;
        self.doom = Some((Instant::now(), SIGKILL));
    }

    fn pause(&mut self, time: Duration) {
        self.disturbed = true;
        self.resumes = self.now() + time;
        // The alarm rings meanwhile, and is heard before anything else is done.
        if self.alarm.is_some_and(|alarm| alarm <= self.resumes) && self.doom.is_none() {
            self.doom = Some((self.resumes, SIGALRM));
        }
    }
}
