//! What a plugin answered.

use std::net::IpAddr;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::process::Output;

/// A plugin's answer to one call.
#[derive(Debug)]
pub struct Answer(
    /// As the process gave it.
    pub Output,
);

impl Answer {
    /// Whether the call succeeded.
    pub fn is_success(&self) -> bool {
        self.0.status.success()
    }

    /// The answer, if it is a success.
    pub fn success(self) -> Result<Self> {
        ensure!(self.is_success(), "the call failed: {:?}", self.0);
        Ok(self)
    }

    /// The answer, if it is a success that says nothing: DEL, CHECK, GC and STATUS.
    pub fn silence(self) -> Result<Self> {
        let answer = self.success()?;
        ensure!(answer.0.stdout.is_empty(), "it printed: {:?}", answer.0);
        Ok(answer)
    }

    /// The answer, if it is a CNI error with this code.
    pub fn failure(self, code: u64) -> Result<Self> {
        ensure!(!self.is_success(), "the call succeeded: {:?}", self.0);
        let found = self.code()?;
        ensure!(found == code, "code {code} expected: {:?}", self.0);
        Ok(self)
    }

    /// The code of a CNI error.
    pub fn code(&self) -> Result<u64> {
        let code = self.json()?["code"].as_u64();
        code.with_context(|| format!("an error without a code: {:?}", self.0))
    }

    /// Message and details of a CNI error.
    pub fn message(&self) -> Result<String> {
        let error = self.json()?;
        let text = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
        Ok(format!("{} {}", text("msg"), text("details")))
    }

    /// The one JSON document on standard output.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.0.stdout)
            .with_context(|| format!("not one JSON document: {:?}", self.0))
    }

    /// The addresses of a result, with their prefix lengths, in its order.
    pub fn addresses(&self) -> Result<Vec<String>> {
        addresses(&self.json()?)
    }

    /// The addresses of a result, in its order.
    pub fn ips(&self) -> Result<Vec<IpAddr>> {
        let without_prefix = |text: &String| {
            let (ip, _) = text.split_once('/').context("no prefix length")?;
            Ok(ip.parse()?)
        };
        self.addresses()?.iter().map(without_prefix).collect()
    }

    /// The only address of a result.
    pub fn ip(&self) -> Result<IpAddr> {
        match self.ips()?.as_slice() {
            [ip] => Ok(*ip),
            several => anyhow::bail!("one address expected, not {several:?}"),
        }
    }
}

/// The addresses of a CNI result, in the form of any version of the specification.
pub fn addresses(result: &Value) -> Result<Vec<String>> {
    let texts: Vec<&Value> = if let Some(ips) = result.get("ips") {
        ips.as_array()
            .map(|ips| ips.iter().map(|ip| &ip["address"]).collect())
            .unwrap_or_default()
    } else {
        ["ip4", "ip6"]
            .iter()
            .filter_map(|family| Some(&result.get(family)?["ip"]))
            .collect()
    };
    let texts = texts.into_iter().map(Value::as_str);
    texts
        .map(|text| Ok(text.context("an address that is no text")?.to_owned()))
        .collect()
}
