//! Files, and where a link of one leads.

use std::path::{Component, Path, PathBuf};

use anyhow::{Result, ensure};

/// The repository.
pub(crate) fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_owned()
}

/// All files below a directory, relative to it, without what was built and what is hidden.
pub(crate) fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut directories = vec![PathBuf::new()];
    while let Some(below) = directories.pop() {
        for entry in std::fs::read_dir(directory.join(&below))? {
            let entry = entry?;
            let name = entry.file_name();
            if name.to_string_lossy().starts_with('.') || name == "target" {
                continue;
            }
            let path = below.join(&name);
            if entry.file_type()?.is_dir() {
                directories.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// The file, and the place in it, to which a link of a page leads. `None` if that is another site.
/// Both paths begin at the same directory, which the link must not leave.
pub(crate) fn resolve(page: &Path, link: &str) -> Result<Option<(PathBuf, Option<String>)>> {
    if link.contains("://") {
        return Ok(None);
    }
    ensure!(!link.starts_with('/'), "it does not begin at its page");
    let (path, anchor) = match link.split_once('#') {
        Some((path, anchor)) => (path, Some(anchor.to_owned())),
        None => (link, None),
    };
    if path.is_empty() {
        return Ok(Some((page.to_owned(), anchor)));
    }
    let mut resolved = page.parent().unwrap_or(Path::new("")).to_owned();
    for part in Path::new(path).components() {
        match part {
            Component::ParentDir => ensure!(resolved.pop(), "it leaves the repository"),
            Component::CurDir => {}
            part => resolved.push(part),
        }
    }
    Ok(Some((resolved, anchor)))
}
