//! Puts a collector together as the command line asks, and runs it.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use store::clock::{Clock, SystemClock};
use store::coordination::Coordination;
use store::election::Candidate;
use store::etcd::Client;
use store::gate::{Gate, Refusal};
use store::key::Keyspace;
use store::retry::Deadline;
use store::store::Store;
use tokio::sync::{mpsc, oneshot};

use crate::chain::chain;
use crate::cli::Cli;
use crate::collector::{Collector, observer};
use crate::events::{self, Events};
use crate::evidence::{BreakerKind, Evidence, KeepReason, Policy};
use crate::history::{Causes, Destination};
use crate::http::{self, Readiness, Served};
use crate::leader::Occasion;
use crate::measured::{self, Measured};
use crate::metrics::{Labels, Metrics};
use crate::pods::{self, Origin, View};
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
    let etcd = Client::new(cli.etcd.settings());
    let view = origin(&cli);
    run_over(cli, etcd, SystemClock::start(), view).await
}

/// Where pods are known from as the command line says.
pub fn origin(cli: &Cli) -> Origin {
    let source = &cli.source;
    match &source.pods_from {
        Some(path) => Origin::File(path.clone()),
        None => Origin::Kubernetes {
            kubeconfig: source.kubeconfig.clone(),
            watched: source.enable_pod_watch,
        },
    }
}

/// The same as [`run`], but over this etcd, clock and view of the cluster, and not those that the
/// command line names.
pub async fn run_over<E: Coordination, C: Clock, V: View>(
    cli: Cli,
    etcd: E,
    clock: C,
    view: V,
) -> ExitCode {
    match Box::pin(try_to_run(cli, etcd, clock, view)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = %chain(error.as_ref()), "lease-gc ends");
            ExitCode::FAILURE
        }
    }
}

async fn try_to_run<E: Coordination, C: Clock, V: View>(
    cli: Cli,
    etcd: E,
    clock: C,
    view: V,
) -> Result<()> {
    let (occasion, occasions) = mpsc::channel(1);
    let shutdown = signals::listen(move || {
        // Where one is waiting already, one more would find nothing new.
        let _ = occasion.try_send(Occasion::Signal);
    })
    .context("signals cannot be listened to")?;
    let once = cli.run.once;
    let listen = cli.tell.listen;
    let metrics = Arc::new(metrics()?);
    let (events, publishing) = publish_events(&cli, &metrics).unzip();
    let collector = collector(cli, etcd, clock, view, metrics, events);
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

async fn serve_and_collect<E: Coordination, C: Clock, V: View>(
    collector: &Collector<E, C, V>,
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
        biased;
        ended = collector.run(occasions, shutdown) => ended,
        never = answer(collector, questions) => match never {},
    };
    if ended.is_ok() {
        serving.await.context("the HTTP server broke")?;
    }
    Ok(ended?)
}

/// What publishes Events, where there is a Kubernetes to publish them in.
fn publish_events(
    cli: &Cli,
    metrics: &Arc<Metrics>,
) -> Option<(Events, impl Future<Output = ()> + Send + 'static + use<>)> {
    if cli.source.pods_from.is_some() || cli.rules.dry_run {
        return None;
    }
    let counter = Arc::clone(metrics);
    let (events, publisher) = events::queue(Arc::new(move || counter.event_dropped()));
    let kubeconfig = cli.source.kubeconfig.clone();
    let publishing = publisher.run(kubeconfig, observer(metrics), cli.run.identity.clone());
    Some((events, publishing))
}

fn collector<E: Coordination, C: Clock, V: View>(
    cli: Cli,
    etcd: E,
    clock: C,
    view: V,
    metrics: Arc<Metrics>,
    events: Option<Events>,
) -> Collector<E, C, V> {
    let etcd = Measured::new(etcd, Arc::clone(&metrics));
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
    Collector {
        store: Store::new(etcd, clock, keys, gate),
        candidate: Candidate {
            cluster: cli.source.cluster,
            identity: cli.run.identity,
            ttl: cli.run.election_ttl,
        },
        view,
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
        history: cli
            .tell
            .history_file
            .map_or_else(|| Destination::Output(Arc::new(print)), Destination::File),
        metrics,
        status: Arc::new(status),
        events,
        released: None,
        causes: Causes::default(),
        deletions: Deletions::default(),
    }
}

fn print(lines: &[u8]) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(lines)?;
    stdout.flush()
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
async fn answer<E: Coordination, C: Clock, V: View>(
    collector: &Collector<E, C, V>,
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
async fn sweep_once<E: Coordination, C: Clock, V: View>(
    collector: &Collector<E, C, V>,
    shutdown: &Shutdown,
) -> Result<()> {
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
