use std::path::PathBuf;

use super::*;

/// A file of one test, removed with it.
struct File(PathBuf);

impl File {
    fn new(name: &str, mode: u32) -> Self {
        let name = format!("ipamctl-access-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, "secret").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn told(settings: &Settings) -> Vec<String> {
    let mut findings = Findings::default();
    judge(settings, SystemTime::now(), &mut findings);
    findings.bad()
}

#[test]
fn only_this_machine_may_be_spoken_to_in_the_clear() {
    for (endpoint, is_well) in [
        ("https://10.0.0.1:2379", true),
        ("http://127.0.0.1:2379", true),
        ("localhost:2379", true),
        ("http://[::1]:2379", true),
        ("http://10.0.0.1:2379", false),
        ("etcd-1:2379", false),
        ("1.127.0.1:2379", false),
    ] {
        let settings = Settings {
            endpoints: vec![endpoint.to_owned()],
            ..Settings::default()
        };
        assert_eq!(told(&settings).is_empty(), is_well, "{endpoint}");
    }
    let settings = Settings {
        endpoints: vec!["etcd-1:2379".to_owned()],
        ca_file: Some("/none/such".into()),
        ..Settings::default()
    };
    assert_eq!(told(&settings), [""; 0]);
}

#[test]
fn a_secret_that_others_can_read_is_named_and_not_told() {
    for (mode, is_well) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
        let file = File::new(&format!("{mode:o}"), mode);
        let settings = Settings {
            key_file: Some(file.0.clone()),
            ..Settings::default()
        };
        let told = told(&settings);
        assert_eq!(told.is_empty(), is_well, "{told:?}");

        if !is_well {
            let mode = format!("(mode {mode:04o})");
            assert!(
                told[0].contains("key_file") && told[0].contains(&mode),
                "{told:?}"
            );
        }
    }
}
