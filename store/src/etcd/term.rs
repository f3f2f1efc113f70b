//! Raises the Raft term of a cluster by moving its leader.

use super::client::Client;
use super::dial::dial;
use super::error::EtcdError;
use super::settings::Settings;

/// How often a move that fails is tried again, over the whole raise.
const PATIENCE: u32 = 10;

/// What a member says of itself.
struct Member {
    settings: Settings,
    id: u64,
    leader: u64,
    term: u64,
    is_learner: bool,
}

impl Client {
    /// Moves the leader back and forth until the term is at least `term`. Returns the term reached,
    /// which is lower where there is no second member to move the leader to.
    ///
    /// # Errors
    /// [`EtcdError`]; etcd asks for the root role where authentication is on.
    pub async fn raise_term(&self, term: u64) -> Result<u64, EtcdError> {
        let mut failures = 0;
        loop {
            let members = self.members().await?;
            let reached = members.iter().map(|member| member.term).max().unwrap_or(0);
            let Some(leader) = members.iter().find(|member| member.id == member.leader) else {
                return Ok(reached);
            };
            let follower = members
                .iter()
                .find(|other| other.id != leader.id && !other.is_learner);
            let Some(follower) = follower.filter(|_| reached < term) else {
                return Ok(reached);
            };
            let mut connection = dial(&leader.settings, None).await?;
            if let Err(error) = connection.client.move_leader(follower.id).await {
                let error = EtcdError::from_client(&error, &connection.endpoint);
                failures += 1;
                if failures > PATIENCE || !error.is_transient() {
                    return Err(error);
                }
            }
        }
    }

    /// The members that the endpoints lead to.
    async fn members(&self) -> Result<Vec<Member>, EtcdError> {
        let mut members: Vec<Member> = Vec::new();
        for endpoint in &self.settings().endpoints {
            let settings = Settings {
                endpoints: vec![endpoint.clone()],
                ..self.settings().clone()
            };
            let mut connection = match dial(&settings, None).await {
                Ok(connection) => connection,
                Err(EtcdError::Unreachable(_)) => continue,
                Err(error) => return Err(error),
            };
            let status = connection.client.status().await;
            let status = status.map_err(|error| EtcdError::from_client(&error, endpoint))?;
            let id = status
                .header()
                .map_or(0, etcd_client::ResponseHeader::member_id);
            if members.iter().all(|member| member.id != id) {
                let (leader, term) = (status.leader(), status.raft_term());
                members.push(Member {
                    settings,
                    id,
                    leader,
                    term,
                    is_learner: status.is_learner(),
                });
            }
        }
        Ok(members)
    }
}
