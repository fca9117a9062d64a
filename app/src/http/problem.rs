//! What goes wrong, as RFC 9457 has it.
//!
//! `code` is for programs and does not change; `detail` is for people. Nothing is said about what the caller may not
//! see: that answers as what does not exist.

use std::borrow::Cow;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use countersign::{Code, Error, Refusal};
use serde::Serialize;
use utoipa::ToSchema;

use crate::failure::Failure;

/// Problem details (RFC 9457), with a code.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Body {
    /// `urn:countersign:problem:` and the code.
    #[serde(rename = "type")]
    #[schema(example = "urn:countersign:problem:stale_seal")]
    kind: String,
    /// The HTTP status in words.
    title: Cow<'static, str>,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What kind of problem, for programs.
    #[schema(example = "stale_seal")]
    code: &'static str,
    /// What is wrong and what to do, for people.
    detail: String,
}

/// A request that did not do what it should.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    retry_after: Option<u64>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            retry_after: None,
        }
    }

    /// No credential, or none that counts. Which of the two is nobody's business.
    pub(crate) fn unauthenticated() -> Self {
        let detail = "bring an API key: `Authorization: Bearer ck_…`, or sign in";
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail)
    }

    pub(crate) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "not_allowed", detail)
    }

    /// Not there, or not for this caller.
    pub(crate) fn not_found(what: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("there is no {what}"))
    }

    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_input", detail)
    }

    /// The request itself cannot be read.
    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", detail)
    }

    pub(crate) fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    pub(crate) fn cross_site() -> Self {
        let detail = "this came from a page of another site; use the console's own pages, or an API key";
        Self::new(StatusCode::FORBIDDEN, "cross_site", detail)
    }

    pub(crate) fn too_many(seconds: u64) -> Self {
        Self::later("too many requests of this actor", seconds)
    }

    /// Of everybody who has no right one.
    pub(crate) fn too_many_wrong(seconds: u64) -> Self {
        Self::later("too many wrong tokens", seconds)
    }

    fn later(why: &str, seconds: u64) -> Self {
        let detail = format!("{why}; try again in {seconds} s");
        Self {
            retry_after: Some(seconds),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail)
        }
    }

    /// A body that does not come to an end.
    pub(crate) fn body_too_slow() -> Self {
        let detail = "the body did not arrive in time; nothing was done";
        Self::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", detail)
    }

    pub(crate) fn too_slow() -> Self {
        let detail = "this took too long; look whether it was done before you send it again";
        Self {
            retry_after: Some(5),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "too_slow", detail)
        }
    }

    /// Something of ours failed. The log says what; the answer does not.
    pub(crate) fn internal(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "a request failed");
        let detail = "the server could not do this; its log says why. What was acknowledged is still true";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
    }

    pub(crate) const fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    pub(crate) const fn code(&self) -> &'static str {
        self.code
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status = match refusal.code {
            Code::NotAllowed | Code::SelfApproval => StatusCode::FORBIDDEN,
            Code::StaleSeal | Code::AlreadyDecided | Code::StaleTool | Code::OutOfTurn => {
                StatusCode::CONFLICT
            }
            Code::Expired => StatusCode::GONE,
            Code::UnknownRequirement => StatusCode::NOT_FOUND,
            Code::InvalidInput => StatusCode::UNPROCESSABLE_ENTITY,
            Code::Damaged => return Self::internal(&refusal.message),
        };
        Self::new(status, refusal.code.as_str(), refusal.message)
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let told = error.to_string();
        match error {
            Error::UnknownTool { .. }
            | Error::UnknownCall(_)
            | Error::UnknownRun(_)
            | Error::UnknownGrant(_) => Self::new(StatusCode::NOT_FOUND, "not_found", told),
            Error::Arguments(_) | Error::Id(_) => Self::invalid(told),
            Error::NoRequester => Self::forbidden(told),
            Error::RunNotLed { .. } => Self::conflict("out_of_turn", told),
            Error::OtherSession(_) => Self::conflict("other_session", told),
            Error::TakenId(_) => Self::conflict("taken_id", told),
            Error::TooManyPending { .. } => Self {
                retry_after: Some(60),
                ..Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_pending", told)
            },
            Error::Contended(_) => Self {
                retry_after: Some(1),
                ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "contended", told)
            },
            _ => Self::internal(&told),
        }
    }
}

impl From<countersign_agent::Error> for Problem {
    fn from(error: countersign_agent::Error) -> Self {
        use countersign_agent::Error as E;
        let told = error.to_string();
        match error {
            E::UnknownRun(_) => Self::new(StatusCode::NOT_FOUND, "not_found", told),
            E::Foreign { .. } | E::ForeignSession(_) | E::NoRequester => Self::forbidden(told),
            E::ForeignRequirement(_) | E::RepeatedRequirement(_) => Self::invalid(told),
            E::Busy { .. } => Self::conflict("busy", told),
            E::Engine(error) => error.into(),
            _ => Self::internal(&told),
        }
    }
}

impl From<countersign::store::StoreError> for Problem {
    fn from(error: countersign::store::StoreError) -> Self {
        Self::internal(&error)
    }
}

impl From<countersign::ledger::LedgerError> for Problem {
    fn from(error: countersign::ledger::LedgerError) -> Self {
        Self::internal(&error)
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self::internal(&failure)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Body {
            kind: format!("urn:countersign:problem:{}", self.code),
            title: self.status.canonical_reason().unwrap_or("Error").into(),
            status: self.status.as_u16(),
            code: self.code,
            detail: self.detail,
        };
        let mut answer = (self.status, axum::Json(body)).into_response();
        let headers = answer.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        answer
    }
}
