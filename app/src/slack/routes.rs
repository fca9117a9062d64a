//! `POST /slack/interactivity`: where Slack says what people did. No key and no session counts here; the signature does.
//!
//! A decision is committed before the answer; what Slack is told after it (the card anew, a word to whoever pressed)
//! may be lost. The card is also written by the outbox, at least once.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use countersign::store::Commit;
use countersign::{ActorId, Answer, Decision, Error, Identity, RequirementId, Verdict};

use super::Slack;
use super::modal;
use super::payload::{self, About, Button, Did, Foreign, Form, Payload, Values};
use super::people::{Link, Links, User};
use super::{seen, signature};
use crate::http::problem::Problem;
use crate::server::Shared;
use crate::{console, record, requirement, sight};

/// The routes that Slack calls.
pub(crate) fn router() -> Router<Shared> {
    Router::new().route("/slack/interactivity", post(interact))
}

/// Takes what somebody did in Slack.
async fn interact(State(shared): State<Shared>, request: Request) -> Result<Response, Problem> {
    let Some(slack) = shared.slack().cloned() else {
        return Ok(console::nowhere(request.headers().clone()).await);
    };
    let headers = request.headers().clone();
    let body = crate::http::arrived(request, &shared).await?;
    let engine = shared.engine();
    // Forged requests are counted by their status and told in the log of the process. They are not on record: anybody
    // could fill it.
    let signed = signature::verify(&slack.secret, &headers, &body, engine.now()).map_err(|forged| {
        tracing::warn!(why = forged.as_str(), "a request that Slack did not send");
        Problem::new(
            StatusCode::UNAUTHORIZED,
            "unauthenticated",
            "this is not signed by Slack for now",
        )
    })?;
    let payload = Payload::read(&body).map_err(Problem::malformed)?;
    if !seen::take(engine, &signed, &payload).await? {
        return Err(Problem::conflict(
            "replayed",
            "this was sent before, and counted then",
        ));
    }
    if payload.requirement().is_none() {
        return Ok(StatusCode::OK.into_response());
    }
    if let Ok(whose) = ActorId::new(&format!("slack:{}", payload.said_by())) {
        shared.limits().admit(&whose)?;
    }
    let user = match payload.user(&slack.team, slack.app.as_deref()) {
        Ok(user) => user,
        Err(foreign) => {
            let (code, detail) = match foreign {
                Foreign::Workspace => ("other_workspace", "this is of another workspace"),
                Foreign::App => ("other_app", "this is of another app"),
            };
            put_on_record(&shared, &payload, None, code).await?;
            return Err(Problem::new(StatusCode::FORBIDDEN, code, detail));
        }
    };
    let Some(link) = Links(engine).get(&user).await? else {
        put_on_record(&shared, &payload, None, "unlinked").await?;
        return Ok(slack.turn_away(&user, &payload));
    };
    let taken = Taken {
        shared: &shared,
        payload: &payload,
        slack,
        user,
        link,
    };
    match &payload.did {
        Did::Pressed {
            button,
            requirement,
            card,
        } => taken.pressed(*button, *requirement, card.as_ref()).await,
        Did::Submitted { form, about, values } => taken.submitted(*form, about, values).await,
        Did::Nothing => Ok(StatusCode::OK.into_response()),
    }
}

async fn put_on_record(
    shared: &Shared,
    payload: &Payload,
    by: Option<&Identity>,
    why: &str,
) -> Result<(), Error> {
    let engine = shared.engine();
    let commit = Commit {
        records: vec![seen::refused(payload, by, why)],
        ..Commit::new(engine.tenant().clone(), engine.now())
    };
    engine.store().commit(commit).await?;
    Ok(())
}

impl Slack {
    /// Says to somebody whom nobody knows what they can do about it.
    fn turn_away(self: &Arc<Self>, user: &User, payload: &Payload) -> Response {
        let words = format!(
            "Nothing was decided: nobody here knows who you are. An admin can say so: link {user} to you, in the \
             console, by the API, or with `slack link`."
        );
        match &payload.did {
            Did::Pressed {
                requirement,
                card: Some(card),
                ..
            } => {
                self.tell(user.clone(), card.clone(), words, *requirement);
                StatusCode::OK.into_response()
            }
            Did::Submitted { .. } => Json(modal::instead(&words)).into_response(),
            Did::Pressed { card: None, .. } | Did::Nothing => StatusCode::OK.into_response(),
        }
    }

    /// Tells one person something, after the answer.
    fn tell(self: &Arc<Self>, to: User, at: payload::Card, words: String, about: RequirementId) {
        let slack = self.clone();
        tokio::spawn(async move {
            let page = slack.page(about);
            if let Err(error) = slack.whisper(&to, &at, &words, &page).await {
                tracing::warn!(%error, "somebody in Slack could not be told why nothing was decided");
            }
        });
    }

    /// Writes a card anew, after the answer.
    fn renew_soon(self: &Arc<Self>, about: RequirementId, at: Option<&payload::Card>) {
        let (slack, Some(at)) = (self.clone(), at.cloned()) else {
            return;
        };
        tokio::spawn(async move {
            if let Err(error) = slack.renew(about, &at).await {
                tracing::warn!(%error, "a card in Slack could not be written anew");
            }
        });
    }
}

/// Something that a linked person did.
struct Taken<'a> {
    shared: &'a Shared,
    payload: &'a Payload,
    slack: Arc<Slack>,
    user: User,
    link: Link,
}

impl Taken<'_> {
    async fn pressed(
        self,
        button: Button,
        id: RequirementId,
        card: Option<&payload::Card>,
    ) -> Result<Response, Problem> {
        let verdict = match button {
            Button::Approve => Some(Verdict::Approve),
            Button::Confirm => Some(Verdict::Confirm),
            Button::Reject | Button::Fill => None,
        };
        let told = match (self.has_read(button != Button::Reject, id).await?, verdict) {
            (Err(why), _) => Err(why),
            (Ok(()), Some(verdict)) => self.decided(Decision::new(id, verdict)).await?,
            (Ok(()), None) => {
                self.asked(button, id, card).await?;
                return Ok(StatusCode::OK.into_response());
            }
        };
        if let (Err(why), Some(card)) = (&told, card) {
            self.slack
                .tell(self.user.clone(), card.clone(), not_decided(why), id);
        }
        self.slack.renew_soon(id, card);
        Ok(StatusCode::OK.into_response())
    }

    /// Whether somebody who says yes could read what they say yes to; that they could not is on record.
    async fn has_read(&self, says_yes: bool, id: RequirementId) -> Result<Result<(), String>, Problem> {
        if !says_yes || self.is_shown(id).await? {
            return Ok(Ok(()));
        }
        let by = self.link.identity();
        put_on_record(self.shared, self.payload, Some(&by), "not_shown").await?;
        Ok(Err(
            "a part of it is not shown here; read it in the console".to_owned()
        ))
    }

    /// Whether what is asked was shown whole. What is not asked any more is for the desk to refuse.
    async fn is_shown(&self, id: RequirementId) -> Result<bool, Problem> {
        let loaded = match self.shared.engine().desk().call(id.call()).await {
            Ok(_) => self.slack.load(id.call()).await?,
            Err(Error::UnknownCall(_)) => return Ok(true),
            Err(error) => return Err(error.into()),
        };
        let card = self.slack.card(&loaded, id);
        Ok(card.asked().is_none() || card.shows_all())
    }

    /// Opens a form, if what it is about is still asked, and asked of this person.
    async fn asked(
        &self,
        button: Button,
        id: RequirementId,
        card: Option<&payload::Card>,
    ) -> Result<(), Problem> {
        let view = match self.view(button, id, card).await? {
            Ok(view) => view,
            Err(why) => {
                if let Some(card) = card {
                    self.slack
                        .tell(self.user.clone(), card.clone(), not_decided(&why), id);
                }
                self.slack.renew_soon(id, card);
                return Ok(());
            }
        };
        let (slack, trigger, card, user) = (
            self.slack.clone(),
            self.payload.trigger.clone(),
            card.cloned(),
            self.user.clone(),
        );
        tokio::spawn(async move {
            let Err(error) = slack.open(&trigger, &view).await else {
                return;
            };
            tracing::warn!(%error, "a form in Slack could not be opened");
            if let Some(card) = card {
                slack.tell(
                    user,
                    card,
                    not_decided("the form could not be opened; try again"),
                    id,
                );
            }
        });
        Ok(())
    }

    /// The form of a button, or why there is none.
    async fn view(
        &self,
        button: Button,
        id: RequirementId,
        card: Option<&payload::Card>,
    ) -> Result<Result<serde_json::Value, String>, Problem> {
        let actor = self.shared.engine().actor(&self.link.identity()).await?;
        let gone = || Ok(Err("this is not asked any more".to_owned()));
        let loaded = match self.shared.engine().desk().call(id.call()).await {
            Ok(call) if sight::sees(&actor, &call) => self.slack.load(id.call()).await?,
            Ok(_) | Err(Error::UnknownCall(_)) => return gone(),
            Err(error) => return Err(error.into()),
        };
        let shown = self.slack.card(&loaded, id);
        let Some(requirement) = shown.asked() else {
            return gone();
        };
        // Only a kindness: the desk judges what is submitted.
        if let Err(refusal) = loaded
            .call
            .may_be_answered(id, &actor, self.shared.engine().now())
        {
            return Ok(Err(refusal.message));
        }
        let about = About {
            requirement: id,
            card: card.cloned(),
        };
        Ok(match button {
            Button::Reject => Ok(modal::reject(&shown, &about)),
            Button::Fill => modal::fields(&shown, &requirement, &about)
                .ok_or_else(|| "Slack cannot ask for this exactly; fill it in in the console".to_owned()),
            Button::Approve | Button::Confirm => Err("this needs no form".to_owned()),
        })
    }

    async fn submitted(self, form: Form, about: &About, values: &Values) -> Result<Response, Problem> {
        let id = about.requirement;
        if let Err(why) = self.has_read(form == Form::Fill, id).await? {
            return Ok(Json(modal::instead(&not_decided(&why))).into_response());
        }
        let decision = match form {
            Form::Reject => modal::rejection(about, values),
            Form::Fill => match self.shared.engine().desk().call(id.call()).await {
                Ok(_) => {
                    let loaded = self.slack.load(id.call()).await?;
                    match self.slack.card(&loaded, id).asked() {
                        Some(asked) => modal::filling(&asked, &loaded.descriptor, values),
                        None => Ok(Decision::new(id, Verdict::Fill(serde_json::json!({})))),
                    }
                }
                Err(Error::UnknownCall(_)) => Ok(Decision::new(id, Verdict::Fill(serde_json::json!({})))),
                Err(error) => return Err(error.into()),
            },
        };
        let decision = match decision {
            Ok(decision) => decision,
            Err(errors) => return Ok(Json(modal::answer(&errors, values)).into_response()),
        };
        let told = self.decided(decision).await?;
        self.slack.renew_soon(id, about.card.as_ref());
        if let Err(why) = told {
            return Ok(Json(modal::instead(&not_decided(&why))).into_response());
        }
        if form == Form::Fill {
            // The values passed the schema but not the types of the function: the same is asked once more.
            let call = self.shared.engine().desk().call(id.call()).await?;
            if requirement::find(&call, id).is_some() {
                let errors = record::last_errors(self.shared.session(), id.call()).await?;
                let errors = [(String::new(), vec![errors])].into();
                return Ok(Json(modal::answer(&errors, values)).into_response());
            }
        }
        Ok(StatusCode::OK.into_response())
    }

    /// Takes a decision; says why it does not count.
    async fn decided(&self, decision: Decision) -> Result<Result<(), String>, Problem> {
        let engine = self.shared.engine();
        let identity = self.link.identity();
        let decided = engine.desk().decide(decision.by(&identity)).await?;
        let refusal = match decided.answer {
            Answer::Accepted | Answer::Repeated => return Ok(Ok(())),
            Answer::Refused(refusal) => refusal,
        };
        let actor = engine.actor(&identity).await?;
        Ok(Err(match &decided.call {
            // What they may not see they are told nothing about; that they tried is on record.
            Some(call) if sight::sees(&actor, call) => refusal.message,
            _ => "this is not for you to decide".to_owned(),
        }))
    }
}

fn not_decided(why: &str) -> String {
    format!(
        "Nothing was decided: {}.",
        super::block::shown(why.trim_end_matches('.'))
    )
}
