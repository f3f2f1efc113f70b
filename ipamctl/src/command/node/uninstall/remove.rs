//! What is taken away, and what stays for pods that run.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use ipam_plugin::config::node_file::FILE_NAME;
use serde::Serialize;
use serde_json::{Map, Value};

use super::super::install::credentials;
use super::super::install::place::put;
use super::super::install::{Directories, LOCK};

/// Keys of the node's file without which a DEL would look for its journal or its spool elsewhere.
const PLACES: [&str; 2] = ["state_dir", "spool_dir"];

/// What was done. The fields' names are those of the JSON.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Removed {
    pub(super) removed: Vec<PathBuf>,
    pub(super) left: Vec<PathBuf>,
}

/// Removes all that was installed, the settings first: what happens in between finds none and
/// takes no address.
pub(super) fn everything(directories: &Directories) -> anyhow::Result<Removed> {
    let own = directories.own();
    let mut done = Removed::default();
    remove(directories.file(), &mut done)?;
    remove(directories.plugin(), &mut done)?;
    if own.is_dir() {
        credentials::remove(&own).with_context(|| cannot(&own))?;
        remove_quietly(&own.join(LOCK)).with_context(|| cannot(&own))?;
        match fs::remove_dir(&own) {
            Ok(()) => done.removed.push(own),
            // Files of somebody else.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => done.left.push(own),
            Err(error) => return Err(error).with_context(|| cannot(&own)),
        }
    }
    Ok(done)
}

/// Removes what makes an ADD succeed, and leaves what a DEL needs: the plugin, the credentials that
/// journal and spool name, and where these two are.
pub(super) fn settings(directories: &Directories) -> anyhow::Result<Removed> {
    let own = directories.own();
    let file = directories.file();
    let mut done = Removed::default();
    let places = fs::read(&file).ok().and_then(|text| places(&text));
    if let Some(places) = places {
        put(&own, FILE_NAME, places.as_bytes(), 0o600).with_context(|| cannot(&file))?;
        done.left.push(file);
    } else {
        remove(file, &mut done)?;
    }
    let kept = [directories.plugin(), own.join(credentials::LINK)];
    done.left
        .extend(kept.into_iter().filter(|path| path.exists()));
    Ok(done)
}

/// What of a node's file says where journal and spool are; `None` where they are in the usual
/// places.
fn places(text: &[u8]) -> Option<String> {
    let mut file: Map<String, Value> = serde_json::from_slice(text).ok()?;
    file.retain(|key, _| PLACES.iter().any(|place| place.eq_ignore_ascii_case(key)));
    (!file.is_empty()).then(|| format!("{:#}\n", Value::Object(file)))
}

fn remove(path: PathBuf, done: &mut Removed) -> anyhow::Result<()> {
    if remove_quietly(&path).with_context(|| cannot(&path))? {
        done.removed.push(path);
    }
    Ok(())
}

/// `false`: it was not there.
fn remove_quietly(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn cannot(path: &Path) -> String {
    format!("{} cannot be removed", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_settings_only_the_places_stay() {
        let text = br#"{"node_name": "n1", "etcd": {"endpoints": "a"}, "state_dir": "/s"}"#;
        let left: Value = serde_json::from_str(&places(text).unwrap()).unwrap();
        assert_eq!(left, serde_json::json!({"state_dir": "/s"}));
        for text in [r#"{"node_name": "n1"}"#, "{", "[]"] {
            assert_eq!(places(text.as_bytes()), None);
        }
    }
}
