//! How the API says no: `Status` objects.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

/// How long a client that is told 429 is to wait (seconds).
const RETRY_AFTER: u16 = 1;

/// A refusal.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: u16,
    /// `metav1.StatusReason`.
    reason: &'static str,
    pub(super) message: String,
    /// More for programs (`metav1.StatusDetails`).
    details: Value,
}

impl Refusal {
    pub(super) fn new(code: u16, message: impl Into<String>) -> Self {
        let details = match code {
            429 => json!({"retryAfterSeconds": RETRY_AFTER}),
            _ => json!({}),
        };
        Self {
            code,
            reason: reason(code),
            message: message.into(),
            details,
        }
    }

    /// What a server says that meets with such a code by itself.
    pub(super) fn of(code: u16) -> Self {
        let message = match code {
            401 => "Unauthorized",
            403 => "pods is forbidden: User \"test\" cannot list resource \"pods\"",
            410 => {
                "The provided continue parameter is too old to display a consistent list result. \
                 You can start a new list without the continue parameter."
            }
            429 => "Too many requests, please try again later.",
            _ => "an error on the server has prevented the request from succeeding",
        };
        Self::new(code, message)
    }

    /// There is no such object. Only with its name is it the word of the API, and not that of a
    /// proxy on the way.
    pub(super) fn not_found(plural: &str, name: &str) -> Self {
        Self {
            details: json!({"name": name, "kind": plural}),
            ..Self::new(404, format!("{plural} \"{name}\" not found"))
        }
    }

    /// The object has changed since the client read it.
    pub(super) fn conflict(plural: &str, name: &str) -> Self {
        Self {
            details: json!({"name": name, "kind": plural}),
            reason: "Conflict",
            ..Self::new(
                409,
                format!(
                    "Operation cannot be fulfilled on {plural} \"{name}\": the object has been \
                     modified; please apply your changes to the latest version and try again"
                ),
            )
        }
    }

    /// The object that says so.
    pub(super) fn status(&self) -> Value {
        json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "details": self.details,
            "code": self.code,
        })
    }

    /// The whole answer.
    pub(super) fn response(&self) -> Response<Body> {
        let mut response = json_response(self.code, self.status().to_string().into());
        if self.code == 429 {
            let seconds = HeaderValue::from(RETRY_AFTER);
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

/// The usual `metav1.StatusReason` of such a code.
fn reason(code: u16) -> &'static str {
    match code {
        400 => "BadRequest",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "NotFound",
        405 => "MethodNotAllowed",
        409 => "AlreadyExists",
        410 => "Expired",
        422 => "Invalid",
        429 => "TooManyRequests",
        503 => "ServiceUnavailable",
        504 => "Timeout",
        _ => "InternalError",
    }
}

/// An answer of JSON.
pub(super) fn json_response(code: u16, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or_default();
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
