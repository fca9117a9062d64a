//! What stands around every handler: request ids, headers, the check for cross-site requests, a time limit.

use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::http::problem::Problem;
use crate::server::Shared;

/// How long a handler may take before it is given up. What it has committed stands; whoever asks again sees it.
pub(crate) const LIMIT: Duration = Duration::from_mins(1);

/// The name under which answers and problems name a request.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Nothing from elsewhere, nothing inline, in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Runs a handler and completes its answer.
pub(crate) async fn guard(State(shared): State<Shared>, mut request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    request.headers_mut().insert(REQUEST_ID, id.clone());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let method = request.method().clone();
    let began = Instant::now();
    let mut answer = if is_cross_site(&method, request.headers()) {
        Problem::cross_site().into_response()
    } else {
        answered(&method, next.run(request)).await
    };
    let place = route.as_ref().map_or("none", MatchedPath::as_str);
    shared
        .metrics()
        .answered(&method, place, answer.status(), began.elapsed());
    let headers = answer.headers_mut();
    headers.insert(REQUEST_ID, id);
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("permissions-policy"),
            "interest-cohort=()",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // What people may see is theirs; only files that are the same for all say otherwise.
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    answer
}

/// What a handler answers, or that it took too long. What changes something is begun and ended, also when the client
/// goes away in between: dropped half-way, a tool that runs in place would stop wherever it is.
async fn answered(method: &Method, handler: impl Future<Output = Response> + Send + 'static) -> Response {
    let answer = if method.is_safe() {
        tokio::time::timeout(LIMIT, handler).await
    } else {
        let task = tokio::time::timeout(LIMIT, tokio::spawn(handler)).await;
        task.map(|ended| ended.unwrap_or_else(|error| Problem::internal(&error).into_response()))
    };
    answer.unwrap_or_else(|_| Problem::too_slow().into_response())
}

/// The id that a client gave, if it is a plain one, or a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let plain = |it: &HeaderValue| {
        let bytes = it.as_bytes();
        (8..=64).contains(&bytes.len()) && bytes.iter().all(|it| it.is_ascii_alphanumeric() || *it == b'-')
    };
    if let Some(given) = headers.get(REQUEST_ID).filter(|it| plain(it)) {
        return given.clone();
    }
    let id = crate::credential::random::<10>();
    HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("none"))
}

/// Whether a page of another site may have made the browser send this (OWASP's Fetch-Metadata defence, with the
/// older check of the origin where a browser sends no metadata). Programs that bring a key are not browsers: a page
/// cannot make one send an `Authorization` header without asking first, which is never allowed here.
fn is_cross_site(method: &Method, headers: &HeaderMap) -> bool {
    if method.is_safe() || headers.contains_key(header::AUTHORIZATION) {
        return false;
    }
    if let Some(site) = headers.get("sec-fetch-site") {
        return site != "same-origin";
    }
    match (headers.get(header::ORIGIN), headers.get(header::HOST)) {
        (Some(origin), Some(host)) => {
            let (origin, host) = (origin.to_str().unwrap_or("null"), host.to_str().unwrap_or(""));
            let place = origin.split_once("://").map_or("", |(_, place)| place);
            place.is_empty() || !place.eq_ignore_ascii_case(host)
        }
        // No browser, or one that hides it: only what needs no cookie may pass, and such routes say so themselves.
        (None, _) => headers.contains_key(header::COOKIE),
        (Some(_), None) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn a_page_of_another_site_cannot_post() {
        let cases: &[(bool, &[(&str, &str)])] = &[
            (false, &[("sec-fetch-site", "same-origin"), ("cookie", "a=b")]),
            (true, &[("sec-fetch-site", "cross-site"), ("cookie", "a=b")]),
            (true, &[("sec-fetch-site", "same-site"), ("cookie", "a=b")]),
            (true, &[("sec-fetch-site", "none"), ("cookie", "a=b")]),
            (
                false,
                &[
                    ("origin", "https://ops.test"),
                    ("host", "ops.test"),
                    ("cookie", "a=b"),
                ],
            ),
            (
                true,
                &[
                    ("origin", "https://evil.test"),
                    ("host", "ops.test"),
                    ("cookie", "a=b"),
                ],
            ),
            (
                true,
                &[("origin", "null"), ("host", "ops.test"), ("cookie", "a=b")],
            ),
            (
                true,
                &[("origin", "https://ops.test.evil.test"), ("host", "ops.test")],
            ),
            (true, &[("cookie", "a=b")]),
            (false, &[]),
            (
                false,
                &[("authorization", "Bearer ck_1"), ("origin", "https://evil.test")],
            ),
        ];
        for (refused, given) in cases {
            assert_eq!(
                is_cross_site(&Method::POST, &headers(given)),
                *refused,
                "{given:?}"
            );
            assert!(!is_cross_site(&Method::GET, &headers(given)), "{given:?}");
        }
    }
}
