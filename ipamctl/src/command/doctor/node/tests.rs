use super::*;

/// A directory of one test, removed with it.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let name = format!("ipamctl-doctor-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn told(judge: impl FnOnce(&mut Findings)) -> Vec<String> {
    let mut findings = Findings::default();
    judge(&mut findings);
    findings.bad()
}

#[test]
fn releases_that_wait_are_counted_and_the_oldest_is_dated() {
    let spool_dir = Directory::new("spool");
    let dir = &spool_dir.0;
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_600);
    let look = || told(|findings| spool(dir, now, findings));
    assert_eq!(look(), [""; 0]);
    fs::write(dir.join("x"), "").unwrap();
    let at = dir.display();
    assert_eq!(look(), [format!("warning spool: 1 releases wait in {at}")]);
    fs::write(dir.join("00001000000000000000-net@c@eth0"), "").unwrap();
    assert_eq!(
        look(),
        [format!(
            "warning spool: 2 releases wait in {at}, the oldest for 10m"
        )]
    );
    assert_eq!(
        told(|findings| spool(&dir.join("none"), now, findings)),
        [""; 0]
    );
}

#[test]
fn a_directory_is_tried_and_nothing_is_left_in_it() {
    let tried = Directory::new("tried");
    assert_eq!(
        told(|findings| directory("spool_dir", &tried.0, findings)),
        [""; 0]
    );
    assert_eq!(fs::read_dir(&tried.0).unwrap().count(), 0);
    let file = tried.0.join("file");
    fs::write(&file, "").unwrap();
    let told_of_file = told(|findings| directory("spool_dir", &file, findings));
    assert!(
        told_of_file[0].starts_with("problem directories: spool_dir"),
        "{told_of_file:?}"
    );
    assert_eq!(
        told(|findings| directory("spool_dir", &tried.0.join("none"), findings)),
        [""; 0]
    );
}

#[test]
fn the_plugin_must_be_executable() {
    let dirs = [Directory::new("bin-a"), Directory::new("bin-b")];
    let look = || {
        let dirs = [dirs[0].0.as_path(), &dirs[1].0];
        told(|findings| binary(&dirs, findings))
    };
    assert_eq!(look().len(), 1);
    let plugin = dirs[1].0.join(PLUGIN);
    fs::write(&plugin, "").unwrap();
    assert_eq!(look().len(), 1);
    fs::set_permissions(&plugin, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(look(), [""; 0]);
}
