//! CHECK: the attachment still holds what its ADD answered.

#![expect(clippy::indexing_slicing, reason = "a test may panic")]

use anyhow::Result;
use chaos_tests::lab::Lab;
use chaos_tests::layout::holder;
use chaos_tests::plugin::network;
use serde_json::{Value, json};

fn net() -> Value {
    network(
        "net",
        json!({"ranges": [[{"subnet": "10.77.0.0/24"}], [{"subnet": "fd00:77::/64"}]]}),
    )
}

/// After `tamper` has been at etcd, CHECK fails with a CNI error.
fn check_notices(tamper: impl Fn(&Lab, &str, &str) -> Result<()>) -> Result<()> {
    let lab = Lab::new()?;
    let added = lab.node.add("c", &net())?.success()?;
    let result = added.json()?;
    lab.node.check("c", &net(), &result)?.silence()?;
    let address = lab.layout.address("default", added.ips()?[1]);
    let owner = lab.layout.owner(&holder("n1", "net", "c"));
    tamper(&lab, &address, &owner)?;
    let answer = lab.node.check("c", &net(), &result)?;
    assert!(!answer.is_success(), "{answer:?}");
    answer.code()?;
    Ok(())
}

#[test]
fn an_address_that_another_attachment_took_is_noticed() -> Result<()> {
    check_notices(|lab, address, _| lab.raw.put(address, holder("n2", "net", "thief")))
}

#[test]
fn an_address_that_is_gone_is_noticed() -> Result<()> {
    check_notices(|lab, address, _| lab.raw.delete(address))
}

#[test]
fn a_record_that_is_gone_is_noticed() -> Result<()> {
    check_notices(|lab, _, owner| lab.raw.delete(owner))
}

#[test]
fn a_damaged_record_is_noticed() -> Result<()> {
    check_notices(|lab, _, owner| lab.raw.put(owner, "garbage"))
}

#[test]
fn a_result_with_another_address_is_noticed() -> Result<()> {
    let lab = Lab::new()?;
    let result = lab.node.add("c", &net())?.success()?.json()?;
    let others = lab.node.add("d", &net())?.success()?.json()?;
    lab.node.check("c", &net(), &result)?.silence()?;
    let answer = lab.node.check("c", &net(), &others)?;
    assert!(!answer.is_success(), "{answer:?}");
    Ok(())
}
