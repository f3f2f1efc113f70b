//! Dials etcd: endpoints in random order, each next one after a short wait or at once when one
//! fails, and the first that connects wins.
//!
//! The client library's own balancer is not used: it takes an endpoint that refuses or never
//! answers for one that works, and keeps sending to it (grpc/grpc-rust#2839).

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use etcd_client::{Certificate, ConnectOptions, Identity, KvClient, TlsOptions, WatchClient};
use hyper_util::rt::TokioIo;
use rand::seq::SliceRandom;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tonic::transport::{Channel, Endpoint, Uri};

use super::error::{EtcdError, innermost, is_tls};
use super::files::Fingerprint;
use super::settings::{Password, Settings};

/// How long a connection may take to stand, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(300);
/// How long one address of a name may take, so that there is time for the next.
const ADDRESS_TIMEOUT: Duration = Duration::from_millis(100);
/// How long one endpoint is waited for before the next is tried beside it.
const HEAD_START: Duration = Duration::from_millis(50);
/// How long signing in with a password may take: the server's bcrypt alone takes 90 ms.
const SIGN_IN_TIMEOUT: Duration = Duration::from_secs(2);
/// How often a server that owes an answer is asked for a sign of life, and how long it may take.
/// etcd ends connections that ask more often than every 5 s (`--grpc-keepalive-min-time`).
const PING_INTERVAL: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(5);
/// The largest answer that is read (bytes): a page of keys that hostile values fill.
const LARGEST_ANSWER: usize = 16 * 1024 * 1024;
/// How often files are read again that change while they are read.
const READ_AGAIN: usize = 5;
/// etcd's client port (IANA).
const DEFAULT_PORT: u16 = 2379;

/// A connection that stands.
#[derive(Clone)]
pub(super) struct Connection {
    pub(super) endpoint: String,
    pub(super) client: etcd_client::Client,
}

impl Connection {
    pub(super) fn kv(&self) -> KvClient {
        self.client
            .kv_client()
            .max_decoding_message_size(LARGEST_ANSWER)
    }

    pub(super) fn watch(&self) -> WatchClient {
        self.client
            .watch_client()
            .max_decoding_message_size(LARGEST_ANSWER)
    }
}

/// Connects to one of the endpoints; `avoid` is tried last.
pub(super) async fn dial(
    settings: &Settings,
    avoid: Option<&str>,
) -> Result<Connection, EtcdError> {
    let (tls, options) = read_files(settings)?;
    let mut endpoints = targets(settings, &tls)?;
    if endpoints.is_empty() {
        return Err(EtcdError::Settings(
            "no endpoint is given (etcd.endpoints)".to_owned(),
        ));
    }
    endpoints.shuffle(&mut rand::rng());
    endpoints.sort_by_key(|target| Some(target.url.as_str()) == avoid);
    let (url, channel) = race(endpoints.into()).await?;
    let channel = etcd_client::Channel::Tonic(channel);
    let client = etcd_client::Client::from_channel(channel, Some(options));
    match tokio::time::timeout(SIGN_IN_TIMEOUT, client).await {
        Ok(Ok(client)) => Ok(Connection {
            endpoint: url,
            client,
        }),
        Ok(Err(error)) => Err(EtcdError::from_client(&error, &url)),
        Err(_) => Err(EtcdError::Unreachable(format!(
            "{url}: signing in takes too long"
        ))),
    }
}

impl Settings {
    /// Whether these settings can be used at all: every endpoint is one, and every file is there.
    /// Nothing is dialled.
    ///
    /// # Errors
    /// What is wrong with which setting.
    pub fn check(&self) -> Result<(), EtcdError> {
        let (tls, _) = read_files(self)?;
        targets(self, &tls)?;
        Ok(())
    }
}

/// One endpoint, ready to be dialled.
struct Target {
    url: String,
    host: String,
    port: u16,
    endpoint: Endpoint,
}

fn targets(settings: &Settings, tls: &TlsOptions) -> Result<Vec<Target>, EtcdError> {
    settings
        .endpoints
        .iter()
        .map(|text| target(text, settings, tls))
        .collect()
}

fn target(text: &str, settings: &Settings, tls: &TlsOptions) -> Result<Target, EtcdError> {
    let wrong = |why: &str| EtcdError::Settings(format!("endpoint {text:?} {why}"));
    let url = url_of(text, settings);
    let uri: Uri = url.parse().map_err(|_| wrong("is not a URL"))?;
    let host = host(&uri).ok_or_else(|| wrong("has no host"))?;
    let port = port(&uri).ok_or_else(|| wrong("has no such port"))?;
    let endpoint = Endpoint::from(uri.clone())
        .http2_keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    let endpoint = match uri.scheme_str() {
        Some("http") => endpoint,
        Some("https") => {
            let name = settings.server_name.as_ref().unwrap_or(&host);
            let tls = tls.clone().domain_name(name);
            endpoint.tls_config(tls).map_err(|error| {
                EtcdError::Settings(format!("TLS cannot be set up: {}", innermost(&error)))
            })?
        }
        _ => return Err(wrong("is neither http:// nor https://")),
    };
    Ok(Target {
        url,
        host,
        port,
        endpoint,
    })
}

/// An endpoint as the URL that it stands for.
pub(super) fn url_of(endpoint: &str, settings: &Settings) -> String {
    if endpoint.contains("://") {
        return endpoint.to_owned();
    }
    let scheme = if settings.wants_tls() {
        "https"
    } else {
        "http"
    };
    format!("{scheme}://{endpoint}")
}

/// Where a URL leads to.
pub(super) struct Location {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) is_tls: bool,
}

impl Location {
    /// Reads a URL; `None` for one that leads to no etcd.
    pub(super) fn parse(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        Some(Self {
            host: host(&uri)?,
            port: port(&uri)?,
            is_tls: uri.scheme_str() == Some("https"),
        })
    }
}

/// The host that a URL names, an IPv6 address without its brackets.
fn host(uri: &Uri) -> Option<String> {
    let host = uri.host()?;
    Some(
        host.trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned(),
    )
}

/// The port that a URL names, else etcd's; `None` for one that there cannot be, which the URL's own
/// parser takes for none named.
fn port(uri: &Uri) -> Option<u16> {
    let authority = uri.authority()?.as_str();
    let place = authority
        .rsplit_once('@')
        .map_or(authority, |(_, place)| place);
    let after_host = place.strip_prefix(uri.host()?)?;
    if after_host.is_empty() {
        return Some(DEFAULT_PORT);
    }
    after_host.strip_prefix(':')?.parse().ok()
}

/// Reads the files of the settings. Those that are renewed at this moment are read again: an old
/// certificate and a new key do not fit.
fn read_files(settings: &Settings) -> Result<(TlsOptions, ConnectOptions), EtcdError> {
    let read = || (tls_options(settings), sign_in(settings));
    let mut before = Fingerprint::of(settings);
    let mut files = read();
    for _ in 0..READ_AGAIN {
        let after = Fingerprint::of(settings);
        if after == before {
            break;
        }
        before = after;
        files = read();
    }
    let (tls, options) = files;
    Ok((tls?, options?))
}

fn tls_options(settings: &Settings) -> Result<TlsOptions, EtcdError> {
    let mut tls = TlsOptions::new();
    if let Some(path) = &settings.ca_file {
        tls = tls.ca_certificate(Certificate::from_pem(read("ca_file", path)?));
    }
    match (&settings.cert_file, &settings.key_file) {
        (Some(cert), Some(key)) => {
            let identity = Identity::from_pem(read("cert_file", cert)?, read("key_file", key)?);
            Ok(tls.identity(identity))
        }
        (None, None) => Ok(tls),
        _ => Err(EtcdError::Settings(
            "cert_file and key_file only work together".to_owned(),
        )),
    }
}

fn sign_in(settings: &Settings) -> Result<ConnectOptions, EtcdError> {
    // A member that is cut off from its cluster then says so, and ends its watches.
    let options = ConnectOptions::new().with_require_leader(true);
    let Some(credentials) = &settings.credentials else {
        return Ok(options);
    };
    let password = match &credentials.password {
        Password::Inline(password) => password.clone(),
        Password::File(path) => {
            let bytes = read("password_file", path)?;
            let text = String::from_utf8_lossy(&bytes);
            text.lines().next().unwrap_or_default().to_owned()
        }
    };
    Ok(options.with_user(&credentials.username, password))
}

fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, EtcdError> {
    std::fs::read(path).map_err(|error| EtcdError::File {
        what,
        path: path.to_owned(),
        // Runtimes take "no such file or directory" in the error of a DEL for success.
        reason: match error.kind() {
            std::io::ErrorKind::NotFound => "it is missing".to_owned(),
            _ => error.to_string(),
        },
    })
}

async fn race(mut waiting: VecDeque<Target>) -> Result<(String, Channel), EtcdError> {
    let mut dialling = JoinSet::new();
    let mut failures = Vec::new();
    loop {
        if let Some(target) = waiting.pop_front() {
            dialling.spawn(connect(target));
        }
        let head_start = pin!(tokio::time::sleep(HEAD_START));
        tokio::select! {
            () = head_start, if !waiting.is_empty() => {}
            outcome = dialling.join_next() => match outcome {
                Some(Ok(Ok(connected))) => return Ok(connected),
                Some(Ok(Err(failure))) => failures.push(failure),
                Some(Err(lost)) => failures.push(Failure { why: lost.to_string(), is_tls: false }),
                None => {
                    if waiting.is_empty() {
                        return Err(Failure::sum_up(&failures));
                    }
                }
            },
        }
    }
}

/// Why one endpoint could not be connected to.
struct Failure {
    why: String,
    is_tls: bool,
}

impl Failure {
    fn sum_up(failures: &[Self]) -> EtcdError {
        let whys = failures.iter().map(|failure| failure.why.as_str());
        let why = whys.collect::<Vec<_>>().join("; ");
        if failures.iter().all(|failure| failure.is_tls) {
            return EtcdError::Settings(format!(
                "TLS fails with every endpoint ({why}); check ca_file, server_name and the scheme"
            ));
        }
        EtcdError::Unreachable(why)
    }
}

async fn connect(target: Target) -> Result<(String, Channel), Failure> {
    let Target {
        url,
        host,
        port,
        endpoint,
    } = target;
    let stream = move |_: Uri| {
        let host = host.clone();
        async move { tcp(&host, port).await.map(TokioIo::new) }
    };
    let connecting = endpoint.connect_with_connector(tower::service_fn(stream));
    match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(Ok(channel)) => Ok((url, channel)),
        Ok(Err(error)) => {
            let why = format!("{url}: {}", innermost(&error));
            Err(Failure {
                why,
                is_tls: is_tls(&error),
            })
        }
        Err(_) => {
            let why = format!(
                "{url}: no connection within {} ms",
                CONNECT_TIMEOUT.as_millis()
            );
            Err(Failure { why, is_tls: false })
        }
    }
}

/// Connects to a host by the first of its addresses that answers.
pub(super) async fn tcp(host: &str, port: u16) -> std::io::Result<TcpStream> {
    let ips = match host.parse::<IpAddr>() {
        Ok(ip) => vec![ip],
        Err(_) => resolve(host).await?,
    };
    let mut failure = std::io::Error::other(format!("{host} has no address"));
    for ip in ips {
        let connecting = TcpStream::connect(SocketAddr::new(ip, port));
        match tokio::time::timeout(ADDRESS_TIMEOUT, connecting).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Ok(Err(error)) => failure = error,
            Err(_) => failure = std::io::ErrorKind::TimedOut.into(),
        }
    }
    Err(failure)
}

/// Resolves from the hosts file and DNS. Never through glibc's name service switch: a static
/// binary that loads another glibc's modules can crash (rust-lang/rust#100711).
async fn resolve(host: &str) -> std::io::Result<Vec<IpAddr>> {
    let failed = |error| std::io::Error::other(format!("{host} cannot be resolved: {error}"));
    let resolver = hickory_resolver::TokioResolver::builder_tokio()
        .and_then(hickory_resolver::ResolverBuilder::build)
        .map_err(failed)?;
    let found = resolver.lookup_ip(host).await.map_err(failed)?;
    Ok(found.iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// A certificate and its key (PEM).
    fn pair() -> [(&'static str, String); 2] {
        let made = rcgen::generate_simple_self_signed(Vec::new()).unwrap();
        [
            ("cert", made.cert.pem()),
            ("key", made.signing_key.serialize_pem()),
        ]
    }

    /// Renews a pair: the next one is written, a link is turned, the last one goes.
    fn renew(home: &Path, number: usize, pair: &[(&str, String)]) {
        let next = home.join(number.to_string());
        std::fs::create_dir(&next).unwrap();
        for (name, content) in pair {
            std::fs::write(next.join(name), content).unwrap();
        }
        symlink(&next, home.join("link")).unwrap();
        std::fs::rename(home.join("link"), home.join("now")).unwrap();
        if let Some(last) = number.checked_sub(1) {
            std::fs::remove_dir_all(home.join(last.to_string())).unwrap();
        }
    }

    #[test]
    fn a_certificate_and_its_key_fit_while_they_are_renewed() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        let pairs = [pair(), pair()];
        renew(home, 0, &pairs[0]);
        let settings = Settings {
            endpoints: vec!["https://e".into()],
            cert_file: Some(home.join("now/cert")),
            key_file: Some(home.join("now/key")),
            ..Settings::default()
        };
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut number = 0;
                while !done.load(Ordering::Relaxed) {
                    number += 1;
                    renew(home, number, &pairs[number % 2]);
                    std::thread::sleep(Duration::from_millis(1));
                }
            });
            let failure = (0..2000).find_map(|_| settings.check().err());
            done.store(true, Ordering::Relaxed);
            assert!(failure.is_none(), "{failure:?}");
        });
    }

    #[test]
    fn the_port_is_that_of_the_url_or_that_of_etcd() {
        for (url, expected) in [
            ("http://10.0.0.1:4001", Some(4001)),
            ("http://10.0.0.1", Some(2379)),
            ("https://[2001:db8::1]", Some(2379)),
            ("https://[2001:db8::1]:23", Some(23)),
            ("http://user:word@e:7", Some(7)),
            ("http://7:7/7", Some(7)),
            ("http://10.0.0.1:99999", None),
            ("http://10.0.0.1:-1", None),
            ("http://10.0.0.1:", None),
        ] {
            let found = url.parse().ok().and_then(|uri| port(&uri));
            assert_eq!(found, expected, "{url}");
        }
    }
}
