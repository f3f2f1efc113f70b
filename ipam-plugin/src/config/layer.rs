//! One layer of the configuration: a network's `ipam` section, or a node's file.

use serde_json::Value;

use super::json::Object;
use super::section::IpamSection;
use crate::cni::error::CniError;

/// Keys that only ADD needs. Where such a value has the wrong type, an ADD fails, but what an
/// interface holds can still be released.
const FOR_ADD_ALONE: &[&str] = &[
    "addresses",
    "cooldown",
    "dns",
    "enable_overlapping_ranges",
    "exclude",
    "gateway",
    "ipRanges",
    "network_name",
    "order",
    "range",
    "rangeEnd",
    "rangeStart",
    "range_end",
    "range_start",
    "ranges",
    "resolvConf",
    "routes",
    "subnet",
];

/// A layer as it was written and as it was understood.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Layer {
    object: Object,
    section: IpamSection,
    broken: Option<CniError>,
}

impl Layer {
    /// Reads a layer in canonical form; `what` names it in messages. Code 6 where a key has the
    /// wrong type that every verb needs.
    pub(super) fn read(mut object: Object, what: &str) -> Result<Self, CniError> {
        let mut broken = None;
        // The whole is read at once, and key by key only to find out which one is wrong.
        let section = match decode(&object) {
            Ok(section) => section,
            Err(whole) => {
                for (key, value) in object.clone() {
                    let alone = Object::from_iter([(key.clone(), value)]);
                    let Err(error) = decode(&alone) else { continue };
                    let error = CniError::decode(format!("{what}.{key}: {error}"));
                    if !FOR_ADD_ALONE.contains(&key.as_str()) {
                        return Err(error);
                    }
                    broken.get_or_insert(error);
                    object.remove(&key);
                }
                decode(&object).map_err(|_| CniError::decode(format!("{what}: {whole}")))?
            }
        };
        Ok(Self {
            object,
            section,
            broken,
        })
    }

    /// Both layers together, key by key; `self` wins.
    pub(super) fn over(&self, defaults: &Self) -> Result<Self, CniError> {
        let mut object = defaults.object.clone();
        object.extend(self.object.clone());
        let mut merged = Self::read(object, "ipam")?;
        merged.broken = self.broken.clone().or_else(|| defaults.broken.clone());
        Ok(merged)
    }

    /// What it says.
    pub(super) const fn section(&self) -> &IpamSection {
        &self.section
    }

    /// The first key that no ADD can use.
    pub(super) const fn broken(&self) -> Option<&CniError> {
        self.broken.as_ref()
    }
}

fn decode(object: &Object) -> Result<IpamSection, serde_json::Error> {
    serde_json::from_value(Value::Object(object.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::json::parse_object;

    fn layer(text: &str) -> Result<Layer, CniError> {
        Layer::read(parse_object(text.as_bytes(), "it").unwrap(), "ipam")
    }

    #[test]
    fn a_wrong_type_is_named_with_its_key() {
        let error = layer(r#"{"cluster": "a", "timeout": 5}"#).unwrap_err();
        assert_eq!(error.code().number(), 6);
        assert!(error.msg().contains("ipam.timeout"), "{error}");
        assert!(error.msg().contains('5'), "{error}");
    }

    #[test]
    fn what_only_an_add_needs_stops_only_an_add() {
        let two = layer(r#"{"cluster": "a", "range": 5, "exclude": [1]}"#).unwrap();
        assert_eq!(two.section().cluster.as_deref(), Some("a"));
        let broken = two.broken().unwrap();
        assert!(broken.msg().contains("ipam.exclude"), "{broken}");
        for key in FOR_ADD_ALONE {
            let text = format!(r#"{{"{key}": 5}}"#);
            let one = layer(&text).unwrap();
            assert!(one.broken().is_some(), "{key}");
        }
    }

    #[test]
    fn the_upper_layer_wins_key_by_key() {
        let network =
            layer(r#"{"range": "a", "enable_overlapping_ranges": false, "exclude": []}"#).unwrap();
        let file = layer(r#"{"range": "b", "gateway": "g", "exclude": ["x"], "Own": 1}"#).unwrap();
        let both = network.over(&file).unwrap();
        let section = both.section();
        assert_eq!(section.range.as_deref(), Some("a"));
        assert_eq!(section.gateway.as_deref(), Some("g"));
        assert_eq!(section.enable_overlapping_ranges, Some(false));
        assert_eq!(section.exclude.as_deref(), Some([].as_slice()));
        assert!(section.unknown.contains_key("Own"));
    }
}
