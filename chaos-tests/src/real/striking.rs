//! Strikes with faults, one after the other or some at once, each until its effect was seen.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rand::rngs::StdRng;

use crate::history::{self, Outcome, What};
use crate::real::Lab;
use crate::real::catalogue;
use crate::real::faults::Fault;
use crate::real::stage::Stage;

/// Before the first fault, between two, and after the last.
const CALM: Duration = Duration::from_secs(2);

/// An effect that was not seen for so long will not be.
const PROOF: Duration = Duration::from_secs(40);

/// The same for one that does not strike.
const NO_PROOF: Duration = Duration::from_secs(2);

/// How long a workload may still go on after the faults until enough was acknowledged.
const ENOUGH: Duration = Duration::from_mins(1);

/// How often something is looked at.
const GLANCE: Duration = Duration::from_millis(50);

/// Who strikes, and at what.
pub(super) struct Striking<'a> {
    pub(super) lab: &'a Lab,
    pub(super) stage: &'a Arc<Stage>,
    /// How long each effect lasts at least, once it was seen.
    pub(super) hold: Duration,
    /// Whether the faults strike. Where they only aim, none may be proven.
    pub(super) strikes: bool,
    /// Is told what happens, for people.
    pub(super) say: &'a (dyn Fn(&str) + Sync),
}

/// A fault that has begun.
struct Begun {
    fault: Box<dyn Fault>,
    number: u64,
    hit: String,
    at: Instant,
    proof: Option<String>,
}

impl Begun {
    fn event(&self, detail: &str) -> history::Fault {
        history::Fault {
            number: self.number,
            kind: self.fault.kind().to_owned(),
            detail: detail.to_owned(),
        }
    }
}

impl Striking<'_> {
    /// All faults, one after the other; those with a `+` between them at once.
    pub(super) fn all(&self, faults: &[String], grace: Duration, rng: &mut StdRng) -> Result<()> {
        thread::sleep(CALM);
        for kinds in faults {
            let mut round = Vec::new();
            for kind in kinds.split('+') {
                let fault = catalogue::make(kind, self.stage, grace, rng);
                let fault = fault.with_context(|| format!("no fault is called {kind}"))?;
                match fault.obstacle() {
                    Some(reason) => (self.say)(&format!("skipped: {kind}: {reason}")),
                    None => round.push(fault),
                }
            }
            self.round(round).with_context(|| kinds.clone())?;
        }
        self.stage.recorder.push(What::Healed);
        if self.strikes {
            self.wait_for_enough();
            thread::sleep(CALM);
        }
        Ok(())
    }

    /// These at once.
    fn round(&self, faults: Vec<Box<dyn Fault>>) -> Result<()> {
        let mut begun = Vec::new();
        for fault in faults {
            begun.push(self.begin(fault)?);
        }
        self.prove(&mut begun)?;
        if begun.iter().any(|one| one.proof.is_some()) {
            thread::sleep(self.hold);
        }
        for one in begun.into_iter().rev() {
            self.end(one)?;
        }
        if self.strikes {
            self.lab.cluster.wait_until_healthy()?;
            thread::sleep(CALM);
        }
        Ok(())
    }

    fn begin(&self, mut fault: Box<dyn Fault>) -> Result<Begun> {
        self.lab.cluster.confirm()?;
        let begun = Begun {
            number: self.stage.recorder.next_fault(),
            hit: fault.aim(self.lab)?,
            fault,
            at: Instant::now(),
            proof: None,
        };
        let event = begun.event(&begun.hit);
        self.stage.recorder.push(What::FaultBegins(event));
        Ok(begun)
    }

    fn prove(&self, all: &mut [Begun]) -> Result<()> {
        let patience = if self.strikes { PROOF } else { NO_PROOF };
        let begun = Instant::now();
        if self.strikes {
            for one in &mut *all {
                one.fault.strike(self.lab)?;
                self.follow();
            }
        }
        while all.iter().any(|one| one.proof.is_none()) && begun.elapsed() < patience {
            for one in all.iter_mut().filter(|one| one.proof.is_none()) {
                one.proof = one.fault.proven(self.lab)?;
                if let Some(proof) = &one.proof {
                    self.stage
                        .recorder
                        .push(What::FaultProven(one.event(proof)));
                }
            }
            thread::sleep(GLANCE);
        }
        Ok(())
    }

    fn end(&self, mut one: Begun) -> Result<()> {
        if self.strikes {
            one.fault.end(self.lab)?;
        }
        self.follow();
        self.stage
            .recorder
            .push(What::FaultEnds(one.event(&one.hit)));
        let (kind, hit) = (one.fault.kind(), &one.hit);
        let took = one.at.elapsed().as_secs_f64();
        let proof = one.proof.as_deref().unwrap_or("NO EFFECT SEEN");
        (self.say)(&format!("{kind}: {hit}; {proof} ({took:.1} s)"));
        Ok(())
    }

    /// Etcd may go on with another line of its history.
    fn follow(&self) {
        let line = self.lab.cluster.line();
        if line.line != self.stage.observer.line() {
            self.stage.observer.turn_to(line);
        }
    }

    /// A slow machine needs longer for what a workload is to bring about.
    fn wait_for_enough(&self) {
        let is_acknowledged = |what: &What| matches!(what, What::Return(one) if matches!(one.outcome, Outcome::Ok { .. }));
        let least = self.stage.plan.least_operations;
        let is_enough = || {
            let count = self.stage.recorder.count_since(0, is_acknowledged);
            u64::try_from(count).unwrap_or(u64::MAX) >= least
        };
        let begun = Instant::now();
        while !is_enough() && begun.elapsed() < ENOUGH {
            thread::sleep(CALM);
        }
    }
}
