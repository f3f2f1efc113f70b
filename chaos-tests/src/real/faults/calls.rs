//! What happens to calls of the plugin.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::Result;

use crate::history::{Process, What};
use crate::real::Lab;
use crate::real::faults::Fault;
use crate::real::lossy::Lossy;
use crate::real::network::HARNESS;
use crate::real::stage::{Mischief, Stage};

/// So many victims show an effect.
const ENOUGH: usize = 3;

/// Processes that are killed or stopped, calls that are made twice or overtaken.
#[derive(Debug)]
pub struct Disturbed {
    stage: Arc<Stage>,
    mischief: Mischief,
    from: usize,
}

impl Disturbed {
    /// This is done to calls.
    pub fn new(stage: &Arc<Stage>, mischief: Mischief) -> Self {
        Self {
            stage: Arc::clone(stage),
            mischief,
            from: 0,
        }
    }
}

impl Fault for Disturbed {
    fn kind(&self) -> &'static str {
        match self.mischief {
            Mischief::None => "nothing",
            Mischief::Kill => "plugin_killed",
            Mischief::Pause => "plugin_paused",
            Mischief::Twice => "plugin_called_twice",
            Mischief::Overtake => "del_overtakes_add",
        }
    }

    fn aim(&mut self, _lab: &Lab) -> Result<String> {
        self.from = self.stage.recorder.count();
        self.stage.set_mischief(Mischief::None);
        Ok("calls on all nodes".to_owned())
    }

    fn strike(&mut self, _lab: &Lab) -> Result<()> {
        self.stage.set_mischief(self.mischief);
        Ok(())
    }

    fn proven(&mut self, _lab: &Lab) -> Result<Option<String>> {
        let killed = |what: &What| {
            matches!(
                what,
                What::Process(Process {
                    call: Some(_),
                    signal: Some(9),
                    disturbed: true,
                    ..
                })
            )
        };
        let (count, what) = match self.mischief {
            Mischief::Kill => {
                let count = self.stage.recorder.count_since(self.from, killed);
                (count, "processes were ended by SIGKILL")
            }
            Mischief::Pause => (self.victims(), "processes stood still and went on"),
            Mischief::Twice => (self.victims(), "calls had a twin"),
            Mischief::Overtake | Mischief::None => (self.victims(), "DELs began while the ADD ran"),
        };
        Ok((count >= ENOUGH).then(|| format!("{count} {what}")))
    }

    fn end(&mut self, _lab: &Lab) -> Result<()> {
        self.stage.set_mischief(Mischief::None);
        Ok(())
    }
}

impl Disturbed {
    fn victims(&self) -> usize {
        self.stage.victims.load(Ordering::SeqCst)
    }
}

/// Answers of etcd to writes that never reach the plugin: what was asked for has happened.
#[derive(Debug)]
pub struct AnswersLost {
    stage: Arc<Stage>,
    proxies: Vec<Lossy>,
}

impl AnswersLost {
    /// On the way to all nodes.
    pub fn new(stage: &Arc<Stage>) -> Self {
        Self {
            stage: Arc::clone(stage),
            proxies: Vec::new(),
        }
    }

    fn configure(&self, endpoints: &[String]) -> Result<()> {
        let mut nodes = self.stage.nodes.iter();
        nodes.try_for_each(|node| node.configure(endpoints))
    }
}

impl Fault for AnswersLost {
    fn kind(&self) -> &'static str {
        "answers_lost"
    }

    fn aim(&mut self, _lab: &Lab) -> Result<String> {
        Ok("every second connection of every plugin".to_owned())
    }

    fn strike(&mut self, lab: &Lab) -> Result<()> {
        for endpoint in lab.cluster.endpoints() {
            self.proxies.push(Lossy::start(HARNESS, &endpoint)?);
        }
        let urls: Vec<_> = self.proxies.iter().map(Lossy::url).collect();
        self.configure(&urls)
    }

    fn proven(&mut self, _lab: &Lab) -> Result<Option<String>> {
        let lost: usize = self.proxies.iter().map(Lossy::lost).sum();
        let proof = || format!("etcd answered {lost} writes whose sender never heard of it");
        Ok((lost >= ENOUGH).then(proof))
    }

    fn end(&mut self, lab: &Lab) -> Result<()> {
        // Calls that have begun go on through the proxies, which stay until the run ends.
        self.configure(&lab.cluster.endpoints())?;
        self.proxies.iter().for_each(Lossy::forgive);
        Ok(())
    }
}
