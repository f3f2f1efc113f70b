//! Raises the Raft term of a cluster by moving its leader.

use std::time::Duration;

use super::client::Client;
use super::dial::{Connection, dial};
use super::error::EtcdError;
use super::settings::Settings;

/// How often a move that fails is tried again, over the whole raise.
const PATIENCE: u32 = 10;
/// How long one call to a member may take. A move of the leader waits for an election.
const CALL_TIMEOUT: Duration = Duration::from_secs(3);

/// What a member says of itself.
struct Member {
    connection: Connection,
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
            let leader = members.iter().find(|member| member.id == member.leader);
            let follower = leader.and_then(|leader| {
                members
                    .iter()
                    .find(|other| other.id != leader.id && !other.is_learner)
            });
            let (Some(leader), Some(follower), true) = (leader, follower, reached < term) else {
                return Ok(reached);
            };
            let moved = bounded(&leader.connection, async |connection| {
                connection.client.clone().move_leader(follower.id).await
            });
            if let Err(error) = moved.await {
                failures += 1;
                if failures > PATIENCE || !error.is_transient() {
                    return Err(error);
                }
            }
        }
    }

    /// The members that can be reached: by the endpoints, and by the addresses that the cluster
    /// itself names for its members, for one endpoint may stand for them all.
    async fn members(&self) -> Result<Vec<Member>, EtcdError> {
        let mut members: Vec<Member> = Vec::new();
        let mut urls = self.settings().endpoints.clone();
        let mut next = 0;
        while let Some(url) = urls.get(next).cloned() {
            next += 1;
            let settings = Settings {
                endpoints: vec![url],
                ..self.settings().clone()
            };
            let member = match member(&settings).await {
                Ok(member) => member,
                // What the cluster names may be out of reach from here, or known by another name.
                Err(_) if next > self.settings().endpoints.len() => continue,
                Err(error) if error.is_transient() => continue,
                Err(error) => return Err(error),
            };
            if members.iter().any(|known| known.id == member.id) {
                continue;
            }
            for url in advertised(&member.connection).await {
                if !urls.contains(&url) {
                    urls.push(url);
                }
            }
            members.push(member);
        }
        Ok(members)
    }
}

async fn member(settings: &Settings) -> Result<Member, EtcdError> {
    let connection = dial(settings, None).await?;
    let status = bounded(&connection, async |connection| {
        connection.client.clone().status().await
    });
    let status = status.await?;
    Ok(Member {
        id: status
            .header()
            .map_or(0, etcd_client::ResponseHeader::member_id),
        leader: status.leader(),
        term: status.raft_term(),
        is_learner: status.is_learner(),
        connection,
    })
}

/// The client URLs that the cluster names for its members. None where it does not tell.
async fn advertised(connection: &Connection) -> Vec<String> {
    let list = bounded(connection, async |connection| {
        connection.client.clone().member_list().await
    });
    let list = list.await.ok();
    let members = list
        .iter()
        .flat_map(etcd_client::MemberListResponse::members);
    members
        .flat_map(|member| member.client_urls().to_vec())
        .collect()
}

/// Carries out one call in bounded time.
async fn bounded<T>(
    connection: &Connection,
    call: impl AsyncFnOnce(&Connection) -> Result<T, etcd_client::Error>,
) -> Result<T, EtcdError> {
    let endpoint = &connection.endpoint;
    match tokio::time::timeout(CALL_TIMEOUT, Box::pin(call(connection))).await {
        Ok(answer) => answer.map_err(|error| EtcdError::from_client(&error, endpoint)),
        Err(_) => Err(EtcdError::Unknown {
            endpoint: endpoint.clone(),
            reason: format!("nothing within {} ms", CALL_TIMEOUT.as_millis()),
        }),
    }
}
