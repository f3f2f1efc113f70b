//! How a network is defined: from what people have at hand to what reaches the plugin.

use serde_json::{Map, Value};

use super::annotation::Selection;

/// The plugin's name, which is its CNI type.
pub(super) const PLUGIN: &str = "etcd-ipam";

/// One plugin's configuration.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Chosen {
    /// As it stands on the plugin's standard input.
    pub(super) config: Vec<u8>,
    /// Whom it asks for addresses (`ipam.type`), empty where it asks nobody; `None` where that cannot
    /// be read.
    pub(super) ipam: Option<String>,
}

/// Takes from a configuration, a list of plugins or a `NetworkAttachmentDefinition` the plugin that
/// gets its addresses from us, else the first that asks anybody. What is no JSON object stays as it
/// is: the plugin's own reader says best what is wrong with it.
pub(super) fn of_text(text: &[u8], request: Option<&Selection>) -> Chosen {
    let Ok(Value::Object(object)) = serde_json::from_slice(text) else {
        return Chosen {
            config: text.to_owned(),
            ipam: None,
        };
    };
    if object.get("kind").and_then(Value::as_str) == Some("NetworkAttachmentDefinition") {
        let definition = Value::Object(object);
        let text = |path: &str| definition.pointer(path).and_then(Value::as_str);
        let config = text("/spec/config").unwrap_or_default();
        let name = text("/metadata/name");
        return chosen(serde_json::from_str(config).ok(), config, name, request);
    }
    let name = request.map(|request| request.name.as_str());
    chosen(Some(object), &String::from_utf8_lossy(text), name, request)
}

fn chosen(
    object: Option<Map<String, Value>>,
    text: &str,
    definition: Option<&str>,
    request: Option<&Selection>,
) -> Chosen {
    let Some(object) = object else {
        return Chosen {
            config: text.as_bytes().to_owned(),
            ipam: None,
        };
    };
    let mut plugins = plugins(object);
    let ours = |plugin: &Map<String, Value>| ipam_type(plugin) == PLUGIN;
    let place = plugins.iter().position(ours);
    let place = place.or_else(|| plugins.iter().position(|one| one.contains_key("ipam")));
    let mut plugin = plugins.swap_remove(place.unwrap_or(0));
    // Multus names a network after its definition where it has no name of its own.
    let is_unnamed = plugin
        .get("name")
        .is_none_or(|name| name.is_null() || name == "");
    if let Some(name) = definition.filter(|_| is_unnamed) {
        plugin.insert("name".to_owned(), name.into());
    }
    if let Some(request) = request {
        hand_on(request, &mut plugin);
    }
    Chosen {
        ipam: Some(ipam_type(&plugin).to_owned()),
        config: Value::Object(plugin).to_string().into_bytes(),
    }
}

/// The plugins of a list, as libcni hands them over: with the list's name and version. At least one:
/// a configuration without a list is its own.
fn plugins(mut object: Map<String, Value>) -> Vec<Map<String, Value>> {
    let Some(Value::Array(list)) = object.remove("plugins") else {
        return vec![object];
    };
    let inherited: Map<_, _> = ["cniVersion", "name"]
        .into_iter()
        .filter_map(|key| Some((key.to_owned(), object.get(key)?.clone())))
        .collect();
    let plugins = list.into_iter().filter_map(|plugin| match plugin {
        Value::Object(mut plugin) => {
            plugin.extend(inherited.clone());
            Some(plugin)
        }
        _ => None,
    });
    let plugins: Vec<_> = plugins.collect();
    if plugins.is_empty() {
        vec![inherited]
    } else {
        plugins
    }
}

fn ipam_type(plugin: &Map<String, Value>) -> &str {
    let ipam = plugin.get("ipam");
    let kind = ipam.and_then(|ipam| ipam.get("type")?.as_str());
    kind.unwrap_or_default()
}

/// Puts in what Multus passes on of a pod's request: addresses only where the plugin declares that it
/// takes them (`capabilities`). `CNI_ARGS` has them in any case.
fn hand_on(request: &Selection, plugin: &mut Map<String, Value>) {
    let takes_ips = plugin
        .get("capabilities")
        .and_then(|capabilities| capabilities.get("ips")?.as_bool())
        .unwrap_or_default();
    if takes_ips
        && !request.ips.is_empty()
        && let Some(runtime) = object(plugin, "runtimeConfig")
    {
        runtime.insert("ips".to_owned(), request.ips.clone().into());
    }
    if !request.cni_args.is_empty()
        && let Some(args) = object(plugin, "args").and_then(|args| object(args, "cni"))
    {
        args.extend(request.cni_args.clone());
    }
}

/// The object at this key, made where there is nothing. `None`: what stands there is another thing,
/// which the plugin's own reader will refuse.
fn object<'a>(parent: &'a mut Map<String, Value>, key: &str) -> Option<&'a mut Map<String, Value>> {
    let value = parent.entry(key).or_insert_with(|| Map::new().into());
    value.as_object_mut()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn config(chosen: &Chosen) -> Value {
        serde_json::from_slice(&chosen.config).unwrap()
    }

    fn text(value: &Value) -> Vec<u8> {
        value.to_string().into_bytes()
    }

    fn request(ips: &[&str]) -> Selection {
        Selection {
            namespace: "shop".to_owned(),
            name: "blue".to_owned(),
            interface: "net1".to_owned(),
            ips: ips.iter().map(|&ip| ip.to_owned()).collect(),
            cni_args: Map::new(),
        }
    }

    #[test]
    fn a_configuration_stays_as_it_is() {
        let plain = json!({"cniVersion": "1.0.0", "name": "a", "type": "macvlan",
            "ipam": {"type": "etcd-ipam", "range": "10.0.0.0/24"}});
        let chosen = of_text(&text(&plain), None);
        assert_eq!(config(&chosen), plain);
        assert_eq!(chosen.ipam.as_deref(), Some("etcd-ipam"));
    }

    #[test]
    fn of_a_list_the_plugin_is_taken_that_asks_us() {
        let ours = json!({"type": "macvlan", "name": "x", "ipam": {"type": "etcd-ipam"}});
        let other = json!({"type": "bridge", "ipam": {"type": "host-local"}});
        let list = json!({"cniVersion": "1.0.0", "name": "a",
            "plugins": [{"type": "tuning"}, other, ours]});
        let wanted = json!({"cniVersion": "1.0.0", "name": "a", "type": "macvlan",
            "ipam": {"type": "etcd-ipam"}});
        assert_eq!(config(&of_text(&text(&list), None)), wanted);
        let others = json!({"name": "a", "plugins": [{"type": "tuning"}, other]});
        let chosen = of_text(&text(&others), None);
        assert_eq!(chosen.ipam.as_deref(), Some("host-local"));
    }

    #[test]
    fn a_definition_gives_its_name_where_its_network_has_none() {
        for (inner, name) in [(json!({"type": "x"}), "blue"), (json!({"name": "a"}), "a")] {
            let definition = json!({"kind": "NetworkAttachmentDefinition",
                "metadata": {"name": "blue"}, "spec": {"config": inner.to_string()}});
            let chosen = of_text(&text(&definition), None);
            assert_eq!(config(&chosen)["name"], name);
        }
    }

    #[test]
    fn requested_addresses_reach_who_takes_them() {
        let mut network = json!({"type": "x", "ipam": {"type": "etcd-ipam"}});
        let request = request(&["10.0.0.5"]);
        let chosen = of_text(&text(&network), Some(&request));
        assert_eq!(config(&chosen)["runtimeConfig"], Value::Null);
        assert_eq!(config(&chosen)["name"], "blue");
        network["capabilities"] = json!({"ips": true});
        let chosen = of_text(&text(&network), Some(&request));
        assert_eq!(config(&chosen)["runtimeConfig"]["ips"], json!(["10.0.0.5"]));
    }

    #[test]
    fn arguments_of_the_pod_join_those_of_the_network() {
        let network = json!({"type": "x", "args": {"cni": {"a": 1, "b": 1}}});
        let request = Selection {
            cni_args: json!({"b": 2}).as_object().unwrap().clone(),
            ..request(&[])
        };
        let chosen = of_text(&text(&network), Some(&request));
        assert_eq!(config(&chosen)["args"]["cni"], json!({"a": 1, "b": 2}));
    }

    #[test]
    fn what_is_no_object_is_left_to_the_plugins_reader() {
        for text in ["", "{", "[]", "7"] {
            let chosen = of_text(text.as_bytes(), None);
            assert_eq!(
                (chosen.config, chosen.ipam),
                (text.as_bytes().to_owned(), None)
            );
        }
        for list in [
            json!({"plugins": []}),
            json!({"plugins": [7]}),
            json!({"plugins": 7}),
        ] {
            of_text(&text(&list), None);
        }
    }
}
