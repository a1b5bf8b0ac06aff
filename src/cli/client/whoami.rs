//! `whoami`: who the gateway says we are.

use super::{
    Client, Which,
    choice::{Chosen, TOKEN},
    http::{Answer, Api},
};
use crate::{
    cli::{failure::Failure, output::Report},
    identity::token,
};
use clap::Args;
use serde::Serialize;
use serde_json::Value;

/// Show who you are at the gateway, your roles, and until when
#[derive(Debug, Args)]
pub struct Whoami {
    #[command(flatten)]
    which: Which,
}

/// `whoami -o json`.
#[derive(Debug, Serialize)]
struct Me {
    /// The name here; `null` for a gateway of the environment.
    rack: Option<String>,
    url: String,
    email: String,
    name: String,
    /// The API token's name; `null` for a session.
    token: Option<String>,
    roles: Vec<Role>,
    /// `null` for an API token, which needs no second factor.
    mfa: Option<Mfa>,
    /// RFC 3339; `null` when the gateway does not tell.
    expires_at: Option<String>,
}

#[derive(Debug, Serialize)]
struct Role {
    role: String,
    target: String,
}

#[derive(Debug, Serialize)]
struct Mfa {
    enrolled: bool,
    required: bool,
    /// Until when the last proof is fresh; `null` when it is not.
    fresh_until: Option<String>,
}

impl Whoami {
    pub async fn run(self, client: Client<'_>) -> Result<Report, Failure> {
        let (_, chosen) = client.choose(&self.which)?;
        let credential = chosen.credential(client.clock.now())?;
        let api = Api::new(&chosen.url, Some(credential))?;
        let me = success(api.get("/api/v1/me").await?, &chosen)?;
        let info = match token::is_session(credential.expose()) {
            true => Some(success(api.get("/api/v1/info").await?, &chosen)?),
            false => None,
        };
        let me = Me::of(&chosen, &me, info.as_ref());
        Ok(Report::new(me.text(), &me))
    }
}

/// The answer, or why there is none. A session that the gateway does not know any more is one to log in again for.
pub fn success(answer: Answer, chosen: &Chosen) -> Result<Answer, Failure> {
    if answer.status.is_success() {
        return Ok(answer);
    }
    if answer.text("code") == "unauthenticated" {
        if chosen.is_of_environment() {
            let url = &chosen.url;
            return Err(Failure::Refused(format!("{TOKEN} is refused by {url}; set a good one or unset it")));
        }
        let (label, name) = (chosen.label(), chosen.name.as_deref().unwrap_or("NAME"));
        let again = format!("run `rack-gateway login {name} {}`", chosen.url);
        return Err(Failure::Refused(format!("{label} does not take the login any more; {again}")));
    }
    Err(answer.failure())
}

impl Me {
    fn of(chosen: &Chosen, me: &Answer, info: Option<&Answer>) -> Self {
        let (held, info) = (roles(me), info.map(|info| &info.body));
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let expires_at = info.and_then(|info| text(info.pointer("/session/expires_at")));
        Self {
            rack: chosen.name.clone(),
            url: chosen.url.clone(),
            email: me.text("email").to_owned(),
            name: me.text("name").to_owned(),
            token: text(me.body.get("token")),
            roles: held,
            mfa: info.map(Mfa::of),
            expires_at,
        }
    }

    fn text(&self) -> String {
        let mut lines = vec![
            format!("Rack:     {}", self.rack.as_deref().unwrap_or("(from environment)")),
            format!("Gateway:  {}", self.url),
            format!("User:     {}{}", self.email, in_parentheses(&self.name)),
        ];
        lines.extend(self.token.as_ref().map(|token| format!("Token:    {token}")));
        let roles: Vec<_> =
            self.roles.iter().map(|held| format!("{} on {}", held.role, held.target)).collect();
        lines.push(format!(
            "Roles:    {}",
            if roles.is_empty() { "none".to_owned() } else { roles.join(", ") }
        ));
        lines.extend(self.mfa.as_ref().map(|mfa| format!("MFA:      {}", mfa.text())));
        lines.extend(self.expires_at.as_ref().map(|at| format!("Expires:  {at}")));
        lines.join("\n")
    }
}

fn in_parentheses(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!(" ({name})") }
}

/// What the caller holds: a token its own, a person theirs.
fn roles(me: &Answer) -> Vec<Role> {
    let held = me.body.get("grants").and_then(Value::as_array).into_iter().flatten();
    let text =
        |grant: &Value, key: &str| grant.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    held.map(|grant| Role { role: text(grant, "role"), target: text(grant, "target") }).collect()
}

impl Mfa {
    fn of(info: &Value) -> Self {
        let user = |key: &str| info.get("user").and_then(|user| user.get(key));
        let yes = |key: &str| user(key).and_then(Value::as_bool).unwrap_or_default();
        Self {
            enrolled: yes("mfa_enrolled"),
            required: yes("mfa_required"),
            fresh_until: user("recent_step_up_expires_at").and_then(Value::as_str).map(str::to_owned),
        }
    }

    fn text(&self) -> String {
        match (self.enrolled, self.required, &self.fresh_until) {
            (true, _, Some(until)) => format!("enrolled, proved until {until}"),
            (true, _, None) => "enrolled".to_owned(),
            (false, true, _) => "required, and not enrolled yet".to_owned(),
            (false, false, _) => "not enrolled".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::store::Login, *};
    use crate::core::Secret;
    use ::http::StatusCode;
    use serde_json::json;

    #[test]
    fn a_refusal_names_what_can_be_mended() {
        let refusal = |login: Login| {
            let chosen = Chosen {
                name: Some("staging".to_owned()),
                url: "https://s.example".to_owned(),
                token: Some(Secret::new("rgw_x")),
                login,
            };
            let body = json!({ "code": "unauthenticated" });
            success(Answer { status: StatusCode::UNAUTHORIZED, body }, &chosen).unwrap_err().text()
        };
        assert_eq!(
            refusal(Login::default()),
            "error: RACK_GATEWAY_API_TOKEN is refused by https://s.example; set a good one or unset it\n"
        );
        let kept = Login { token: Secret::new("rgs_s"), ..Login::default() };
        assert!(refusal(kept).contains("run `rack-gateway login staging https://s.example`"));
    }
}
