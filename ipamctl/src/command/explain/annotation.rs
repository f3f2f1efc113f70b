//! The networks that a pod asks for, as Multus reads them: the de-facto standard of the Network
//! Plumbing Working Group, section 4.1.

use serde::Deserialize;
use serde_json::{Map, Value};

/// One network that a pod asks for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Selection {
    /// Where the network is defined.
    pub(super) namespace: String,
    /// The definition's name.
    pub(super) name: String,
    /// The interface that it is for.
    pub(super) interface: String,
    /// Requested addresses.
    pub(super) ips: Vec<String>,
    /// What is handed on to plugins as `args.cni`.
    pub(super) cni_args: Map<String, Value>,
}

#[derive(Deserialize)]
struct Element {
    name: String,
    namespace: Option<String>,
    interface: Option<String>,
    ips: Option<Vec<String>>,
    #[serde(rename = "cni-args")]
    cni_args: Option<Map<String, Value>>,
}

/// Reads the annotation of a pod in `namespace`, in either of its forms.
///
/// # Errors
/// What is wrong with it, for people.
pub(super) fn selections(annotation: &str, namespace: &str) -> Result<Vec<Selection>, String> {
    let elements = if annotation.contains(['[', '{', '"']) {
        serde_json::from_str::<Option<Vec<Element>>>(annotation)
            .map_err(|error| error.to_string())?
            .unwrap_or_default()
    } else {
        let names = annotation.split(',').map(str::trim);
        let names = names.filter(|_| !annotation.trim().is_empty());
        names.map(element).collect::<Result<_, _>>()?
    };
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let selections = elements.into_iter().enumerate().map(|(index, element)| {
        // The cluster's own network has the first place, and the interface eth0.
        let usual = || format!("net{}", index + 1);
        Selection {
            namespace: given(element.namespace).unwrap_or_else(|| namespace.to_owned()),
            name: element.name,
            interface: given(element.interface).unwrap_or_else(usual),
            ips: element.ips.unwrap_or_default(),
            cni_args: element.cni_args.unwrap_or_default(),
        }
    });
    Ok(selections.collect())
}

/// `[namespace/]name[@interface]`
fn element(text: &str) -> Result<Element, String> {
    let (network, interface) = match text.split_once('@') {
        Some((network, interface)) => (network, Some(interface.to_owned())),
        None => (text, None),
    };
    let (namespace, name) = match network.split_once('/') {
        Some((namespace, name)) => (Some(namespace.to_owned()), name),
        None => (None, network),
    };
    if name.is_empty() || name.contains('/') {
        return Err(format!("{text:?} is not [namespace/]name[@interface]"));
    }
    Ok(Element {
        name: name.to_owned(),
        namespace,
        interface,
        ips: None,
        cni_args: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(annotation: &str) -> Vec<String> {
        let selections = selections(annotation, "shop").unwrap();
        let text = |one: Selection| format!("{}/{}@{}", one.namespace, one.name, one.interface);
        selections.into_iter().map(text).collect()
    }

    #[test]
    fn both_forms_name_networks_and_number_interfaces() {
        for (annotation, wanted) in [
            ("blue", vec!["shop/blue@net1"]),
            (
                " blue, infra/red@fast ,green",
                vec!["shop/blue@net1", "infra/red@fast", "shop/green@net3"],
            ),
            (
                r#"[{"name": "blue"}, {"name": "red", "namespace": "infra", "interface": "fast"}]"#,
                vec!["shop/blue@net1", "infra/red@fast"],
            ),
            (
                r#"[{"name":"blue","namespace":"","interface":null,"mac":"c2:11:22:33:44:66"}]"#,
                vec!["shop/blue@net1"],
            ),
            ("", vec![]),
            ("  ", vec![]),
            ("[]", vec![]),
        ] {
            assert_eq!(texts(annotation), wanted, "{annotation:?}");
        }
    }

    #[test]
    fn requests_come_along() {
        let annotation = r#"[{"name":"blue","ips":["10.0.0.15/24"],"cni-args":{"a":{"b":1}}}]"#;
        let selections = selections(annotation, "shop").unwrap();
        assert_eq!(selections[0].ips, ["10.0.0.15/24"]);
        assert_eq!(selections[0].cni_args["a"]["b"], 1);
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for annotation in [
            "a/b/c",
            "blue,",
            "infra/",
            "@net1",
            "[",
            "[7]",
            r#"{"name":"blue"}"#,
            r#"[{"namespace":"infra"}]"#,
            r#"[{"name":"blue","ips":"10.0.0.15"}]"#,
        ] {
            assert!(selections(annotation, "shop").is_err(), "{annotation:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(annotation in "[a-z/@,\\[\\]{}\": ]{0,20}|.*") {
            let _ = selections(&annotation, "shop");
        }
    }
}
