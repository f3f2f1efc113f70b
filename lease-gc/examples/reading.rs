//! How long it takes to read a large cluster's pods, and how much memory.
//!
//! `cargo run --release -p lease-gc --example reading -- [PODS]` starts an API server of its own in a
//! second process, with PODS (50,000) pods of about 5 KB on PODS/50 nodes, and reads them as a sweep
//! does, twice; then the same from a file.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result};
use lease_gc::pods::{File, Kubernetes, Opened, Source as _};

const PAGE: u32 = 500;
const PODS_PER_NODE: u32 = 50;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [role, pods] = arguments.as_slice()
        && role == "serve"
    {
        return serve(pods.parse()?);
    }
    let pods = arguments.first().map_or(Ok(50_000), |pods| pods.parse())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(measure(pods))
}

async fn measure(pods: u32) -> Result<()> {
    let mut server = Command::new(std::env::current_exe()?)
        .args(["serve", &pods.to_string()])
        .stdout(Stdio::piped())
        .spawn()?;
    let mut address = String::new();
    let output = server.stdout.take().context("no output")?;
    BufReader::new(output).read_line(&mut address)?;
    let directory = tempfile::tempdir()?;
    let kubeconfig = directory.path().join("kubeconfig");
    std::fs::write(
        &kubeconfig,
        format!(
            "{{apiVersion: v1, kind: Config, current-context: c, \
             clusters: [{{name: c, cluster: {{server: 'http://{}'}}}}], \
             contexts: [{{name: c, context: {{cluster: c, user: u}}}}], \
             users: [{{name: u, user: {{}}}}]}}",
            address.trim(),
        ),
    )?;
    say(&format!("at start: {}", memory()?))?;
    for _ in 0..2 {
        let begun = Instant::now();
        let api = Kubernetes::connect(Some(&kubeconfig), Arc::new(|_, _, _| {})).await?;
        let reading = Opened::Kubernetes(api).read().await?;
        let read = reading.living.pod_count();
        say(&format!(
            "{read} pods from the API in {:.2?} (CPU so far {}): {}",
            begun.elapsed(),
            cpu()?,
            memory()?
        ))?;
        drop(reading);
        say(&format!("  dropped: {}", memory()?))?;
    }
    server.kill()?;
    server.wait()?;

    let file = directory.path().join("pods.json");
    write_file(&file, pods)?;
    let begun = Instant::now();
    let source = Opened::File(File::open(&file).await?);
    let read = source.read().await?.living.pod_count();
    say(&format!(
        "{read} pods from a file of {} MB in {:.2?}: {}",
        std::fs::metadata(&file)?.len() / 1_000_000,
        begun.elapsed(),
        memory()?
    ))
}

fn say(line: &str) -> Result<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}

/// What the kernel says of this process: resident now, and at most so far.
fn memory() -> Result<String> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.map_or("?", str::trim).to_owned()
    };
    Ok(format!(
        "{} resident, {} at most",
        field("VmRSS:"),
        field("VmHWM:")
    ))
}

/// The processor time of this process, in user mode and in the kernel.
fn cpu() -> Result<String> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    let ticks: Vec<u32> = fields.skip(11).take(2).flat_map(str::parse).collect();
    let seconds = |ticks: Option<&u32>| ticks.map_or(0.0, |ticks| f64::from(*ticks) / 100.0);
    Ok(format!(
        "{:.2} s + {:.2} s",
        seconds(ticks.first()),
        seconds(ticks.get(1))
    ))
}

/// Serves pods and nodes, page by page; a page is asked for by the number of its first object.
fn serve(pods: u32) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    say(&listener.local_addr()?.to_string())?;
    for stream in listener.incoming() {
        let stream = stream?;
        // It ends when the client does.
        std::thread::spawn(move || answer_all(&stream, pods));
    }
    Ok(())
}

fn answer_all(mut stream: &TcpStream, pods: u32) -> Result<()> {
    let mut requests = BufReader::new(stream);
    let mut request = String::new();
    while requests.read_line(&mut request)? > 0 {
        if !request.ends_with("\r\n\r\n") {
            continue;
        }
        let first = request
            .split_once("continue=")
            .and_then(|(_, rest)| rest.split(' ').next()?.parse().ok())
            .unwrap_or(0);
        let body = if request.contains("/nodes") {
            page("NodeList", first, pods / PODS_PER_NODE, node)
        } else {
            page("PodList", first, pods, pod)
        };
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )?;
        request.clear();
    }
    Ok(())
}

fn page(kind: &str, first: u32, all: u32, object: fn(u32) -> String) -> String {
    let end = all.min(first + PAGE);
    let more = if end < all {
        end.to_string()
    } else {
        String::new()
    };
    let objects: Vec<String> = (first..end).map(object).collect();
    format!(
        r#"{{"kind":"{kind}","apiVersion":"v1","metadata":{{"resourceVersion":"1","continue":"{more}","remainingItemCount":{}}},"items":[{}]}}"#,
        all - end,
        objects.join(",")
    )
}

fn write_file(path: &std::path::Path, pods: u32) -> Result<()> {
    let mut file = BufWriter::new(std::fs::File::create(path)?);
    write!(file, r#"{{"apiVersion":"v1","items":["#)?;
    for number in 0..pods {
        let object = pod(number);
        let rest = object.trim_start_matches('{');
        write!(file, r#"{{"apiVersion":"v1","kind":"Pod",{rest},"#)?;
    }
    let object = node(0);
    let rest = object.trim_start_matches('{');
    write!(
        file,
        r#"{{"apiVersion":"v1","kind":"Node",{rest}],"kind":"List"}}"#
    )?;
    Ok(file.flush()?)
}

fn node(number: u32) -> String {
    format!(
        r#"{{"metadata":{{"name":"worker-{number:04}","managedFields":{}}},"status":{{"nodeInfo":{{"bootID":"{}","machineID":"{number:032x}"}},"conditions":[{{"type":"Ready","status":"True","lastTransitionTime":"2026-11-20T12:00:00Z"}}]}}}}"#,
        padding(6000),
        uid(number),
    )
}

/// A pod with one address of its pod network and one of ours.
fn pod(number: u32) -> String {
    let node = number / PODS_PER_NODE;
    let (high, low) = (number / 250, number % 250 + 1);
    let network = format!("10.{}.{}.{low}", 100 + high / 250, high % 250);
    let ours = format!("10.{}.{}.{low}", 200 + high / 250, high % 250);
    let status = format!(
        r#"[{{\n    \"name\": \"cbr0\",\n    \"interface\": \"eth0\",\n    \"ips\": [\n        \"{network}\"\n    ],\n    \"default\": true,\n    \"dns\": {{}}\n}},{{\n    \"name\": \"shop/storage\",\n    \"interface\": \"net1\",\n    \"ips\": [\n        \"{ours}\"\n    ],\n    \"dns\": {{}}\n}}]"#
    );
    format!(
        r#"{{"metadata":{{"annotations":{{"k8s.v1.cni.cncf.io/network-status":"{status}"}},"name":"checkout-service-7d9f8b6c5d-{number:05}","namespace":"team-{}","uid":"{}","managedFields":{}}},"spec":{{"nodeName":"worker-{node:04}","containers":[]}},"status":{{"phase":"Running","podIP":"{network}","podIPs":[{{"ip":"{network}"}}]}}}}"#,
        number % 40,
        uid(number),
        padding(4200),
    )
}

fn uid(number: u32) -> String {
    format!("{number:08x}-3d0e-4a7e-8f29-{number:012x}")
}

/// Something of about this many bytes that nobody needs, as most of an object is.
fn padding(bytes: usize) -> String {
    let mut text = "[".to_owned();
    let mut number = 0;
    while text.len() < bytes {
        let _ = write!(
            text,
            r#"{{"manager":"kubelet","operation":"Update","fieldsV1":{{"f:status":{{"k:{{\"type\":\"T{number}\"}}":{{".":{{}},"f:message":{{}}}}}}}}}},"#
        );
        number += 1;
    }
    text.pop();
    text + "]"
}
