//! Calls the plugin as a runtime does, as a process on its node, and writes down what comes of it.

use std::fs::{self, File};
use std::net::IpAddr;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::answer;
use crate::history::{self, Attachment, Call, Invoke, Look, Outcome, Return, What};
use crate::layout::Layout;
use crate::real::control_plane::{CLUSTER, NAMESPACE, Pod};
use crate::real::nodes::Node;
use crate::real::observer::Observer;
use crate::real::plan::Network;
use crate::real::planted::Program;
use crate::real::recorder::Recorder;

/// The interface that every container is given.
pub const INTERFACE: &str = "net1";

/// What the kernel and this machine may add to a budget (milliseconds).
const SLACK: u64 = 3_000;

/// How often a process that runs is looked at.
const LOOK: Duration = Duration::from_millis(2);

/// What calls are made with.
#[derive(Debug)]
pub struct Caller {
    plugin: Program,
    layout: Layout,
    recorder: Arc<Recorder>,
    observer: Arc<Observer>,
}

/// What is done to the process of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Disturbance {
    /// Nothing.
    #[default]
    None,
    /// It is killed, this long after it has started.
    Killed(Duration),
    /// It is stopped, this long after it has started, and goes on so much later.
    Paused(Duration, Duration),
}

/// One call.
#[derive(Clone, Debug)]
pub struct Order<'a> {
    /// `ADD`, `DEL`, `CHECK`, `GC` or `STATUS`.
    pub verb: &'static str,
    /// The network.
    pub network: &'a Network,
    /// The container; empty for GC and STATUS.
    pub container: &'a str,
    /// The pod that it is of.
    pub pod: Option<&'a Pod>,
    /// More of the network's configuration.
    pub more: Option<(&'static str, Value)>,
    /// What is done to its process.
    pub disturbance: Disturbance,
}

/// How a call ended.
#[derive(Debug)]
pub struct Ended {
    /// How, as the runtime sees it.
    pub outcome: Outcome,
    /// What it printed.
    pub result: Value,
    /// Whether its process was killed or stopped while it ran.
    pub disturbed: bool,
}

impl Ended {
    /// The addresses, if it succeeded.
    pub fn addresses(&self) -> Option<&[IpAddr]> {
        match &self.outcome {
            Outcome::Ok { addresses } => Some(addresses),
            Outcome::Failed { .. } | Outcome::Unknown => None,
        }
    }

    /// Whether it succeeded.
    pub fn is_ok(&self) -> bool {
        self.addresses().is_some()
    }
}

/// A process that has ended.
struct Finished {
    status: ExitStatus,
    ran: Duration,
    disturbed: bool,
    stdout: String,
    stderr: String,
}

impl Caller {
    /// A caller of this plugin.
    pub fn new(
        plugin: Program,
        layout: Layout,
        recorder: Arc<Recorder>,
        observer: Arc<Observer>,
    ) -> Self {
        Self {
            plugin,
            layout,
            recorder,
            observer,
        }
    }

    /// Calls the plugin on a node in this boot; `None` if the boot is over.
    pub fn call(&self, node: &Node, boot: u64, order: &Order<'_>) -> Result<Option<Ended>> {
        let call = self.recorder.next_call();
        let attachment = attachment(node, order.network, order.container);
        let command = self.command(node, call, order)?;
        self.recorder.push(What::Invoke(Invoke {
            call,
            verb: order.verb.to_owned(),
            attachment: attachment.clone(),
            pod: order.pod.map(|pod| pod.uid.clone()).unwrap_or_default(),
        }));
        let finished = run(node, boot, call, command, order.disturbance);
        let Some(finished) = finished? else {
            let outcome = Outcome::Unknown;
            self.recorder.push(What::Return(Return { call, outcome }));
            return Ok(None);
        };
        let ended = judge(&finished)?;
        self.recorder.push(What::Process(history::Process {
            program: "etcd-ipam".to_owned(),
            call: Some(call),
            status: finished.status.code(),
            signal: finished.status.signal(),
            disturbed: finished.disturbed,
            ran: millis(finished.ran),
            budget: Some(budget(order.verb) + SLACK),
            panic: panic_in(&finished.stderr),
        }));
        let outcome = ended.outcome.clone();
        self.recorder.push(What::Return(Return { call, outcome }));
        if ended.is_ok()
            && !order.container.is_empty()
            && let Some(look) = self.look(node, call, &attachment)?
        {
            self.recorder.push(What::Look(look));
        }
        Ok(Some(ended))
    }

    fn look(&self, node: &Node, call: Call, attachment: &Attachment) -> Result<Option<Look>> {
        let Attachment {
            cluster,
            node: name,
            network,
            container,
            interface,
        } = attachment;
        let holder = format!("{cluster}/{name}/{network}/{container}/{interface}");
        let spooled = node.spooled()?;
        let found = self.observer.look(&self.layout.owner(&holder));
        Ok(found.map(|(present, revision)| Look {
            call,
            attachment: attachment.clone(),
            present,
            spooled: spooled.iter().any(|entry| entry.contains(container)),
            revision,
        }))
    }

    fn command(&self, node: &Node, call: Call, order: &Order<'_>) -> Result<Command> {
        let mut config = order.network.config.clone();
        if let Some((name, value)) = &order.more {
            config[*name] = value.clone();
        }
        let input = node.file(&format!("{call}.in"));
        fs::write(&input, config.to_string())?;
        let mut command = Command::new(&self.plugin.path);
        command
            .args(&self.plugin.arguments)
            .env_clear()
            .env("CNI_COMMAND", order.verb)
            .env("CNI_PATH", "/opt/cni/bin")
            .env("ETCD_IPAM_CONFIG", node.config())
            .stdin(File::open(&input)?)
            .stdout(File::create(output(node, call, "out"))?)
            .stderr(File::create(output(node, call, "err"))?);
        if !order.container.is_empty() {
            command
                .env("CNI_CONTAINERID", order.container)
                .env("CNI_IFNAME", INTERFACE)
                .env("CNI_NETNS", "/run/netns/none");
        }
        if let Some(pod) = order.pod {
            let (name, uid, container) = (&pod.name, &pod.uid, order.container);
            command.env(
                "CNI_ARGS",
                format!(
                    "IgnoreUnknown=1;K8S_POD_NAMESPACE={NAMESPACE};K8S_POD_NAME={name};\
                     K8S_POD_INFRA_CONTAINER_ID={container};K8S_POD_UID={uid}"
                ),
            );
        }
        // It is open, which is enough.
        fs::remove_file(input)?;
        Ok(command)
    }
}

/// Runs a call's process to its end; `None` if the node's boot is over.
fn run(
    node: &Node,
    boot: u64,
    call: Call,
    command: Command,
    disturbance: Disturbance,
) -> Result<Option<Finished>> {
    let started = Instant::now();
    let Some(mut child) = node.start(boot, command)? else {
        return Ok(None);
    };
    let pid = Pid::from_raw(child.id().try_into()?);
    let mut disturbed = false;
    let mut pending = disturbance;
    let mut resume = None;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        let ran = started.elapsed();
        // A child that was not waited for keeps its id, so the signals reach no other process.
        if !node.is_on() {
            disturbed = true;
            child.kill()?;
        }
        match pending {
            Disturbance::Killed(after) if ran >= after => {
                pending = Disturbance::None;
                disturbed = true;
                child.kill()?;
            }
            Disturbance::Paused(after, length) if ran >= after => {
                pending = Disturbance::None;
                disturbed = true;
                kill(pid, Signal::SIGSTOP)?;
                resume = Some(ran + length);
            }
            _ => {}
        }
        if resume.is_some_and(|resume| ran >= resume) {
            resume = None;
            kill(pid, Signal::SIGCONT)?;
        }
        thread::sleep(LOOK);
    };
    node.ended();
    let read = |name: &str| -> Result<String> {
        let path = output(node, call, name);
        let text = fs::read(&path)?;
        fs::remove_file(path)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    };
    Ok(Some(Finished {
        status,
        ran: started.elapsed(),
        disturbed,
        stdout: read("out")?,
        stderr: read("err")?,
    }))
}

/// Who an attachment is.
pub fn attachment(node: &Node, network: &Network, container: &str) -> Attachment {
    Attachment {
        cluster: CLUSTER.to_owned(),
        node: node.name().to_owned(),
        network: network.name.clone(),
        container: container.to_owned(),
        interface: if container.is_empty() { "" } else { INTERFACE }.to_owned(),
    }
}

fn output(node: &Node, call: Call, name: &str) -> PathBuf {
    node.file(&format!("{call}.{name}"))
}

/// What the runtime was told.
fn judge(finished: &Finished) -> Result<Ended> {
    let result = serde_json::from_str(&finished.stdout).unwrap_or(Value::Null);
    let outcome = match finished.status.code() {
        Some(0) => Outcome::Ok {
            addresses: addresses(&result)?,
        },
        Some(_) => Outcome::Failed {
            code: result["code"].as_u64().unwrap_or(0).try_into()?,
            message: format!("{}: {}", result["msg"], result["details"]),
        },
        None => Outcome::Unknown,
    };
    Ok(Ended {
        outcome,
        result,
        disturbed: finished.disturbed,
    })
}

fn addresses(result: &Value) -> Result<Vec<IpAddr>> {
    if result.is_null() {
        return Ok(Vec::new());
    }
    let texts = answer::addresses(result)?;
    let without_length = |text: &String| {
        let (address, _) = text.split_once('/').context("no prefix length")?;
        Ok(address.parse()?)
    };
    texts.iter().map(without_length).collect()
}

/// How long a verb may take, with the process that ends itself (milliseconds).
fn budget(verb: &str) -> u64 {
    let own = match verb {
        "ADD" => 20_000,
        "DEL" => 10_000,
        "CHECK" => 5_000,
        "GC" => 25_000,
        _ => 2_000,
    };
    own + 2_000
}

/// The line of a text that must never be said.
pub fn panic_in(text: &str) -> Option<String> {
    let bad = ["panicked at", "fatal runtime error", "stack overflow"];
    let mut lines = text.lines();
    let found = lines.find(|line| bad.iter().any(|word| line.contains(word)));
    found.map(str::to_owned)
}

fn millis(time: Duration) -> u64 {
    time.as_millis().try_into().unwrap_or(u64::MAX)
}

/// The configuration of a GC: these containers live.
pub fn valid_attachments(containers: &[String]) -> Value {
    let entry = |container: &String| json!({"containerID": container, "ifname": INTERFACE});
    containers.iter().map(entry).collect()
}
