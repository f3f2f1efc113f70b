//! The directory of the reference plugin host-local: one file for each address, called like it,
//! with the container's ID and, since its version 0.8, the interface's name on a second line.

use std::path::Path;

use anyhow::{Context as _, anyhow};
use ipam_plugin::local::identity;
use store::address::Address;

use super::Options;
use super::foreign::{Draft, Foreign};
use crate::output::Output;

/// What it keeps beside addresses.
const LOCK: &str = "lock";
const LAST_RESERVED: &str = "last_reserved_ip.";

/// Reads directories of this machine.
pub(super) fn read(
    foreign: &mut Foreign<'_>,
    output: &mut Output<'_>,
    options: &Options,
) -> anyhow::Result<()> {
    let configured = foreign.config.section().node_name();
    let node = options.node.clone().or(configured.map(str::to_owned));
    let node = node.or_else(identity::node_name).ok_or_else(|| {
        anyhow!("the node has no name: give it with --node, as its file or $NODENAME would")
    })?;
    foreign.here(node);
    for directory in &options.inputs {
        let network = foreign.config.name();
        if directory.file_name().is_none_or(|name| name != network) {
            output.warn(&format!(
                "host-local calls a network's directory by the network's name, and {} is not \
                 called {network}",
                directory.display()
            ));
        }
        read_directory(foreign, directory)
            .with_context(|| format!("host-local's directory {}", directory.display()))?;
    }
    Ok(())
}

fn read_directory(foreign: &mut Foreign<'_>, directory: &Path) -> anyhow::Result<()> {
    let mut entries: Vec<_> = std::fs::read_dir(directory)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == LOCK || name.starts_with(LAST_RESERVED) {
            continue;
        }
        let origin = entry.path().display().to_string();
        let Ok(address) = name.parse::<Address>() else {
            let because = "its name is no address";
            foreign.input.leave_out(name, origin, because, true);
            continue;
        };
        let content = match std::fs::read(entry.path()) {
            Ok(content) => content,
            // Released since the directory was listed.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error).context(origin),
        };
        let content = String::from_utf8_lossy(&content);
        let mut lines = content.lines().map(str::trim);
        match lines.next() {
            Some(container) if !container.is_empty() => {
                let interface = lines.next().filter(|name| !name.is_empty());
                let draft = Draft {
                    origin,
                    pod: None,
                    container: Some(container.to_owned()),
                    interface: interface.map(str::to_owned),
                };
                foreign.add(address, draft);
            }
            _ => {
                let because = "the file does not say which container has it";
                foreign.input.leave_out(name, origin, because, true);
            }
        }
    }
    Ok(())
}
