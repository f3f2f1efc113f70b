//! All that an ADD needs of a configuration, read and judged before anything is asked of etcd.

use std::time::Duration;

use store::claim::{Claim, Order};

use super::NetworkConfig;
use super::answer::{Dns, Route};
use crate::cni::args::Args;
use crate::cni::error::CniError;

/// What an ADD is to do.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// What is to be claimed, in the order of the answer.
    pub claims: Vec<Claim>,
    /// In which order free addresses are tried.
    pub order: Order,
    /// How long the addresses rest once they are released.
    pub cooldown: Duration,
    /// The routes of the answer.
    pub routes: Vec<Route>,
    /// The name resolution of the answer.
    pub dns: Dns,
}

impl NetworkConfig {
    /// What an ADD of the plugin whose file is called `binary` is to do. Codes 6, 7 and 102: the
    /// ADD would fail.
    pub fn wanted(&self, binary: &str, args: &Args) -> Result<Wanted, CniError> {
        self.check_type(binary)?;
        // An ADD with a limit that cannot be read would have another than was meant.
        self.section().timeout()?;
        Ok(Wanted {
            claims: self.claims(args)?,
            order: self.section().order()?,
            cooldown: self.section().cooldown()?,
            routes: self.routes()?,
            dns: self.dns()?,
        })
    }
}
