//! What all pages have around them, and what is shown in place of one.

use askama::Template;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use countersign::core::actor::ADMIN;
use countersign::core::time::Timestamp;

use super::assets::{Assets, assets};
use super::visible::{Line, MARK};
use crate::http::problem::Problem;
use crate::outbox::look::may_look;
use crate::server::{Caller, Shared};
use crate::{sight, text};

/// Which entry of the menu a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Inbox,
    History,
    Calls,
    Runs,
    Chat,
    Tools,
    Grants,
    Keys,
    People,
    Outbox,
    Audit,
}

/// One entry of the menu.
struct Entry {
    /// The heading before it.
    group: Option<&'static str>,
    name: &'static str,
    href: &'static str,
    is_here: bool,
}

/// Who looks at a page, and where it is.
pub(super) struct Frame<'a> {
    pub(super) shared: &'a Shared,
    pub(super) caller: &'a Caller,
    pub(super) place: Place,
}

#[derive(Template)]
#[template(path = "layout.html")]
struct Layout<'a> {
    title: Line,
    program: Line,
    assets: &'static Assets,
    /// The menu and whose it is; none for who is not signed in.
    who: Option<Line>,
    menu: Vec<Entry>,
    /// Rendered already, by a template that escaped everything in it.
    body: &'a str,
    has_hidden: bool,
}

impl Frame<'_> {
    /// A page.
    pub(super) fn page(&self, title: &str, body: &impl Template) -> Result<Response, Trouble> {
        self.page_with(StatusCode::OK, title, body)
    }

    /// The same, with another status.
    pub(super) fn page_with(
        &self,
        status: StatusCode,
        title: &str,
        body: &impl Template,
    ) -> Result<Response, Trouble> {
        let body = body.render()?;
        let layout = Layout {
            title: Line::of(title).plain(),
            program: Line::of(&self.shared.session().name),
            assets: assets(),
            who: Some(Line::of(&self.caller.actor.id)),
            menu: self.menu(),
            has_hidden: body.contains(MARK),
            body: &body,
        };
        Ok((status, Html(layout.render()?)).into_response())
    }

    fn menu(&self) -> Vec<Entry> {
        let entry = |group, name, href, place| Entry {
            group,
            name,
            href,
            is_here: place == self.place,
        };
        let mut menu = vec![
            entry(Some("Decide"), "Inbox", "/", Place::Inbox),
            entry(None, "Decided", "/history", Place::History),
            entry(Some("Act"), "Tools", "/tools", Place::Tools),
        ];
        if !self.shared.agents().is_empty() {
            menu.push(entry(None, "Chat", "/chat", Place::Chat));
        }
        menu.push(entry(Some("Look"), "Calls", "/calls", Place::Calls));
        menu.push(entry(None, "Runs", "/runs", Place::Runs));
        if sight::sees_log(&self.caller.actor) {
            menu.push(entry(None, "Audit log", "/audit", Place::Audit));
        }
        if may_look(&self.caller.actor) {
            menu.push(entry(None, "Outbox", "/outbox", Place::Outbox));
        }
        menu.push(entry(Some("Settings"), "Remembered", "/grants", Place::Grants));
        menu.push(entry(None, "Keys", "/keys", Place::Keys));
        if sight::sees_log(&self.caller.actor) || self.caller.actor.has_role(ADMIN) {
            menu.push(entry(None, "People", "/people", Place::People));
        }
        menu
    }
}

/// A page for who is not signed in, or an error of one who is.
pub(super) fn bare(
    shared: Option<&Shared>,
    status: StatusCode,
    title: &str,
    body: &impl Template,
) -> Response {
    let render = || -> Result<Response, askama::Error> {
        let body = body.render()?;
        let layout = Layout {
            title: Line::of(title).plain(),
            program: shared.map(|it| Line::of(&it.session().name)).unwrap_or_default(),
            assets: assets(),
            who: None,
            menu: Vec::new(),
            has_hidden: body.contains(MARK),
            body: &body,
        };
        Ok((status, Html(layout.render()?)).into_response())
    };
    render().unwrap_or_else(|error| Problem::internal(&error).into_response())
}

/// A part of a page, to be put in place of an older one.
pub(super) fn part(body: &impl Template) -> Result<Response, Trouble> {
    Ok(Html(body.render()?).into_response())
}

/// Goes on elsewhere with a GET.
pub(super) fn see(place: &str) -> Response {
    let place = HeaderValue::from_str(place).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response()
}

/// Why there is no page.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Nobody is signed in. The flag says whether a script asks, which must be told otherwise.
    SignIn(bool),
    /// It did not go well.
    Problem(Problem),
}

impl Trouble {
    pub(super) fn sign_in(headers: &HeaderMap) -> Self {
        Self::SignIn(headers.contains_key("hx-request"))
    }

    pub(super) fn not_found(what: &str) -> Self {
        Self::Problem(Problem::not_found(what))
    }
}

impl<E: Into<Problem>> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self::Problem(error.into())
    }
}

impl From<askama::Error> for Trouble {
    fn from(error: askama::Error) -> Self {
        Self::Problem(Problem::internal(&error))
    }
}

#[derive(Template)]
#[template(path = "trouble.html")]
struct TroublePage {
    title: &'static str,
    detail: Line,
    /// What the person can do now.
    advice: &'static str,
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let problem = match self {
            Self::SignIn(false) => return see("/sign-in"),
            Self::SignIn(true) => {
                return (StatusCode::UNAUTHORIZED, [("hx-redirect", "/sign-in")]).into_response();
            }
            Self::Problem(problem) => problem,
        };
        let (title, advice) = match problem.status().as_u16() {
            401 => (
                "Please sign in",
                "Ask whoever runs this server for a sign-in link.",
            ),
            403 => (
                "Not allowed",
                "If this should be yours to do, ask whoever manages people and roles here.",
            ),
            404 => ("Nothing here", "It does not exist, or it is not yours to see."),
            409 => (
                "This has changed meanwhile",
                "Go back and look again before you decide.",
            ),
            410 => (
                "Too late",
                "What was asked is over. Whoever wants it can ask anew.",
            ),
            413 => ("Too large", "Send less at once."),
            422 => ("That does not fit", "Go back, change it, and send it again."),
            429 => ("Too fast", "Wait a moment, then try again."),
            503 => (
                "Not now",
                "Wait a moment, then look whether it was done before you try again.",
            ),
            _ => (
                "Something failed here",
                "What was acknowledged before is still true. The server's log says more.",
            ),
        };
        let body = TroublePage {
            title,
            detail: Line::of(sentence(problem.detail())),
            advice,
        };
        bare(None, problem.status(), title, &body)
    }
}

/// Words as a sentence.
pub(super) fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(char::to_uppercase).into_iter().flatten();
    let end = if words.ends_with(['.', '?', '!']) || words.is_empty() {
        ""
    } else {
        "."
    };
    format!("{}{}{end}", first.collect::<String>(), letters.as_str())
}

/// A time, with its zone.
#[derive(Debug, Clone, Template)]
#[template(ext = "html", source = r#"<time datetime="{{ iso }}">{{ words }} UTC</time>"#)]
pub(super) struct Moment {
    iso: String,
    words: String,
}

impl askama::filters::HtmlSafe for Moment {}

impl Moment {
    pub(super) fn of(time: Timestamp) -> Self {
        Self::read(&time.to_string())
    }

    /// A time as records have it.
    pub(super) fn read(time: &str) -> Self {
        Self {
            iso: time.to_owned(),
            words: text::moment(time),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_sentences() {
        assert_eq!(sentence("there is no such call"), "There is no such call.");
        assert_eq!(sentence("Too late!"), "Too late!");
        assert_eq!(sentence(""), "");
    }
}
