//! Other IPAM plugins to measure beside.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context as _, Error, Result, ensure};
use serde_json::Value;

/// A program and what it reads on its standard input.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// What it is called in tables.
    pub(crate) name: String,
    /// The program.
    pub(crate) program: PathBuf,
    /// The network's configuration, as it is.
    pub(crate) config: String,
}

impl FromStr for Peer {
    type Err = Error;

    /// Reads `NAME=PROGRAM:CONFIG`, and the configuration's file.
    fn from_str(text: &str) -> Result<Self> {
        let form = "a peer is given as NAME=PROGRAM:CONFIG";
        let (name, rest) = text.split_once('=').context(form)?;
        let (program, config) = rest.rsplit_once(':').context(form)?;
        let program = PathBuf::from(program);
        ensure!(program.is_file(), "{} is no program", program.display());
        let config =
            std::fs::read_to_string(config).with_context(|| format!("{config} cannot be read"))?;
        serde_json::from_str::<Value>(&config).context("the configuration is not JSON")?;
        Ok(Self {
            name: name.to_owned(),
            program,
            config,
        })
    }
}
