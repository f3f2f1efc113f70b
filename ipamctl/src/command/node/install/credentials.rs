//! The files by which the plugin is let in to etcd: renewed all at once, under names that stay.
//!
//! The names must stay because the journal of every pod that lives names them, and its DEL needs
//! them. They lead through one symbolic link to a directory that holds one generation of all files;
//! a renewal writes the next generation beside it and turns the link. So nobody finds a certificate
//! without its key.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use store::clock::random_id;

use super::place::{link, private_dir, put};
use crate::access::EtcdFlags;

/// The link that all paths lead through, and what the names of generations begin with.
pub(in crate::command::node) const LINK: &str = "credentials";
const GENERATION: &str = "credentials.";

/// The names of the files.
pub(super) const CA: &str = "ca.crt";
pub(super) const CERTIFICATE: &str = "client.crt";
pub(super) const KEY: &str = "client.key";
pub(super) const PASSWORD: &str = "password";

/// Files by name.
type Files = BTreeMap<String, Vec<u8>>;

/// What is to be installed, and where.
pub(super) struct Credentials {
    dir: PathBuf,
    wanted: Files,
    changed: bool,
}

/// A generation that nobody uses yet.
pub(super) struct Staged {
    dir: PathBuf,
    name: String,
}

impl Credentials {
    /// The files that the flags name, for this directory. What an earlier installation had and
    /// this one has not stays: a pod may live that needs it for its DEL.
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub(super) fn read(flags: &EtcdFlags, dir: &Path) -> anyhow::Result<Self> {
        let sources = [
            (CA, &flags.ca_file),
            (CERTIFICATE, &flags.cert_file),
            (KEY, &flags.key_file),
            (PASSWORD, &flags.password_file),
        ];
        let first = read_all(&sources)?;
        // A pair that is just being renewed is not taken apart.
        ensure!(
            first == read_all(&sources)?,
            "the certificates are being renewed at this moment; they are installed at the next try"
        );
        let standing = standing(&dir.join(LINK))?;
        let mut wanted = standing.clone();
        wanted.extend(first);
        Ok(Self {
            dir: dir.to_owned(),
            changed: wanted != standing,
            wanted,
        })
    }

    /// Writes the next generation, if there is anything new.
    pub(super) fn stage(&self) -> io::Result<Option<Staged>> {
        remove_unused(&self.dir)?;
        if !self.changed {
            return Ok(None);
        }
        let name = format!("{GENERATION}{}", random_id());
        let staged = Staged {
            dir: self.dir.clone(),
            name,
        };
        let dir = staged.path();
        private_dir(&dir)?;
        for (name, content) in &self.wanted {
            put(&dir, name, content, 0o600)?;
        }
        Ok(Some(staged))
    }
}

impl Staged {
    /// Where its files are.
    pub(super) fn path(&self) -> PathBuf {
        self.dir.join(&self.name)
    }

    /// Makes it the generation that is used, and removes the others.
    pub(super) fn use_now(self) -> io::Result<()> {
        link(&self.dir, LINK, &self.name)?;
        remove_unused(&self.dir)
    }

    /// Takes it away again.
    pub(super) fn discard(self) -> io::Result<()> {
        fs::remove_dir_all(self.path())
    }
}

/// Removes the link and every generation.
pub(in crate::command::node) fn remove(dir: &Path) -> io::Result<()> {
    match fs::remove_file(dir.join(LINK)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    remove_unused(dir)
}

/// Removes every generation that the link does not lead to.
fn remove_unused(dir: &Path) -> io::Result<()> {
    let used = fs::read_link(dir.join(LINK)).unwrap_or_default();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_string_lossy().starts_with(GENERATION) && used.as_os_str() != name {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

fn read_all(sources: &[(&str, &Option<String>)]) -> anyhow::Result<Files> {
    let given = sources
        .iter()
        .filter_map(|(name, path)| Some((*name, path.as_ref().filter(|path| !path.is_empty())?)));
    given
        .map(|(name, path)| {
            let content = fs::read(path).with_context(|| format!("{path} cannot be read"))?;
            Ok((name.to_owned(), content))
        })
        .collect()
}

fn standing(dir: &Path) -> anyhow::Result<Files> {
    let unreadable = || format!("{} cannot be read", dir.display());
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Files::new()),
        entries => entries.with_context(unreadable)?,
    };
    let mut files = Files::new();
    for entry in entries {
        let entry = entry.with_context(unreadable)?;
        let content = fs::read(entry.path()).with_context(unreadable)?;
        files.insert(entry.file_name().to_string_lossy().into_owned(), content);
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    /// A directory to install into, and the files of somebody who renews them.
    struct Scene {
        source: TempDir,
        home: TempDir,
    }

    impl Scene {
        fn new() -> Self {
            Self {
                source: TempDir::new().unwrap(),
                home: TempDir::new().unwrap(),
            }
        }

        fn flags(&self, names: &[&str]) -> EtcdFlags {
            let path = |name: &str| {
                let path = self.source.path().join(name);
                names.contains(&name).then(|| path.display().to_string())
            };
            EtcdFlags {
                ca_file: path("ca"),
                cert_file: path("cert"),
                key_file: path("key"),
                password_file: path("pw"),
                ..EtcdFlags::default()
            }
        }

        fn write(&self, name: &str, content: &str) {
            fs::write(self.source.path().join(name), content).unwrap();
        }

        fn install(&self, names: &[&str]) -> bool {
            let credentials = Credentials::read(&self.flags(names), self.home.path()).unwrap();
            let staged = credentials.stage().unwrap();
            let changed = staged.is_some();
            if let Some(staged) = staged {
                staged.use_now().unwrap();
            }
            changed
        }

        fn installed(&self, name: &str) -> String {
            fs::read_to_string(self.home.path().join(LINK).join(name)).unwrap()
        }

        fn generations(&self) -> usize {
            fs::read_dir(self.home.path()).unwrap().count() - 1
        }
    }

    #[test]
    fn what_is_renewed_is_renewed_as_a_whole_and_once() {
        let scene = Scene::new();
        scene.write("cert", "c1");
        scene.write("key", "k1");
        assert!(scene.install(&["cert", "key"]));
        assert!(!scene.install(&["cert", "key"]));
        let generation = fs::read_link(scene.home.path().join(LINK)).unwrap();
        scene.write("cert", "c2");
        scene.write("key", "k2");
        assert!(scene.install(&["cert", "key"]));
        assert_eq!(scene.installed(CERTIFICATE), "c2");
        assert_eq!(scene.installed(KEY), "k2");
        assert_ne!(
            fs::read_link(scene.home.path().join(LINK)).unwrap(),
            generation
        );
        assert_eq!(scene.generations(), 1);
    }

    #[test]
    fn until_it_is_used_a_generation_changes_nothing() {
        let scene = Scene::new();
        scene.write("ca", "one");
        scene.install(&["ca"]);
        scene.write("ca", "two");
        let flags = scene.flags(&["ca"]);
        let credentials = Credentials::read(&flags, scene.home.path()).unwrap();
        let staged = credentials.stage().unwrap().unwrap();
        assert_eq!(scene.installed(CA), "one");
        staged.discard().unwrap();
        assert_eq!(scene.installed(CA), "one");
        assert_eq!(scene.generations(), 1);
    }

    #[test]
    fn what_a_living_pod_may_need_stays() {
        let scene = Scene::new();
        scene.write("pw", "geheim");
        scene.write("ca", "one");
        scene.install(&["pw"]);
        assert!(scene.install(&["ca"]));
        assert_eq!(scene.installed(PASSWORD), "geheim");
        assert!(!scene.install(&[]));
        assert_eq!(scene.installed(CA), "one");
    }

    #[test]
    fn a_file_that_is_missing_is_named() {
        let scene = Scene::new();
        let flags = scene.flags(&["key"]);
        let Err(error) = Credentials::read(&flags, scene.home.path()) else {
            panic!("it was read")
        };
        assert!(
            format!("{error:#}").contains("/key cannot be read"),
            "{error:#}"
        );
    }

    #[test]
    fn removed_they_are_gone_and_nothing_else_is() {
        let scene = Scene::new();
        scene.write("ca", "one");
        scene.install(&["ca"]);
        fs::write(scene.home.path().join("credentials-of-others"), "").unwrap();
        remove(scene.home.path()).unwrap();
        assert_eq!(fs::read_dir(scene.home.path()).unwrap().count(), 1);
    }
}
