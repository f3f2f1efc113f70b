//! Lists of the API, read page by page
//! (<https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks>).

use futures_util::{AsyncRead, AsyncReadExt as _};
use kube::core::Request;
use kube::core::params::ListParams;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::Kubernetes;
use crate::pods::SourceError;
use crate::pods::error::causes;

/// How many objects are asked for at a time.
const PAGE: u32 = 500;
/// More pods than Kubernetes supports: room for more is not made in advance.
const MOST: usize = 200_000;

/// A list that the API offers.
pub(super) struct List {
    /// Its path.
    pub(super) path: &'static str,
    /// Its kind.
    pub(super) kind: &'static str,
    /// The name under which requests for it are observed.
    pub(super) operation: &'static str,
}

/// One page of a list.
#[derive(Deserialize)]
pub(super) struct Page<T> {
    kind: String,
    /// What is said of the list.
    pub(super) metadata: Metadata,
    /// Its objects.
    pub(super) items: Vec<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata {
    r#continue: Option<String>,
    resource_version: Option<String>,
    remaining_item_count: Option<i64>,
}

impl Kubernetes {
    /// Reads a list to its end, page by page, each into the same `body`. All pages show the same moment,
    /// which is not before the first request: without a `resourceVersion` it is answered from etcd,
    /// or from a cache that is known to be as new.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        list: &List,
        body: &mut Vec<u8>,
        mut each: impl FnMut(Page<T>),
    ) -> Result<(), SourceError> {
        let mut params = ListParams::default().limit(PAGE);
        loop {
            let page = self.page(list, &params, body);
            let page: Page<T> = self.observed(list.operation, page).await?;
            let next = page.metadata.r#continue.clone();
            each(page);
            let next = next.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(());
            }
            if next == params.continue_token {
                return Err(list.answers("a page that is followed by itself"));
            }
            params.continue_token = next;
        }
    }

    /// The newest version of a list, from which a watch can begin.
    pub(super) async fn newest(&self, list: &List) -> Result<String, SourceError> {
        let params = ListParams::default().limit(1);
        let mut body = Vec::new();
        let page = self.page::<IgnoredAny>(list, &params, &mut body);
        let page = self.observed(list.operation, page).await?;
        let version = page.metadata.resource_version;
        version.ok_or_else(|| list.answers("a list without a resourceVersion"))
    }

    async fn page<T: DeserializeOwned>(
        &self,
        list: &List,
        params: &ListParams,
        body: &mut Vec<u8>,
    ) -> Result<Page<T>, SourceError> {
        let failed = |error| SourceError::of_request(list.operation, &error);
        let request = Request::new(list.path).list(params);
        let request = request.map_err(kube::Error::BuildRequest).map_err(failed)?;
        let answer = self.client.request_stream(request).await.map_err(failed)?;
        body.clear();
        read_to_end(list.operation, answer, body).await?;
        let page: Page<T> = parse(list.operation, body)?;
        if page.kind == list.kind {
            Ok(page)
        } else {
            Err(list.answers(&format!("a {:?}, not a {}", page.kind, list.kind)))
        }
    }
}

impl Metadata {
    /// About how many objects there are on the pages that follow, as far as that can be believed.
    pub(super) fn remaining(&self) -> usize {
        let count = self.remaining_item_count.unwrap_or(0);
        usize::try_from(count).unwrap_or(0).min(MOST)
    }
}

impl List {
    fn answers(&self, what: &str) -> SourceError {
        SourceError::Answer {
            operation: self.operation,
            reason: what.to_owned(),
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
