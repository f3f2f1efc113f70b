//! What is done to the servers and to the network, each with a proof that it had an effect.

use anyhow::Result;

use crate::real::Lab;

/// Something that is broken for a while.
///
/// A fault that changes nothing proves nothing, so each says how its effect was seen: by an answer of
/// etcd, an exit status, a count of the kernel. What was only ordered is no proof.
pub trait Fault: Send {
    /// What it is, for example `leader_killed`.
    fn kind(&self) -> &'static str;

    /// Chooses what it hits, notes how things stand, and says what that is. Changes nothing.
    fn aim(&mut self, lab: &Lab) -> Result<String>;

    /// Breaks what was chosen.
    fn strike(&mut self, lab: &Lab) -> Result<()>;

    /// How the effect was seen; `None` as long as it was not. Asked again and again.
    fn proven(&mut self, lab: &Lab) -> Result<Option<String>>;

    /// Takes everything back. What was never struck is left as it is.
    fn end(&mut self, lab: &Lab) -> Result<()>;

    /// Aims and strikes, at servers that were made sure to be ours.
    fn begin(&mut self, lab: &Lab) -> Result<String> {
        lab.cluster.confirm()?;
        let what = self.aim(lab)?;
        self.strike(lab)?;
        Ok(what)
    }
}
