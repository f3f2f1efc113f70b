//! Raises the Raft term of a cluster by moving its leader.

use super::client::Client;
use super::error::EtcdError;
use super::members::bounded;

/// How often a move that fails is tried again, over the whole raise.
const PATIENCE: u32 = 10;

impl Client {
    /// Moves the leader back and forth until the term is at least `term`. Returns the term reached,
    /// which is lower where there is no second member to move the leader to.
    ///
    /// # Errors
    /// [`EtcdError`]; etcd asks for the root role where authentication is on.
    pub async fn raise_term(&self, term: u64) -> Result<u64, EtcdError> {
        let mut failures = 0;
        loop {
            let (asked, _) = self.ask_members().await;
            // What the cluster names may be out of reach from here, or known by another name.
            for asked in asked.iter().filter(|asked| asked.member.configured) {
                if let Err(error) = &asked.member.health
                    && !error.is_transient()
                {
                    return Err(error.clone());
                }
            }
            let members = || asked.iter().filter_map(|asked| asked.answered());
            let reached = members().map(|(_, _, health)| health.term).max();
            let reached = reached.unwrap_or(0);
            let leader = members().find(|(_, id, health)| *id == health.leader);
            let follower = leader.and_then(|(_, leader, _)| {
                members().find(|(_, id, health)| *id != leader && !health.is_learner)
            });
            let (Some((leader, ..)), Some((_, follower, _)), true) =
                (leader, follower, reached < term)
            else {
                return Ok(reached);
            };
            let moved = bounded(leader, async |connection| {
                connection.client.clone().move_leader(follower).await
            });
            if let Err(error) = moved.await {
                failures += 1;
                if failures > PATIENCE || !error.is_transient() {
                    return Err(error);
                }
            }
        }
    }
}
