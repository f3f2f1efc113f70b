//! `ipamctl gc`: asks the elected collector for a sweep and waits for its report.

mod report;

use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use humantime::format_duration;
use serde_json::Value;
use store::clock::Clock;
use store::coordination::Coordination;
use store::election::LeaderRecord;
use store::request::{Outcome, Wish};
use store::retry::Deadline;

use self::report::Report;
use super::Context;
use crate::output::Output;

/// What `--help` says.
pub const ABOUT: &str = "\
Ask the elected collector (lease-gc) for a sweep now, and wait for its report.

The collector judges and releases by its own rules and settings, as in a sweep on its schedule; what \
must have been dead for a while still must. It follows one request at a time: a later one takes the \
place of an earlier one. A request that is not answered in time is withdrawn, and ends by itself if \
this command is killed.

WAITING records look dead and have not been so for long enough; KEPT ones are alive or in doubt. The \
exit status is 0 if the sweep did all that it was there for, and 1 if it was void, was interrupted, \
was held back by a breaker or found the store frozen, if no collector leads, or if none answers.

With -o json: the collector's report as it is, among others with result (complete, dry_run, frozen, \
breaker, interrupted or void), error, records, released, candidates and kept (how many, by \
evidence or reason), releases and conflicts (total, and the newest of them), adopted, rests_ended, \
reservations_ended, breakers and damaged.";

/// What `--help` shows at its end.
pub const EXAMPLES: &str = "\
Examples:
  ipamctl gc --dry-run                 # what would be released, and why
  ipamctl gc --wait 30s -o json | jq .released";

/// How often it is looked for an answer.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// The longest that a wish may last.
const LONGEST_WAIT: Duration = Duration::from_hours(24);
/// How much longer than its operator waits a wish lasts, so that it is withdrawn and does not end.
const MARGIN: Duration = Duration::from_secs(10);

/// What can be chosen.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Only say what would be done
    #[arg(long)]
    pub dry_run: bool,

    /// How long to wait for the report, such as 30s or 5m
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = wait)]
    pub wait: Duration,
}

fn wait(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("it leaves no time for an answer; give 1s or more".to_owned()),
        Ok(wait) if wait > LONGEST_WAIT => Err("no sweep takes longer than a day".to_owned()),
        Ok(wait) => Ok(wait),
        Err(error) => Err(format!("{error}; give a number with a unit, such as 30s")),
    }
}

/// Asks, waits and tells.
pub async fn run<E: Coordination, C: Clock>(
    context: &Context<E, C>,
    output: &mut Output<'_>,
    options: &Options,
) -> anyhow::Result<()> {
    let cluster = &context.cluster;
    let leader = leader(context, cluster).await?;
    output.note(&format!(
        "asking {}, which leads the collectors of cluster {cluster} since {}, for a {}; waiting \
         up to {} ...",
        name(&leader),
        leader.since,
        if options.dry_run { "dry run" } else { "sweep" },
        format_duration(options.wait)
    ));
    let lifetime = options.wait + MARGIN;
    let deadline = context.deadline();
    let wish = context
        .store
        .request_sweep(cluster, options.dry_run, lifetime, deadline)
        .await?;
    let answer = answer(context, cluster, &wish, options.wait).await?;
    let report = Report::read(&answer).context(
        "the collector's report cannot be read; it may be of another version (-o json prints it \
         as it is)",
    );
    let text = report.as_ref().map_or_else(|_| String::new(), Report::text);
    output.result(&answer, |_| text)?;
    let report = report?;
    for warning in report.warnings() {
        output.warn(&warning);
    }
    report.verdict()
}

/// Who leads. Without a leader nobody would answer, until one is elected that nobody waits for.
async fn leader<E: Coordination, C: Clock>(
    context: &Context<E, C>,
    cluster: &str,
) -> anyhow::Result<LeaderRecord> {
    let leader = context.store.leader(cluster, context.deadline()).await?;
    leader.with_context(|| {
        format!(
            "no collector leads the cluster {cluster} under the prefix {}, so nothing was asked \
             for; does lease-gc run, for this cluster (--cluster) and this prefix (--prefix)?",
            context.prefix
        )
    })
}

/// What people call it.
fn name(leader: &LeaderRecord) -> &str {
    match leader.identity.as_str() {
        "" => "a collector without a name",
        identity => identity,
    }
}

/// Waits for the report. A wish that nobody waits for any more is withdrawn.
async fn answer<E: Coordination, C: Clock>(
    context: &Context<E, C>,
    cluster: &str,
    wish: &Wish,
    wait: Duration,
) -> anyhow::Result<Value> {
    let store = &context.store;
    let patience = Deadline::after(store.clock(), wait);
    loop {
        match store.request_outcome(cluster, wish, patience).await? {
            Outcome::Answered(report) => return Ok(report),
            Outcome::Gone => bail!("another request for a sweep took the place of this one"),
            Outcome::Pending if patience.remaining(store.clock()).is_zero() => break,
            Outcome::Pending => store.clock().sleep(LOOK_EVERY).await,
        }
    }
    store.withdraw_request(wish, context.deadline()).await?;
    // The answer may have come at the last moment.
    let outcome = store.request_outcome(cluster, wish, context.deadline());
    if let Outcome::Answered(report) = outcome.await? {
        return Ok(report);
    }
    let wait = format_duration(wait);
    match store.leader(cluster, context.deadline()).await? {
        Some(leader) => bail!(
            "{} leads and did not answer within {wait}, and the request is withdrawn; its log \
             says what it does, and --wait gives it longer",
            name(&leader)
        ),
        None => bail!(
            "the collector went away, none was elected within {wait}, and the request is withdrawn"
        ),
    }
}

#[cfg(test)]
mod tests;
