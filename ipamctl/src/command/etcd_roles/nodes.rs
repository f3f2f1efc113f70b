//! The nodes of a cluster, one name a line.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, ensure};

/// What `kubectl get nodes -o name` puts before each name.
const KIND: &str = "node/";

/// Reads the nodes of a file, or of standard input where it is called `-`.
///
/// # Errors
/// Where it cannot be read, or names none: a list that is empty by mistake would end every node's
/// user.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<String>> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).map(drop)
    } else {
        std::fs::read_to_string(path).map(|content| text = content)
    };
    read.with_context(|| format!("--nodes-from {} cannot be read", path.display()))?;
    let nodes = parse(&text);
    ensure!(
        !nodes.is_empty(),
        "--nodes-from {} names no node; it wants one name a line",
        path.display()
    );
    Ok(nodes)
}

fn parse(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| line.strip_prefix(KIND).unwrap_or(line).to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_with_and_without_their_kind() {
        assert_eq!(
            parse("node/a\n\n b.example \r\nnode/c"),
            ["a", "b.example", "c"]
        );
        assert_eq!(parse("\n \n"), [""; 0]);
    }
}
