//! What a member shows only in its metrics: before etcd 3.6, the quota of its database.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::dial::{Location, tcp};
use super::members::Quota;
use super::settings::Settings;
use super::tls;

/// How long the metrics may take.
const TIMEOUT: Duration = Duration::from_secs(1);
/// etcd's metrics have some 200 kB (bytes).
const LARGEST_ANSWER: u64 = 4 * 1024 * 1024;
/// From which size on etcd takes no more writes (etcd's documentation, "Metrics"); 0: never.
const QUOTA: &str = "etcd_server_quota_backend_bytes";

/// The quota that a member shows in the metrics at its client URL. Not every member serves them
/// there.
pub(super) async fn quota(settings: &Settings, url: &str) -> Quota {
    let answer = tokio::time::timeout(TIMEOUT, get(settings, url)).await;
    match answer {
        Ok(Ok(text)) => read(&text),
        _ => Quota::Unknown,
    }
}

fn read(metrics: &str) -> Quota {
    let value = metrics
        .lines()
        .find_map(|line| line.strip_prefix(QUOTA)?.strip_prefix(' '))
        .and_then(whole);
    match value {
        None => Quota::Unknown,
        Some(0) => Quota::None,
        Some(bytes) => Quota::Bytes(bytes),
    }
}

/// A whole number as Prometheus writes it: `2.147483648e+09`.
fn whole(text: &str) -> Option<u64> {
    let (digits, exponent) = text.trim().split_once("e+").unwrap_or((text.trim(), "0"));
    let (before, after) = digits.split_once('.').unwrap_or((digits, ""));
    let zeros = exponent.parse::<usize>().ok()?.checked_sub(after.len())?;
    // 10^19 is the largest that fits.
    (zeros < 20).then_some(())?;
    format!("{before}{after}{}", "0".repeat(zeros)).parse().ok()
}

async fn get(settings: &Settings, url: &str) -> io::Result<String> {
    let location = Location::parse(url).ok_or(io::ErrorKind::InvalidInput)?;
    let stream = tcp(&location.host, location.port).await?;
    if !location.is_tls {
        return ask(stream, &location.host).await;
    }
    let name = settings.server_name.as_ref().unwrap_or(&location.host);
    let name = ServerName::try_from(name.clone()).map_err(io::Error::other)?;
    let connector = TlsConnector::from(Arc::new(tls::config(settings)?));
    ask(connector.connect(name, stream).await?, &location.host).await
}

/// HTTP/1.0, so that the answer comes in one piece and ends with the connection.
async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin, host: &str) -> io::Result<String> {
    let request = format!("GET /metrics HTTP/1.0\r\nHost: {host}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(LARGEST_ANSWER).read_to_end(&mut answer).await?;
    String::from_utf8(answer).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quota_is_read_from_among_the_metrics() {
        let metrics = |value: &str| {
            format!(
                "HTTP/1.0 200 OK\r\n\r\n# HELP {QUOTA} x\n{QUOTA}_x 5\n{QUOTA} {value}\nother 1\n"
            )
        };
        for (value, quota) in [
            ("2.147483648e+09", Quota::Bytes(2 << 30)),
            ("8.589934592e+09", Quota::Bytes(8 << 30)),
            ("1e+06", Quota::Bytes(1_000_000)),
            ("65536", Quota::Bytes(65536)),
            ("0", Quota::None),
            ("1e+99", Quota::Unknown),
            ("1.5", Quota::Unknown),
            ("-1", Quota::Unknown),
            ("NaN", Quota::Unknown),
            ("", Quota::Unknown),
        ] {
            assert_eq!(read(&metrics(value)), quota, "{value}");
        }
        assert_eq!(read("HTTP/1.0 404 Not Found\r\n\r\n"), Quota::Unknown);
    }
}
