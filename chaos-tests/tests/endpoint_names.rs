//! Endpoints that are named instead of numbered.

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

use anyhow::{Context as _, Result};
use chaos_tests::lab::Lab;
use chaos_tests::node::Node;
use chaos_tests::plugin::network;
use serde_json::json;

/// Passes whatever comes on a port of 127.0.0.1 on to `target`, for as long as the test runs.
fn forward(target: &str) -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    let target = target.to_owned();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect(&target) else {
                continue;
            };
            for (from, to) in [(&client, &server), (&server, &client)] {
                let (Ok(mut from), Ok(mut to)) = (from.try_clone(), to.try_clone()) else {
                    break;
                };
                thread::spawn(move || {
                    let _ = io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Write);
                });
            }
        }
    });
    Ok(port)
}

#[test]
fn a_name_is_tried_at_each_of_its_addresses() -> Result<()> {
    let lab = Lab::new()?;
    let endpoint = lab.etcd.endpoint();
    let port = forward(endpoint.strip_prefix("http://").context("a URL")?)?;
    // `localhost` is usually ::1 first, where nobody listens.
    let node = Node::new("n2", &[format!("http://localhost:{port}")])?;
    let net = network("net", json!({"range": "10.91.0.0/24"}));
    node.add("c", &net)?.success()?;
    node.del("c", &net)?.silence()?;
    lab.ensure_all_is_free()
}

#[test]
fn a_name_that_nobody_knows_is_named_in_the_error() -> Result<()> {
    let config = json!({
        "etcd": {"endpoints": ["http://no-such-host.invalid:2379"]}, "timeout": "2s",
    });
    let node = Node::with_config("n1", config)?;
    let net = network("net", json!({"range": "10.91.0.0/24"}));
    let message = node.add("c", &net)?.failure(11)?.message()?;
    assert!(message.contains("no-such-host.invalid"), "{message}");
    Ok(())
}
