//! Lists of the API, read page by page
//! (<https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks>).

use futures_util::{AsyncRead, AsyncReadExt as _};
use kube::core::Request;
use kube::core::params::ListParams;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Kubernetes;
use crate::pods::SourceError;
use crate::pods::error::causes;

/// How many objects are asked for at a time.
const PAGE: u32 = 500;

/// A list that is to be read.
pub(super) struct Pages {
    path: &'static str,
    kind: &'static str,
    operation: &'static str,
}

#[derive(Deserialize)]
struct Page<T> {
    kind: String,
    metadata: Metadata,
    items: Vec<T>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(rename = "continue")]
    more: Option<String>,
}

impl Pages {
    /// The list of this kind under this path.
    pub(super) const fn new(
        path: &'static str,
        kind: &'static str,
        operation: &'static str,
    ) -> Self {
        Self {
            path,
            kind,
            operation,
        }
    }
}

impl Kubernetes {
    /// Reads a list to its end, and hands over each of its objects. All pages show the same moment,
    /// which is not before the first request: without a `resourceVersion` that is answered from
    /// etcd, not from a cache that may be old, or from one that is known to be new enough.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        pages: Pages,
        mut each: impl FnMut(T),
    ) -> Result<(), SourceError> {
        let mut params = ListParams::default().limit(PAGE);
        let mut body = Vec::new();
        loop {
            let page = self.page(&pages, &params, &mut body);
            let page: Page<T> = self.observed(pages.operation, page).await?;
            page.items.into_iter().for_each(&mut each);
            let next = page.metadata.more.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(());
            }
            if next == params.continue_token {
                return Err(SourceError::Answer {
                    operation: pages.operation,
                    reason: "a page is followed by itself".to_owned(),
                });
            }
            params.continue_token = next;
        }
    }

    async fn page<T: DeserializeOwned>(
        &self,
        pages: &Pages,
        params: &ListParams,
        body: &mut Vec<u8>,
    ) -> Result<Page<T>, SourceError> {
        let operation = pages.operation;
        let failed = |error| SourceError::of_request(operation, &error);
        let request = Request::new(pages.path).list(params);
        let request = request.map_err(kube::Error::BuildRequest).map_err(failed)?;
        let answer = self.client.request_stream(request).await.map_err(failed)?;
        body.clear();
        read_to_end(operation, answer, body).await?;
        let page: Page<T> = parse(operation, body)?;
        if page.kind == pages.kind {
            Ok(page)
        } else {
            Err(SourceError::Answer {
                operation,
                reason: format!("a {:?}, not a {}", page.kind, pages.kind),
            })
        }
    }
}

/// Reads an answer's body into `body`.
pub(super) async fn read_to_end(
    operation: &'static str,
    answer: impl AsyncRead,
    body: &mut Vec<u8>,
) -> Result<(), SourceError> {
    let read = Box::pin(answer).read_to_end(body).await;
    read.map(drop).map_err(|error| {
        let reason = match error.get_ref() {
            Some(inner) => causes(inner),
            None => error.to_string(),
        };
        SourceError::Unreachable { operation, reason }
    })
}

/// Reads the fields that are needed from an answer.
pub(super) fn parse<T: DeserializeOwned>(
    operation: &'static str,
    body: &[u8],
) -> Result<T, SourceError> {
    serde_json::from_slice(body).map_err(|error| SourceError::Answer {
        operation,
        reason: error.to_string(),
    })
}
