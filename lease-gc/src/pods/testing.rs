//! An API server as far as the tests need one: it answers each request as the test says.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;

/// What no error may show.
pub(crate) const TOKEN: &str = "a-secret-token";

/// How the server answers.
pub(crate) enum Reply {
    /// A whole answer: status and body.
    Whole(u16, String),
    /// An answer of which the end is missing.
    Truncated(String),
    /// What has come so far of an answer that goes on.
    Open(String),
    /// Nothing, ever.
    Silence,
}

impl Reply {
    pub(crate) fn ok(body: impl Into<String>) -> Self {
        Self::Whole(200, body.into())
    }

    /// An error as the API words it.
    pub(crate) fn status(code: u16, reason: &str, name: &str) -> Self {
        Self::Whole(
            code,
            format!(
                r#"{{"kind":"Status","apiVersion":"v1","metadata":{{}},"status":"Failure",
                "message":"said about {name}","reason":"{reason}",
                "details":{{"name":"{name}"}},"code":{code}}}"#
            ),
        )
    }
}

/// A request as the server saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// Method and target: `GET /api/v1/pods`.
    pub(crate) line: String,
    /// The body.
    pub(crate) body: String,
}

/// A running server. It ends when it is dropped.
pub(crate) struct Api {
    address: SocketAddr,
    seen: Arc<Seen>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Seen {
    requests: Mutex<Vec<Request>>,
    connections: AtomicUsize,
    over: AtomicBool,
}

type Handler = dyn Fn(&str) -> Reply + Send + Sync;

impl Api {
    /// Starts a server that answers each request (`GET /api/v1/pods?limit=500`) by `handler`.
    pub(crate) fn start(handler: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let handler: Arc<Handler> = Arc::new(handler);
        let accepting = std::thread::spawn({
            let seen = Arc::clone(&seen);
            move || {
                for stream in listener.incoming() {
                    if seen.over.load(Ordering::Relaxed) {
                        return;
                    }
                    let (seen, handler) = (Arc::clone(&seen), Arc::clone(&handler));
                    seen.connections.fetch_add(1, Ordering::Relaxed);
                    std::thread::spawn(move || {
                        let _ = serve(&stream.unwrap(), &seen, &*handler);
                        seen.connections.fetch_sub(1, Ordering::Relaxed);
                    });
                }
            }
        });
        Self {
            address,
            seen,
            accepting: Some(accepting),
        }
    }

    /// All requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.seen.requests.lock().unwrap().clone()
    }

    /// Method and target of all requests so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        let requests = self.requests();
        requests.into_iter().map(|request| request.line).collect()
    }

    /// How many connections are open.
    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::Relaxed)
    }

    /// A kubeconfig for it.
    pub(crate) fn kubeconfig(&self) -> NamedTempFile {
        kubeconfig(&format!("http://{}", self.address))
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.seen.over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
        let _ = self.accepting.take().map(JoinHandle::join);
    }
}

fn serve(mut stream: &TcpStream, seen: &Seen, handler: &Handler) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        let length = head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .map_or(0, |(_, length)| length.parse().unwrap());
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let line = head.split(" HTTP/1.1").next().unwrap().to_owned();
        seen.requests.lock().unwrap().push(Request {
            line: line.clone(),
            body: String::from_utf8(body).unwrap(),
        });
        match handler(&line) {
            Reply::Whole(code, body) => write!(
                stream,
                "HTTP/1.1 {code} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len(),
            )?,
            Reply::Truncated(body) => {
                return write!(
                    stream,
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len() + 1,
                );
            }
            Reply::Open(body) => {
                write!(stream, "HTTP/1.1 200 OK\r\n\r\n{body}")?;
                return wait_for_end(reader);
            }
            Reply::Silence => return wait_for_end(reader),
        }
    }
}

/// Waits until the client closes the connection.
fn wait_for_end(mut reader: BufReader<TcpStream>) -> std::io::Result<()> {
    reader.read_to_end(&mut Vec::new()).map(drop)
}

/// A kubeconfig for a server.
pub(crate) fn kubeconfig(server: &str) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    let text = format!(
        r"apiVersion: v1
kind: Config
current-context: c
clusters: [{{name: c, cluster: {{server: '{server}'}}}}]
contexts: [{{name: c, context: {{cluster: c, user: u}}}}]
users: [{{name: u, user: {{token: {TOKEN}}}}}]
"
    );
    write(file.path(), &text);
    file
}

pub(crate) fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

/// A Pod object.
pub(crate) fn pod(namespace: &str, name: &str, uid: &str) -> String {
    format!(
        r#"{{"metadata":{{"namespace":"{namespace}","name":"{name}","uid":"{uid}"}},
           "spec":{{"nodeName":"n1"}},"status":{{"phase":"Running"}}}}"#
    )
}

/// A Node object.
pub(crate) fn node(name: &str) -> String {
    format!(
        r#"{{"metadata":{{"name":"{name}"}},"status":{{"nodeInfo":{{"bootID":"b","machineID":"m"}}}}}}"#
    )
}

/// A page of a list; `more` is what the next page is asked for by.
pub(crate) fn page(kind: &str, items: &[String], more: &str) -> String {
    format!(
        r#"{{"kind":"{kind}","apiVersion":"v1",
            "metadata":{{"resourceVersion":"7","continue":"{more}"}},"items":[{}]}}"#,
        items.join(","),
    )
}

/// Waits until something is so; fails after much longer than that can take.
pub(crate) async fn until(what: &str, is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_mins(1), "not {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
