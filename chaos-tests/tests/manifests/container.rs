//! A container of a manifest, run here: its program with its arguments and variables, and what is
//! mounted in it as directories of this machine.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use chaos_tests::binaries;
use chaos_tests::certs::Identity;
use chaos_tests::daemon::{Daemon, Output};
use chaos_tests::process::{self, Finish};
use serde_json::Value;
use tempfile::TempDir;

use crate::objects::{Objects, list, texts};

/// The name of the node that a pod is on, and of the pod.
pub(crate) const NODE: &str = "worker-1";

/// What a cluster puts beside a manifest.
pub(crate) struct Surroundings {
    /// The members of etcd.
    pub(crate) endpoints: String,
    /// The id that the Job wrote down; none before it has run.
    pub(crate) store_id: Option<String>,
    /// In every secret, who vouches for etcd's servers.
    pub(crate) ca_file: PathBuf,
    /// In every secret, the client's certificate.
    pub(crate) identity: Identity,
}

/// A container that can be run.
pub(crate) struct Container {
    program: PathBuf,
    arguments: Vec<String>,
    variables: BTreeMap<String, String>,
    /// Of the volumes, by the paths at which they are mounted.
    mounts: BTreeMap<String, PathBuf>,
    home: TempDir,
}

impl Container {
    /// Of these objects the container of this name, as the kubelet would start it.
    pub(crate) fn new(objects: &Objects, name: &str, around: &Surroundings) -> Result<Self> {
        let home = tempfile::Builder::new().prefix("container-").tempdir()?;
        let mut found = objects.containers();
        let found = found.find(|(_, container)| container["name"] == name);
        let (pod, container) = found.with_context(|| format!("no container {name}"))?;
        let mounts = mounts(objects, pod, container, around, home.path())?;
        let here = |text: &str| in_place(&mounts, text);
        let variables = variables(objects, container, around)?;
        let variables = variables
            .into_iter()
            .map(|(name, value)| (name, here(&value)));
        Ok(Self {
            program: program(&container["command"])?,
            arguments: texts(&container["args"]).map(here).collect(),
            variables: variables.collect(),
            mounts,
            home,
        })
    }

    /// Adds a variable that only this machine needs.
    pub(crate) fn set(&mut self, name: &str, value: String) {
        self.variables.insert(name.to_owned(), value);
    }

    /// Mounts another directory at a path.
    pub(crate) fn mount(&mut self, at: &str, directory: &Path) -> Result<()> {
        let here = directory.display().to_string();
        let before = self.mounted(at)?.display().to_string();
        for text in self.arguments.iter_mut().chain(self.variables.values_mut()) {
            *text = text.replace(&before, &here);
        }
        self.mounts.insert(at.to_owned(), directory.to_owned());
        Ok(())
    }

    /// The directory that is mounted at a path.
    pub(crate) fn mounted(&self, at: &str) -> Result<&Path> {
        let mounted = self.mounts.get(at);
        Ok(mounted.with_context(|| format!("nothing is mounted at {at}"))?)
    }

    /// Its variables.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().map(String::as_str)
    }

    /// Runs it to its end.
    pub(crate) fn run(&self) -> Result<process::Output> {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .env_clear()
            .envs(&self.variables);
        process::run(command, "", Finish::Normal)
    }

    /// Starts it.
    pub(crate) fn start(&self) -> Result<Daemon> {
        // `env` becomes the program.
        let mut line = vec!["-i".to_owned()];
        let variables = self.variables.iter();
        line.extend(variables.map(|(name, value)| format!("{name}={value}")));
        line.push(self.program.display().to_string());
        line.extend_from_slice(&self.arguments);
        let output = Output::together(&self.home.path().join("log"))?;
        Daemon::start(Path::new("env"), &line, self.home.path(), output)
    }

    /// What it has said so far, once started.
    pub(crate) fn log(&self) -> Result<String> {
        Ok(fs::read_to_string(self.home.path().join("log"))?)
    }
}

/// The program of this name among those that the image has.
fn program(command: &Value) -> Result<PathBuf> {
    match texts(command).collect::<Vec<_>>()[..] {
        ["/ipamctl"] => binaries::ipamctl(),
        ["/lease-gc"] => binaries::collector(),
        _ => bail!("the image has no {command}"),
    }
}

/// Makes every volume that the container mounts.
fn mounts(
    objects: &Objects,
    pod: &Value,
    container: &Value,
    around: &Surroundings,
    home: &Path,
) -> Result<BTreeMap<String, PathBuf>> {
    let mut mounts = BTreeMap::new();
    for mount in list(&container["volumeMounts"]) {
        let name = mount["name"].as_str().context("no name")?;
        let mut volumes = list(&pod["volumes"]);
        let volume = volumes.find(|volume| volume["name"] == name);
        let volume = volume.with_context(|| format!("no volume {name}"))?;
        let directory = home.join(name);
        fs::create_dir(&directory)?;
        if volume.get("secret").is_some() {
            let files = [
                (&around.ca_file, "ca.crt"),
                (&around.identity.cert_file, "tls.crt"),
                (&around.identity.key_file, "tls.key"),
            ];
            for (file, name) in files {
                fs::copy(file, directory.join(name))?;
            }
        } else if let Some(map) = volume["configMap"]["name"].as_str() {
            for item in list(&volume["configMap"]["items"]) {
                let [key, path] =
                    [&item["key"], &item["path"]].map(|text| text.as_str().unwrap_or(""));
                fs::write(directory.join(path), objects.setting(map, key)?)?;
            }
        } else {
            ensure!(volume.get("hostPath").is_some(), "{volume}");
        }
        let at = mount["mountPath"].as_str().context("no path")?;
        mounts.insert(at.to_owned(), directory);
    }
    Ok(mounts)
}

fn in_place(mounts: &BTreeMap<String, PathBuf>, text: &str) -> String {
    let (flag, path) = match text.split_once('=') {
        Some((flag, path)) => (format!("{flag}="), path),
        None => (String::new(), text),
    };
    for (at, directory) in mounts {
        if let Some(rest) = path.strip_prefix(at.as_str())
            && (rest.is_empty() || rest.starts_with('/'))
        {
            return format!("{flag}{}{rest}", directory.display());
        }
    }
    text.to_owned()
}

fn variables(
    objects: &Objects,
    container: &Value,
    around: &Surroundings,
) -> Result<BTreeMap<String, String>> {
    let mut variables = BTreeMap::new();
    for source in list(&container["envFrom"]) {
        let map = source["configMapRef"]["name"].as_str().unwrap_or_default();
        let data = objects.get("ConfigMap", map)?["data"].as_object();
        for (key, value) in data.context("no data")? {
            variables.insert(key.clone(), value.as_str().unwrap_or_default().to_owned());
        }
    }
    for variable in list(&container["env"]) {
        let name = variable["name"].as_str().context("no name")?;
        let from = &variable["valueFrom"];
        let reference = &from["configMapKeyRef"];
        let value = if let Some(value) = variable["value"].as_str() {
            value.to_owned()
        } else if let Some(field) = from["fieldRef"]["fieldPath"].as_str() {
            ensure!(
                ["spec.nodeName", "metadata.name"].contains(&field),
                "{field}"
            );
            NODE.to_owned()
        } else {
            let [map, key] =
                [&reference["name"], &reference["key"]].map(|text| text.as_str().unwrap_or(""));
            match [map, key] {
                ["etcd-ipam-store", "store_id"] => {
                    let id = around.store_id.clone();
                    id.context("the pod waits: there is no store yet")?
                }
                ["etcd-ipam", "endpoints"] => around.endpoints.clone(),
                [map, key] => objects.setting(map, key)?.to_owned(),
            }
        };
        variables.insert(name.to_owned(), value);
    }
    Ok(variables)
}
