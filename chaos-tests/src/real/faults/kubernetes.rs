//! What happens to the Kubernetes API.

use std::sync::Arc;

use anyhow::Result;

use crate::history::What;
use crate::kubernetes::{self as api, Resource, Verb, on};
use crate::real::Lab;
use crate::real::faults::Fault;
use crate::real::faults::collectors::VOID;
use crate::real::replicas::Replica;
use crate::real::stage::Stage;

/// So many answers show an effect.
const ENOUGH: usize = 2;

/// How the API fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Lists are as of an earlier moment.
    Stale,
    /// Lists have nothing in them.
    Empty,
    /// Answers end in the middle.
    Cut,
    /// This HTTP status.
    Status(u16),
    /// Nobody listens, and what has changed is forgotten: a watch has a gap.
    Gap,
}

/// The API fails.
#[derive(Debug)]
pub struct Failing {
    stage: Arc<Stage>,
    failure: Failure,
    /// Where the logs of the collectors, the history and the requests were at the beginning.
    logged: Vec<usize>,
    from: usize,
    requests: usize,
    struck: usize,
}

impl Failing {
    /// In this way.
    pub fn new(stage: &Arc<Stage>, failure: Failure) -> Self {
        Self {
            stage: Arc::clone(stage),
            failure,
            logged: Vec::new(),
            from: 0,
            requests: 0,
            struck: 0,
        }
    }

    /// How often pods were asked for in this way since the beginning.
    fn asked(&self, verb: Verb) -> usize {
        let server = self.stage.control_plane.server();
        let requests = server.requests();
        let new = requests.iter().skip(self.requests);
        new.filter(|one| one.verb == verb && one.path.ends_with("/pods"))
            .count()
    }
}

impl Fault for Failing {
    fn kind(&self) -> &'static str {
        match self.failure {
            Failure::Stale => "kubernetes_list_stale",
            Failure::Empty => "kubernetes_list_empty",
            Failure::Cut => "kubernetes_list_cut",
            Failure::Status(410) => "kubernetes_410",
            Failure::Status(429) => "kubernetes_429",
            Failure::Status(_) => "kubernetes_500",
            Failure::Gap => "kubernetes_watch_gap",
        }
    }

    fn aim(&mut self, _lab: &Lab) -> Result<String> {
        self.logged = self.stage.replicas.iter().map(Replica::logged).collect();
        self.from = self.stage.recorder.count();
        let server = self.stage.control_plane.server();
        (self.requests, self.struck) = (server.request_count(), server.struck());
        drop(server);
        Ok("lists of pods".to_owned())
    }

    fn strike(&mut self, _lab: &Lab) -> Result<()> {
        if self.failure == Failure::Gap {
            let mut server = self.stage.control_plane.server_to_change();
            server.stop_listening();
            server.forget_changes();
            return server.listen();
        }
        let server = self.stage.control_plane.server();
        let fault = match self.failure {
            Failure::Stale => api::Fault::Stale(server.mark()),
            Failure::Empty => api::Fault::Empty,
            Failure::Cut => api::Fault::CutBody,
            Failure::Status(code) => api::Fault::Status(code),
            Failure::Gap => return Ok(()),
        };
        server.fail(on(Verb::List, Resource::Pods), fault);
        Ok(())
    }

    fn proven(&mut self, _lab: &Lab) -> Result<Option<String>> {
        Ok(match self.failure {
            Failure::Stale => {
                let is_new = |what: &What| matches!(what, What::PodCreated(_));
                let lists = self.stage.control_plane.server().struck() - self.struck;
                let missing = self.stage.recorder.count_since(self.from, is_new);
                (lists >= ENOUGH && missing > 0)
                    .then(|| format!("{lists} lists lacked up to {missing} new pods"))
            }
            Failure::Gap => {
                let watches = self.asked(Verb::Watch);
                (watches > 0).then(|| format!("the watch had to begin {watches} times"))
            }
            Failure::Empty | Failure::Cut | Failure::Status(_) => {
                let all = self.stage.replicas.iter().zip(&self.logged);
                let void = all.flat_map(|(one, logged)| one.says(*logged, VOID));
                let void: Vec<_> = void.collect();
                let first = void.first().filter(|_| void.len() >= ENOUGH);
                first.map(|line| format!("{} sweeps were not completed: {line}", void.len()))
            }
        })
    }

    fn end(&mut self, _lab: &Lab) -> Result<()> {
        self.stage.control_plane.server().clear_faults();
        Ok(())
    }
}
