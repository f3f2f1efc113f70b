//! The node's file: defaults of the `ipam` section for all networks of a node.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::etcd::EtcdAccess;
use super::json::{canonical, parse_object};
use super::layer::Layer;
use super::section::IpamSection;
use crate::cni::error::{CniError, Code};

/// The file's name in a directory.
pub const FILE_NAME: &str = "etcd-ipam.conf";

/// Where it is looked for when nobody says where it is.
pub const USUAL: [&str; 2] = [
    "/etc/kubernetes/cni/net.d/etcd-ipam.d/etcd-ipam.conf",
    "/etc/cni/net.d/etcd-ipam.d/etcd-ipam.conf",
];

/// A node's file.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeFile {
    path: PathBuf,
    layer: Layer,
}

/// What a search came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Search {
    /// The first file that exists.
    pub file: Option<NodeFile>,
    /// Places that were named but are empty.
    pub warnings: Vec<String>,
}

impl NodeFile {
    /// Looks for the file: where the network's `configuration_path` and then where the environment
    /// variable `ETCD_IPAM_CONFIG` says (a file, or a directory that holds `etcd-ipam.conf`), then
    /// in the two usual places. The first that exists is taken; none is needed.
    ///
    /// Code 5 where a file exists but cannot be read, 6 where it is not a JSON object.
    pub fn find(
        configuration_path: Option<&str>,
        environment: Option<&str>,
    ) -> Result<Search, CniError> {
        let named = [
            ("configuration_path", configuration_path),
            ("ETCD_IPAM_CONFIG", environment),
        ];
        Self::search(named, &USUAL.map(Path::new))
    }

    fn search(named: [(&str, Option<&str>); 2], usual: &[&Path]) -> Result<Search, CniError> {
        let mut search = Search::default();
        for (name, path) in named {
            let Some(path) = path.filter(|path| !path.is_empty()) else {
                continue;
            };
            search.file = Self::read(Path::new(path))?;
            if search.file.is_some() {
                return Ok(search);
            }
            search.warnings.push(format!(
                "{name} names {path}, but there is no such configuration"
            ));
        }
        for path in usual {
            search.file = Self::read(path)?;
            if search.file.is_some() {
                break;
            }
        }
        Ok(search)
    }

    /// Reads a file, or the file `etcd-ipam.conf` in a directory. `None` where neither exists.
    ///
    /// Code 5 where it exists but cannot be read, 6 where it is not a JSON object.
    pub fn read(path: &Path) -> Result<Option<Self>, CniError> {
        let path = if path.is_dir() {
            path.join(FILE_NAME)
        } else {
            path.to_owned()
        };
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                return Ok(None);
            }
            Err(error) => {
                return Err(CniError::new(
                    Code::Io,
                    format!("the node's file {} cannot be read: {error}", path.display()),
                ));
            }
        };
        Self::parse(&path, &bytes).map(Some)
    }

    /// Reads what stands, or is to stand, in the file at `path`.
    ///
    /// Code 6 where it is not a JSON object.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self, CniError> {
        let name = path.display().to_string();
        let layer = Layer::read(canonical(parse_object(bytes, &name)?), &name);
        Ok(Self {
            path: path.to_owned(),
            layer,
        })
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the file says.
    pub const fn section(&self) -> &IpamSection {
        self.layer.section()
    }

    /// Where etcd is according to the file alone.
    pub fn etcd(&self) -> EtcdAccess {
        EtcdAccess::of(self.section())
    }

    /// A key of the file that cannot be read and is left out, if there is one.
    pub const fn problem(&self) -> Option<&CniError> {
        self.layer.broken()
    }

    pub(super) const fn layer(&self) -> &Layer {
        &self.layer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory of this test alone.
    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            let name = format!("etcd-ipam-node-file-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn write(&self, name: &str, text: &str) -> String {
            let path = self.0.join(name);
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn search(
        config: Option<&str>,
        environment: Option<&str>,
        usual: &[&Path],
    ) -> Result<Search, CniError> {
        NodeFile::search(
            [
                ("configuration_path", config),
                ("ETCD_IPAM_CONFIG", environment),
            ],
            usual,
        )
    }

    #[test]
    fn the_first_that_exists_wins() {
        let directory = Directory::new("first");
        let one = directory.write("one", r#"{"cluster": "one"}"#);
        let two = directory.write("two", r#"{"Cluster": "two", "etcd_host": "a"}"#);
        let usual = directory.write(FILE_NAME, r#"{"cluster": "usual"}"#);
        let absent = directory.0.join("absent");
        let absent = absent.to_str().unwrap();
        let cluster = |found: &Search| found.file.as_ref()?.section().cluster.clone();

        let found = search(Some(&one), Some(&two), &[Path::new(&usual)]).unwrap();
        assert_eq!(cluster(&found).as_deref(), Some("one"));
        let found = search(Some(absent), Some(&two), &[Path::new(&usual)]).unwrap();
        assert_eq!(cluster(&found).as_deref(), Some("two"));
        assert!(found.file.unwrap().etcd().has_endpoints());
        assert!(
            found.warnings[0].contains("configuration_path"),
            "{:?}",
            found.warnings
        );
        let found = search(Some(""), None, &[Path::new(absent), Path::new(&usual)]).unwrap();
        assert_eq!(cluster(&found).as_deref(), Some("usual"));
        assert!(found.warnings.is_empty());
        let found = search(directory.0.to_str(), None, &[]).unwrap();
        assert_eq!(cluster(&found).as_deref(), Some("usual"));
    }

    #[test]
    fn no_file_is_needed() {
        let found = search(
            None,
            Some("/dev/null/etcd-ipam.conf"),
            &[Path::new("/none/such")],
        )
        .unwrap();
        assert_eq!(found.file, None);
        assert_eq!(found.warnings.len(), 1);
    }

    #[test]
    fn a_broken_file_is_named() {
        let directory = Directory::new("broken");
        for text in ["{", "[]", ""] {
            let path = directory.write("broken", text);
            let error = search(Some(&path), None, &[]).unwrap_err();
            assert_eq!(error.code().number(), 6);
            assert!(error.msg().contains(&path), "{error}");
        }
    }

    #[test]
    fn a_key_of_the_wrong_type_is_named_with_the_file_and_the_rest_is_read() {
        let directory = Directory::new("type");
        let path = directory.write("type", r#"{"etcd": 5, "cluster": "a"}"#);
        let file = search(Some(&path), None, &[]).unwrap().file.unwrap();
        assert_eq!(file.section().cluster(), "a");
        let broken = file.layer().broken().unwrap();
        assert_eq!(broken.code().number(), 6);
        assert!(broken.msg().contains(&path), "{broken}");
    }

    #[test]
    fn a_file_that_cannot_be_read_is_an_error_of_its_own() {
        let directory = Directory::new("unreadable");
        std::fs::create_dir_all(directory.0.join(FILE_NAME)).unwrap();
        let error = search(directory.0.to_str(), None, &[]).unwrap_err();
        assert_eq!(error.code(), Code::Io);
    }
}
