//! What the build script builds.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, ensure};
use chaos_tests::binaries;
use chaos_tests::engine::{Engine, Spec};
use chaos_tests::process::{self, Finish};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::shop::{self, IMAGE, build, engine};

const PROGRAMS: [&str; 3] = ["etcd-ipam", "ipamctl", "lease-gc"];

#[test]
fn the_image_holds_the_three_programs_and_nothing_else() -> Result<()> {
    let test = "the_image_holds_the_three_programs_and_nothing_else";
    let Some(engine) = engine(test)? else {
        return Ok(());
    };
    let mounted = engine.podman(["image", "mount", IMAGE])?;
    let entries = fs::read_dir(mounted.trim_end())?;
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let found = entry.metadata()?;
        assert_eq!((found.uid(), found.gid()), (0, 0), "{name}");
        assert_eq!(found.mode() & 0o7777, 0o755, "{name}");
        let own = binaries::directory()?.join(&name);
        ensure!(fs::read(entry.path())? == fs::read(own)?, "{name}");
        names.push(name);
    }
    names.sort_unstable();
    assert_eq!(names, PROGRAMS);
    engine.podman(["image", "unmount", IMAGE])?;
    Ok(())
}

#[test]
fn every_program_runs_where_there_is_nothing_else() -> Result<()> {
    let Some(engine) = engine("every_program_runs_where_there_is_nothing_else")? else {
        return Ok(());
    };
    let spec = Spec::confined("version", IMAGE);
    let version = env!("CARGO_PKG_VERSION");
    for (spec, name) in [
        (spec.clone(), "ipamctl"),
        (spec.clone().flag("--entrypoint=/lease-gc"), "lease-gc"),
    ] {
        let said = engine.run(&spec, &["--version"])?;
        assert_eq!(said.stdout, format!("{name} {version}\n"), "{said:?}");
    }
    let plugin = spec
        .flag("--entrypoint=/etcd-ipam")
        .env("CNI_COMMAND", "VERSION");
    let said = engine.run(&plugin, &[])?;
    let said: Value = serde_json::from_str(&said.stdout).with_context(|| format!("{said:?}"))?;
    assert_eq!(said["cniVersion"], "1.1.0");
    Ok(())
}

#[test]
fn the_image_says_what_it_is() -> Result<()> {
    let Some(engine) = engine("the_image_says_what_it_is")? else {
        return Ok(());
    };
    let told = engine.podman(["image", "inspect", IMAGE])?;
    let told: Value = serde_json::from_str(&told)?;
    let config = &told[0]["Config"];
    assert_eq!(config["User"], "65532:65532");
    assert_eq!(config["Entrypoint"], json!(["/ipamctl"]));
    let labels = config["Labels"].as_object().context("no labels")?;
    let label = |name: &str| labels[&format!("org.opencontainers.image.{name}")].as_str();
    assert_eq!(labels.len(), 5, "{labels:?}");
    assert_eq!(label("title"), Some("etcd-ipam"));
    assert_eq!(label("version"), Some(env!("CARGO_PKG_VERSION")));
    assert_eq!(label("licenses"), Some("Apache-2.0"));
    let revision = label("revision").context("no revision")?;
    let head = shop::git(&["rev-parse", "HEAD"])?;
    let at_head = revision.strip_suffix("-dirty").unwrap_or(revision);
    assert_eq!(at_head, head);
    Ok(())
}

/// The digest of an image's manifest, as a registry would show it.
fn digest(engine: &Engine, image: &str) -> Result<Value> {
    let home = TempDir::new()?;
    let layout = home.path().join("oci").display().to_string();
    engine.podman(["push", "--quiet", image, &format!("oci:{layout}")])?;
    let index = fs::read(Path::new(&layout).join("index.json"))?;
    let index: Value = serde_json::from_slice(&index)?;
    Ok(index["manifests"][0]["digest"].clone())
}

#[test]
fn the_same_programs_make_the_same_digest() -> Result<()> {
    let Some(engine) = engine("the_same_programs_make_the_same_digest")? else {
        return Ok(());
    };
    // Other modes, other times, another directory with more in it.
    let copies = TempDir::new()?;
    for program in PROGRAMS {
        let copy = copies.path().join(program);
        fs::copy(binaries::directory()?.join(program), &copy)?;
        fs::set_permissions(&copy, Permissions::from_mode(0o700))?;
        let earlier = SystemTime::now() - Duration::from_hours(1);
        File::options()
            .write(true)
            .open(&copy)?
            .set_modified(earlier)?;
    }
    fs::write(copies.path().join("another"), "")?;
    let dated = shop::git(&["log", "-1", "--format=%ct"])?;
    let mut digests = Vec::new();
    for (name, environment) in [
        ("test/first", vec![("ENGINE", "buildah")]),
        (
            "test/second",
            vec![("ENGINE", "podman"), ("SOURCE_DATE_EPOCH", dated.as_str())],
        ),
        ("test/dated", vec![("SOURCE_DATE_EPOCH", "1000000000")]),
    ] {
        let built = build(&engine, copies.path(), name, &environment)?;
        ensure!(built.status.success(), "{built:?}");
        assert!(built.stdout.starts_with(name), "{built:?}");
        digests.push(digest(&engine, name)?);
    }
    assert!(digests[0].is_string());
    assert_eq!(digest(&engine, IMAGE)?, digests[0]);
    assert_eq!(digests[0], digests[1]);
    assert_ne!(digests[0], digests[2]);
    Ok(())
}

#[test]
fn what_lacks_is_said_before_anything_is_built() -> Result<()> {
    let Some(engine) = engine("what_lacks_is_said_before_anything_is_built")? else {
        return Ok(());
    };
    let empty = TempDir::new()?;
    let programs = binaries::directory()?;
    for (programs, environment, words) in [
        (empty.path(), ("LANG", "C"), "there is no etcd-ipam in"),
        (&programs, ("ENGINE", "kaniko"), "there is no kaniko"),
    ] {
        let said = build(&engine, programs, "test/none", &[environment])?;
        assert_eq!(said.status.code(), Some(1), "{said:?}");
        assert!(said.stderr.contains(words), "{said:?}");
    }
    // Out of a repository nobody knows what the image is to be dated by.
    let unpacked = TempDir::new()?;
    let image = unpacked.path().join("deploy/image");
    fs::create_dir_all(&image)?;
    let files = [
        "deploy/image/build.sh",
        "deploy/image/Containerfile",
        "Cargo.toml",
    ];
    for file in files {
        fs::copy(shop::root()?.join(file), unpacked.path().join(file))?;
    }
    let mut command: Command = engine.command(image.join("build.sh"));
    command.arg(&programs).arg("test/none");
    let said = process::run(command, "", Finish::Normal)?;
    assert!(said.stderr.contains("SOURCE_DATE_EPOCH"), "{said:?}");
    assert!(!engine.podman(["images"])?.contains("test/none"));
    Ok(())
}
