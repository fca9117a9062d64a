//! Signing in at the identity provider.
//!
//! Both requests are GET, as the standard wants it: the first changes nothing, the second opens a session for whom the
//! provider has just vouched, in the browser that began. Nothing is decided by either.

use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::page::{Trouble, see};
use super::sign_in::{page, with_cookie};
use crate::oidc::Back;
use crate::server::{Shared, cookie};

/// The cookie that binds the way to the provider and back to one browser.
const WAY: &str = "__Host-countersign-way";

/// Sends the browser to the provider.
pub(super) async fn begin(State(shared): State<Shared>) -> Result<Response, Trouble> {
    let missing = || Trouble::not_found("such page");
    let oidc = shared.oidc().filter(|it| it.signs_in()).ok_or_else(missing)?;
    let Some((there, way)) = oidc.begin(shared.engine().now()).await else {
        return Ok(page(
            &shared,
            None,
            Some("provider"),
            StatusCode::SERVICE_UNAVAILABLE,
        ));
    };
    let mut answer = StatusCode::SEE_OTHER.into_response();
    if let Ok(place) = HeaderValue::from_str(&there) {
        answer.headers_mut().insert(header::LOCATION, place);
    }
    Ok(with_way(answer, &way, 600))
}

/// Where the provider sends it back to.
pub(super) async fn end(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Query(back): Query<Back>,
) -> Result<Response, Trouble> {
    let missing = || Trouble::not_found("such page");
    let oidc = shared.oidc().filter(|it| it.signs_in()).ok_or_else(missing)?;
    let way = cookie(&headers, WAY).unwrap_or_default();
    let opened = oidc.end(&shared, way, &back).await?;
    let answer = match opened {
        Some(secret) => with_cookie(see("/"), Some(&secret)),
        None => page(&shared, None, Some("way"), StatusCode::UNAUTHORIZED),
    };
    // A way is gone once.
    Ok(with_way(answer, "", 0))
}

fn with_way(mut answer: Response, way: &str, seconds: u32) -> Response {
    let text = format!("{WAY}={way}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={seconds}");
    if let Ok(text) = text.parse() {
        answer.headers_mut().append(header::SET_COOKIE, text);
    }
    answer
}
