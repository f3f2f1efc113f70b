//! What is generated from the command line's definition: manual pages, completions, kubectl's plugin.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use chaos_tests::binaries;
use chaos_tests::ctl;
use chaos_tests::process::{self, Finish, Output};
use chaos_tests::skip::skipped;
use tempfile::TempDir;

fn is_there(program: &str) -> bool {
    let mut command = Command::new(program);
    command
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[test]
fn every_manual_page_renders_without_a_warning() -> Result<()> {
    let home = TempDir::new()?;
    let dir = home.path().join("man1");
    let written = ctl::run(&[], &["man", "--dir", &dir.display().to_string()])?;
    ensure!(written.status.success(), "{written:?}");
    let mut pages = Vec::new();
    for entry in fs::read_dir(&dir)? {
        pages.push(entry?.path());
    }
    for page in ["ipamctl.1", "ipamctl-ls.1", "ipamctl-node-install.1"] {
        ensure!(pages.contains(&dir.join(page)), "{page} of {pages:?}");
    }
    if !is_there("groff") {
        skipped(
            "every_manual_page_renders_without_a_warning",
            "no groff is installed",
        );
        return Ok(());
    }
    for page in pages {
        let mut groff = Command::new("groff");
        // A long path cannot be broken into lines, and that is no mistake.
        groff
            .args(["-man", "-Tutf8", "-P-cbou", "-ww", "-Wbreak"])
            .arg(&page);
        let rendered = process::run(groff, "", Finish::Normal)?;
        ensure!(
            rendered.status.success() && rendered.stderr.is_empty(),
            "{page:?}: {rendered:?}"
        );
        ensure!(
            rendered.stdout.contains("SYNOPSIS"),
            "{page:?}: {rendered:?}"
        );
    }
    Ok(())
}

/// A directory for PATH in which ipamctl stands under this name.
fn installed_as(name: &str) -> Result<TempDir> {
    let home = TempDir::new()?;
    symlink(binaries::ipamctl()?, home.path().join(name))?;
    Ok(home)
}

fn with_path(mut command: Command, dir: &Path) -> Result<Output> {
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{path}", dir.display()));
    process::run(command, "", Finish::Normal)
}

#[test]
fn bash_completes_commands_and_flags() -> Result<()> {
    if !is_there("bash") {
        skipped("bash_completes_commands_and_flags", "no bash is installed");
        return Ok(());
    }
    let home = installed_as("ipamctl")?;
    for (words, wanted) in [
        ("l", "ls"),
        ("node i", "install"),
        ("gc --dry", "--dry-run"),
    ] {
        let mut bash = Command::new("bash");
        // What bash does for Tab.
        let script = r#"source <(ipamctl completions bash)
            complete -p ipamctl >/dev/null || exit
            COMP_WORDS=(ipamctl "$@") COMP_CWORD=$#
            _ipamctl ipamctl "${!#}" "${COMP_WORDS[-2]}"
            echo "${COMPREPLY[@]}""#;
        bash.args(["-ec", script, "bash"]).args(words.split(' '));
        let completed = with_path(bash, home.path())?;
        ensure!(completed.status.success(), "{completed:?}");
        assert_eq!(completed.stdout.trim(), wanted, "{words}: {completed:?}");
    }
    Ok(())
}

#[test]
fn a_script_is_printed_for_every_shell() -> Result<()> {
    for shell in ["bash", "elvish", "fish", "kubectl", "powershell", "zsh"] {
        let script = ctl::run(&[], &["completions", shell, "-o", "json"])?;
        ensure!(
            script.status.success() && script.stderr.is_empty(),
            "{script:?}"
        );
        assert!(script.stdout.contains("ipamctl"), "{shell}: {script:?}");
    }
    let unknown = ctl::run(&[], &["completions", "csh"])?;
    assert_eq!(unknown.status.code(), Some(2), "{unknown:?}");
    Ok(())
}

#[test]
fn as_a_plugin_of_kubectl_it_says_so_and_completes() -> Result<()> {
    let home = installed_as("kubectl-ipam")?;
    let plugin = home.path().join("kubectl-ipam");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&plugin);
        command.args(arguments);
        process::run(command, "", Finish::Normal)
    };
    let help = run(&["ls", "--help"])?;
    assert!(help.stdout.contains("Usage: kubectl ipam ls"), "{help:?}");
    assert!(help.stdout.contains("\n  kubectl ipam ls"), "{help:?}");
    let wrong = run(&["ls", "--nonsense"])?;
    assert_eq!(wrong.status.code(), Some(2));
    assert!(wrong.stderr.contains("Usage: kubectl ipam ls"), "{wrong:?}");

    if !is_there("bash") {
        skipped(
            "as_a_plugin_of_kubectl_it_says_so_and_completes",
            "no bash is installed",
        );
        return Ok(());
    }
    let script = home.path().join("kubectl_complete-ipam");
    fs::write(&script, run(&["completions", "kubectl"])?.stdout)?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    for (words, wanted) in [
        (["l"].as_slice(), "ls\n:4\n"),
        (&["gc", "--nonsense"], ":4\n"),
    ] {
        let mut command = Command::new(&script);
        command.args(words);
        let completed = with_path(command, home.path()).context("kubectl_complete-ipam")?;
        assert_eq!(completed.stdout, wanted, "{completed:?}");
    }
    Ok(())
}
