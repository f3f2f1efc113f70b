//! What Whereabouts 0.5 kept in etcd: under `/whereabouts/<range>` a text of lines with an address
//! and a container's ID.

use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use store::address::Address;

use super::foreign::{Draft, Foreign};
use super::input::bytes;

/// What all its keys begin with.
const PREFIX: &str = "/whereabouts/";

/// What `etcdctl get --prefix -w json` prints.
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    kvs: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    key: String,
    #[serde(default)]
    value: String,
}

/// Reads files.
pub(super) fn read(foreign: &mut Foreign<'_>, paths: &[PathBuf]) -> anyhow::Result<()> {
    for path in paths {
        let file = path.display().to_string();
        let content = bytes(path)?;
        if content.trim_ascii_start().starts_with(b"{") {
            let answer: Answer =
                serde_json::from_slice(&content).with_context(|| format!("the file {file}"))?;
            for entry in answer.kvs {
                let text = |text: &str| -> anyhow::Result<String> {
                    Ok(String::from_utf8(STANDARD.decode(text)?)?)
                };
                let key = text(&entry.key).with_context(|| format!("a key in {file}"))?;
                let value = text(&entry.value);
                let value = value.with_context(|| format!("the value of {key} in {file}"))?;
                lines(foreign, &key, &value);
            }
        } else {
            let text = String::from_utf8(content);
            let text = text.map_err(|_| anyhow!("the file {file} is no text"))?;
            lines(foreign, &file, &text);
        }
    }
    Ok(())
}

fn lines(foreign: &mut Foreign<'_>, place: &str, text: &str) {
    for (number, line) in (1..).zip(text.lines()) {
        // A key, as etcdctl prints it before its value; or nothing.
        if line.starts_with(PREFIX) || line.trim().is_empty() {
            continue;
        }
        let origin = format!("{place}, line {number}");
        let mut words = line.split_whitespace();
        let address = words.next().and_then(|word| word.parse::<Address>().ok());
        let Some(address) = address else {
            let because = "the line does not begin with an address";
            foreign.input.leave_out(line, origin, because, true);
            continue;
        };
        let draft = Draft {
            origin,
            container: words.next().map(str::to_owned),
            ..Draft::default()
        };
        foreign.add(address, draft);
    }
}
