//! `whereabouts.json`: sequences of ADD and DEL that a user of Whereabouts relies on.

use std::net::IpAddr;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Target, load, run_all};
use crate::answer::Answer;
use crate::plugin::Call;

/// One case: calls in their order, each with what is expected of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    id: String,
    #[expect(dead_code, reason = "for people")]
    title: String,
    #[expect(dead_code, reason = "for people")]
    source: String,
    steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    op: String,
    /// A network's config, or text that is none.
    config: Value,
    container: String,
    ifname: String,
    namespace: Option<String>,
    pod: Option<String>,
    cni_args_extra: Option<String>,
    expect: Expectation,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expectation {
    ok: bool,
    ips: Option<Vec<String>>,
    routes: Option<Value>,
    dns: Option<Value>,
}

#[derive(Deserialize)]
struct File {
    cases: Vec<Case>,
}

/// Runs all cases, each in an address space of its own.
pub fn run(target: &Target<'_>) -> Result<()> {
    let file: File = load("whereabouts.json")?;
    run_all(
        &file.cases,
        |case| &case.id,
        |number, case| {
            let space = format!("w-{number}");
            for (number, step) in case.steps.iter().enumerate() {
                step.run(target, &space)
                    .with_context(|| format!("step {} {}", number + 1, step.op))?;
            }
            Ok(())
        },
    )
}

impl Step {
    fn run(&self, target: &Target<'_>, space: &str) -> Result<()> {
        let arguments = ["IgnoreUnknown=1".to_owned()]
            .into_iter()
            .chain(argument("K8S_POD_NAMESPACE", self.namespace.as_deref()))
            .chain(argument("K8S_POD_NAME", self.pod.as_deref()))
            .chain(self.cni_args_extra.clone())
            .collect::<Vec<_>>()
            .join(";");
        let container = format!("{space}-{}", self.container);
        let call = Call::attachment(&self.op, &container, &self.ifname, &Value::Null)
            .env("CNI_ARGS", arguments)
            .stdin(self.stdin(target, space)?);
        let answer = target.node.run(&call)?;
        self.verify(&answer)
            .with_context(|| format!("{:?}", answer.0))
    }

    fn stdin(&self, target: &Target<'_>, space: &str) -> Result<String> {
        if let Value::String(text) = &self.config {
            return Ok(text.clone());
        }
        let text = self.config.to_string().replace("@TYPE@", "etcd-ipam");
        let mut config: Value = serde_json::from_str(&text)?;
        let ipam = config
            .as_object_mut()
            .context("a config that is no object")?
            .entry("ipam")
            .or_insert_with(|| Map::new().into())
            .as_object_mut()
            .context("an ipam section that is no object")?;
        ipam.extend(target.extra.clone());
        let name = match ipam.get("network_name").and_then(Value::as_str) {
            Some(name) if !name.is_empty() => format!("{space}-{name}"),
            _ => space.to_owned(),
        };
        ipam.insert("network_name".to_owned(), name.into());
        Ok(config.to_string())
    }

    fn verify(&self, answer: &Answer) -> Result<()> {
        let Expectation {
            ok,
            ips,
            routes,
            dns,
        } = &self.expect;
        ensure!(answer.is_success() == *ok, "success {ok} expected");
        if !ok {
            let message = &answer.json()?["msg"];
            let said = message.as_str().is_some_and(|text| !text.is_empty());
            ensure!(said, "no CNI error on standard output");
            return Ok(());
        }
        if let Some(wanted) = ips {
            let found = answer.addresses()?;
            let same = found.len() == wanted.len()
                && found.iter().zip(wanted).all(|pair| is_same(pair.0, pair.1));
            ensure!(same, "{wanted:?} expected");
        }
        for (key, wanted) in [("routes", routes), ("dns", dns)] {
            if let Some(wanted) = wanted {
                ensure!(
                    answer.json()?.get(key) == Some(wanted),
                    "{key} {wanted} expected"
                );
            }
        }
        Ok(())
    }
}

/// `key=value`, where there is a value.
fn argument(key: &str, value: Option<&str>) -> Option<String> {
    let value = value.filter(|value| !value.is_empty())?;
    Some(format!("{key}={value}"))
}

/// Compares addresses as numbers, and prefix lengths where one is wanted.
fn is_same(found: &str, wanted: &str) -> bool {
    let ip = |text: &str| -> Option<IpAddr> { text.split('/').next()?.parse().ok() };
    let length = |text: &str| text.split_once('/').map(|(_, length)| length.to_owned());
    ip(found).is_some()
        && ip(found) == ip(wanted)
        && (length(wanted).is_none() || length(found) == length(wanted))
}
