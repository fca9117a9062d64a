//! What is read of a request, with problems for what cannot be read.

use std::str::FromStr;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use countersign::ActorId;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use utoipa::IntoParams;

use crate::http::problem::Problem;
use crate::http::unique::Unique;

/// How long a body may take to arrive, once its head is there.
const ARRIVAL: Duration = Duration::from_secs(10);

/// A JSON body. What says one thing twice is refused: which of the two was meant, nobody knows.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        Written::from_request(request, state).await?.read().map(Self)
    }
}

/// A JSON body as it was sent, for whoever must look at its bytes before it is read.
pub(super) struct Written(pub(super) Bytes);

impl<S: Send + Sync> FromRequest<S> for Written {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            let what = "the body is JSON: send `Content-Type: application/json`";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", what));
        }
        let length = request.headers().get(header::CONTENT_LENGTH);
        let length = length.and_then(|it| it.to_str().ok()?.parse::<usize>().ok());
        if length.is_some_and(|it| it > crate::server::BODY) {
            return Err(too_large());
        }
        arrived(request, state).await.map(Self)
    }
}

/// The body of a request, byte for byte, if it arrives in time and is not too large.
pub(crate) async fn arrived<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    match tokio::time::timeout(ARRIVAL, Bytes::from_request(request, state)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(too_large()),
        Ok(Err(error)) => Err(Problem::malformed(error.body_text())),
        Err(_) => Err(Problem::body_too_slow()),
    }
}

impl Written {
    /// What it says.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let bytes = &self.0;
        let read = serde_json::from_slice::<Unique>(bytes).and_then(|_| serde_json::from_slice(bytes));
        // A list of values is no object, whatever serde makes of it.
        if read.is_ok() && bytes.trim_ascii_start().first() != Some(&b'{') {
            return Err(Problem::invalid("the body is no JSON object"));
        }
        read.map_err(|error| match error.classify() {
            Category::Data => Problem::invalid(error.to_string()),
            Category::Syntax | Category::Eof | Category::Io => {
                Problem::malformed(format!("the body is no JSON: {error}"))
            }
        })
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let kind = kind
        .and_then(|it| it.split(';').next())
        .unwrap_or_default()
        .trim();
    kind.eq_ignore_ascii_case("application/json")
}

/// What is said of a body that is larger than [`crate::server::BODY`].
fn too_large() -> Problem {
    let detail = format!("a request has {} bytes at most", crate::server::BODY);
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail)
}

/// An id in the path. Text that is no id names nothing.
pub(super) struct Id<T>(pub(super) T);

impl<T: FromStr, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let missing = || Problem::not_found("such id");
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| missing())?;
        text.parse().map(Self).map_err(|_| missing())
    }
}

/// The parameters behind the question mark.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read: Result<Query<T>, QueryRejection> = Query::from_request_parts(parts, state).await;
        read.map(|Query(it)| Self(it))
            .map_err(|error| Problem::malformed(error.body_text()))
    }
}

/// Which part of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Paging {
    /// Go on after this, the `next` of the page before.
    pub(super) after: Option<String>,
    /// At most this many: 50 unless said, 200 at most.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
}

impl Paging {
    pub(super) fn limit(&self) -> Result<usize, Problem> {
        match self.limit {
            None => Ok(50),
            Some(limit @ 1..=200) => Ok(usize::from(limit)),
            Some(_) => Err(Problem::malformed("`limit` is a number from 1 to 200")),
        }
    }

    pub(super) fn after<T: FromStr>(&self) -> Result<Option<T>, Problem> {
        let malformed = |_| Problem::malformed("`after` is not the `next` of a page of this list");
        self.after
            .as_deref()
            .map(str::parse)
            .transpose()
            .map_err(malformed)
    }
}

/// How long somebody waits for an answer that is not there yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience<'a> {
    pub(crate) of: &'a ActorId,
    pub(crate) lasts: Duration,
}

impl<'a> Patience<'a> {
    /// What the headers say.
    pub(super) fn of(of: &'a ActorId, headers: &HeaderMap) -> Option<Self> {
        wait(headers).map(|lasts| Self { of, lasts })
    }

    /// So long, whatever anybody prefers.
    pub(crate) const fn new(of: &'a ActorId, lasts: Duration) -> Self {
        Self { of, lasts }
    }
}

/// How long to wait for an answer that is not there yet: `Prefer: wait=SECONDS` (RFC 7240), 30 at most; what cannot
/// be read is no preference.
fn wait(headers: &HeaderMap) -> Option<Duration> {
    let lines = headers.get_all("prefer").iter().filter_map(|it| it.to_str().ok());
    let mut wishes = lines.flat_map(|it| it.split([',', ';'])).map(str::trim);
    let seconds: u64 = wishes.find_map(|it| it.strip_prefix("wait=")?.trim_matches('"').parse().ok())?;
    Some(Duration::from_secs(seconds.min(30)))
}
