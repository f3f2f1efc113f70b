//! The harness itself: its Prometheus is a real one.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::thread;

use anyhow::{Result, ensure};
use chaos_tests::loopback::Place;
use chaos_tests::prometheus::Install;
use chaos_tests::skip::skipped;

/// Serves a metric that counts how often it was scraped, for as long as the test process lives.
fn counting_target() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Place::free()?.ip, Place::CLIENT_PORT))?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream = BufReader::new(stream?);
            let mut line = String::new();
            while stream.read_line(&mut line)? > 2 {
                line.clear();
            }
            write!(
                stream.get_mut(),
                "HTTP/1.0 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n\r\n\
                 scrapes_total{{by=\"a \\\"test\\\"\"}} {number}\n"
            )?;
        }
        std::io::Result::Ok(())
    });
    Ok(address)
}

#[test]
fn prometheus_scrapes_its_target_again_and_again() -> Result<()> {
    let install = match Install::find() {
        Ok(install) => install,
        Err(reason) => {
            skipped("prometheus_scrapes_its_target_again_and_again", &reason);
            return Ok(());
        }
    };
    let target = counting_target()?;
    let mut prometheus = install.start(target)?;
    let found = prometheus.wait_for("scrapes_total > 2")?;
    ensure!(found.len() == 1, "{found:?}");
    assert_eq!(found[0].name, "scrapes_total");
    assert_eq!(found[0].labels["by"], "a \"test\"");
    assert_eq!(found[0].labels["instance"], target.to_string());
    assert_eq!(prometheus.query("up == 0")?, []);
    assert!(prometheus.query("no expression").is_err());
    Ok(())
}

#[test]
fn promtool_judges_metrics() -> Result<()> {
    let install = match Install::find() {
        Ok(install) => install,
        Err(reason) => {
            skipped("promtool_judges_metrics", &reason);
            return Ok(());
        }
    };
    install.check_metrics("# HELP a_total A.\n# TYPE a_total counter\na_total 1\n")?;
    assert!(install.check_metrics("a_total 1\n").is_err());
    assert!(install.check_metrics("a_total\n").is_err());
    Ok(())
}
