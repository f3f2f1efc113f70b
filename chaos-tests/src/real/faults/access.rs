//! Clients whose rights are gone.

use anyhow::{Context as _, Result, ensure};

use crate::raw::{Access, Raw};
use crate::real::Lab;
use crate::real::faults::Fault;
use crate::real::faults::target::{Target, Whom};

/// Who may still do something, and its password.
const ROOT: (&str, &str) = ("root", "chaos");

/// etcd wants users from now on, and no client has one.
#[derive(Debug, Default)]
pub struct Revoked {
    /// Through whom; without rights nobody learns who leads.
    through: Option<Target>,
    is_struck: bool,
}

impl Fault for Revoked {
    fn kind(&self) -> &'static str {
        "credentials_revoked"
    }

    fn aim(&mut self, lab: &Lab) -> Result<String> {
        let target = self.through.insert(Whom::Leader.choose(lab)?);
        Ok(format!("every client, through {}", target.names()))
    }

    fn strike(&mut self, lab: &Lab) -> Result<()> {
        self.is_struck = true;
        let leader = self.through.as_ref().context("nothing was aimed at")?;
        let leader = leader.one(lab)?;
        let (user, password) = ROOT;
        leader.patient()?.ask(async |client| {
            client.role_add(user).await?;
            client.user_add(user, password, None).await?;
            client.user_grant_role(user, user).await?;
            client.auth_enable().await
        })?;
        Ok(())
    }

    fn proven(&mut self, lab: &Lab) -> Result<Option<String>> {
        let leader = self.through.as_ref().context("nothing was aimed at")?;
        let leader = leader.one(lab)?;
        let refusal = leader.read().err().map(|error| format!("{error:#}"));
        let refusal = refusal.filter(|refusal| refusal.contains("user name is empty"));
        Ok(refusal.map(|refusal| format!("a read: {refusal}")))
    }

    fn end(&mut self, lab: &Lab) -> Result<()> {
        if !std::mem::take(&mut self.is_struck) {
            return Ok(());
        }
        let leader = self.through.as_ref().context("nothing was aimed at")?;
        let leader = leader.one(lab)?;
        let access = Access {
            tls: None,
            password: Some(ROOT),
        };
        let root = Raw::new(&leader.endpoint(), access)?;
        root.ask(async |client| client.auth_disable().await)?;
        let (user, _) = ROOT;
        leader.patient()?.ask(async |client| {
            client.user_delete(user).await?;
            client.role_delete(user).await
        })?;
        ensure!(leader.read().is_ok(), "the rights did not come back");
        Ok(())
    }
}
