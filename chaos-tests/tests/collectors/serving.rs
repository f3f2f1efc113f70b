//! How a collector starts, and what it serves.

use anyhow::Result;
use chaos_tests::collectors::{Cluster, metric, wait_for_first_sweep, wait_until_it_follows};
use chaos_tests::lab::Lab;
use chaos_tests::loopback::Place;

#[test]
fn a_wrong_value_ends_the_start_with_its_flag() -> Result<()> {
    let lab = Lab::new()?;
    let cluster = Cluster::new(&lab.etcd)?;
    for (flag, value) in [
        ("--cron-schedule", "61 * * * *"),
        ("--cron-schedule", "* * * *"),
        ("--grace-period", "15"),
        ("--election-ttl", "1s"),
        ("--max-releases-per-second", "0"),
        ("--breaker-ratio", "5"),
        ("--listen", "everywhere"),
        ("--log-level", "loud"),
        ("--enable-pod-watch", "perhaps"),
        ("--ca-file", "/nonexistent/ca.crt"),
        ("--cluster", ""),
        ("--endpoints", "http://"),
        ("--endpoints", "ftp://127.0.0.1:2379"),
        ("--endpoints", "http://127.0.0.1:99999"),
    ] {
        let argument = format!("{flag}={value}");
        let endpoint = lab.etcd.endpoint();
        let output = if flag == "--endpoints" {
            cluster.run_to_end(value, &[])?
        } else {
            cluster.run_to_end(&endpoint, &[&argument])?
        };
        assert_eq!(output.status.code(), Some(2), "{argument}: {output:?}");
        assert!(
            output.stderr.contains(flag),
            "{argument}: {}",
            output.stderr
        );
        assert_eq!(output.stdout, "", "{argument}");
    }
    assert_eq!(cluster.leader()?, None);
    Ok(())
}

#[test]
fn a_port_in_use_is_named_with_its_flag() -> Result<()> {
    let lab = Lab::new()?;
    let cluster = Cluster::new(&lab.etcd)?;
    let place = Place::free()?;
    let taken = format!("{}:{}", place.ip, Place::CLIENT_PORT);
    let _listener = std::net::TcpListener::bind(&taken)?;
    let output = cluster.run_to_end(&lab.etcd.endpoint(), &["--listen", &taken])?;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        output.stderr.contains(&format!("--listen {taken}")),
        "{}",
        output.stderr
    );
    assert_eq!(cluster.leader()?, None);
    Ok(())
}

#[test]
fn a_collector_is_alive_but_not_ready_while_etcd_is_silent() -> Result<()> {
    let mut lab = Lab::new()?;
    let cluster = Cluster::new(&lab.etcd)?;
    let mut collector = cluster.collector("it", &[])?;
    wait_for_first_sweep(&mut collector)?;
    collector.wait_until("it is ready", |it| Ok(it.get("/readyz")?.status == 200))?;
    lab.etcd.pause()?;
    collector.wait_until("it is not ready", |it| {
        let answer = it.get("/readyz")?;
        assert_eq!(it.get("/healthz")?.status, 200);
        Ok(answer.status == 503 && answer.body.contains("etcd"))
    })?;
    lab.etcd.resume()?;
    collector.wait_until("it is ready again", |it| {
        Ok(it.get("/readyz")?.status == 200)
    })
}

#[test]
fn a_page_for_people_says_who_leads_and_nothing_can_be_changed_through_it() -> Result<()> {
    let lab = Lab::new()?;
    let cluster = Cluster::new(&lab.etcd)?;
    let mut collector = cluster.collector("the-leader", &[])?;
    wait_for_first_sweep(&mut collector)?;
    let mut candidate = cluster.collector("the-candidate", &[])?;
    wait_until_it_follows(&mut candidate)?;
    for collector in [&collector, &candidate] {
        let page = collector.get("/")?;
        assert_eq!(page.status, 200);
        assert_eq!(
            page.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        assert!(page.body.contains("the-leader"), "{}", page.body);
    }
    for path in ["/sweep", "/gc", "/debug/pprof", "/metrics/.."] {
        assert_eq!(collector.get(path)?.status, 404, "{path}");
    }
    let sweeps = metric(&collector, "etcd_ipam_sweeps_total", &[])?;
    for path in ["/", "/metrics", "/healthz", "/readyz"] {
        for method in ["POST", "PUT", "DELETE"] {
            assert_eq!(collector.send(method, path)?.status, 405, "{method} {path}");
        }
    }
    assert_eq!(metric(&collector, "etcd_ipam_sweeps_total", &[])?, sweeps);
    Ok(())
}
