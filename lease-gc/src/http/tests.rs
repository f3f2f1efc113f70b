use super::*;
use crate::metrics::Labels;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

struct Server {
    address: SocketAddr,
    end: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

async fn server(ready: Result<(), String>) -> Server {
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = Served {
        metrics: Arc::new(Metrics::new(&Labels::default(), "1.2.3").unwrap()),
        status: Arc::new(Status::new("gc-1".into(), "blue".into(), "@daily".into())),
        readiness: Readiness::new(move || std::future::ready(ready.clone())),
    };
    let (end, ended) = oneshot::channel::<()>();
    let task = tokio::spawn(serve(listener, served, async {
        let _ = ended.await;
    }));
    Server { address, end, task }
}

/// The whole answer to one request.
async fn ask(server: &Server, method: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let types = answer.matches("\r\ncontent-type: ").count();
    assert!(types <= 1, "{answer}");
    answer
}

#[track_caller]
fn has(answer: &str, words: &[&str]) {
    for word in words {
        assert!(answer.contains(word), "{word} in\n{answer}");
    }
}

#[tokio::test]
async fn each_path_answers_what_it_is_for() {
    let server = server(Ok(())).await;
    let answer = ask(&server, "GET", "/metrics").await;
    has(
        &answer,
        &[
            "HTTP/1.1 200",
            "content-type: text/plain; version=0.0.4; charset=utf-8",
            "\netcd_ipam_leader 0\n",
            "\nprocess_open_fds ",
        ],
    );
    let answer = ask(&server, "GET", "/").await;
    has(
        &answer,
        &[
            "HTTP/1.1 200",
            "content-type: text/html; charset=utf-8",
            "content-security-policy: default-src 'none'",
            "x-content-type-options: nosniff",
            "<title>lease-gc · blue</title>",
        ],
    );
    let answer = ask(&server, "GET", "/healthz").await;
    has(&answer, &["HTTP/1.1 200", "\r\n\r\nok\n"]);
    let answer = ask(&server, "GET", "/readyz").await;
    has(&answer, &["HTTP/1.1 200", "\r\n\r\nready\n"]);
}

#[tokio::test]
async fn who_is_not_ready_says_why() {
    let server = server(Err("etcd cannot be reached".to_owned())).await;
    let answer = ask(&server, "GET", "/readyz").await;
    has(
        &answer,
        &["HTTP/1.1 503", "\r\n\r\netcd cannot be reached\n"],
    );
    has(&ask(&server, "GET", "/healthz").await, &["HTTP/1.1 200"]);
}

#[tokio::test]
async fn nothing_else_is_served() {
    let server = server(Ok(())).await;
    for path in ["/sweep", "/metrics/", "/favicon.ico", "//"] {
        has(&ask(&server, "GET", path).await, &["HTTP/1.1 404"]);
    }
    for path in ["/", "/metrics", "/healthz", "/readyz"] {
        for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
            has(&ask(&server, method, path).await, &["HTTP/1.1 405"]);
        }
    }
}

#[tokio::test]
async fn a_port_in_use_is_named_with_its_flag() {
    let server = server(Ok(())).await;
    let error = bind(server.address).await.unwrap_err().to_string();
    assert!(
        error.contains(&format!("--listen {}", server.address)),
        "{error}"
    );
}

#[tokio::test]
async fn it_ends_when_told_though_connections_are_open() {
    let server = server(Ok(())).await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut some = [0; 12];
    idle.read_exact(&mut some).await.unwrap();
    assert_eq!(&some, b"HTTP/1.1 200");
    let mut half = TcpStream::connect(server.address).await.unwrap();
    half.write_all(b"GET /hea").await.unwrap();
    server.end.send(()).unwrap();
    server.task.await.unwrap();
}
