//! The Helm chart, rendered without Helm: by a crate for Go's templates, and those of Helm's functions
//! that the chart uses. A template that needs another one fails here.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, anyhow};
use gtmpl::{FuncError, Template, Value as Go};
use serde_json::{Value, json};

use crate::kustomize::deploy;
use crate::objects::{Objects, name};
use crate::{names, types};

thread_local! {
    /// The definitions that `include` finds: a function of a template is given nothing but its arguments.
    static HELPERS: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Where the chart is.
pub(crate) fn folder() -> PathBuf {
    deploy().join("helm/etcd-ipam")
}

/// Its values with nothing set.
pub(crate) fn defaults() -> Result<Value> {
    let text = fs::read_to_string(folder().join("values.yaml"))?;
    Ok(serde_saphyr::from_str(&text)?)
}

/// Its values with etcd where the manifests have it, and nothing else set.
pub(crate) fn values() -> Result<Value> {
    let mut values = defaults()?;
    let objects = Objects::of_single_file()?;
    let endpoints = objects.setting("etcd-ipam", "endpoints")?.split(',');
    values["etcd"]["endpoints"] = endpoints.collect();
    Ok(values)
}

/// What `helm template` would print.
fn text(values: &Value, namespace: &str) -> Result<String> {
    let chart: Value = serde_saphyr::from_str(&fs::read_to_string(folder().join("Chart.yaml"))?)?;
    let context = go(&json!({
        "Values": values,
        "Release": {"Name": "etcd-ipam", "Namespace": namespace, "Service": "Helm"},
        "Chart": {"Name": chart["name"], "AppVersion": chart["appVersion"]},
    }));
    let templates = folder().join("templates");
    let helpers = fs::read_to_string(templates.join("_helpers.tpl"))?;
    HELPERS.set(helpers);
    let mut files: Vec<_> = fs::read_dir(&templates)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    files.sort();
    files.retain(|file| !file.ends_with("_helpers.tpl"));
    let mut rendered = String::new();
    for file in files {
        let text = render(&fs::read_to_string(&file)?, &context);
        let text = text.with_context(|| file.display().to_string())?;
        let is_manifest = file
            .extension()
            .is_some_and(|extension| extension == "yaml");
        if is_manifest && !text.trim().is_empty() {
            rendered.push_str("---\n");
            rendered.push_str(&text);
        }
    }
    Ok(rendered)
}

/// What the chart comes to.
pub(crate) fn objects(values: &Value, namespace: &str) -> Result<Objects> {
    let text = text(values, namespace)?;
    let objects = Objects::parse(&text).with_context(|| text.clone())?;
    types::check(&objects)?;
    names::check(&objects)?;
    Ok(objects)
}

fn render(text: &str, context: &Go) -> Result<String> {
    let mut template = Template::with_name("main");
    let functions: [(&str, gtmpl::Func); 4] = [
        ("include", include),
        ("nindent", nindent),
        ("quote", quote),
        ("toYaml", to_yaml),
    ];
    template.add_funcs(&functions);
    let helpers = HELPERS.with_borrow(String::clone);
    template
        .add_template("helpers", helpers)
        .map_err(|error| anyhow!("the helpers: {error}"))?;
    template.parse(text).map_err(|error| anyhow!("{error}"))?;
    let context = gtmpl::Context::from(context.clone());
    template
        .render(&context)
        .map_err(|error| anyhow!("{error}"))
}

fn include(arguments: &[Go]) -> Result<Go, FuncError> {
    let [Go::String(name), context] = arguments else {
        return Err(FuncError::ExactlyXArgs("include".to_owned(), 2));
    };
    let call = format!("{{{{ template {name:?} . }}}}");
    Ok(render(&call, context)?.into())
}

fn nindent(arguments: &[Go]) -> Result<Go, FuncError> {
    let [Go::Number(count), Go::String(text)] = arguments else {
        return Err(FuncError::ExactlyXArgs("nindent".to_owned(), 2));
    };
    let count = count.as_u64().context("not a count")?;
    let indent = "\n".to_owned() + &" ".repeat(usize::try_from(count).context("too deep")?);
    Ok((indent.clone() + &text.replace('\n', &indent)).into())
}

fn quote(arguments: &[Go]) -> Result<Go, FuncError> {
    match arguments {
        [Go::String(text)] => Ok(json!(text).to_string().into()),
        // Helm makes a text of anything; here all are texts.
        _ => Err(FuncError::Generic("quote is for one text".to_owned())),
    }
}

fn to_yaml(arguments: &[Go]) -> Result<Go, FuncError> {
    let [value] = arguments else {
        return Err(FuncError::ExactlyXArgs("toYaml".to_owned(), 1));
    };
    let yaml = serde_saphyr::to_string(&plain(value)?).context("not YAML")?;
    Ok(yaml.trim_end().into())
}

fn go(value: &Value) -> Go {
    match value {
        Value::Null => Go::Nil,
        Value::Bool(value) => Go::Bool(*value),
        Value::Number(value) => value.as_i64().map_or(Go::Nil, Go::from),
        Value::String(value) => Go::String(value.clone()),
        Value::Array(values) => Go::Array(values.iter().map(go).collect()),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(key, value)| (key.clone(), go(value)));
            Go::Map(fields.collect::<HashMap<_, _>>())
        }
    }
}

fn plain(value: &Go) -> Result<Value> {
    Ok(match value {
        Go::Nil | Go::NoValue => Value::Null,
        Go::Bool(value) => json!(value),
        Go::Number(value) => json!(value.as_i64().context("not an integer")?),
        Go::String(value) => json!(value),
        Go::Array(values) => values.iter().map(plain).collect::<Result<_>>()?,
        Go::Map(fields) | Go::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(key, value)| Ok((key.clone(), plain(value)?)));
            Value::Object(fields.collect::<Result<_>>()?)
        }
        Go::Function(_) => return Err(anyhow!("a function")),
    })
}

#[test]
fn chart_and_manifests_are_the_same_objects() -> Result<()> {
    let chart = objects(&values()?, "kube-system")?;
    let file = Objects::of_single_file()?;
    for object in file.iter() {
        let kind = object["kind"].as_str().unwrap_or_default();
        assert!(chart.has(kind, name(object)), "{kind} {}", name(object));
    }
    for (chart, file) in chart.iter().zip(file.iter()) {
        assert_eq!(chart, file);
    }
    assert_eq!(chart, file);
    Ok(())
}

#[test]
fn the_chart_monitors_as_the_component_does() -> Result<()> {
    let mut values = values()?;
    values["podMonitor"]["enabled"] = true.into();
    let chart = objects(&values, "kube-system")?;
    let component = deploy().join("kustomize/components/pod-monitor/pod-monitor.yaml");
    let component = Objects::parse(&fs::read_to_string(component)?)?;
    let component = component.get("PodMonitor", "etcd-ipam-lease-gc")?;
    assert_eq!(chart.get("PodMonitor", "etcd-ipam-lease-gc")?, component);
    values["podMonitor"]["labels"] = json!({"release": "prometheus"});
    let chart = objects(&values, "kube-system")?;
    let monitor = chart.get("PodMonitor", "etcd-ipam-lease-gc")?;
    assert_eq!(monitor["metadata"]["labels"]["release"], "prometheus");
    Ok(())
}

#[test]
fn the_charts_values_arrive() -> Result<()> {
    let mut values = values()?;
    values["image"] = json!({
        "registry": "registry.example:5000/mirror",
        "repository": "ipam",
        "tag": "9.9.9",
        "digest": "",
    });
    values["imagePullSecrets"] = json!([{"name": "puller"}]);
    values["node"]["binDir"] = "/home/kubernetes/bin".into();
    values["node"]["confDir"] = "/etc/kubernetes/cni/net.d".into();
    values["node"]["certificatesOnHost"] = "/etc/etcd-ipam/tls".into();
    values["leaseGc"]["replicas"] = 3.into();
    values["networkPolicy"]["enabled"] = false.into();
    let chart = objects(&values, "addressing")?;
    for (workload, pod) in chart.workloads() {
        assert_eq!(workload["metadata"]["namespace"], "addressing");
        assert_eq!(pod["imagePullSecrets"][0]["name"], "puller", "{pod:#}");
    }
    for (_, container) in chart.containers() {
        let image = "registry.example:5000/mirror/ipam:9.9.9";
        assert_eq!(container["image"], image, "{container:#}");
    }
    let node = chart.get("DaemonSet", "etcd-ipam-node")?.to_string();
    for text in [
        r#""hostPath":{"path":"/home/kubernetes/bin","#,
        r#""hostPath":{"path":"/etc/kubernetes/cni/net.d","#,
        r#""hostPath":{"path":"/etc/etcd-ipam/tls","#,
        "--host-conf-dir=/etc/kubernetes/cni/net.d",
    ] {
        assert!(node.contains(text), "{text}: {node}");
    }
    assert!(!node.contains("etcd-ipam-node-tls"), "{node}");
    let collector = chart.get("Deployment", "etcd-ipam-lease-gc")?;
    assert_eq!(collector["spec"]["replicas"], 3);
    assert!(!chart.has("NetworkPolicy", "etcd-ipam-lease-gc"));
    let job = chart.get("Job", "etcd-ipam-init")?.to_string();
    assert!(
        job.contains("--record-in=addressing/etcd-ipam-store"),
        "{job}"
    );

    let digest = format!("sha256:{}", "0".repeat(64));
    values["image"]["digest"] = digest.clone().into();
    let chart = objects(&values, "addressing")?;
    let (_, container) = chart.containers().next().context("no container")?;
    let image = format!("registry.example:5000/mirror/ipam@{digest}");
    assert_eq!(container["image"], image.as_str());
    Ok(())
}

#[test]
fn the_chart_is_of_this_version() -> Result<()> {
    let chart = fs::read_to_string(folder().join("Chart.yaml"))?;
    let chart: Value = serde_saphyr::from_str(&chart)?;
    for key in ["version", "appVersion"] {
        assert_eq!(chart[key], env!("CARGO_PKG_VERSION"), "{key}");
    }
    Ok(())
}
