use super::*;
use crate::audit::{Kind, Repair};

/// A file of the test's own.
fn file(name: &str) -> PathBuf {
    let name = format!("ipamctl-report-{}-{name}.json", std::process::id());
    std::env::temp_dir().join(name)
}

fn report() -> Report {
    let about = About {
        id: "1".into(),
        store_id: "s1".into(),
        prefix: "/etcd-ipam".into(),
        cluster: "default".into(),
        revision: 7,
        checked: "2026-11-20T12:00:00Z".into(),
        pods: None,
    };
    let finding = Finding {
        kind: Kind::OrphanedAddress,
        key: "/etcd-ipam/v1/addr/default/010.000.000.001".into(),
        mod_revision: 5,
        value_sha256: digest(b"x"),
        address: "10.0.0.1".parse().ok(),
        space: Some("default".into()),
        holder: None,
        detail: "größe \u{1b}".into(),
        repair: Some(Repair::DeleteAddress),
    };
    Report::new(about, Counts::default(), vec![finding])
}

/// What comes of reading a file of these bytes.
fn read(name: &str, bytes: &[u8]) -> Result<Report, ReportError> {
    let path = file(name);
    fs::write(&path, bytes).unwrap();
    let read = Report::read(&path);
    fs::remove_file(path).unwrap();
    read
}

#[test]
fn a_report_reads_back_and_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let path = file("whole");
    report().write(&path).unwrap();
    assert_eq!(Report::read(&path).unwrap(), report());
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    fs::remove_file(path).unwrap();
}

#[test]
fn no_part_of_a_report_is_one() {
    let whole = serde_json::to_vec(&report()).unwrap();
    for length in 0..whole.len() {
        let error = read("half", &whole[..length]).unwrap_err();
        assert!(matches!(error, ReportError::Half(_)), "{length}: {error}");
    }
}

#[test]
fn what_was_changed_is_refused() {
    let text = serde_json::to_string(&report()).unwrap();
    for (from, to) in [
        ("010.000.000.001", "010.000.000.002"),
        ("\"mod_revision\":5", "\"mod_revision\":6"),
        ("\"id\":\"1\"", "\"id\":\"2\""),
        ("12:00:00", "11:00:00"),
        ("\"count\":1", "\"count\":2"),
    ] {
        assert!(text.contains(from), "{from}: {text}");
        let error = read("edited", text.replace(from, to).as_bytes()).unwrap_err();
        assert!(matches!(error, ReportError::Edited(_)), "{from}: {error}");
    }
    let mut value = serde_json::to_value(report()).unwrap();
    value["findings"] = Value::Array(Vec::new());
    let error = read("emptied", value.to_string().as_bytes()).unwrap_err();
    assert!(matches!(error, ReportError::Edited(_)), "{error}");
}

#[test]
fn other_files_and_newer_reports_are_told_apart() {
    for foreign in [
        "[]",
        "{}",
        "null",
        "x",
        r#"{"format":"etcd-ipam-check"}"#,
        "\u{0}",
    ] {
        let error = read("foreign", foreign.as_bytes()).unwrap_err();
        assert!(
            matches!(error, ReportError::Foreign { .. }),
            "{foreign}: {error}"
        );
    }
    let newer = r#"{"format":"etcd-ipam-check","version":2,"anything":[]}"#;
    let error = read("newer", newer.as_bytes()).unwrap_err();
    assert!(
        matches!(error, ReportError::Newer { version: 2, .. }),
        "{error}"
    );
    let error = Report::read(Path::new("/nowhere/report.json")).unwrap_err();
    assert!(matches!(error, ReportError::File { .. }), "{error}");
}
