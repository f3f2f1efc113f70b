//! One layer of the configuration: a network's `ipam` section, or a node's file.

use serde_json::Value;

use super::json::Object;
use super::section::IpamSection;
use crate::cni::error::CniError;

/// A layer as it was written and as it was understood.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Layer {
    object: Object,
    section: IpamSection,
    broken: Option<CniError>,
}

impl Layer {
    /// Reads a layer in canonical form; `what` names it in messages. A key of the wrong type is
    /// left out and remembered: an ADD fails then, but what an interface holds can still be
    /// released.
    pub(super) fn read(mut object: Object, what: &str) -> Self {
        let mut broken = None;
        // The whole is read at once, and key by key only to find out which one is wrong.
        let section = decode(&object).unwrap_or_else(|_| {
            for (key, value) in object.clone() {
                let alone = Object::from_iter([(key.clone(), value)]);
                if let Err(error) = decode(&alone) {
                    broken.get_or_insert(CniError::decode(format!("{what}.{key}: {error}")));
                    object.remove(&key);
                }
            }
            decode(&object).unwrap_or_default()
        });
        Self {
            object,
            section,
            broken,
        }
    }

    /// Both layers together, key by key; `self` wins.
    pub(super) fn over(&self, defaults: &Self) -> Self {
        let mut object = defaults.object.clone();
        object.extend(self.object.clone());
        let broken = self.broken.clone().or_else(|| defaults.broken.clone());
        Self {
            broken,
            ..Self::read(object, "ipam")
        }
    }

    /// What it says.
    pub(super) const fn section(&self) -> &IpamSection {
        &self.section
    }

    /// The first key that cannot be read.
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

    fn layer(text: &str) -> Layer {
        Layer::read(parse_object(text.as_bytes(), "it").unwrap(), "ipam")
    }

    #[test]
    fn a_wrong_type_is_named_with_its_key_and_the_rest_is_read() {
        let layer = layer(r#"{"cluster": "a", "timeout": 5}"#);
        let error = layer.broken().unwrap();
        assert_eq!(error.code().number(), 6);
        assert!(error.msg().contains("ipam.timeout"), "{error}");
        assert!(error.msg().contains('5'), "{error}");
        assert_eq!(layer.section().cluster.as_deref(), Some("a"));
    }

    #[test]
    fn the_upper_layer_wins_key_by_key() {
        let network = layer(r#"{"range": "a", "enable_overlapping_ranges": false, "exclude": []}"#);
        let file = layer(r#"{"range": "b", "gateway": "g", "exclude": ["x"], "Own": 1}"#);
        let both = network.over(&file);
        let section = both.section();
        assert_eq!(section.range.as_deref(), Some("a"));
        assert_eq!(section.gateway.as_deref(), Some("g"));
        assert_eq!(section.enable_overlapping_ranges, Some(false));
        assert_eq!(section.exclude.as_deref(), Some([].as_slice()));
        assert!(section.unknown.contains_key("Own"));
    }
}
