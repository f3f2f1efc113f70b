//! `ipamctl watch`: what happens, as it happens.

mod event;

use std::convert::Infallible;
use std::time::Duration;

use clap::Args;
use humantime::format_rfc3339_seconds;
use store::clock::Clock;
use store::coordination::{Changes, Coordination, Watch as _};
use store::etcd::EtcdError;

use self::event::Event;
use super::Context;
use super::filters::{Filters, duration};
use super::reading::refusal;
use crate::cli::Format;
use crate::output::{Growing, Output};

/// What `--help` says.
pub const ABOUT: &str = "\
Show addresses being given out and released as it happens, a line for each address, until Ctrl-C.

EVENT is ADDED or RELEASED; RENEWED where an attachment got the same addresses once more, such as \
after a reboot; CHANGED where its record was written anew for another reason; RESTING after a \
release, where addresses have a cool-down (the other columns are those of the last holder), \
RESERVED or QUARANTINED by an operator, FREED when such a state ends; UNREADABLE where something was \
written that is not what belongs there. FROZEN, THAWED, LEADER (a collector was elected) and \
LEADERLESS are about the whole store or cluster, so filters do not hide them. The time is when the \
event was seen.

When the connection to etcd is lost, a new one is made and nothing is missed, unless etcd has \
forgotten in the meantime what changed (compacted it) or was restored: a warning says so then.

With -o json: an object a line with time (RFC 3339), event and revision, and where it applies \
address, prefix, space, namespace, pod, uid, cluster, node, network, container, interface and detail \
(why, or who leads).";

/// What `--help` shows at its end.
pub const EXAMPLES: &str = "\
Examples:
  ipamctl watch -n shop
  ipamctl watch --for 10m -o json | jq -r 'select(.event == \"RELEASED\") | .address'";

/// How long to wait before etcd is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// What is shown.
#[derive(Clone, Debug, Default, Args)]
pub struct Options {
    /// Of whom, and where.
    #[command(flatten)]
    pub filters: Filters,

    /// End after this time, such as 30s or 10m
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    pub span: Option<Duration>,
}

/// Shows events until the time is up.
pub async fn run<E: Coordination, C: Clock>(
    context: &Context<E, C>,
    output: &mut Output<'_>,
    options: &Options,
) -> anyhow::Result<()> {
    let mut viewer = Viewer::new(context, output, &options.filters);
    let watch = viewer.begin().await?;
    let clock = context.store.clock();
    let time_is_up = async {
        match options.span {
            Some(span) => clock.sleep(span).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        failed = viewer.follow(watch) => match failed? {},
        () = time_is_up => Ok(()),
    }
}

/// Who looks, and how far.
struct Viewer<'a, 'o, E, C> {
    context: &'a Context<E, C>,
    output: &'a mut Output<'o>,
    filters: &'a Filters,
    table: Growing,
    /// The revision up to which everything has been shown.
    shown: i64,
}

impl<'a, 'o, E: Coordination, C: Clock> Viewer<'a, 'o, E, C> {
    fn new(context: &'a Context<E, C>, output: &'a mut Output<'o>, filters: &'a Filters) -> Self {
        Self {
            context,
            output,
            filters,
            table: Growing::new(event::WIDEST),
            shown: 0,
        }
    }

    /// A watch that begins now, and the head of the table.
    async fn begin(&mut self) -> anyhow::Result<E::Watch> {
        let context = self.context;
        if let Some(refusal) = refusal(context).await? {
            let warning = format!("no address is given out now: {refusal}");
            self.output.warn(&warning);
        }
        self.shown = context.store.revision(context.deadline()).await?;
        let watch = self.watch().await?;
        if self.output.format() == Format::Table {
            let heads = self.table.row(event::HEADS.map(str::to_owned));
            self.output.line(&(), |()| heads)?;
        }
        let note = format!(
            "watching the keys under {}, from revision {} on",
            context.prefix, self.shown
        );
        self.output.note(&note);
        Ok(watch)
    }

    async fn follow(&mut self, mut watch: E::Watch) -> anyhow::Result<Infallible> {
        loop {
            match watch.next().await {
                Ok(changes) => self.show(&changes)?,
                Err(error) => {
                    self.bear(error)?;
                    watch = self.watch_again().await?;
                }
            }
        }
    }

    async fn watch(&self) -> Result<E::Watch, EtcdError> {
        let store = &self.context.store;
        let everything = store.keys().everything();
        store.etcd().watch(&everything, self.shown + 1).await
    }

    /// Says what kept it from going on, if it may go on all the same.
    fn bear(&mut self, error: EtcdError) -> Result<(), EtcdError> {
        match error {
            EtcdError::Compacted { oldest, .. } => {
                self.output.warn(&format!(
                    "etcd has forgotten what changed between the revisions {} and {oldest}: \
                     events may be missing",
                    self.shown
                ));
                self.shown = self.shown.max(oldest - 1);
                Ok(())
            }
            error if error.is_transient() => {
                let warning = format!("interrupted: {error}; connecting again");
                self.output.warn(&warning);
                Ok(())
            }
            error => Err(error),
        }
    }

    /// A new watch, however long it takes.
    async fn watch_again(&mut self) -> anyhow::Result<E::Watch> {
        let context = self.context;
        loop {
            context.store.clock().sleep(PAUSE).await;
            let again = async {
                let revision = context.store.revision(context.deadline()).await?;
                self.notice_the_past(revision);
                self.watch().await
            };
            match again.await {
                Ok(watch) => {
                    let note = format!("watching again, from revision {} on", self.shown);
                    self.output.note(&note);
                    return Ok(watch);
                }
                Err(error) if error.is_transient() => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// A store whose revision went back will hand out again those that were shown.
    fn notice_the_past(&mut self, revision: i64) {
        if revision < self.shown {
            self.output.warn(&format!(
                "the store's revision went back from {} to {revision}: it was restored, or is \
                 another one, and events may be missing",
                self.shown
            ));
            self.shown = revision;
        }
    }

    fn show(&mut self, changes: &Changes) -> anyhow::Result<()> {
        let Self {
            context,
            output,
            filters,
            table,
            ..
        } = self;
        let time = format_rfc3339_seconds(context.store.clock().wall()).to_string();
        for change in &changes.changes {
            event::tell(change, context.store.keys(), &time, &mut |event: Event<
                '_,
            >| {
                if event.is_wanted(filters) {
                    output.line(&event, |event| table.row(event.cells()))
                } else {
                    Ok(())
                }
            })?;
        }
        self.shown = self.shown.max(changes.header.revision);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
