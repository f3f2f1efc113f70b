//! What the members of an etcd cluster say of themselves.

use std::time::Duration;

use tokio::task::JoinSet;

use super::client::Client;
use super::dial::{Connection, dial, url_of};
use super::error::EtcdError;
use super::metrics;
use super::settings::Settings;

/// How long one call to a member may take. A move of the leader waits for an election.
const CALL_TIMEOUT: Duration = Duration::from_secs(3);

/// One member of the cluster, or an endpoint behind which none could be asked.
#[derive(Debug)]
pub struct Member {
    /// Its name; empty where the cluster does not tell.
    pub name: String,
    /// Its number; `None` where neither it nor the cluster told.
    pub id: Option<u64>,
    /// Where it was asked, in vain or not; empty where the cluster knows no address of it.
    pub url: String,
    /// Whether the settings name that place; the cluster named it otherwise.
    pub configured: bool,
    /// The addresses that the cluster names for it.
    pub client_urls: Vec<String>,
    /// What it said, or why it said nothing.
    pub health: Result<Health, EtcdError>,
}

/// What a member says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// The number of the cluster that it belongs to.
    pub cluster: u64,
    /// Its version, such as `3.5.30`.
    pub version: String,
    /// The member that leads, as far as it knows; 0 where none does.
    pub leader: u64,
    /// Whether it has no vote.
    pub is_learner: bool,
    /// Its Raft term.
    pub term: u64,
    /// The size of its database file (bytes).
    pub size: u64,
    /// How much of that is in use; a defragmentation frees the rest.
    pub in_use: u64,
    /// From which size on it takes no more writes.
    pub quota: Quota,
    /// The alarms of the whole cluster, as far as it knows.
    pub alarms: Vec<Alarm>,
    /// What else it complains of, in its own words.
    pub errors: Vec<String>,
}

/// From which size on a member takes no more writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Quota {
    /// It could not be learnt.
    #[default]
    Unknown,
    /// There is none.
    None,
    /// So many bytes.
    Bytes(u64),
}

impl Quota {
    /// What etcd takes where it is not told otherwise (`--quota-backend-bytes`): 2 GiB.
    pub const DEFAULT: u64 = 2 << 30;
}

/// An alarm, which stands until an operator disarms it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Alarm {
    /// The member that raised it; 0 where that cannot be read.
    pub member: u64,
    /// `NOSPACE`, `CORRUPT`, or what a later etcd knows.
    pub kind: String,
}

impl Alarm {
    /// Reads one of the errors that a member names with its status: alarms are among them, as
    /// `memberID:1234 alarm:NOSPACE`. `None`: it is none.
    fn parse(error: &str) -> Option<Self> {
        let field = |name: &str| {
            error
                .split_whitespace()
                .find_map(|word| word.strip_prefix(name)?.strip_prefix(':'))
        };
        Some(Self {
            kind: field("alarm")?.to_owned(),
            member: field("memberID")
                .and_then(|id| id.parse().ok())
                .unwrap_or(0),
        })
    }
}

/// The cluster as its members describe it.
#[derive(Debug)]
pub struct Members {
    /// Every member, and every endpoint of the settings behind which none answered.
    pub members: Vec<Member>,
    /// Why the cluster's own list of its members could not be had, where it could not: there may
    /// be more of them.
    pub unlisted: Option<EtcdError>,
}

/// A member that was asked, and how to ask it more, where it can be connected to.
pub(super) struct Asked {
    pub(super) member: Member,
    pub(super) connection: Option<Connection>,
}

impl Asked {
    /// The connection and the words of a member that answered.
    pub(super) fn answered(&self) -> Option<(&Connection, u64, &Health)> {
        let health = self.member.health.as_ref().ok()?;
        Some((self.connection.as_ref()?, self.member.id?, health))
    }
}

impl Client {
    /// Asks every member what it says of itself: those behind the endpoints of the settings, and
    /// those that the cluster itself names, for one endpoint may stand for them all.
    ///
    /// # Errors
    /// Only where the settings themselves are wrong; else each member says what failed.
    pub async fn members(&self) -> Result<Members, EtcdError> {
        self.settings().check()?;
        let (mut asked, unlisted) = self.ask_members().await;
        for Asked { member, connection } in &mut asked {
            let (Ok(health), Some(connection)) = (&mut member.health, connection) else {
                continue;
            };
            if health.quota == Quota::Unknown {
                let endpoint = &connection.endpoint;
                health.quota = metrics::quota(self.settings(), endpoint).await;
            }
        }
        let mut members: Vec<_> = asked.into_iter().map(|asked| asked.member).collect();
        members.sort_by(|one, other| (&one.name, &one.url).cmp(&(&other.name, &other.url)));
        Ok(Members { members, unlisted })
    }

    /// See [`Client::members`]; quotas that the members do not tell themselves are not looked for.
    pub(super) async fn ask_members(&self) -> (Vec<Asked>, Option<EtcdError>) {
        let mut found: Vec<Asked> = Vec::new();
        let endpoints = self.settings().endpoints.iter();
        let urls = endpoints.map(|text| url_of(text, self.settings()));
        for asked in self.ask(urls.collect(), true).await {
            let known = asked.member.id.is_some()
                && found.iter().any(|one| one.member.id == asked.member.id);
            if !known {
                found.push(asked);
            }
        }
        let mut unlisted = None;
        for connection in found.iter().filter_map(|one| one.connection.clone()) {
            match list(&connection).await {
                Ok(listed) => {
                    self.add(listed, &mut found).await;
                    return (found, None);
                }
                Err(error) => unlisted = Some(error),
            }
        }
        (found, unlisted)
    }

    /// Fills in what the cluster's list tells, and asks those members that were not asked yet.
    async fn add(&self, listed: Vec<Listed>, found: &mut Vec<Asked>) {
        let mut missing = Vec::new();
        for one in listed {
            let is_it = |asked: &&mut Asked| match asked.member.id {
                Some(id) => id == one.id,
                None => one.client_urls.contains(&asked.member.url),
            };
            match found.iter_mut().find(is_it) {
                Some(asked) => one.describe(&mut asked.member),
                None => missing.push(one),
            }
        }
        for one in missing {
            let asked = self.ask(one.client_urls.clone(), false).await;
            let is_it = |asked: &Asked| asked.member.id == Some(one.id);
            let by_rank = |asked: &Asked| (is_it(asked), asked.member.id.is_none());
            let best = asked.into_iter().max_by_key(by_rank);
            let mut best = best.unwrap_or_else(|| Asked::nowhere(&one));
            if !is_it(&best) && best.member.id.is_some() {
                // Another member answers at its address, which stands for several.
                best = Asked::nowhere(&one);
            }
            one.describe(&mut best.member);
            found.push(best);
        }
    }

    /// Asks at each of these places at once; the answers stand in the order of the places.
    async fn ask(&self, urls: Vec<String>, configured: bool) -> Vec<Asked> {
        let mut asking = JoinSet::new();
        for (place, url) in urls.into_iter().enumerate() {
            let settings = Settings {
                endpoints: vec![url.clone()],
                ..self.settings().clone()
            };
            asking.spawn(async move { (place, ask(&settings, url, configured).await) });
        }
        let mut answers = asking.join_all().await;
        answers.sort_by_key(|(place, _)| *place);
        answers.into_iter().map(|(_, asked)| asked).collect()
    }
}

impl Asked {
    /// A member that cannot be asked, for nothing leads to it.
    fn nowhere(listed: &Listed) -> Self {
        let why = if listed.client_urls.is_empty() {
            "it has never been started, so the cluster knows no address of it"
        } else {
            "another member answers at its address"
        };
        Self {
            member: Member {
                name: String::new(),
                id: None,
                url: listed.client_urls.first().cloned().unwrap_or_default(),
                configured: false,
                client_urls: Vec::new(),
                health: Err(EtcdError::Unreachable(why.to_owned())),
            },
            connection: None,
        }
    }
}

/// A member as the cluster lists it.
struct Listed {
    id: u64,
    name: String,
    client_urls: Vec<String>,
}

impl Listed {
    fn describe(self, member: &mut Member) {
        member.id = Some(self.id);
        member.name = self.name;
        member.client_urls = self.client_urls;
    }
}

async fn ask(settings: &Settings, url: String, configured: bool) -> Asked {
    let mut asked = Asked {
        member: Member {
            name: String::new(),
            id: None,
            url,
            configured,
            client_urls: Vec::new(),
            health: Ok(Health::default()),
        },
        connection: None,
    };
    let connection = match dial(settings, None).await {
        Ok(connection) => connection,
        Err(error) => {
            asked.member.health = Err(error);
            return asked;
        }
    };
    let status = bounded(&connection, async |connection| {
        connection.client.clone().status().await
    });
    asked.member.health = status.await.map(|status| {
        asked.member.id = status.header().map(etcd_client::ResponseHeader::member_id);
        health(&status)
    });
    asked.connection = Some(connection);
    asked
}

fn health(status: &etcd_client::StatusResponse) -> Health {
    let size = |bytes: i64| u64::try_from(bytes).unwrap_or(0);
    let (mut alarms, mut errors) = (Vec::new(), Vec::new());
    for error in status.errors() {
        match Alarm::parse(error) {
            Some(alarm) => alarms.push(alarm),
            None => errors.push(error.clone()),
        }
    }
    Health {
        cluster: status
            .header()
            .map_or(0, etcd_client::ResponseHeader::cluster_id),
        version: status.version().to_owned(),
        leader: status.leader(),
        is_learner: status.is_learner(),
        term: status.raft_term(),
        size: size(status.db_size()),
        in_use: size(status.raft_used_db_size()),
        // Since etcd 3.6.
        quota: match size(status.db_size_quota()) {
            0 => Quota::Unknown,
            bytes => Quota::Bytes(bytes),
        },
        alarms,
        errors,
    }
}

/// The members that the cluster knows of.
async fn list(connection: &Connection) -> Result<Vec<Listed>, EtcdError> {
    let list = bounded(connection, async |connection| {
        connection.client.clone().member_list().await
    });
    let list = list.await?;
    let listed = list.members().iter().map(|member| Listed {
        id: member.id(),
        name: member.name().to_owned(),
        client_urls: member.client_urls().to_vec(),
    });
    Ok(listed.collect())
}

/// Carries out one call in bounded time.
pub(super) async fn bounded<T>(
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alarms_are_told_from_other_errors() {
        let alarm = |text| Alarm::parse(text).map(|alarm| (alarm.member, alarm.kind));
        for (text, found) in [
            ("memberID:7 alarm:NOSPACE ", Some((7, "NOSPACE"))),
            ("alarm:CORRUPT  memberID:8", Some((8, "CORRUPT"))),
            ("memberID:x alarm:NEW", Some((0, "NEW"))),
            ("etcdserver: no leader", None),
            ("", None),
        ] {
            let found = found.map(|(member, kind)| (member, kind.to_owned()));
            assert_eq!(alarm(text), found, "{text}");
        }
    }
}
