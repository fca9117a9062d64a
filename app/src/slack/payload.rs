//! What Slack sends when somebody presses a button or submits a form, as far as it is about requirements.
//!
//! Read only after the signature: until then it is nobody's word.

use std::collections::BTreeMap;

use countersign::RequirementId;
use serde::{Deserialize, Serialize};

use super::people::User;

/// Something that somebody did in Slack.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Payload {
    /// The workspace in which it was done.
    team: Option<String>,
    /// The app that it was done to.
    app: Option<String>,
    user: String,
    /// The workspace of whoever did it: another one, in a channel that several share.
    user_team: Option<String>,
    /// What lets us open a form, for three seconds.
    pub(super) trigger: String,
    pub(super) did: Did,
}

/// What somebody did.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Did {
    /// Pressed a button of a card.
    Pressed {
        button: Button,
        requirement: RequirementId,
        card: Option<Card>,
    },
    /// Submitted a form.
    Submitted {
        form: Form,
        about: About,
        values: Values,
    },
    /// Something that says nothing: followed a link, closed a form.
    Nothing,
}

/// A button.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Button {
    Approve,
    Confirm,
    /// Asks why, in a form.
    Reject,
    /// Asks for the fields, in a form.
    Fill,
}

/// A form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Reject,
    Fill,
}

/// What the fields of a form hold, by the names of their blocks.
pub(super) type Values = BTreeMap<String, String>;

/// A message of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Card {
    pub(super) channel: String,
    pub(super) ts: String,
}

/// What a form is about; it comes back as it was opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct About {
    pub(super) requirement: RequirementId,
    pub(super) card: Option<Card>,
}

impl Button {
    const ALL: [Self; 4] = [Self::Approve, Self::Confirm, Self::Reject, Self::Fill];

    /// The `action_id`.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Confirm => "confirm",
            Self::Reject => "reject",
            Self::Fill => "fill",
        }
    }
}

impl Form {
    const ALL: [Self; 2] = [Self::Reject, Self::Fill];

    /// The `callback_id`.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Reject => "reject",
            Self::Fill => "fill",
        }
    }
}

impl Payload {
    /// Reads a body: a form with one field, whose text is JSON.
    pub(super) fn read(body: &[u8]) -> Result<Self, String> {
        let mut fields = form_urlencoded::parse(body).filter(|(name, _)| name == "payload");
        let (Some((_, text)), None) = (fields.next(), fields.next()) else {
            return Err("there must be one `payload`".to_owned());
        };
        let raw: Raw = serde_json::from_str(&text).map_err(|error| format!("`payload`: {error}"))?;
        raw.payload()
    }

    /// Whose doing it is, if it was done to this app in this workspace by one of its people.
    pub(super) fn user(&self, team: &str, app: Option<&str>) -> Result<User, Foreign> {
        let is_here = |it: &Option<String>| it.as_deref() == Some(team);
        // Slack names both. In a channel that several workspaces share, the first is ours whoever it was.
        if !is_here(&self.team) || !is_here(&self.user_team) {
            return Err(Foreign::Workspace);
        }
        if app.is_some() && self.app.as_deref() != app {
            return Err(Foreign::App);
        }
        User::new(team, &self.user).ok_or(Foreign::Workspace)
    }

    /// Who Slack says it was, for the record.
    pub(super) fn said_by(&self) -> String {
        let team = self.user_team.as_deref().or(self.team.as_deref()).unwrap_or("-");
        let who = format!("{team}/{}", self.user);
        who.chars().filter(char::is_ascii_graphic).take(64).collect()
    }

    /// What it is about, if it is about anything.
    pub(super) const fn requirement(&self) -> Option<RequirementId> {
        match &self.did {
            Did::Pressed { requirement, .. } => Some(*requirement),
            Did::Submitted { about, .. } => Some(about.requirement),
            Did::Nothing => None,
        }
    }
}

/// What does not concern this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Foreign {
    Workspace,
    App,
}

#[derive(Deserialize)]
struct Raw {
    #[serde(rename = "type")]
    kind: String,
    team: Option<Named>,
    api_app_id: Option<String>,
    user: RawUser,
    #[serde(default)]
    trigger_id: String,
    container: Option<RawContainer>,
    #[serde(default)]
    actions: Vec<RawAction>,
    view: Option<RawView>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

#[derive(Deserialize)]
struct RawUser {
    id: String,
    team_id: Option<String>,
}

#[derive(Deserialize)]
struct RawContainer {
    channel_id: Option<String>,
    message_ts: Option<String>,
}

#[derive(Deserialize)]
struct RawAction {
    action_id: String,
    value: Option<String>,
}

#[derive(Deserialize)]
struct RawView {
    callback_id: String,
    #[serde(default)]
    private_metadata: String,
    state: Option<RawState>,
}

#[derive(Deserialize)]
struct RawState {
    values: BTreeMap<String, BTreeMap<String, RawInput>>,
}

#[derive(Deserialize)]
struct RawInput {
    value: Option<String>,
    selected_option: Option<RawOption>,
}

#[derive(Deserialize)]
struct RawOption {
    value: String,
}

impl Raw {
    fn payload(self) -> Result<Payload, String> {
        let did = match self.kind.as_str() {
            "block_actions" => pressed(&self.actions, self.container)?,
            "view_submission" => submitted(self.view)?,
            _ => Did::Nothing,
        };
        Ok(Payload {
            team: self.team.map(|it| it.id),
            app: self.api_app_id,
            user: self.user.id,
            user_team: self.user.team_id,
            trigger: self.trigger_id,
            did,
        })
    }
}

fn pressed(actions: &[RawAction], container: Option<RawContainer>) -> Result<Did, String> {
    // Slack sends each press by itself.
    let [action] = actions else {
        return Ok(Did::Nothing);
    };
    let button = Button::ALL.into_iter().find(|it| it.as_str() == action.action_id);
    let Some(button) = button else {
        return Ok(Did::Nothing);
    };
    let value = action.value.as_deref().unwrap_or_default();
    let card = container.and_then(|it| {
        Some(Card {
            channel: it.channel_id?,
            ts: it.message_ts?,
        })
    });
    Ok(Did::Pressed {
        button,
        requirement: value
            .parse()
            .map_err(|error| format!("the button's value: {error}"))?,
        card,
    })
}

fn submitted(view: Option<RawView>) -> Result<Did, String> {
    let view = view.ok_or("a form that was submitted has a `view`")?;
    let form = Form::ALL.into_iter().find(|it| it.as_str() == view.callback_id);
    let Some(form) = form else { return Ok(Did::Nothing) };
    let about = serde_json::from_str(&view.private_metadata).map_err(|error| format!("the form: {error}"))?;
    let blocks = view.state.map(|it| it.values).unwrap_or_default();
    let values = blocks.into_iter().filter_map(|(block, inputs)| {
        // Each block of ours has one field.
        let input = inputs.into_values().next()?;
        let value = input.selected_option.map(|it| it.value).or(input.value)?;
        Some((block, value))
    });
    Ok(Did::Submitted {
        form,
        about,
        values: values.collect(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const REQUIREMENT: &str = "req_01kayw3v7v4c9dxj6k9q5a7b8c_0123456789abcdefghjkmnpqrs";

    fn body(payload: &Value) -> Vec<u8> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("payload", &payload.to_string())
            .finish()
            .into_bytes()
    }

    fn press(change: impl FnOnce(&mut Value)) -> Result<Payload, String> {
        let mut payload = json!({
            "type": "block_actions", "team": {"id": "T0123"}, "api_app_id": "A0123",
            "user": {"id": "U0456", "team_id": "T0123"}, "trigger_id": "1.2.3",
            "container": {"type": "message", "channel_id": "C0789", "message_ts": "1764000000.000100"},
            "actions": [{"action_id": "approve", "value": REQUIREMENT}],
        });
        change(&mut payload);
        Payload::read(&body(&payload))
    }

    #[test]
    fn a_press_names_its_requirement() {
        let payload = press(|_| {}).unwrap();
        let Did::Pressed {
            button,
            requirement,
            card,
        } = &payload.did
        else {
            panic!("{payload:?}")
        };
        assert_eq!(
            (*button, requirement.to_string().as_str()),
            (Button::Approve, REQUIREMENT)
        );
        assert_eq!(card.as_ref().unwrap().channel, "C0789");
        assert_eq!(
            payload.user("T0123", Some("A0123")).unwrap().to_string(),
            "T0123/U0456"
        );
    }

    #[test]
    fn what_was_done_elsewhere_does_not_concern_us() {
        let foreign =
            |change: &dyn Fn(&mut Value)| press(|it| change(it)).unwrap().user("T0123", Some("A0123"));
        assert_eq!(
            foreign(&|it| it["team"]["id"] = "T9999".into()),
            Err(Foreign::Workspace)
        );
        assert_eq!(foreign(&|it| it["team"] = Value::Null), Err(Foreign::Workspace));
        assert_eq!(
            foreign(&|it| it["user"]["team_id"] = "T9999".into()),
            Err(Foreign::Workspace)
        );
        assert_eq!(
            foreign(&|it| it["user"]["team_id"] = Value::Null),
            Err(Foreign::Workspace)
        );
        assert_eq!(
            foreign(&|it| it["user"]["id"] = "T0123/U1".into()),
            Err(Foreign::Workspace)
        );
        assert_eq!(
            foreign(&|it| it["api_app_id"] = "A9999".into()),
            Err(Foreign::App)
        );
        assert_eq!(foreign(&|it| it["api_app_id"] = Value::Null), Err(Foreign::App));
        assert!(
            press(|it| it["api_app_id"] = "A9999".into())
                .unwrap()
                .user("T0123", None)
                .is_ok()
        );
    }

    #[test]
    fn what_says_nothing_is_nothing() {
        for change in [
            |it: &mut Value| it["actions"][0]["action_id"] = "console".into(),
            |it: &mut Value| it["actions"] = json!([]),
            |it: &mut Value| it["type"] = "shortcut".into(),
        ] {
            assert_eq!(press(change).unwrap().did, Did::Nothing);
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        assert!(press(|it| it["actions"][0]["value"] = "req_1".into()).is_err());
        assert!(press(|it| it["user"] = Value::Null).is_err());
        assert!(press(|it| it["type"] = "view_submission".into()).is_err());
        assert!(Payload::read(b"payload={").is_err());
        assert!(Payload::read(b"payload=%7B%7D&payload=%7B%7D").is_err());
        assert!(Payload::read(b"").is_err());
    }
}
