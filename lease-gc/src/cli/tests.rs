use super::*;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;

use store::etcd::Password;

const ETCD: &str = "--endpoints=a:1";

/// Parses flags over variables.
fn load(flags: &[&str], variables: &[(&str, &str)]) -> Result<Cli, String> {
    let variables: BTreeMap<_, _> = variables.iter().copied().collect();
    let line = ["lease-gc"].iter().chain(flags).map(OsString::from);
    Cli::load(line, |name| variables.get(name).map(OsString::from)).map_err(|error| {
        assert_eq!(error.exit_code(), 2, "{error}");
        error.to_string()
    })
}

fn with(flags: &[&str]) -> Cli {
    load(&[&[ETCD], flags].concat(), &[]).unwrap()
}

#[track_caller]
fn refused(flags: &[&str], words: &[&str]) {
    let error = load(&[&[ETCD], flags].concat(), &[]).unwrap_err();
    for word in words {
        assert!(error.contains(word), "{flags:?} gives {error}");
    }
}

fn file(json: &str) -> (tempfile::NamedTempFile, String) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(json.as_bytes()).unwrap();
    let flag = format!("--config={}", file.path().display());
    (file, flag)
}

/// A certificate and its key, which are looked into at the start.
fn identity() -> String {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    made.cert.pem() + &made.signing_key.serialize_pem()
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn the_defaults_are_the_documented_ones() {
    let cli = with(&[]);
    assert_eq!(cli.etcd.prefix, "/etcd-ipam");
    assert_eq!(cli.source.cluster, "default");
    assert!(!cli.source.enable_pod_watch);
    assert_eq!(cli.run.cron_schedule.to_string(), "*/5 * * * *");
    assert_eq!(cli.run.election_ttl, Duration::from_secs(15));
    assert!(!cli.run.once && !cli.run.identity.is_empty());
    assert_eq!(cli.rules.grace_period, Duration::from_mins(15));
    assert_eq!(cli.rules.node_gone_grace, Duration::from_hours(1));
    assert_eq!(cli.rules.max_releases_per_second.get(), 50);
    assert_eq!(cli.rules.breaker_min, 10);
    assert!((cli.rules.breaker_ratio - 0.05).abs() < f64::EPSILON);
    assert!(!cli.rules.dry_run && !cli.rules.no_adopt);
    assert_eq!(cli.tell.listen.to_string(), "0.0.0.0:9472");
    assert_eq!(cli.tell.history_file, None);
    assert_eq!(cli.tell.log_format, LogFormat::Json);
    assert_eq!(cli.tell.log_level, LogLevel::Info);
}

#[test]
fn etcd_settings_arrive() {
    let (file, _) = file(&identity());
    let path = file.path().to_str().unwrap();
    let cli = load(
        &[
            "--endpoints=a:1, b:2",
            "--endpoints=c:3,",
            "--server-name=etcd",
            "--prefix=/p",
            "--ca-file",
            path,
            "--cert-file",
            path,
            "--key-file",
            path,
            "--username=u",
            "--password-file",
            path,
            "--store-id=s",
        ],
        &[],
    );
    let etcd = cli.unwrap().etcd;
    let settings = etcd.settings();
    assert_eq!(settings.endpoints, ["a:1", "b:2", "c:3"]);
    assert_eq!(settings.server_name.as_deref(), Some("etcd"));
    for arrived in [settings.ca_file, settings.cert_file, settings.key_file] {
        assert_eq!(arrived.as_deref(), Some(file.path()));
    }
    let credentials = settings.credentials.unwrap();
    assert_eq!(credentials.username, "u");
    assert!(credentials.password == Password::File(path.into()));
    assert_eq!(
        (etcd.prefix.as_str(), etcd.store_id.as_deref()),
        ("/p", Some("s"))
    );
}

#[test]
fn the_flags_of_the_seeds_manifest_work_as_they_are_written() {
    let cli = with(&["--cron-schedule", "* * * * *", "--enable-pod-watch=false"]);
    assert_eq!(cli.run.cron_schedule.to_string(), "* * * * *");
    assert!(!cli.source.enable_pod_watch);
}

#[test]
fn a_switch_is_given_as_in_go() {
    for (flag, is) in [
        ("--enable-pod-watch", true),
        ("--enable-pod-watch=true", true),
        ("--enable-pod-watch=1", true),
        ("--enable-pod-watch=false", false),
    ] {
        assert_eq!(with(&[flag]).source.enable_pod_watch, is, "{flag}");
    }
    let cli = with(&["--once", "--dry-run", "--no-adopt", "--grace-period", "0s"]);
    assert!(cli.run.once && cli.rules.dry_run && cli.rules.no_adopt);
    assert_eq!(cli.rules.grace_period, Duration::ZERO);
    refused(&["--once=perhaps"], &["--once"]);
}

#[test]
fn wrong_values_are_refused_by_the_flags_name() {
    for (flag, value) in [
        ("--cron-schedule", "* * * *"),
        ("--cron-schedule", "0 0 30 2 *"),
        ("--grace-period", "15"),
        ("--grace-period", "-1s"),
        ("--node-gone-grace", "9999999999y"),
        ("--election-ttl", "1s"),
        ("--election-ttl", "2500ms"),
        ("--election-ttl", "1h"),
        ("--listen", "9472"),
        ("--max-releases-per-second", "0"),
        ("--breaker-min", "-1"),
        ("--breaker-ratio", "1.5"),
        ("--breaker-ratio", "NaN"),
        ("--breaker-ratio", "5%"),
        ("--log-format", "xml"),
        ("--log-level", "loud"),
        ("--cluster", ""),
        ("--identity", ""),
        ("--prefix", ""),
        ("--pods-from", ""),
        ("--kubeconfig", "/nonexistent"),
        ("--ca-file", "/nonexistent"),
        ("--config", "/nonexistent"),
    ] {
        refused(&[&format!("{flag}={value}")], &[flag, value]);
    }
}

#[test]
fn levels_have_their_usual_names() {
    for (text, level) in [
        ("error", LogLevel::Error),
        ("warn", LogLevel::Warn),
        ("warning", LogLevel::Warn),
        ("DEBUG", LogLevel::Debug),
        ("trace", LogLevel::Trace),
    ] {
        assert_eq!(with(&["--log-level", text]).tell.log_level, level);
    }
}

#[test]
fn what_cannot_be_meant_together_is_refused() {
    let (_file, config) = file("{}");
    let path = config.strip_prefix("--config=").unwrap();
    for (flags, words) in [
        (
            ["--pods-from=x", &format!("--kubeconfig={path}")],
            ["--pods-from", "--kubeconfig"],
        ),
        (
            ["--pods-from=x", "--enable-pod-watch"],
            ["--pods-from", "--enable-pod-watch"],
        ),
        (
            ["--once", "--enable-pod-watch"],
            ["--once", "--enable-pod-watch"],
        ),
        (["--cert-file=x", "--once"], ["--cert-file", "--key-file"]),
        (
            ["--username=x", "--once"],
            ["--username", "--password-file"],
        ),
    ] {
        refused(&flags, &words);
    }
    with(&["--once", "--enable-pod-watch=false", "--pods-from=x"]);
    let error = load(&[], &[]).unwrap_err();
    assert!(error.contains("--endpoints"), "{error}");
    let error = load(&["--endpoints= ,"], &[]).unwrap_err();
    assert!(error.contains("--endpoints"), "{error}");
}

#[test]
fn every_flag_has_a_variable_and_a_setting() {
    let (_other, config) = file(&identity());
    let path = config.strip_prefix("--config=").unwrap();
    let settings = [
        ("endpoints", "b:1,c:1"),
        ("server-name", "n"),
        ("prefix", "/p"),
        ("ca-file", path),
        ("cert-file", path),
        ("key-file", path),
        ("username", "u"),
        ("password-file", path),
        ("store-id", "s"),
        ("cluster", "c"),
        ("kubeconfig", path),
        ("cron-schedule", "1 * * * *"),
        ("election-ttl", "20s"),
        ("identity", "me"),
        ("grace-period", "1m"),
        ("node-gone-grace", "2h"),
        ("max-releases-per-second", "3"),
        ("breaker-min", "4"),
        ("breaker-ratio", "0.5"),
        ("dry-run", "true"),
        ("no-adopt", "true"),
        ("listen", "[::1]:1"),
        ("history-file", "h"),
        ("log-format", "text"),
        ("log-level", "debug"),
        ("enable-pod-watch", "true"),
    ];
    let flags: Vec<_> = settings
        .map(|(name, value)| format!("--{name}={value}"))
        .into();
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    let expected = format!("{:?}", load(&flags, &[]).unwrap());

    let names = settings.map(|(name, value)| {
        let name = name.to_uppercase().replace('-', "_");
        (format!("LEASE_GC_{name}"), value)
    });
    let variables: Vec<_> = names
        .iter()
        .map(|(name, value)| (name.as_str(), *value))
        .collect();
    assert_eq!(format!("{:?}", load(&[], &variables).unwrap()), expected);

    let json: BTreeMap<_, _> = settings.into();
    let (_file, config) = file(&serde_json::to_string(&json).unwrap());
    let mut cli = load(&[&config], &[]).unwrap();
    cli.config = None;
    assert_eq!(format!("{cli:?}"), expected);

    let mut known: Vec<_> = settings.map(|(name, _)| name).into();
    known.extend(["once", "pods-from", "config"]);
    for argument in Cli::command().get_arguments() {
        let name = argument.get_long().unwrap();
        assert!(known.contains(&name), "--{name} is not tested here");
    }
}

#[test]
fn a_flag_beats_a_variable_and_a_variable_the_file() {
    let (_file, config) = file(
        r#"{"endpoints": ["f:1", "f:2"], "grace-period": "1m", "breaker-min": 1, "dry-run": true,
            "cluster": "file"}"#,
    );
    let variables = [
        ("LEASE_GC_ENDPOINTS", "v:1"),
        ("LEASE_GC_GRACE_PERIOD", "2m"),
        ("LEASE_GC_BREAKER_MIN", "2"),
        ("LEASE_GC_CLUSTER", ""),
    ];
    let cli = load(&[&config, "--endpoints=l:1", "--dry-run=false"], &variables).unwrap();
    assert_eq!(cli.etcd.settings().endpoints, ["l:1"]);
    assert_eq!(cli.rules.grace_period, Duration::from_mins(2));
    assert_eq!(cli.rules.breaker_min, 2);
    assert_eq!(cli.source.cluster, "file");
    assert!(!cli.rules.dry_run);

    let path = config.strip_prefix("--config=").unwrap();
    let cli = load(&[], &[("LEASE_GC_CONFIG", path)]).unwrap();
    assert_eq!(cli.etcd.settings().endpoints, ["f:1", "f:2"]);
}

#[test]
fn empty_variables_count_as_not_set() {
    let variables = [
        ("LEASE_GC_PREFIX", ""),
        ("LEASE_GC_GRACE_PERIOD", ""),
        ("LEASE_GC_CONFIG", ""),
        ("LEASE_GC_ONCE", ""),
        ("LEASE_GC_KUBECONFIG", ""),
    ];
    let cli = load(&[ETCD], &variables).unwrap();
    assert_eq!(cli.etcd.prefix, "/etcd-ipam");
    assert!(!cli.run.once && cli.source.kubeconfig.is_none());
}

#[test]
fn a_wrong_variable_is_named_with_its_flag() {
    let error = load(&[ETCD], &[("LEASE_GC_LOG_LEVEL", "loud")]).unwrap_err();
    for word in ["LEASE_GC_LOG_LEVEL", "--log-level", "loud", "debug"] {
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn a_wrong_setting_of_the_file_is_named() {
    for (json, words) in [
        (
            r#"{"grace_period": "1m"}"#,
            ["\"grace_period\"", "no such setting"],
        ),
        (r#"{"config": "x"}"#, ["\"config\"", "no such setting"]),
        (r#"{"help": true}"#, ["\"help\"", "no such setting"]),
        (
            r#"{"grace-period": 15}"#,
            ["\"grace-period\"", "--grace-period"],
        ),
        (r#"{"cluster": null}"#, ["\"cluster\"", "must be a text"]),
        (r#"{"cluster": ["a", "b"]}"#, ["\"cluster\"", "--cluster"]),
        (r#"{"endpoints": [1]}"#, ["\"endpoints\"", "list of texts"]),
        ("[]", ["--config", "not a JSON object"]),
        ("{", ["--config", "not a JSON object"]),
    ] {
        let (file, config) = file(json);
        let path = file.path().display().to_string();
        refused(&[&config], &[&words[..], &[path.as_str()]].concat());
    }
}

#[test]
fn what_contradicts_is_refused_whichever_layer_says_it() {
    let (_file, config) = file(r#"{"pods-from": "x"}"#);
    let variables = [("LEASE_GC_ENABLE_POD_WATCH", "true")];
    let error = load(&[ETCD, &config], &variables).unwrap_err();
    assert!(error.contains("--pods-from"), "{error}");
}

#[test]
fn help_is_no_failure() {
    let line = ["lease-gc", "--help"].map(OsString::from);
    let help = Cli::load(line, |_| None).unwrap_err();
    assert_eq!(help.exit_code(), 0);
    let text = help.to_string();
    assert!(text.starts_with("Free the addresses of pods"), "{text}");
}
