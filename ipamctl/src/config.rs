//! The settings from all three places: flags win over the environment, that over the file.

use anyhow::bail;
use ipam_plugin::config::{EtcdAccess, IpamSection, NodeFile};

use crate::access::EtcdFlags;

/// Where etcd is, and what was odd on the way to knowing.
#[derive(Debug)]
pub struct Found {
    /// The settings, complete or not.
    pub access: EtcdAccess,
    /// The cluster that the file names, else `default`.
    pub cluster: String,
    /// The file, where there is one.
    pub file: Option<NodeFile>,
    /// For people.
    pub warnings: Vec<String>,
}

/// Puts the file's settings under those of the command line. `environment` is `$ETCD_IPAM_CONFIG`.
///
/// # Errors
/// Where a file was named that cannot be used, or no endpoint was given anywhere.
pub fn find(flags: &EtcdFlags, environment: Option<&str>) -> anyhow::Result<Found> {
    let found = look(flags, environment, Need::Endpoints)?;
    if !found.access.has_endpoints() {
        let file = found.file.as_ref().map_or_else(
            || "no such file was found".to_owned(),
            |file| match file.problem() {
                Some(problem) => problem.to_string(),
                None => format!("{} has none", file.path().display()),
            },
        );
        bail!(
            "no etcd endpoint is given: use the flag --endpoints, the variable IPAMCTL_ENDPOINTS, \
             or etcd.endpoints in the plugin's configuration file ({file}; --node-config names another)"
        );
    }
    Ok(found)
}

/// The same for what can be done without an etcd.
///
/// # Errors
/// Where a file was named that cannot be used.
pub fn find_without_etcd(flags: &EtcdFlags, environment: Option<&str>) -> anyhow::Result<Found> {
    look(flags, environment, Need::Nothing)
}

/// Without what there is nothing to be done.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Endpoints,
    Nothing,
}

fn look(flags: &EtcdFlags, environment: Option<&str>, need: Need) -> anyhow::Result<Found> {
    let own = flags.access();
    let mut warnings = Vec::new();
    let file = match flags.node_config() {
        Some(path) => Some(named(&path)?),
        None => match NodeFile::find(None, environment) {
            Ok(search) => {
                warnings.extend(search.warnings);
                search.file
            }
            // Such a file may be for root's eyes only, and is not needed here.
            Err(error) if own.has_endpoints() || need == Need::Nothing => {
                warnings.push(format!("a configuration file is left out: {error}"));
                None
            }
            Err(error) => return Err(error.into()),
        },
    };
    warnings.extend(
        file.iter()
            .filter_map(NodeFile::problem)
            .map(ToString::to_string),
    );
    let access = match &file {
        Some(file) => own.over(file.etcd()),
        None => own,
    };
    let nothing = IpamSection::default();
    let section = file.as_ref().map_or(&nothing, NodeFile::section);
    let cluster = section.cluster().to_owned();
    Ok(Found {
        access,
        cluster,
        file,
        warnings,
    })
}

/// The file that somebody asked for by name; no other will do.
///
/// # Errors
/// Where there is none, or it cannot be read.
pub fn named(path: &str) -> anyhow::Result<NodeFile> {
    let search = NodeFile::find(Some(path), None)?;
    match search.file {
        Some(file) if search.warnings.is_empty() => Ok(file),
        _ => bail!(
            "--node-config (or IPAMCTL_NODE_CONFIG) names {path}, but there is no such file; correct the \
             path, or leave it out to use the usual places"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    /// A file of one test, removed with it.
    struct File(PathBuf);

    impl File {
        fn new(name: &str, text: &str) -> Self {
            let name = format!("ipamctl-config-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            std::fs::write(&path, text).unwrap();
            Self(path)
        }

        fn path(&self) -> &str {
            self.0.to_str().unwrap()
        }
    }

    impl Drop for File {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    const FILE: &str = r#"{"etcd": {"endpoints": ["file:1"], "prefix": "/file", "store_id": "s"},
        "cluster": "west"}"#;

    fn flags(endpoints: &[&str], config: Option<&str>) -> EtcdFlags {
        EtcdFlags {
            endpoints: endpoints.iter().map(|&text| text.to_owned()).collect(),
            node_config: config.map(str::to_owned),
            ..EtcdFlags::default()
        }
    }

    #[test]
    fn each_setting_of_the_command_line_wins_over_the_files() {
        let file = File::new("wins", FILE);
        let found = find(&flags(&["flag:1"], Some(file.path())), None).unwrap();
        assert_eq!(found.access.endpoints(), ["flag:1"]);
        assert_eq!(found.access.prefix(), "/file");
        assert_eq!(found.cluster, "west");
        // The file's store is where the file's endpoints are.
        assert_eq!(found.access.store_id(), None);
    }

    #[test]
    fn a_named_file_wins_over_the_environments() {
        let [file, other] = [File::new("named", FILE), File::new("other", "{")];
        let found = find(&flags(&[], Some(file.path())), Some(other.path())).unwrap();
        assert_eq!(found.access.endpoints(), ["file:1"]);
        assert!(found.warnings.is_empty());
        let found = find(&flags(&[], None), Some(file.path())).unwrap();
        assert_eq!(found.access.endpoints(), ["file:1"]);
    }

    #[test]
    fn a_named_file_must_be_there_and_readable() {
        let error = find(&flags(&["a:1"], Some("/none/such")), None).unwrap_err();
        assert!(error.to_string().contains("/none/such"), "{error}");
        let broken = File::new("broken", "{");
        let error = find(&flags(&["a:1"], Some(broken.path())), None).unwrap_err();
        assert!(error.to_string().contains(broken.path()), "{error}");
    }

    #[test]
    fn a_broken_file_that_nobody_named_is_only_in_the_way_where_it_is_needed() {
        let broken = File::new("unneeded", "{");
        let found = find(&flags(&["a:1"], None), Some(broken.path())).unwrap();
        assert_eq!(found.access.endpoints(), ["a:1"]);
        assert_eq!(found.cluster, "default");
        assert!(found.warnings.join("\n").contains(broken.path()));
        assert!(find(&flags(&[], None), Some(broken.path())).is_err());
    }

    #[test]
    fn without_endpoints_the_error_names_all_three_ways() {
        let file = File::new("empty", "{}");
        let error = find(&flags(&[], Some(file.path())), None).unwrap_err();
        for way in [
            "--endpoints",
            "IPAMCTL_ENDPOINTS",
            "etcd.endpoints",
            file.path(),
        ] {
            assert!(error.to_string().contains(way), "{error}");
        }
    }
}
