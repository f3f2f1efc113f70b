//! Rules of a host's firewall, which count the packets that they hit.

use anyhow::{Context as _, Result};

use crate::real::network::Host;

/// A chain of its own with one rule, and what leads to it.
#[derive(Debug)]
pub(super) struct Rules {
    host: Host,
    chain: String,
    hooks: Vec<String>,
}

impl Rules {
    /// Does `action` to the packets that one of the `hooks` matches, for example `INPUT -i eth0`.
    pub(super) fn add(host: &Host, hooks: Vec<String>, action: &str) -> Result<Self> {
        let rules = Self {
            host: host.clone(),
            chain: format!("chaos-{:016x}", rand::random::<u64>()),
            hooks,
        };
        let chain = &rules.chain;
        rules.iptables(&format!("-N {chain}"))?;
        rules.iptables(&format!("-A {chain} {action}"))?;
        for hook in &rules.hooks {
            rules.iptables(&format!("-A {hook} -j {chain}"))?;
        }
        Ok(rules)
    }

    /// How many packets the action was done to.
    pub(super) fn count(&self) -> Result<u64> {
        let listed = self.iptables(&format!("-nvxL {}", self.chain))?;
        let rule = listed.lines().nth(2);
        let count = rule.and_then(|rule| rule.split_whitespace().next());
        Ok(count.with_context(|| listed.clone())?.parse()?)
    }

    /// Takes them away.
    pub(super) fn remove(self) -> Result<()> {
        let chain = &self.chain;
        for hook in &self.hooks {
            self.iptables(&format!("-D {hook} -j {chain}"))?;
        }
        self.iptables(&format!("-F {chain}"))?;
        self.iptables(&format!("-X {chain}"))?;
        Ok(())
    }

    fn iptables(&self, arguments: &str) -> Result<String> {
        self.host.run(&format!("iptables -w {arguments}"))
    }
}
