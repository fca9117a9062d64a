//! The files of the console: part of the program, named by what is in them, kept by browsers for ever.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use countersign::Digest;

/// A file.
pub(super) struct Asset {
    /// Where it is served; another content is another place.
    pub(super) place: String,
    kind: &'static str,
    content: &'static [u8],
}

/// All of them. The scripts are as their authors published them, with their licences beside them in `assets/vendor`.
pub(super) struct Assets {
    pub(super) style: Asset,
    pub(super) icon: Asset,
    pub(super) htmx: Asset,
    pub(super) sse: Asset,
}

static ASSETS: LazyLock<Assets> = LazyLock::new(|| {
    const SCRIPT: &str = "text/javascript; charset=utf-8";
    Assets {
        style: Asset::of(
            "console",
            "css",
            "text/css; charset=utf-8",
            include_bytes!("../../assets/console.css"),
        ),
        icon: Asset::of(
            "icon",
            "svg",
            "image/svg+xml",
            include_bytes!("../../assets/icon.svg"),
        ),
        htmx: Asset::of(
            "htmx",
            "js",
            SCRIPT,
            include_bytes!("../../assets/vendor/htmx-2.0.11.min.js"),
        ),
        sse: Asset::of(
            "htmx-sse",
            "js",
            SCRIPT,
            include_bytes!("../../assets/vendor/htmx-ext-sse-2.2.4.min.js"),
        ),
    }
});

/// Where everything is.
pub(super) fn assets() -> &'static Assets {
    &ASSETS
}

impl Asset {
    fn of(name: &str, ending: &str, kind: &'static str, content: &'static [u8]) -> Self {
        let digest = Digest::of("countersign/asset/1", &[content]).to_string();
        let hash: String = digest.chars().filter(char::is_ascii_hexdigit).take(16).collect();
        Self {
            place: format!("/assets/{name}.{hash}.{ending}"),
            kind,
            content,
        }
    }
}

/// Serves one.
pub(super) async fn asset(Path(name): Path<String>) -> Response {
    let all = assets();
    let named = |it: &&&Asset| it.place.strip_prefix("/assets/") == Some(name.as_str());
    match [&all.style, &all.icon, &all.htmx, &all.sse].iter().find(named) {
        Some(asset) => {
            let headers = [
                (header::CONTENT_TYPE, asset.kind),
                (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
            ];
            (headers, asset.content).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use sha2::{Digest as _, Sha256};

    use super::*;

    /// What npm delivered: `npm pack htmx.org@2.0.11` and `htmx-ext-sse@2.2.4`, each `dist/*.min.js`.
    const VENDORED: &str = include_str!("../../assets/vendor/SHA256SUMS");

    #[test]
    fn the_scripts_are_those_of_their_authors() {
        for (asset, name) in [
            (&assets().htmx, "htmx-2.0.11.min.js"),
            (&assets().sse, "htmx-ext-sse-2.2.4.min.js"),
        ] {
            let digest = Sha256::digest(asset.content);
            let hex = digest.iter().fold(String::new(), |mut hex, it| {
                let _ = write!(hex, "{it:02x}");
                hex
            });
            assert!(
                VENDORED.lines().any(|it| it == format!("{hex}  {name}")),
                "{name} is {hex}"
            );
        }
    }

    #[test]
    fn another_content_is_another_place() {
        let one = Asset::of("a", "css", "", b"1");
        assert_ne!(one.place, Asset::of("a", "css", "", b"2").place);
        assert!(one.place.starts_with("/assets/a.") && one.place.len() == "/assets/a..css".len() + 16);
    }
}
