//! Lists, whole or in pages. Later pages show the list as of the first.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::json;

use super::cluster::Cluster;
use super::object::Object;
use super::request::{Request, Target};
use super::resource::Resource;
use super::status::Refusal;

/// So many lists can be paged through at once; a token of an older one has expired.
const KEPT: usize = 64;

/// The lists that have more pages than were asked for yet.
#[derive(Debug, Default)]
pub(super) struct Lists {
    recent: VecDeque<(u64, Listed)>,
    last: u64,
}

/// A list as it was when its first page was asked for.
#[derive(Clone, Debug)]
struct Listed {
    version: u64,
    items: Arc<[Arc<Object>]>,
}

/// Where in a list the next page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    list: u64,
    offset: usize,
    /// Its number, counted from 1.
    page: usize,
}

impl Place {
    /// Nothing that a client could make sense of, but safe in a URL as real ones are.
    fn token(self) -> String {
        format!("{}.{}.{}", self.list, self.offset, self.page)
    }

    fn parse(token: &str) -> Option<Self> {
        let mut parts = token.split('.');
        Some(Self {
            list: parts.next()?.parse().ok()?,
            offset: parts.next()?.parse().ok()?,
            page: parts.next()?.parse().ok()?,
        })
    }
}

/// Which page of a list is asked for, counted from 1.
pub(super) fn page_number(request: &Request) -> usize {
    let place = request.parameter("continue").and_then(Place::parse);
    place.map_or(1, |place| place.page)
}

impl Lists {
    /// One page, of what `cluster` holds or of the list that the request goes on with.
    pub(super) fn page(
        &mut self,
        cluster: &Cluster,
        target: &Target,
        request: &Request,
    ) -> Result<String, Refusal> {
        let limit = request.parameter("limit").unwrap_or("0");
        let Ok(limit) = limit.parse::<usize>() else {
            return Err(Refusal::new(400, format!("limit: {limit:?} is no number")));
        };
        let (place, listed) = match request.parameter("continue") {
            None => self.open(cluster, target),
            Some(token) => self.resume(token)?,
        };
        let rest = listed.items.get(place.offset..).unwrap_or_default();
        let count = if limit == 0 {
            rest.len()
        } else {
            limit.min(rest.len())
        };
        let (page, rest) = rest.split_at(count);
        let mut metadata = json!({"resourceVersion": listed.version.to_string()});
        if !rest.is_empty() {
            let next = Place {
                offset: place.offset + count,
                page: place.page + 1,
                ..place
            };
            metadata["continue"] = next.token().into();
            metadata["remainingItemCount"] = rest.len().into();
            self.keep(place.list, &listed);
        }
        Ok(text(target.resource, &metadata.to_string(), page))
    }

    fn open(&mut self, cluster: &Cluster, target: &Target) -> (Place, Listed) {
        self.last += 1;
        let first = Place {
            list: self.last,
            offset: 0,
            page: 1,
        };
        let items = cluster.list(target.resource, target.namespace.as_deref());
        let listed = Listed {
            version: cluster.version,
            items: items.into(),
        };
        (first, listed)
    }

    fn resume(&self, token: &str) -> Result<(Place, Listed), Refusal> {
        let place =
            Place::parse(token).ok_or_else(|| Refusal::new(400, "continue key is not valid"))?;
        let mut recent = self.recent.iter();
        let found = recent.find(|(list, _)| *list == place.list);
        let (_, listed) = found.ok_or_else(|| Refusal::of(410))?;
        Ok((place, listed.clone()))
    }

    fn keep(&mut self, list: u64, listed: &Listed) {
        if self.recent.iter().all(|(kept, _)| *kept != list) {
            self.recent.push_back((list, listed.clone()));
            if self.recent.len() > KEPT {
                self.recent.pop_front();
            }
        }
    }
}

/// A list without anything in it, as of a version.
pub(super) fn empty(resource: Resource, version: u64) -> String {
    let metadata = json!({"resourceVersion": version.to_string()});
    text(resource, &metadata.to_string(), &[])
}

fn text(resource: Resource, metadata: &str, items: &[Arc<Object>]) -> String {
    let mut text = format!(
        r#"{{"kind":"{}List","apiVersion":"{}","metadata":{metadata},"items":["#,
        resource.kind(),
        resource.api_version()
    );
    for (number, item) in items.iter().enumerate() {
        if number > 0 {
            text.push(',');
        }
        item.write_item(&mut text);
    }
    text.push_str("]}\n");
    text
}
