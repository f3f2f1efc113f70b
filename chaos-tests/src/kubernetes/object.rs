//! An object as it is kept: text, so that serving fifty thousand of them is copying.

use std::fmt::Write as _;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::resource::Resource;

/// What an object is found by within its resource: namespace (empty where it has none) and name.
pub(super) type Key = (String, String);

/// One version of an object.
#[derive(Debug)]
pub(super) struct Object {
    resource: Resource,
    /// Its JSON from behind `"metadata":{` on.
    text: Box<str>,
    /// A part of its metadata that many objects share; empty, or fields that end with a comma.
    ballast: Arc<str>,
}

impl Object {
    /// Keeps an object that has metadata.
    pub(super) fn new(resource: Resource, mut value: Value, ballast: Arc<str>) -> Result<Self> {
        let fields = value.as_object_mut().context("not an object")?;
        fields.remove("kind");
        fields.remove("apiVersion");
        let metadata = fields.remove("metadata").context("no metadata")?;
        let (metadata, rest) = (metadata.to_string(), value.to_string());
        let metadata = metadata.strip_prefix('{').context("no metadata")?;
        let rest = match rest.strip_prefix('{') {
            Some("}") | None => "}".to_owned(),
            Some(rest) => format!(",{rest}"),
        };
        Ok(Self {
            resource,
            text: format!("{metadata}{rest}").into(),
            ballast,
        })
    }

    /// Appends its JSON, without its type: so it stands in a list.
    pub(super) fn write_item(&self, to: &mut String) {
        for part in ["{\"metadata\":{", &self.ballast, &self.text] {
            to.push_str(part);
        }
    }

    /// Its JSON by itself.
    pub(super) fn to_json(&self) -> String {
        let mut text = String::new();
        self.write_typed(&mut text);
        text
    }

    /// Appends its JSON, with its type.
    pub(super) fn write_typed(&self, to: &mut String) {
        // Writing to a string does not fail.
        let _ = write!(
            to,
            r#"{{"kind":"{}","apiVersion":"{}","metadata":{{"#,
            self.resource.kind(),
            self.resource.api_version()
        );
        to.push_str(&self.ballast);
        to.push_str(&self.text);
    }

    /// The object without its ballast.
    pub(super) fn value(&self) -> Result<Value> {
        let text = format!(r#"{{"metadata":{{{}"#, self.text);
        Ok(serde_json::from_str(&text)?)
    }
}

/// Where an object belongs by its metadata.
pub(super) fn key_of(value: &Value) -> Result<Key> {
    let metadata = &value["metadata"];
    let name = metadata["name"].as_str().context("an object has no name")?;
    let namespace = metadata["namespace"].as_str().unwrap_or_default();
    Ok((namespace.to_owned(), name.to_owned()))
}
