//! Puts a collector together as the command line asks, and runs it.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use store::clock::SystemClock;
use store::election::Candidate;
use store::etcd::Client;
use store::gate::{Gate, Refusal};
use store::key::Keyspace;
use store::retry::Deadline;
use store::store::Store;
use tokio::sync::{mpsc, oneshot};

use crate::chain::chain;
use crate::cli::Cli;
use crate::collector::{Collector, View, observer};
use crate::events;
use crate::evidence::{BreakerKind, Evidence, KeepReason, Policy};
use crate::history::Causes;
use crate::http::{self, Readiness, Served};
use crate::leader::Occasion;
use crate::measured::{self, Measured};
use crate::metrics::{Labels, Metrics};
use crate::pods;
use crate::report::SweepReport;
use crate::signals::{self, Shutdown};
use crate::status::Status;
use crate::sweep::{Deletions, Withheld};

/// How long the last Events may take.
const FAREWELL: Duration = Duration::from_secs(2);
/// How long etcd may take to say that it can be reached.
const READY_WITHIN: Duration = Duration::from_secs(2);

/// Runs until it is told to end, or until the one sweep is done that was asked for. What goes wrong
/// is logged.
pub async fn run(cli: Cli) -> ExitCode {
    match Box::pin(try_to_run(cli)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = %chain(error.as_ref()), "lease-gc ends");
            ExitCode::FAILURE
        }
    }
}

async fn try_to_run(cli: Cli) -> Result<()> {
    let (occasion, occasions) = mpsc::channel(1);
    let shutdown = signals::listen(move || {
        // Where one is waiting already, one more would find nothing new.
        let _ = occasion.try_send(Occasion::Signal);
    })
    .context("signals cannot be listened to")?;
    let once = cli.run.once;
    let listen = cli.tell.listen;
    let (collector, publishing) = collector(cli)?;
    let publishing = publishing.map(tokio::spawn);
    let ended = if once {
        Box::pin(sweep_once(&collector, &shutdown)).await
    } else {
        Box::pin(serve_and_collect(&collector, listen, occasions, &shutdown)).await
    };
    // Its queue ends with the collector; what is queued is still published.
    drop(collector);
    if let Some(publishing) = publishing {
        let _ = tokio::time::timeout(FAREWELL, publishing).await;
    }
    ended
}

async fn serve_and_collect(
    collector: &Collector,
    listen: SocketAddr,
    occasions: mpsc::Receiver<Occasion>,
    shutdown: &Shutdown,
) -> Result<()> {
    let listener = http::bind(listen).await?;
    let (ask, questions) = mpsc::channel(1);
    let served = Served {
        metrics: Arc::clone(&collector.metrics),
        status: Arc::clone(&collector.status),
        readiness: readiness(ask),
    };
    let told = shutdown.clone();
    let serving = tokio::spawn(http::serve(
        listener,
        served,
        async move { told.told().await },
    ));
    let ended = tokio::select! {
        ended = collector.run(occasions, shutdown) => ended,
        never = answer(collector, questions) => match never {},
    };
    if ended.is_ok() {
        serving.await.context("the HTTP server broke")?;
    }
    Ok(ended?)
}

/// A collector, and what publishes its Events where there is a Kubernetes to publish them in.
fn collector(cli: Cli) -> Result<(Collector, Option<impl Future<Output = ()> + Send + 'static>)> {
    let metrics = Arc::new(metrics()?);
    let etcd = Measured::new(Client::new(cli.etcd.settings()), Arc::clone(&metrics));
    let gate = Gate {
        store_id: cli.etcd.store_id.clone(),
        memory: None,
    };
    let keys = Keyspace::new(&cli.etcd.prefix);
    let status = Status::new(
        cli.run.identity.clone(),
        cli.source.cluster.clone(),
        cli.run.cron_schedule.to_string(),
    );
    let view = cli
        .source
        .pods_from
        .map_or(View::Kubernetes(cli.source.kubeconfig), View::File);
    let (events, publishing) = match &view {
        View::Kubernetes(kubeconfig) if !cli.rules.dry_run => {
            let counter = Arc::clone(&metrics);
            let (events, publisher) = events::queue(Arc::new(move || counter.event_dropped()));
            let publishing = publisher.run(
                kubeconfig.clone(),
                observer(&metrics),
                cli.run.identity.clone(),
            );
            (Some(events), Some(publishing))
        }
        View::Kubernetes(_) | View::File(_) => (None, None),
    };
    let collector = Collector {
        store: Store::new(etcd, SystemClock::start(), keys, gate),
        candidate: Candidate {
            cluster: cli.source.cluster,
            identity: cli.run.identity,
            ttl: cli.run.election_ttl,
        },
        view,
        watches_pods: cli.source.enable_pod_watch,
        schedule: cli.run.cron_schedule,
        policy: Policy {
            grace: cli.rules.grace_period,
            node_gone_grace: cli.rules.node_gone_grace,
            breaker_min: cli.rules.breaker_min.into(),
            breaker_ratio: cli.rules.breaker_ratio,
        },
        dry_run: cli.rules.dry_run,
        adopt: !cli.rules.no_adopt,
        max_releases_per_second: cli.rules.max_releases_per_second,
        history_file: cli.tell.history_file,
        metrics,
        status: Arc::new(status),
        events,
        causes: Causes::default(),
        deletions: Deletions::default(),
    };
    Ok((collector, publishing))
}

fn metrics() -> Result<Metrics> {
    let evidence: Vec<&str> = Evidence::ALL.iter().map(|row| row.as_str()).collect();
    let kept = KeepReason::ALL.iter().map(|reason| reason.as_str());
    let withheld = Withheld::ALL.iter().map(|reason| reason.as_str());
    let keep_reasons: Vec<&str> = kept.chain(withheld).collect();
    let breakers: Vec<&str> = BreakerKind::ALL.iter().map(|kind| kind.as_str()).collect();
    let labels = Labels {
        evidence: &evidence,
        keep_reasons: &keep_reasons,
        refusals: &Refusal::FAULTS,
        breakers: &breakers,
        etcd_operations: &measured::OPERATIONS,
        kubernetes_operations: &pods::OPERATIONS,
    };
    Ok(Metrics::new(&labels, env!("CARGO_PKG_VERSION"))?)
}

/// A question whether the process can do its work.
type Question = oneshot::Sender<Result<(), String>>;

/// Passes the questions on to [`answer`].
fn readiness(questions: mpsc::Sender<Question>) -> Readiness {
    Readiness::new(move || {
        let questions = questions.clone();
        async move {
            let (question, answer) = oneshot::channel();
            let ended = || Err("the collector is about to end".to_owned());
            if questions.send(question).await.is_err() {
                return ended();
            }
            answer.await.unwrap_or_else(|_| ended())
        }
    })
}

/// Answers for as long as it is asked: etcd must be reachable and hold a store that may be used.
/// The schedule was checked at the start.
async fn answer(
    collector: &Collector,
    mut questions: mpsc::Receiver<Question>,
) -> std::convert::Infallible {
    while let Some(question) = questions.recv().await {
        let deadline = Deadline::after(collector.store.clock(), READY_WITHIN);
        let ready = match collector.store.survey(deadline).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(refusal)) => Err(chain(&refusal)),
            Err(error) => Err(chain(&error)),
        };
        // Whoever asked may have given up.
        let _ = question.send(ready);
    }
    // Nobody asks any more, but the collector may still have to hand over.
    std::future::pending().await
}

/// Both reports go to standard output, one JSON document a line.
async fn sweep_once(collector: &Collector, shutdown: &Shutdown) -> Result<()> {
    let reports = Box::pin(collector.sweep_once(shutdown)).await?;
    let mut stdout = std::io::stdout().lock();
    for report in &reports {
        writeln!(stdout, "{}", json(report)?).context("nobody reads the report")?;
    }
    Ok(())
}

fn json(report: &SweepReport) -> Result<String> {
    serde_json::to_string(report).context("the report cannot be written")
}
