//! A candidate with a thread and a connection of its own, as if it were another process.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use store::election::{Candidate, Fence, LeaderRecord, Lost};
use store::etcd::{EtcdError, Settings};
use tokio::sync::oneshot;

use super::bench::{PATIENCE, candidate, runtime, soon, store};

/// What a candidate tells.
#[derive(Debug)]
enum Event {
    /// Another leads.
    Follows(LeaderRecord),
    /// It leads.
    Leads(Fence),
    /// It leads no longer.
    Lost(Lost),
}

/// How a candidate ends that was not told otherwise: as after a crash.
#[derive(Debug)]
enum End {
    Resign,
    Crash,
}

/// A candidate. It stands for one election; dropping it is a crash.
pub(crate) struct Contender {
    identity: String,
    /// An error is that it may never lead.
    events: Receiver<Result<Event, EtcdError>>,
    end: oneshot::Sender<End>,
    thread: JoinHandle<()>,
}

impl Contender {
    pub(crate) fn start(settings: Settings, identity: &str, ttl: Duration) -> Result<Self> {
        let (tell, events) = channel();
        let (end, ended) = oneshot::channel();
        let candidate = candidate(identity, ttl);
        let runtime = runtime()?;
        let thread = std::thread::spawn(move || {
            runtime.block_on(run(settings, &candidate, &tell, ended));
        });
        Ok(Self {
            identity: identity.to_owned(),
            events,
            end,
            thread,
        })
    }

    /// Whether it goes by this identity.
    pub(crate) fn is_called(&self, identity: &str) -> bool {
        self.identity == identity
    }

    /// The next thing that it tells.
    fn event(&self) -> Result<Event> {
        let event = self.events.recv_timeout(PATIENCE);
        Ok(event.with_context(|| format!("{} says nothing more", self.identity))??)
    }

    /// Whether it has nothing to tell for now.
    pub(crate) fn is_silent(&self) -> bool {
        self.events.try_recv().is_err()
    }

    /// Waits until it leads, whoever led before.
    pub(crate) fn leads(&self) -> Result<Fence> {
        loop {
            match self.event()? {
                Event::Leads(fence) => return Ok(fence),
                Event::Follows(_) => {}
                other @ Event::Lost(_) => bail!("instead of leading: {other:?}"),
            }
        }
    }

    /// Waits until it has seen that another leads.
    pub(crate) fn follows(&self) -> Result<LeaderRecord> {
        match self.event()? {
            Event::Follows(leader) => Ok(leader),
            other => bail!("instead of following: {other:?}"),
        }
    }

    /// Waits until it leads no longer.
    pub(crate) fn lost(&self) -> Result<Lost> {
        match self.event()? {
            Event::Lost(lost) => Ok(lost),
            other => bail!("instead of losing: {other:?}"),
        }
    }

    /// Gives the leadership back.
    pub(crate) fn resign(self) -> Result<()> {
        self.end(End::Resign)
    }

    /// Ends it without a word.
    pub(crate) fn crash(self) -> Result<()> {
        self.end(End::Crash)
    }

    fn end(self, end: End) -> Result<()> {
        // One that has ended by itself need not be told.
        let _ = self.end.send(end);
        let ended = self.thread.join();
        ended.map_err(|_| anyhow::anyhow!("{} panicked", self.identity))
    }
}

async fn run(
    settings: Settings,
    candidate: &Candidate,
    tell: &Sender<Result<Event, EtcdError>>,
    mut ended: oneshot::Receiver<End>,
) {
    let store = store(settings);
    // A test that has seen enough listens no longer.
    let say = |event| drop(tell.send(event));
    let follows = |leader: &LeaderRecord| say(Ok(Event::Follows(leader.clone())));
    let elected = tokio::select! {
        elected = store.campaign(candidate, follows, |_| {}) => elected,
        _ = &mut ended => return,
    };
    let mut leadership = match elected {
        Ok(leadership) => leadership,
        Err(error) => return say(Err(error)),
    };
    say(Ok(Event::Leads(leadership.fence().clone())));
    let end = tokio::select! {
        lost = store.keep_leading(&mut leadership) => return say(Ok(Event::Lost(lost))),
        end = ended => end.unwrap_or(End::Crash),
    };
    if matches!(end, End::Resign) {
        // What fails shows in that nobody takes over.
        let _ = store.resign(leadership, soon(&store)).await;
    }
}
