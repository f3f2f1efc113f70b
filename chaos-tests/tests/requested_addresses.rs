//! Addresses that somebody asked for by name.

#![expect(clippy::indexing_slicing, reason = "a test may panic")]

use anyhow::Result;
use chaos_tests::lab::{Lab, at_once};
use chaos_tests::plugin::{Call, network};
use serde_json::{Value, json};

const WANTED: &str = "10.86.0.77";

fn net() -> Value {
    network("net", json!({"range": "10.86.0.0/24"}))
}

/// The three ways to ask for an address.
fn asking_for(container: &str, ip: &str) -> Vec<Call> {
    let mut capability = net();
    capability["runtimeConfig"] = json!({"ips": [format!("{ip}/24")]});
    let mut args = net();
    args["args"] = json!({"cni": {"ips": [ip]}});
    let add = |config: &Value| Call::attachment("ADD", container, "eth0", config);
    vec![
        add(&capability),
        add(&args),
        add(&net()).env("CNI_ARGS", format!("IgnoreUnknown=1;IP={ip}")),
    ]
}

#[test]
fn a_free_address_is_given_in_place_of_a_dynamic_one() -> Result<()> {
    let lab = Lab::new()?;
    for call in asking_for("c", WANTED) {
        let answer = lab.node.run(&call)?.success()?;
        assert_eq!(answer.addresses()?, [format!("{WANTED}/24")]);
        assert_eq!(lab.holdings()?.addresses(), 1);
        lab.node.del("c", &net())?.silence()?;
    }
    lab.ensure_all_is_free()
}

#[test]
fn a_taken_address_is_refused_with_its_own_code() -> Result<()> {
    let lab = Lab::new()?;
    for call in asking_for("holder", WANTED).into_iter().take(1) {
        lab.node.run(&call)?.success()?;
    }
    for call in asking_for("c", WANTED) {
        let message = lab.node.run(&call)?.failure(101)?.message()?;
        assert!(message.contains(WANTED), "{message}");
        assert_eq!(lab.holdings()?.owners(), 1);
    }
    Ok(())
}

#[test]
fn an_address_outside_every_range_is_refused_with_its_own_code() -> Result<()> {
    let lab = Lab::new()?;
    for call in asking_for("c", "10.99.0.1") {
        let message = lab.node.run(&call)?.failure(102)?.message()?;
        assert!(message.contains("10.99.0.1"), "{message}");
    }
    lab.ensure_all_is_free()
}

#[test]
fn of_many_that_ask_for_one_address_one_gets_it() -> Result<()> {
    let lab = Lab::new()?;
    let answers = at_once(20, |number| {
        let call = asking_for(&format!("c{number}"), WANTED).remove(number % 3);
        lab.node.run(&call)
    })?;
    assert_eq!(
        answers.iter().filter(|answer| answer.is_success()).count(),
        1
    );
    for refusal in answers.into_iter().filter(|answer| !answer.is_success()) {
        refusal.failure(101)?;
    }
    assert_eq!(lab.holdings()?.addresses(), 1);
    Ok(())
}
