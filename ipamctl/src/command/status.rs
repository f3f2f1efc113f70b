//! `ipamctl status`: how the store is, on one screen.

use std::time::SystemTime;

use anyhow::anyhow;
use store::clock::Clock;
use store::etcd::Members;
use store::txn::Etcd;

use super::{Context, Verdict};
use crate::output::{Align, Output, Table};
use crate::state::{
    ClusterState, FreezeState, HealthState, MemberState, State, StoreState, Support,
};
use crate::text::{age, age_of, bytes, printable};

/// What `--help` says.
pub const ABOUT: &str = "\
Show how the store is: whether it gives out addresses, how much it holds, who collects, and how the \
members of etcd are.

`ipamctl doctor` judges all of this and says what to do. Members that are not in --endpoints are \
found by etcd's own list of them. The quota of an etcd before 3.6 is read from the metrics at its \
client URL, and where it does not serve them there, etcd's default is assumed, which a question \
mark says. An etcd that demands users tells how its members are only to those with the root role \
(since 3.4.42, 3.5.28 and 3.6.9), and what is missing is said.

The exit status is 0 if the store gives out addresses, 3 if not (it is frozen, restored, not \
initialised and so on), and 1 if it could not be read; what the members say is shown all the same.

With -o json: an object with prefix, store (null where it could not be read; id, schema, \
sealed_term, armed, epoch, raft_term, revision, refusal, frozen (null, or reason, by and since), \
addresses, owners and ranges), error, denied (why a part is missing, or null), clusters (name, owners, leader (null, or identity and \
since), last_sweep (null, or by, ended, result, error, records, released and next)) and etcd \
(members, alarms and unlisted, which says why etcd's list of its members could not be had). A \
member has name, id, endpoint, configured (whether the settings name that endpoint), error, and \
health (null, or cluster, version, support (supported, too_old, too_new or unknown), role (leader, \
follower, learner or leaderless), raft_term, db_size, db_in_use, quota (null: none), quota_assumed \
and errors). Sizes are in bytes, times RFC 3339.";

/// What `--help` shows at its end.
pub const EXAMPLES: &str = "\
Examples:
  ipamctl status
  ipamctl status -o json | jq -r '.etcd.members[] | select(.error) | .endpoint'";

/// Shows. `members` is what the members of etcd said just now.
///
/// # Errors
/// If the store could not be read; then what else is known was shown.
pub async fn run<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    output: &mut Output<'_>,
    members: Members,
) -> anyhow::Result<Verdict> {
    let state = State::look(context, members).await;
    let now = context.store.clock().wall();
    output.result(&state, |state| text(state, now))?;
    if let Some(denied) = &state.denied {
        output.warn(&format!("a part of the store is not shown: {denied}"));
    }
    if let Some(unlisted) = &state.etcd.unlisted {
        output.warn(&format!(
            "etcd does not list its members ({unlisted}), so there may be more of them"
        ));
    }
    match (&state.store, state.error) {
        (_, Some(error)) => Err(anyhow!(error)),
        (Some(store), None) if store.is_open() => Ok(Verdict::Done),
        _ => Ok(Verdict::Negative),
    }
}

fn text(state: &State, now: SystemTime) -> String {
    let mut parts = Vec::new();
    if let Some(store) = &state.store {
        parts.push(summary(store, &state.prefix, now));
        if !state.clusters.is_empty() {
            parts.push(clusters(&state.clusters, now));
        }
    }
    parts.push(members(&state.etcd.members));
    let alarms = state.etcd.alarms.iter().map(|alarm| {
        let kind = printable(&alarm.kind);
        format!("ALARM {kind} of member {}\n", alarm.member)
    });
    let alarms: Vec<_> = alarms.collect();
    if !alarms.is_empty() {
        parts.push(alarms.concat());
    }
    parts.join("\n")
}

fn summary(store: &StoreState, prefix: &str, now: SystemTime) -> String {
    let mut lines = vec![
        ("state", standing(store, now)),
        ("prefix", prefix.to_owned()),
    ];
    if let Some(id) = &store.id {
        lines.push(("id", id.clone()));
    }
    if let (Some(sealed), Some(armed)) = (store.sealed_term, store.armed) {
        let armed = if armed {
            "armed"
        } else {
            "weak: a restored snapshot may pass"
        };
        let term = store.raft_term;
        lines.push((
            "sealed term",
            format!("{sealed} ({armed}); etcd's is {term}"),
        ));
    }
    if let (Some(schema), Some(epoch)) = (store.schema, store.epoch) {
        lines.push(("schema, epoch", format!("{schema}, {epoch}")));
    }
    let counts = [
        (store.addresses, "addresses"),
        (store.owners, "attachments"),
        (store.ranges, "ranges"),
    ];
    let counts = counts
        .into_iter()
        .filter_map(|(count, what)| Some(format!("{} {what}", count?)));
    lines.push(("holds", counts.collect::<Vec<_>>().join(", ")));
    let lines = lines.iter();
    let lines = lines.map(|(name, value)| format!("{name:<15}{}\n", printable(value)));
    lines.collect::<Vec<_>>().concat()
}

fn standing(store: &StoreState, now: SystemTime) -> String {
    match (&store.refusal, &store.frozen) {
        (Some(refusal), _) => format!("NO ADDRESSES ARE GIVEN OUT: {refusal}"),
        (None, Some(freeze)) => frozen(freeze, now),
        (None, None) => "gives out addresses".to_owned(),
    }
}

/// Since when, by whom and why, as far as that was said.
fn frozen(freeze: &FreezeState, now: SystemTime) -> String {
    let since = age_of(&freeze.since, now).map(|since| format!("for {}", age(since)));
    let by = Some(&freeze.by).filter(|by| !by.is_empty());
    let by = by.map(|by| format!("by {by}"));
    let words = ["FROZEN".to_owned()].into_iter().chain(since).chain(by);
    format!("{}: {}", words.collect::<Vec<_>>().join(" "), freeze.reason)
}

fn clusters(clusters: &[ClusterState], now: SystemTime) -> String {
    let columns = [
        ("CLUSTER", Align::Left),
        ("RECORDS", Align::Right),
        ("COLLECTOR", Align::Left),
        ("LEADS FOR", Align::Left),
        ("LAST SWEEP", Align::Left),
        ("AGE", Align::Left),
        ("RELEASED", Align::Right),
    ];
    let mut table = Table::new(columns);
    let since = |time: &str| age_of(time, now).map(age).unwrap_or_default();
    for one in clusters {
        let leader = one.leader.as_ref();
        let last = one.last_sweep.as_ref();
        table.row([
            one.name.clone(),
            one.owners.to_string(),
            leader.map_or_else(|| "none leads".to_owned(), |leader| leader.identity.clone()),
            leader
                .map(|leader| since(&leader.since))
                .unwrap_or_default(),
            last.map(|last| last.result.clone()).unwrap_or_default(),
            last.map(|last| since(&last.ended)).unwrap_or_default(),
            last.map(|last| last.released.to_string())
                .unwrap_or_default(),
        ]);
    }
    table.render()
}

fn members(members: &[MemberState]) -> String {
    let columns = [
        ("MEMBER", Align::Left),
        ("ENDPOINT", Align::Left),
        ("VERSION", Align::Left),
        ("ROLE", Align::Left),
        ("TERM", Align::Right),
        ("DATABASE", Align::Right),
        ("IN USE", Align::Right),
        ("QUOTA", Align::Right),
        ("STATE", Align::Left),
    ];
    let mut table = Table::new(columns);
    for one in members {
        let health = one.health.as_ref();
        let cell = |text: &dyn Fn(&HealthState) -> String| health.map(text).unwrap_or_default();
        table.row([
            one.name.clone(),
            one.endpoint.clone(),
            cell(&version),
            cell(&|health| health.role.name().to_owned()),
            cell(&|health| health.raft_term.to_string()),
            cell(&|health| bytes(health.db_size)),
            cell(&|health| bytes(health.db_in_use)),
            cell(&quota),
            match (&one.error, health) {
                (Some(error), _) => error.clone(),
                (None, Some(health)) if health.errors.is_empty() => "ok".to_owned(),
                (None, health) => cell_errors(health),
            },
        ]);
    }
    table.render()
}

fn version(health: &HealthState) -> String {
    let HealthState {
        version, support, ..
    } = health;
    match support {
        Support::Supported => version.clone(),
        _ => format!("{version} (not supported)"),
    }
}

fn cell_errors(health: Option<&HealthState>) -> String {
    health
        .map(|health| health.errors.join("; "))
        .unwrap_or_default()
}

fn quota(health: &HealthState) -> String {
    let unsure = if health.quota_assumed { "?" } else { "" };
    health.quota.map_or_else(
        || "none".to_owned(),
        |quota| format!("{}{unsure}", bytes(quota)),
    )
}

#[cfg(test)]
mod tests;
