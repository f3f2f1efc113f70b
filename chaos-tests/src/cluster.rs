//! An etcd cluster of three members.

use anyhow::{Context as _, Result, ensure};

use crate::etcd::{EtcdServer, Options};

/// Three members on one machine.
#[derive(Debug)]
pub struct EtcdCluster {
    members: Vec<EtcdServer>,
}

impl EtcdCluster {
    /// Starts three members and waits until each answers.
    pub fn start() -> Result<Self> {
        let mut members = Vec::new();
        for _ in 0..3 {
            members.push(EtcdServer::prepare(Options::default())?);
        }
        let names: Vec<_> = members.iter().map(EtcdServer::member).collect();
        for member in &mut members {
            member.join(&names.join(","));
            member.launch()?;
        }
        let mut clusters = Vec::new();
        for member in &mut members {
            clusters.push(member.wait_until_ready()?.cluster_id);
        }
        clusters.dedup();
        ensure!(clusters.len() == 1, "the members did not find each other");
        Ok(Self { members })
    }

    /// The URLs of all members.
    pub fn endpoints(&self) -> Vec<String> {
        self.members.iter().map(EtcdServer::endpoint).collect()
    }

    /// All members.
    pub fn members(&mut self) -> &mut [EtcdServer] {
        &mut self.members
    }

    /// The member that leads, and one that does not.
    pub fn leader_and_follower(&mut self) -> Result<(&mut EtcdServer, &mut EtcdServer)> {
        let mut leader = None;
        let mut follower = None;
        for member in &mut self.members {
            let status = member.wait_until_ready()?;
            if status.leader == status.member_id {
                leader = Some(member);
            } else {
                follower = Some(member);
            }
        }
        leader.zip(follower).context("a cluster without a leader")
    }
}
