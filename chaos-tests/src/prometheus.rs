//! A real Prometheus, and its own judgement of metrics.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::daemon::{Daemon, Output};
use crate::http::Client;
use crate::loopback::Place;
use crate::metrics::Sample;
use crate::process::{self, Finish};
use crate::skip::skipped;

/// What Prometheus has not seen within this time it will not see at all.
const PATIENCE: Duration = Duration::from_mins(1);

/// The programs of one Prometheus.
#[derive(Clone, Debug)]
pub struct Install {
    directory: PathBuf,
}

/// What a Prometheus has to do. It scrapes and evaluates every second.
#[derive(Clone, Debug, Default)]
pub struct Work<'a> {
    /// The jobs by name, and whose `/metrics` each of them scrapes.
    pub jobs: &'a [(&'a str, &'a [SocketAddr])],
    /// A file of rules, as it stands there.
    pub rules: Option<Value>,
}

/// A Prometheus at work. Dropping it ends it and removes its data.
#[derive(Debug)]
pub struct Prometheus {
    // Dropped before the directory that it writes into.
    daemon: Daemon,
    place: Place,
    home: TempDir,
}

/// Something to be scraped, for as long as the test process lives: whoever asks gets the metrics that
/// `text` makes, in Prometheus' text format.
pub fn stand_in(mut text: impl FnMut() -> String + Send + 'static) -> Result<SocketAddr> {
    let listener = TcpListener::bind((Place::free()?.ip, Place::CLIENT_PORT))?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming() {
            // Who asks may have given up.
            let _ = stream.and_then(|stream| answer(stream, &text()));
        }
    });
    Ok(address)
}

fn answer(stream: TcpStream, text: &str) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    while stream.read_line(&mut line)? > 2 {
        line.clear();
    }
    let head = "HTTP/1.0 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n\r\n";
    write!(stream.get_mut(), "{head}{text}")
}

impl Install {
    /// The one to test with; without one the test is skipped, and that was said.
    pub fn for_test(test: &str) -> Option<Self> {
        Self::find().map_err(|reason| skipped(test, &reason)).ok()
    }

    /// The one in `$PROMETHEUS_BIN_DIR`, or why there is none.
    fn find() -> Result<Self, String> {
        let directory = std::env::var_os("PROMETHEUS_BIN_DIR").map(PathBuf::from);
        let found = directory.filter(|directory| directory.join("prometheus").is_file());
        found.map(|directory| Self { directory }).ok_or_else(|| {
            std::env::var("PROMETHEUS_FETCH_ERROR")
                .unwrap_or_else(|_| "no prometheus in PROMETHEUS_BIN_DIR".to_owned())
        })
    }

    /// Starts a server that scrapes `/metrics` of `target`, and waits until it answers.
    pub fn start(&self, target: SocketAddr) -> Result<Prometheus> {
        self.work(&Work {
            jobs: &[("test", &[target])],
            rules: None,
        })
    }

    /// Starts a server that does this work, and waits until it answers.
    pub fn work(&self, work: &Work<'_>) -> Result<Prometheus> {
        let home = tempfile::Builder::new().prefix("prometheus-").tempdir()?;
        let place = Place::free()?;
        let jobs = work.jobs.iter().map(
            |(name, targets)| json!({"job_name": name, "static_configs": [{"targets": targets}]}),
        );
        let mut config = json!({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "scrape_configs": jobs.collect::<Vec<_>>(),
        });
        // YAML reads JSON.
        if let Some(rules) = &work.rules {
            std::fs::write(home.path().join("rules"), rules.to_string())?;
            config["rule_files"] = json!(["rules"]);
        }
        std::fs::write(home.path().join("config"), config.to_string())?;
        let arguments = [
            "--config.file=config".to_owned(),
            "--storage.tsdb.path=data".to_owned(),
            format!("--web.listen-address={}", address(place)),
        ];
        let program = self.directory.join("prometheus");
        let output = Output::together(&home.path().join("log"))?;
        let daemon = Daemon::start(&program, &arguments, home.path(), output)?;
        let mut prometheus = Prometheus {
            daemon,
            place,
            home,
        };
        prometheus.wait(|prometheus| {
            let ready = prometheus.client().get("/-/ready");
            Ok(ready.is_ok_and(|answer| answer.status == 200).then_some(()))
        })?;
        Ok(prometheus)
    }

    /// Fails, with what it says, if `promtool` finds anything wrong with a scrape.
    pub fn check_metrics(&self, scrape: &str) -> Result<()> {
        self.promtool(&["check", "metrics"], scrape)
    }

    /// Fails, with what it says, if `promtool` finds anything wrong with a file of rules.
    pub fn check_rules(&self, rules: &Path) -> Result<()> {
        let rules = rules.display().to_string();
        self.promtool(
            &["check", "rules", "--lint=all", "--lint-fatal", &rules],
            "",
        )
    }

    /// Fails, with what it says, if `promtool` finds anything wrong with a configuration. The files
    /// that it names need not be there.
    pub fn check_config(&self, config: &Path) -> Result<()> {
        let config = config.display().to_string();
        self.promtool(&["check", "config", "--syntax-only", &config], "")
    }

    /// Fails, with what it says, if rules do not do what a file of `promtool`'s tests expects.
    pub fn test_rules(&self, tests: &Path) -> Result<()> {
        self.promtool(&["test", "rules", &tests.display().to_string()], "")
    }

    fn promtool(&self, arguments: &[&str], input: &str) -> Result<()> {
        let mut command = Command::new(self.directory.join("promtool"));
        command.args(arguments).env_clear();
        let output = process::run(command, input, Finish::Normal)?;
        ensure!(
            output.status.success(),
            "promtool {arguments:?}: {output:?}"
        );
        Ok(())
    }
}

impl Prometheus {
    /// What a query gives now.
    pub fn query(&self, expression: &str) -> Result<Vec<Sample>> {
        let bytes = expression.bytes();
        let encoded: Vec<_> = bytes.map(|byte| format!("%{byte:02x}")).collect();
        let path = format!("/api/v1/query?query={}", encoded.concat());
        let answer = self.client().get(&path)?;
        let body: Value = serde_json::from_str(&answer.body)?;
        ensure!(body["status"] == "success", "{expression}: {body}");
        let result = body["data"]["result"].as_array().context("no result")?;
        result.iter().map(sample).collect()
    }

    /// The alerts that are pending or fire, each with its labels and annotations.
    pub fn alerts(&self) -> Result<Vec<Value>> {
        let body: Value = serde_json::from_str(&self.client().get("/api/v1/alerts")?.body)?;
        let alerts = body["data"]["alerts"].as_array();
        Ok(alerts
            .with_context(|| format!("no alerts: {body}"))?
            .clone())
    }

    /// Waits until an expression gives anything, and returns that.
    pub fn wait_for(&mut self, expression: &str) -> Result<Vec<Sample>> {
        self.wait(|prometheus| {
            let found = prometheus.query(expression)?;
            Ok(Some(found).filter(|found| !found.is_empty()))
        })
        .with_context(|| format!("waiting for {expression}"))
    }

    fn wait<T>(&mut self, until: impl Fn(&Self) -> Result<Option<T>>) -> Result<T> {
        let patience = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.daemon.ended()? {
                bail!("prometheus ended ({status}): {}", log(self.home.path()));
            }
            if let Some(found) = until(self)? {
                return Ok(found);
            }
            ensure!(
                Instant::now() < patience,
                "in vain: {}",
                log(self.home.path())
            );
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn client(&self) -> Client {
        Client::plain(address(self.place))
    }
}

fn address(place: Place) -> SocketAddr {
    (place.ip, Place::CLIENT_PORT).into()
}

/// An element of an instant vector: its labels, then a time and the value as text.
fn sample(element: &Value) -> Result<Sample> {
    let labels = element["metric"].as_object().context("no metric")?;
    let labels = labels.iter().map(|(name, value)| {
        let value = value.as_str().unwrap_or_default();
        (name.clone(), value.to_owned())
    });
    let mut sample = Sample {
        name: String::new(),
        labels: labels.collect(),
        value: element["value"][1].as_str().context("no value")?.parse()?,
    };
    sample.name = sample.labels.remove("__name__").unwrap_or_default();
    Ok(sample)
}

fn log(home: &Path) -> String {
    // What cannot be read explains nothing.
    std::fs::read_to_string(home.join("log")).unwrap_or_default()
}
