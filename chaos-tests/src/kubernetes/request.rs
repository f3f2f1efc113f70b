//! What a client asks for.

use std::collections::BTreeMap;

use axum::extract::Query;
use axum::http::{Method, Uri};

use super::object::Key;
use super::resource::Resource;

/// What is done with a resource, in the words of RBAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Read one object.
    Get,
    /// Read all.
    List,
    /// Be told of changes.
    Watch,
    /// Create one.
    Create,
    /// Replace one.
    Update,
    /// Change parts of one.
    Patch,
    /// Anything else, which is not served.
    Other,
}

/// A request that reached the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What was to be done.
    pub verb: Verb,
    /// The path.
    pub path: String,
    /// The parameters.
    pub query: BTreeMap<String, String>,
}

/// What a path points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) resource: Resource,
    pub(super) namespace: Option<String>,
    pub(super) name: Option<String>,
}

impl Request {
    /// A parameter's value; the empty one is as good as none.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let value = self.query.get(name)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    /// Reads a request's line; the path may lead nowhere.
    pub(super) fn read(method: &Method, uri: &Uri) -> (Self, Option<Target>) {
        let target = Target::parse(uri.path());
        let named = target.as_ref().is_some_and(|target| target.name.is_some());
        let query = Query::try_from_uri(uri).map(|Query(query)| query);
        let mut request = Self {
            verb: Verb::Other,
            path: uri.path().to_owned(),
            query: query.unwrap_or_default(),
        };
        let watches = matches!(request.parameter("watch"), Some("1" | "true"));
        request.verb = match (method, named) {
            (&Method::GET, true) => Verb::Get,
            (&Method::GET, false) if watches => Verb::Watch,
            (&Method::GET, false) => Verb::List,
            (&Method::POST, false) => Verb::Create,
            (&Method::PUT, true) => Verb::Update,
            (&Method::PATCH, true) => Verb::Patch,
            _ => Verb::Other,
        };
        (request, target)
    }
}

impl Target {
    fn parse(path: &str) -> Option<Self> {
        let segments: Vec<_> = path.trim_start_matches('/').split('/').collect();
        let (group, rest) = match segments.as_slice() {
            ["api", "v1", rest @ ..] => ("", rest),
            ["apis", group, "v1", rest @ ..] => (*group, rest),
            _ => return None,
        };
        let (namespace, plural, name) = match rest {
            [plural] => (None, plural, None),
            [plural, name] => (None, plural, Some(name)),
            ["namespaces", namespace, plural] => (Some(namespace), plural, None),
            ["namespaces", namespace, plural, name] => (Some(namespace), plural, Some(name)),
            _ => return None,
        };
        let resource = Resource::find(group, plural)?;
        let owned = |text: Option<&&str>| text.map(|text| (*text).to_owned());
        let target = Self {
            resource,
            namespace: owned(namespace),
            name: owned(name),
        };
        // All namespaces at once can be listed, but no object is read without its own.
        let fits = if resource.is_namespaced() {
            name.is_none() || namespace.is_some()
        } else {
            namespace.is_none()
        };
        fits.then_some(target)
    }

    /// The object that it names.
    pub(super) fn key(&self) -> Key {
        let text = |part: &Option<String>| part.clone().unwrap_or_default();
        (text(&self.namespace), text(&self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_the_api_lead_to_their_objects() {
        for (path, resource, namespace, name) in [
            ("/api/v1/pods", Resource::Pods, "", ""),
            ("/api/v1/namespaces/shop/pods", Resource::Pods, "shop", ""),
            (
                "/api/v1/namespaces/shop/pods/web",
                Resource::Pods,
                "shop",
                "web",
            ),
            ("/api/v1/nodes/n1", Resource::Nodes, "", "n1"),
            (
                "/api/v1/namespaces/kube-system",
                Resource::Namespaces,
                "",
                "kube-system",
            ),
            (
                "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases",
                Resource::Leases,
                "kube-node-lease",
                "",
            ),
        ] {
            let target = Target::parse(path).unwrap();
            assert_eq!(target.resource, resource, "{path}");
            assert_eq!(target.key(), (namespace.into(), name.into()), "{path}");
        }
    }

    #[test]
    fn other_paths_lead_nowhere() {
        for path in [
            "/",
            "/api/v1/pods/web",
            "/api/v1/namespaces/shop/nodes/n1",
            "/apis/events.k8s.io/v1/pods",
            "/api/v1/secrets",
        ] {
            assert_eq!(Target::parse(path), None, "{path}");
        }
    }

    #[test]
    fn the_verb_is_that_of_rbac() {
        let verb = |method, uri: &str| {
            let (request, _) = Request::read(&method, &uri.parse().unwrap());
            request.verb
        };
        assert_eq!(verb(Method::GET, "/api/v1/pods?limit=500"), Verb::List);
        assert_eq!(verb(Method::GET, "/api/v1/pods?watch=true"), Verb::Watch);
        assert_eq!(verb(Method::GET, "/api/v1/nodes/n1"), Verb::Get);
        assert_eq!(verb(Method::POST, "/api/v1/nodes"), Verb::Create);
        assert_eq!(verb(Method::PUT, "/api/v1/nodes/n1"), Verb::Update);
        assert_eq!(verb(Method::DELETE, "/api/v1/nodes/n1"), Verb::Other);
    }
}
