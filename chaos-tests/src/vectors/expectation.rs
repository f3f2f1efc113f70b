//! What a case of `cni.json` expects of one call.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use serde_json::Value;

use crate::answer::{Answer, addresses};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expectation {
    exit: Option<Exit>,
    stdout: Option<Stdout>,
    json: Option<Value>,
    check: Option<Check>,
    code_in: Option<Vec<u64>>,
    #[serde(default)]
    msg_or_details_contains: Vec<String>,
    #[serde(default)]
    supported_includes: Vec<String>,
    /// One of these, and nothing else counts.
    any_of: Option<Vec<Expectation>>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Exit {
    Code(i64),
    Word(NonZero),
}

#[derive(Debug, Deserialize)]
enum NonZero {
    #[serde(rename = "nonzero")]
    NonZero,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Stdout {
    #[default]
    Result,
    Empty,
    Error,
    Version,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Check {
    ips_count: Option<usize>,
    addresses: Option<Vec<String>>,
    #[serde(default)]
    ordered: bool,
    gateways: Option<Vec<Option<String>>>,
    address_in: Option<Vec<String>>,
    #[serde(default)]
    distinct_from: Vec<String>,
    same_address_as: Option<String>,
    #[serde(default)]
    v02: bool,
}

impl Expectation {
    /// Compares the answer, and gives the JSON document on its standard output (`null` if none).
    /// `past` gives the result of an earlier step.
    pub(super) fn verify<'a>(
        &self,
        answer: &Answer,
        past: impl Fn(&str) -> Result<&'a Value> + Copy,
    ) -> Result<Value> {
        let Some(alternatives) = &self.any_of else {
            let verified = self.verify_this(answer, past);
            return verified.with_context(|| format!("{:?}", answer.0));
        };
        let mut reasons = Vec::new();
        for alternative in alternatives {
            match alternative.verify(answer, past) {
                Ok(document) => return Ok(document),
                Err(error) => reasons.push(format!("{error:#}")),
            }
        }
        bail!("{}", reasons.join(" AND "));
    }

    fn verify_this<'a>(
        &self,
        answer: &Answer,
        past: impl Fn(&str) -> Result<&'a Value>,
    ) -> Result<Value> {
        let success = matches!(self.exit, None | Some(Exit::Code(0)));
        ensure!(
            answer.is_success() == success,
            "exit {} expected",
            if success { "0" } else { "nonzero" }
        );
        let kind = self.stdout.unwrap_or_default();
        if matches!(kind, Stdout::Empty) {
            ensure!(answer.0.stdout.trim().is_empty(), "no output expected");
            return Ok(Value::Null);
        }
        let document = answer.json()?;
        ensure!(document.is_object(), "not an object");
        match kind {
            Stdout::Error => self.verify_error(&document)?,
            Stdout::Version => self.verify_version(&document)?,
            Stdout::Result | Stdout::Empty => self.verify_result(&document, past)?,
        }
        Ok(document)
    }

    fn verify_error(&self, error: &Value) -> Result<()> {
        let code = error["code"].as_u64().context("no unsigned code")?;
        let message = error["msg"].as_str().unwrap_or_default();
        ensure!(!message.is_empty(), "no msg");
        if let Some(codes) = &self.code_in {
            ensure!(codes.contains(&code), "code {code} not in {codes:?}");
        }
        let text = format!(
            "{message} {}",
            error["details"].as_str().unwrap_or_default()
        );
        for part in &self.msg_or_details_contains {
            ensure!(text.contains(part), "{part:?} not in the message");
        }
        Ok(())
    }

    fn verify_version(&self, document: &Value) -> Result<()> {
        ensure!(document["cniVersion"].is_string(), "no cniVersion");
        let supported = document["supportedVersions"].as_array();
        for version in &self.supported_includes {
            let listed = supported
                .is_some_and(|supported| supported.contains(&Value::from(version.as_str())));
            ensure!(listed, "supportedVersions lacks {version}");
        }
        Ok(())
    }

    fn verify_result<'a>(
        &self,
        result: &Value,
        past: impl Fn(&str) -> Result<&'a Value>,
    ) -> Result<()> {
        if let Some(wanted) = &self.json {
            let (found, wanted) = (without_emptiness(result), without_emptiness(wanted));
            ensure!(found == wanted, "result {found}, expected {wanted}");
        }
        ensure!(
            result.get("interfaces").is_none(),
            "an IPAM result has no interfaces"
        );
        let mut ips = result["ips"].as_array().into_iter().flatten();
        ensure!(
            !ips.any(|ip| ip.get("interface").is_some()),
            "an IPAM result names no interface"
        );
        match &self.check {
            Some(check) => check.verify(result, past),
            None => Ok(()),
        }
    }
}

impl Check {
    fn verify<'a>(&self, result: &Value, past: impl Fn(&str) -> Result<&'a Value>) -> Result<()> {
        let found = addresses(result)?;
        if self.v02 {
            let old = result.get("ip4").is_some() && result.get("ips").is_none();
            ensure!(old, "the form of 0.1 and 0.2 (ip4) expected");
        }
        if let Some(count) = self.ips_count {
            ensure!(found.len() == count, "{count} addresses expected");
        }
        if let Some(wanted) = &self.addresses {
            let (mut found, mut wanted) = (found.clone(), wanted.clone());
            if !self.ordered {
                found.sort();
                wanted.sort();
            }
            ensure!(found == wanted, "addresses {wanted:?} expected");
        }
        if let Some(wanted) = &self.gateways {
            ensure!(gateways(result) == *wanted, "gateways {wanted:?} expected");
        }
        if let Some(allowed) = &self.address_in {
            let inside = found.iter().all(|address| allowed.contains(address));
            ensure!(inside, "an address of {allowed:?} expected");
        }
        let distinct: BTreeSet<_> = found.iter().collect();
        for id in &self.distinct_from {
            let taken = addresses(past(id)?)?;
            let shared = taken.iter().any(|address| distinct.contains(address));
            ensure!(!shared, "step {id} holds such an address");
        }
        if let Some(id) = &self.same_address_as {
            ensure!(
                found == addresses(past(id)?)?,
                "the address of step {id} expected"
            );
        }
        Ok(())
    }
}

fn gateways(result: &Value) -> Vec<Option<String>> {
    let text = |ip: &Value| ip["gateway"].as_str().map(str::to_owned);
    match result["ips"].as_array() {
        Some(ips) => ips.iter().map(text).collect(),
        None => ["ip4", "ip6"]
            .iter()
            .filter_map(|family| result.get(family).map(text))
            .collect(),
    }
}

/// The result without empty `dns` and `routes`, which say the same as none.
fn without_emptiness(result: &Value) -> Value {
    let mut result = result.clone();
    let drop_if = |object: &mut Value, key: &str, is_empty: fn(&Value) -> bool| {
        if let Some(fields) = object.as_object_mut()
            && fields.get(key).is_some_and(is_empty)
        {
            fields.remove(key);
        }
    };
    let no_dns =
        |dns: &Value| dns.is_null() || dns.as_object().is_some_and(serde_json::Map::is_empty);
    let no_routes =
        |routes: &Value| routes.is_null() || routes.as_array().is_some_and(Vec::is_empty);
    drop_if(&mut result, "dns", no_dns);
    drop_if(&mut result, "routes", no_routes);
    for family in ["ip4", "ip6"] {
        if let Some(family) = result.get_mut(family) {
            drop_if(family, "routes", no_routes);
        }
    }
    result
}
