//! The members of etcd.

use serde::Serialize;
use store::etcd::{Alarm, EtcdError, Health, Member, Members, Quota};

use super::version::Support;

/// etcd. The fields' names are those of the JSON.
#[derive(Debug, Default, Serialize)]
pub struct EtcdState {
    /// Its members, and the endpoints behind which none answers.
    pub members: Vec<MemberState>,
    /// The alarms that stand.
    pub alarms: Vec<AlarmState>,
    /// Why etcd's own list of its members could not be had: there may be more of them.
    pub unlisted: Option<String>,
}

/// An alarm.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct AlarmState {
    /// The number of the member that raised it, as etcdctl writes it.
    pub member: String,
    /// `NOSPACE`, `CORRUPT`, or what a later etcd knows.
    pub kind: String,
}

/// One member, or an endpoint behind which none answers.
#[derive(Debug, Default, Serialize)]
pub struct MemberState {
    /// Its name; empty where it is not known.
    pub name: String,
    /// Its number, as etcdctl writes it.
    pub id: Option<String>,
    /// Where it was asked.
    pub endpoint: String,
    /// Whether the settings name that place.
    pub configured: bool,
    /// Why it does not say how it is.
    pub error: Option<String>,
    /// Whether it answers, and does not tell this user.
    #[serde(skip)]
    pub is_denied: bool,
    /// What it says of itself.
    pub health: Option<HealthState>,
}

/// What a member says of itself.
#[derive(Debug, Serialize)]
pub struct HealthState {
    /// The number of its cluster, as etcdctl writes it.
    pub cluster: String,
    /// Its version.
    pub version: String,
    /// Whether this program is made for that version.
    pub support: Support,
    /// What it is in its cluster.
    pub role: Role,
    /// Its Raft term.
    pub raft_term: u64,
    /// The size of its database (bytes).
    pub db_size: u64,
    /// How much of that is in use.
    pub db_in_use: u64,
    /// From which size on it takes no more writes; `None`: there is no such size.
    pub quota: Option<u64>,
    /// Whether the quota could not be learnt and is what etcd takes by default.
    pub quota_assumed: bool,
    /// What it complains of, beside alarms.
    pub errors: Vec<String>,
}

/// What a member is in its cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It leads.
    Leader,
    /// It follows.
    Follower,
    /// It follows, and has no vote.
    Learner,
    /// It knows no leader.
    Leaderless,
}

impl Role {
    /// Its name, as in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Leader => "leader",
            Self::Follower => "follower",
            Self::Learner => "learner",
            Self::Leaderless => "leaderless",
        }
    }
}

impl EtcdState {
    /// The members that answered, each with what it said.
    pub fn answered(&self) -> impl Iterator<Item = (&MemberState, &HealthState)> {
        let members = self.members.iter();
        members.filter_map(|member| Some((member, member.health.as_ref()?)))
    }
}

impl MemberState {
    /// What people call it.
    pub fn label(&self) -> &str {
        if self.name.is_empty() {
            &self.endpoint
        } else {
            &self.name
        }
    }
}

impl From<Members> for EtcdState {
    fn from(members: Members) -> Self {
        let Members { members, unlisted } = members;
        let healths = members
            .iter()
            .filter_map(|member| member.health.as_ref().ok());
        let mut alarms: Vec<_> = healths
            .flat_map(|health| &health.alarms)
            .map(AlarmState::from)
            .collect();
        alarms.sort();
        alarms.dedup();
        Self {
            members: members.into_iter().map(MemberState::from).collect(),
            alarms,
            unlisted: unlisted.map(|error| reason(&error)),
        }
    }
}

impl From<&Alarm> for AlarmState {
    fn from(alarm: &Alarm) -> Self {
        Self {
            member: hexadecimal(alarm.member),
            kind: alarm.kind.clone(),
        }
    }
}

impl From<Member> for MemberState {
    fn from(member: Member) -> Self {
        let is_denied = matches!(member.health, Err(EtcdError::Denied { .. }));
        let (health, error) = match member.health {
            Ok(health) => (Some(health_of(health, member.id)), None),
            Err(error) => (None, Some(reason(&error))),
        };
        Self {
            name: member.name,
            id: member.id.map(hexadecimal),
            endpoint: member.url,
            configured: member.configured,
            error,
            is_denied,
            health,
        }
    }
}

fn health_of(health: Health, id: Option<u64>) -> HealthState {
    let role = match health.leader {
        0 => Role::Leaderless,
        leader if Some(leader) == id => Role::Leader,
        _ if health.is_learner => Role::Learner,
        _ => Role::Follower,
    };
    HealthState {
        cluster: hexadecimal(health.cluster),
        support: Support::of(&health.version),
        version: health.version,
        role,
        raft_term: health.term,
        db_size: health.size,
        db_in_use: health.in_use,
        quota: match health.quota {
            Quota::Bytes(bytes) => Some(bytes),
            Quota::Unknown => Some(Quota::DEFAULT),
            Quota::None => None,
        },
        quota_assumed: health.quota == Quota::Unknown,
        errors: health.errors,
    }
}

/// The error without what stands beside it anyhow: whom it is about, and what it means for a
/// write.
pub(super) fn reason(error: &EtcdError) -> String {
    match error {
        EtcdError::Unreachable(reason) => reason
            .split_once(": ")
            .filter(|(place, _)| place.contains("://"))
            .map_or(reason.as_str(), |(_, reason)| reason)
            .to_owned(),
        EtcdError::Unknown { reason, .. } | EtcdError::Overloaded { reason, .. } => reason.clone(),
        EtcdError::Denied { reason, .. } => format!("denied: {reason}"),
        other => other.to_string(),
    }
}

fn hexadecimal(id: u64) -> String {
    format!("{id:x}")
}
