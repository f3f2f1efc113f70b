//! Packets that are lost, late or slow.

use anyhow::{Context as _, Result};

use crate::real::Lab;
use crate::real::faults::Fault;
use crate::real::faults::rules::Rules;
use crate::real::faults::target::{Target, Whom};
use crate::real::network::UPLINK;

/// A loss that hit fewer packets than this may have hit nothing that matters.
const ENOUGH: u64 = 50;

/// What is sent and read back through a member whose bandwidth is limited.
const PIECE: usize = 64 << 10;

/// Some of the packets that arrive at members are lost.
#[derive(Debug)]
pub struct Lost {
    whom: Whom,
    percent: u8,
    target: Option<Target>,
    rules: Vec<Rules>,
}

/// What a member sends passes at a megabit a second.
#[derive(Debug)]
pub struct Narrow {
    whom: Whom,
    target: Option<Target>,
    is_struck: bool,
}

impl Lost {
    /// This share of what arrives at these members.
    pub fn new(whom: Whom, percent: u8) -> Self {
        Self {
            whom,
            percent,
            target: None,
            rules: Vec::new(),
        }
    }
}

impl Narrow {
    /// The uplinks of these members.
    pub fn new(whom: Whom) -> Self {
        Self {
            whom,
            target: None,
            is_struck: false,
        }
    }
}

impl Fault for Lost {
    fn kind(&self) -> &'static str {
        "packets_lost"
    }

    fn aim(&mut self, lab: &Lab) -> Result<String> {
        let target = self.target.insert(self.whom.choose(lab)?);
        Ok(format!("{}: {} %", target.names(), self.percent))
    }

    fn strike(&mut self, lab: &Lab) -> Result<()> {
        let action = format!(
            "-m statistic --mode random --probability {} -j DROP",
            f64::from(self.percent) / 100.0
        );
        let target = self.target.as_ref().context("nothing was aimed at")?;
        for member in target.members(lab) {
            let hooks = vec![format!("INPUT -i {UPLINK}")];
            self.rules.push(Rules::add(member.host(), hooks, &action)?);
        }
        Ok(())
    }

    fn proven(&mut self, _: &Lab) -> Result<Option<String>> {
        let mut lost = 0;
        for rules in &self.rules {
            lost += rules.count()?;
        }
        Ok((lost >= ENOUGH).then(|| format!("{lost} packets were lost")))
    }

    fn end(&mut self, _: &Lab) -> Result<()> {
        self.rules.drain(..).try_for_each(Rules::remove)
    }
}

impl Fault for Narrow {
    fn kind(&self) -> &'static str {
        "bandwidth_limited"
    }

    fn aim(&mut self, lab: &Lab) -> Result<String> {
        let target = self.target.insert(self.whom.choose(lab)?);
        Ok(target.names())
    }

    fn strike(&mut self, lab: &Lab) -> Result<()> {
        self.is_struck = true;
        let mut hit = self.target.iter().flat_map(|target| target.members(lab));
        hit.try_for_each(|member| {
            let limit = "root tbf rate 1mbit burst 4kb latency 400ms";
            let line = format!("tc qdisc add dev {UPLINK} {limit}");
            member.host().run(&line).map(|_| ())
        })
    }

    fn proven(&mut self, lab: &Lab) -> Result<Option<String>> {
        let mut proof = Vec::new();
        for member in self.target.iter().flat_map(|target| target.members(lab)) {
            let through = member.patient()?;
            // That it passes is not the point.
            let _ = through.put("/chaos/bandwidth", vec![b'x'; PIECE]);
            let _ = through.get("/chaos/bandwidth");
            let line = format!("tc -s qdisc show dev {UPLINK}");
            let shown = member.host().run(&line)?;
            let waited = overlimits(&shown).unwrap_or(0);
            if waited == 0 {
                return Ok(None);
            }
            proof.push(format!("{waited} packets of {} waited", member.name()));
        }
        Ok((!proof.is_empty()).then(|| proof.join("; ")))
    }

    fn end(&mut self, lab: &Lab) -> Result<()> {
        if !std::mem::take(&mut self.is_struck) {
            return Ok(());
        }
        let mut hit = self.target.iter().flat_map(|target| target.members(lab));
        hit.try_for_each(|member| {
            let line = format!("tc qdisc del dev {UPLINK} root");
            member.host().run(&line).map(|_| ())
        })
    }
}

/// How often a packet had to wait, in the words of `tc`.
fn overlimits(shown: &str) -> Option<u64> {
    let (_, rest) = shown.split_once("overlimits ")?;
    rest.split_whitespace().next()?.parse().ok()
}
