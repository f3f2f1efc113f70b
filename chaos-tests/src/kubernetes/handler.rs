//! From a request to its answer.

use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::State as Extract;
use axum::http::{HeaderMap, HeaderValue, Response, header};
use futures_util::stream;
use serde_json::Value;

use super::config_map;
use super::event;
use super::fault::Fault;
use super::list::{self, page_number};
use super::request::{Request, Target, Verb};
use super::resource::Resource;
use super::state::Shared;
use super::status::{Refusal, json_response};
use super::watch;

/// No body of a request is larger (bytes).
const LARGEST_BODY: usize = 1 << 20;

/// Answers any request.
pub(super) async fn answer(
    Extract(shared): Extract<Arc<Shared>>,
    http: axum::extract::Request,
) -> Response<Body> {
    let (parts, body) = http.into_parts();
    let (request, target) = Request::read(&parts.method, &parts.uri);
    shared.state().requests.push(request.clone());
    if !shows_token(&parts.headers, &shared.token) {
        return Refusal::of(401).response();
    }
    let Some(target) = target else {
        let message = "the server could not find the requested resource";
        return Refusal::new(404, message).response();
    };
    let page = page_number(&request);
    let fault = shared
        .state()
        .faults
        .strike(request.verb, target.resource, page);
    match &fault {
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Hold(hold)) => hold.wait().await,
        Some(Fault::Status(code)) => return Refusal::of(*code).response(),
        _ => {}
    }
    if request.verb == Verb::Watch {
        let stream = watch::stream(&shared, target, &request);
        return stream.map_or_else(|no| no.response(), |body| json_response(200, body));
    }
    let text = match read_json(body).await {
        Ok(sent) => serve(&shared, &target, &request, sent, fault.as_ref()),
        Err(refusal) => Err(refusal),
    };
    match text {
        Err(refusal) => refusal.response(),
        Ok((code, text)) => match fault {
            Some(Fault::CutBody) => cut(code, &text),
            Some(Fault::TruncatedBody) => json_response(code, half(&text).into()),
            _ => json_response(code, text.into()),
        },
    }
}

/// The answer's code and text, from the cluster as it is or as it was.
fn serve(
    shared: &Shared,
    target: &Target,
    request: &Request,
    sent: Value,
    fault: Option<&Fault>,
) -> Result<(u16, String), Refusal> {
    let mut guard = shared.state();
    let state = &mut *guard;
    let seen = match fault {
        Some(Fault::Stale(mark)) => &*mark.0,
        _ => &state.cluster,
    };
    match request.verb {
        Verb::Get => {
            let (_, name) = target.key();
            let found = seen.get(target.resource, &target.key());
            let object =
                found.ok_or_else(|| Refusal::not_found(target.resource.plural(), &name))?;
            Ok((200, object.to_json()))
        }
        Verb::List if matches!(fault, Some(Fault::Empty)) => {
            Ok((200, list::empty(target.resource, seen.version)))
        }
        Verb::List => Ok((200, state.lists.page(seen, target, request)?)),
        Verb::Create if target.resource == Resource::Events => {
            Ok((201, event::create(state, target, sent)?.to_json()))
        }
        Verb::Patch if target.resource == Resource::Events => {
            Ok((200, event::patch(state, target, &sent)?.to_json()))
        }
        Verb::Create if target.resource == Resource::ConfigMaps => {
            Ok((201, config_map::create(state, target, sent)?.to_json()))
        }
        Verb::Update if target.resource == Resource::ConfigMaps => {
            Ok((200, config_map::update(state, target, sent)?.to_json()))
        }
        Verb::Create | Verb::Update | Verb::Patch | Verb::Watch | Verb::Other => Err(Refusal::new(
            405,
            "the server does not allow this method on the requested resource",
        )),
    }
}

fn shows_token(headers: &HeaderMap, token: &str) -> bool {
    let shown = headers.get(header::AUTHORIZATION);
    shown.is_some_and(|shown| *shown == format!("Bearer {token}"))
}

/// What was sent; null where nothing was.
async fn read_json(body: Body) -> Result<Value, Refusal> {
    let refusal = |error: &dyn std::fmt::Display| Refusal::new(400, error.to_string());
    let bytes = to_bytes(body, LARGEST_BODY).await;
    let bytes = bytes.map_err(|error| refusal(&error))?;
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&bytes).map_err(|error| refusal(&error))
}

/// The first half of a text, which ends within its last item.
fn half(text: &str) -> String {
    text.get(..text.len() / 2).unwrap_or_default().to_owned()
}

/// Promises the whole text, sends half of it, and breaks the connection.
fn cut(code: u16, text: &str) -> Response<Body> {
    let promised = HeaderValue::from(text.len());
    let pieces = [
        Ok(Bytes::from(half(text))),
        Err(std::io::Error::other("cut as the test wanted it")),
    ];
    let mut response = json_response(code, Body::from_stream(stream::iter(pieces)));
    let length = header::CONTENT_LENGTH;
    response.headers_mut().insert(length, promised);
    response
}
