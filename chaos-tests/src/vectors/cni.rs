//! `cni.json`: the CNI specification and real callers, with host-local's spelling of ranges.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::expectation::Expectation;
use super::{Target, load, run_all};
use crate::answer::Answer;
use crate::binaries;
use crate::plugin::Call;

/// One case: calls in their order, each with what is expected of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    id: String,
    #[expect(dead_code, reason = "for people")]
    title: String,
    #[expect(dead_code, reason = "for people")]
    tier: String,
    #[expect(dead_code, reason = "for people")]
    source: String,
    #[expect(dead_code, reason = "for people")]
    note: Option<String>,
    steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    id: Option<String>,
    env: BTreeMap<String, String>,
    stdin: Option<Value>,
    stdin_raw: Option<String>,
    expect: Expectation,
}

#[derive(Deserialize)]
struct File {
    cases: Vec<Case>,
}

/// A call that a later step may refer to: its result and its environment.
struct Past {
    result: Value,
    environment: BTreeMap<String, String>,
}

/// All cases, or only those of these ids.
pub fn cases(only: &[&str]) -> Result<Vec<Case>> {
    let file: File = load("cni.json")?;
    let wanted = |case: &Case| only.is_empty() || only.contains(&case.id.as_str());
    Ok(file.cases.into_iter().filter(wanted).collect())
}

/// Runs cases, each on a network of its own.
pub fn run(cases: &[Case], target: &Target<'_>) -> Result<()> {
    run_all(
        cases,
        |case| &case.id,
        |number, case| {
            Runner {
                target,
                network: format!("v-{number}"),
                past: BTreeMap::new(),
            }
            .run(case)
        },
    )
}

/// One case while it runs.
struct Runner<'a> {
    target: &'a Target<'a>,
    network: String,
    past: BTreeMap<String, Past>,
}

impl Runner<'_> {
    fn run(mut self, case: &Case) -> Result<()> {
        for (number, step) in case.steps.iter().enumerate() {
            let verb = step.env.get("CNI_COMMAND").map_or("", String::as_str);
            self.step(step)
                .with_context(|| format!("step {} ({verb})", number + 1))?;
        }
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<()> {
        let mut environment = step.env.clone();
        for value in environment.values_mut() {
            *value = self.text(value)?;
        }
        let answer = self.call(step, &environment)?;
        let result = step.expect.verify(&answer, |id| {
            let past = self.past.get(id).with_context(|| format!("no step {id}"))?;
            Ok(&past.result)
        })?;
        if let Some(id) = &step.id {
            let past = Past {
                result,
                environment,
            };
            self.past.insert(id.clone(), past);
        }
        Ok(())
    }

    fn call(&self, step: &Step, environment: &BTreeMap<String, String>) -> Result<Answer> {
        let stdin = match (&step.stdin_raw, &step.stdin) {
            (Some(text), _) => text.clone(),
            (None, Some(config)) => self.fill_in(config)?.to_string(),
            (None, None) => anyhow::bail!("a step without input"),
        };
        let call = Call::bare(environment.clone()).stdin(stdin);
        self.target.node.run(&call)
    }

    /// Replaces the placeholders in a config.
    fn fill_in(&self, value: &Value) -> Result<Value> {
        Ok(match value {
            Value::Object(fields) => {
                let mut filled = Map::new();
                for (key, value) in fields {
                    if key == "@EXTRA@" {
                        filled.extend(self.target.extra.clone());
                    } else {
                        filled.insert(key.clone(), self.fill_in(value)?);
                    }
                }
                filled.into()
            }
            Value::Array(items) => {
                let items: Result<Vec<_>> = items.iter().map(|item| self.fill_in(item)).collect();
                items?.into()
            }
            Value::String(text) => match past_id(text) {
                Some(id) => self.completed(id)?,
                None => self.text(text)?.into(),
            },
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        })
    }

    fn text(&self, text: &str) -> Result<String> {
        let plugin = binaries::plugin()?;
        let directory = plugin.parent().unwrap_or(&plugin).display().to_string();
        Ok(text
            .replace("@NET@", &self.network)
            .replace("@TYPE@", "etcd-ipam")
            .replace("@CNI_PATH@", &directory))
    }

    /// A past result as macvlan would complete it.
    fn completed(&self, id: &str) -> Result<Value> {
        let past = self.past.get(id).with_context(|| format!("no step {id}"))?;
        let mut result = past.result.clone();
        if let Some(ips) = result.get_mut("ips").and_then(Value::as_array_mut) {
            for ip in ips {
                ip["interface"] = 0.into();
            }
            let variable = |name| past.environment.get(name).map_or("", String::as_str);
            result["interfaces"] = json!([{
                "name": variable("CNI_IFNAME"),
                "mac": "02:00:00:00:00:05",
                "sandbox": variable("CNI_NETNS"),
            }]);
        }
        Ok(result)
    }
}

/// The id in `@RESULT:<id>@`.
fn past_id(text: &str) -> Option<&str> {
    text.strip_prefix("@RESULT:")?.strip_suffix('@')
}
