//! What is configured of an identity provider: the section `[oidc]` of `serve.toml`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use countersign::{ActorId, Role};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::config::Hidden;

/// How long roles count that the provider does not say again.
const ROLES_LAST: Duration = Duration::from_hours(12);
/// The longest and the shortest that may be.
const LASTING: std::ops::RangeInclusive<Duration> = Duration::from_mins(1)..=Duration::from_hours(30 * 24);

/// One provider. Whoever it names is known by issuer and subject together.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// As the provider spells it, to the last slash.
    pub(crate) issuer: String,
    /// Whom bearer tokens must be for; without it none are taken.
    pub(crate) audience: Option<String>,
    /// What we are called at the provider, for signing in to the console; without it nobody signs in there.
    pub(super) client_id: Option<String>,
    /// Of a client that has one.
    pub(super) client_secret: Option<Hidden>,
    /// What is asked for at sign-in.
    #[serde(default = "scopes")]
    pub(super) scopes: Vec<String>,
    /// Where a token says in which groups somebody is: a name, or a pointer (RFC 6901) that begins with `/`.
    roles_claim: Option<String>,
    /// What is taken over of it: one of its values, and our role.
    #[serde(default)]
    roles: BTreeMap<String, Role>,
    /// How long that counts.
    #[serde(default = "roles_last", deserialize_with = "span")]
    pub(crate) roles_last: Duration,
    /// Whether people whom nobody knew are made known when they sign in first.
    #[serde(default)]
    pub(super) provision: bool,
    /// Who is known here and never signs in there; everybody else is linked before anybody is made known.
    #[serde(default)]
    pub(super) provision_beside: BTreeSet<ActorId>,
    /// What they are called then; `sub` unless said.
    actor_claim: Option<String>,
}

fn scopes() -> Vec<String> {
    vec!["openid".to_owned()]
}

fn roles_last() -> Duration {
    ROLES_LAST
}

fn span<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    humantime::parse_duration(&text)
        .map_err(|error| serde::de::Error::custom(format!("`{text}` is no time span such as 12h: {error}")))
}

impl Config {
    /// What is wrong with it, and where.
    pub(crate) fn fault(&self) -> Option<(&'static str, String)> {
        if let Err(why) = super::fetch::place(&self.issuer) {
            return Some(("oidc.issuer", why));
        }
        match (self.audience.as_deref(), self.client_id.as_deref()) {
            (None, None) => {
                let why = "it lets nobody in: say `audience` for access tokens, `client_id` for the console";
                return Some(("oidc", why.to_owned()));
            }
            (Some(""), _) => return Some(("oidc.audience", "it is empty".to_owned())),
            (_, Some("")) => return Some(("oidc.client_id", "it is empty".to_owned())),
            (Some(audience), Some(client)) if audience == client => {
                let why = "ID tokens are for `client_id`, and would count as access tokens; give the API an audience of its own";
                return Some(("oidc.audience", why.to_owned()));
            }
            (None, Some(_)) | (Some(_), None | Some(_)) => {}
        }
        if self.client_secret.is_some() && self.client_id.is_none() {
            let why = "a secret without `client_id` is nobody's".to_owned();
            return Some(("oidc.client_secret", why));
        }
        if !self.scopes.iter().any(|it| it == "openid") {
            return Some(("oidc.scopes", "`openid` must be one of them".to_owned()));
        }
        if self.roles_claim.is_none() != self.roles.is_empty() {
            let why = "`roles_claim` says where to look and `roles` what is taken over; one without the other does nothing";
            return Some(("oidc.roles", why.to_owned()));
        }
        if !self.provision_beside.is_empty() && !self.provision {
            let why = "without `provision = true` nobody is made known".to_owned();
            return Some(("oidc.provision_beside", why));
        }
        if self.actor_claim.is_some() && !self.provision {
            let why = "it names people whom nobody knew, which `provision = true` makes known".to_owned();
            return Some(("oidc.actor_claim", why));
        }
        if !LASTING.contains(&self.roles_last) {
            let why = "roles last from a minute to thirty days".to_owned();
            return Some(("oidc.roles_last", why));
        }
        None
    }

    /// Whether roles are taken over at all.
    pub(crate) fn lends(&self) -> bool {
        self.roles_claim.is_some()
    }

    /// What somebody is called whom nobody knew; nothing if such people stay unknown, or it cannot be told. An address
    /// counts only where the provider has checked that it is theirs.
    ///
    /// Letters, digits and `. _ @ + -` only: a name is shown to whoever decides, and must not look like an address to
    /// go to or a place of ours such as `slack:…`.
    pub(crate) fn name(&self, claims: &Value) -> Option<ActorId> {
        if !self.provision {
            return None;
        }
        let claim = self.actor_claim.as_deref().unwrap_or("sub");
        let checked = claim != "email" || claims["email_verified"] == Value::Bool(true);
        let name = claims.get(claim)?.as_str().filter(|_| checked)?;
        let plain = |it: char| it.is_ascii_alphanumeric() || "._@+-".contains(it);
        ActorId::new(name).ok().filter(|_| name.chars().all(plain))
    }

    /// The roles that claims speak of, as far as they are mapped. Whatever is no text or list of texts names none.
    pub(crate) fn roles(&self, claims: &Value) -> BTreeSet<Role> {
        let found = self.roles_claim.as_deref().and_then(|name| {
            if name.starts_with('/') {
                claims.pointer(name)
            } else {
                claims.get(name)
            }
        });
        let values: Vec<&str> = match found {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        values
            .into_iter()
            .filter_map(|it| self.roles.get(it).cloned())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Result<Config, String> {
        let config: Config = toml::from_str(text).map_err(|error| error.to_string())?;
        match config.fault() {
            None => Ok(config),
            Some((place, why)) => Err(format!("{place}: {why}")),
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let good = "issuer = 'https://id.example'\naudience = 'ops'\n";
        assert!(read(good).is_ok());
        for (more, place) in [
            ("roles_claim = 'groups'", "oidc.roles:"),
            ("roles = { a = 'manager' }", "oidc.roles:"),
            ("roles_last = '1s'", "oidc.roles_last"),
            ("roles_last = '31d'", "oidc.roles_last"),
            ("roles_last = 'soon'", "no time span"),
            ("actor_claim = 'email'", "oidc.actor_claim"),
            ("provision_beside = ['alice']", "oidc.provision_beside"),
            ("client_id = 'ops'", "oidc.audience"),
            ("client_secret = 's3cret'", "oidc.client_secret"),
            ("client_id = ''", "oidc.client_id"),
            ("client_id = 'c'\nscopes = ['profile']", "oidc.scopes"),
            ("role = 'a'", "unknown field"),
        ] {
            let error = read(&format!("{good}{more}")).unwrap_err();
            assert!(error.contains(place), "{more}: {error}");
        }
        for issuer in [
            "http://id.example",
            "id.example",
            "ftp://id.example",
            "https://id.example/?a=b",
            "https://u:p@id.example",
            "",
        ] {
            assert!(
                read(&format!("issuer = '{issuer}'\naudience = 'ops'"))
                    .unwrap_err()
                    .contains("oidc.issuer"),
                "{issuer}"
            );
        }
        assert!(read("issuer = 'http://127.0.0.1:8080/realm'\nclient_id = 'c'").is_ok());
        assert!(
            read("issuer = 'https://id.example'")
                .unwrap_err()
                .contains("oidc: ")
        );
    }

    const ISSUER: &str = "issuer = 'https://id.example'\naudience = 'ops'";

    #[test]
    fn only_mapped_values_become_roles() {
        let config = |claim: &str| {
            read(&format!(
                "{ISSUER}\nroles_claim = '{claim}'\nroles = {{ 'ops-managers' = 'manager', x = 'auditor' }}"
            ))
            .unwrap()
        };
        let roles = |claim: &str, claims: &Value| {
            let roles = config(claim).roles(claims);
            roles.iter().map(|it| it.as_str().to_owned()).collect::<Vec<_>>()
        };
        let groups = json!({"groups": ["ops-managers", "admin", "manager", 7, ["x"]]});
        assert_eq!(roles("groups", &groups), ["manager"]);
        assert_eq!(roles("groups", &json!({"groups": "x"})), ["auditor"]);
        assert_eq!(
            roles("/realm_access/roles", &json!({"realm_access": {"roles": ["x"]}})),
            ["auditor"]
        );
        assert_eq!(
            roles("https://a.b/groups", &json!({"https://a.b/groups": ["x"]})),
            ["auditor"]
        );
        for none in [
            json!({}),
            json!({"groups": null}),
            json!({"groups": {"x": true}}),
            json!({"groups": "x ops-managers"}),
        ] {
            assert!(roles("groups", &none).is_empty(), "{none}");
        }
    }
}
