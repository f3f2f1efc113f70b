//! Answers that a server gives on a bad day.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::sync::watch;

use super::cluster::Mark;
use super::request::Verb;
use super::resource::Resource;

/// A request that is not made within this time never will be.
const PATIENCE: Duration = Duration::from_mins(1);

/// What is done instead of answering well.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Refuse with this HTTP status and a `Status` object that fits; 429 with `Retry-After: 1`.
    Status(u16),
    /// Accept the request and never answer.
    Hang,
    /// Send half of the body as if it were all of it: the HTTP is whole, the JSON is not.
    TruncatedBody,
    /// Send half of the body, then cut the connection.
    CutBody,
    /// List nothing, without any error.
    Empty,
    /// Answer well, but not before the test lets go.
    Hold(Hold),
    /// Answer as of an earlier moment; the pages of a list that began otherwise stay as they are.
    Stale(Mark),
}

/// Holds requests up, so that the test can act while somebody waits for the answer.
#[derive(Clone, Debug)]
pub struct Hold(watch::Sender<bool>);

impl Default for Hold {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Hold {
    /// Waits until a request is held up.
    pub fn wait_for_request(&self) -> Result<()> {
        let patience = Instant::now() + PATIENCE;
        while self.0.receiver_count() == 0 {
            ensure!(Instant::now() < patience, "no request came to be held up");
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Lets all requests go on, those to come too.
    pub fn let_go(&self) {
        self.0.send_replace(true);
    }

    pub(super) async fn wait(&self) {
        // The sender lives as long as the fault that asked to wait.
        let _ = self.0.subscribe().wait_for(|free| *free).await;
    }
}

/// Which requests a fault strikes.
#[derive(Clone, Copy, Debug)]
pub struct When {
    verb: Verb,
    resource: Resource,
    page: Option<usize>,
    left: Option<usize>,
}

/// Every such request, until the faults are cleared.
pub fn on(verb: Verb, resource: Resource) -> When {
    When {
        verb,
        resource,
        page: None,
        left: None,
    }
}

impl When {
    /// Only this page of lists, counted from 1.
    #[must_use]
    pub fn page(mut self, number: usize) -> Self {
        self.page = Some(number);
        self
    }

    /// Only the next so many of them.
    #[must_use]
    pub fn times(mut self, count: usize) -> Self {
        self.left = Some(count);
        self
    }
}

/// The faults that wait for their requests.
#[derive(Debug, Default)]
pub(super) struct Faults {
    waiting: Vec<(When, Fault)>,
    struck: usize,
}

impl Faults {
    pub(super) fn add(&mut self, when: When, fault: Fault) {
        self.waiting.push((when, fault));
    }

    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }

    /// The first fault for such a request, which it then has struck.
    pub(super) fn strike(&mut self, verb: Verb, resource: Resource, page: usize) -> Option<Fault> {
        let (when, fault) = self.waiting.iter_mut().find(|(when, _)| {
            when.verb == verb
                && when.resource == resource
                && when.page.is_none_or(|wanted| wanted == page)
                && when.left != Some(0)
        })?;
        when.left = when.left.map(|left| left - 1);
        self.struck += 1;
        Some(fault.clone())
    }

    /// How many requests a fault has struck.
    pub(super) fn struck(&self) -> usize {
        self.struck
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_strike_in_their_order_and_as_often_as_they_were_meant_to() {
        let mut faults = Faults::default();
        let pods = on(Verb::List, Resource::Pods);
        faults.add(pods.page(2).times(1), Fault::Status(410));
        faults.add(pods, Fault::Empty);
        let mut strike = |verb, page| faults.strike(verb, Resource::Pods, page);
        assert!(strike(Verb::Get, 1).is_none());
        assert!(matches!(strike(Verb::List, 1), Some(Fault::Empty)));
        assert!(matches!(strike(Verb::List, 2), Some(Fault::Status(410))));
        assert!(matches!(strike(Verb::List, 2), Some(Fault::Empty)));
        faults.clear();
        assert!(faults.strike(Verb::List, Resource::Pods, 1).is_none());
    }
}
