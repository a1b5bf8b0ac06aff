//! What the routes cannot say of themselves.

use super::{
    super::{
        access, auth, auth_cli, directory, grants, invitations, me, mfa, roles, session, settings, tokens,
        users, web_session::Onward,
    },
    bodies,
};
use crate::identity::RoleView;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// One endpoint.
#[derive(Debug)]
pub struct Doc {
    /// As in `GET /api/v1/users`.
    pub route: &'static str,
    pub summary: &'static str,
    pub query: &'static [(&'static str, &'static str)],
    pub body: Option<Shape>,
    pub answer: Option<Shape>,
    /// Of an answer that says yes.
    pub status: u16,
    /// Server-sent events instead of a document.
    pub is_stream: bool,
}

/// Puts a schema among the named ones and refers to it.
pub type Shape = fn(&mut Map<String, Value>) -> Value;

const fn doc(route: &'static str, summary: &'static str) -> Doc {
    Doc { route, summary, query: &[], body: None, answer: None, status: 200, is_stream: false }
}

impl Doc {
    const fn query(self, query: &'static [(&'static str, &'static str)]) -> Self {
        Self { query, ..self }
    }

    const fn takes<T: ToSchema>(self) -> Self {
        Self { body: Some(shape::<T>), ..self }
    }

    const fn gives<T: ToSchema>(self) -> Self {
        Self { answer: Some(shape::<T>), ..self }
    }

    const fn streams(self) -> Self {
        Self { is_stream: true, ..self }
    }

    const fn reads(self, body: Shape) -> Self {
        Self { body: Some(body), ..self }
    }

    const fn tells(self, answer: Shape) -> Self {
        Self { answer: Some(answer), ..self }
    }

    const fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }
}

pub fn shape<T: ToSchema>(schemas: &mut Map<String, Value>) -> Value {
    let mut found = vec![(T::name().into_owned(), T::schema())];
    T::schemas(&mut found);
    for (name, schema) in found {
        schemas.insert(name, serde_json::to_value(schema).unwrap_or_default());
    }
    json!({ "$ref": format!("#/components/schemas/{}", T::name()) })
}

const PAGE: (&str, &str) = ("limit", "1 to 1000 items, by default 100");
const CURSOR: (&str, &str) = ("cursor", "`next_cursor` of the page before");

pub static TABLE: &[Doc] = &[
    doc("GET /api/v1/audit-logs", "The audit log, newest first")
        .query(&[
            ("user", "e-mail address; `local:<account>` for administration commands"),
            ("action", "as recorded, for example `app.restart`"),
            ("resource", "as recorded, for example `web`"),
            ("status", "`pending`, `success`, `denied`, `failed` or `error`"),
            ("decision", "`allow` or `deny`"),
            ("event", "`intent` or `outcome`"),
            ("request_id", "both records of one request"),
            ("since", "RFC 3339; from this time"),
            ("until", "RFC 3339; before this time"),
            PAGE,
            CURSOR,
        ])
        .tells(bodies::audit_page),
    doc("GET /api/v1/me", "Who the caller is, and what they hold").gives::<me::Me>(),
    doc("GET /api/v1/info", "What the pages need: the person, the session, the racks, the CSRF token")
        .gives::<session::Info>(),
    doc("GET /api/v1/sessions", "One's own open sessions").gives::<session::Sessions>(),
    doc("DELETE /api/v1/sessions/{id}", "Ends one of one's own sessions").gives::<session::Ended>(),
    doc("POST /api/v1/sessions/revoke-others", "Ends all of one's own sessions but this one")
        .gives::<session::RevokedOthers>(),
    doc("POST /api/v1/auth/logout", "Ends this session of the command line").gives::<session::LoggedOut>(),
    doc("POST /api/v1/auth/web/logout", "Ends this session of the browser").gives::<Onward>(),
    doc("GET /api/v1/auth/mfa/status", "One's own second factors").gives::<mfa::MfaStatus>(),
    doc("POST /api/v1/auth/mfa/enroll/totp/start", "Begins to enrol an authenticator app")
        .takes::<mfa::TotpWish>()
        .gives::<mfa::StartedTotp>(),
    doc("POST /api/v1/auth/mfa/enroll/totp/confirm", "Enrols it, with a first code")
        .takes::<mfa::TotpConfirmation>()
        .gives::<mfa::Enrolled>(),
    doc("POST /api/v1/auth/mfa/enroll/webauthn/start", "Begins to enrol a passkey or security key")
        .gives::<mfa::Registration>(),
    doc("POST /api/v1/auth/mfa/enroll/webauthn/confirm", "Enrols it")
        .takes::<mfa::WebAuthnConfirmation>()
        .gives::<mfa::Enrolled>(),
    doc("POST /api/v1/auth/mfa/verify", "Proves a second factor by a code")
        .takes::<mfa::CodeProof>()
        .gives::<mfa::Verified>(),
    doc("POST /api/v1/auth/mfa/webauthn/assertion/start", "Begins to prove a passkey or security key")
        .gives::<mfa::AssertionChallenge>(),
    doc("POST /api/v1/auth/mfa/webauthn/assertion/verify", "Proves it")
        .takes::<mfa::AssertionProof>()
        .gives::<mfa::Verified>(),
    doc("PUT /api/v1/auth/mfa/preferred-method", "Which factor is asked for first")
        .takes::<mfa::PreferredMethod>()
        .gives::<mfa::Done>(),
    doc("PUT /api/v1/auth/mfa/methods/{id}", "Another name for a factor")
        .takes::<mfa::MethodName>()
        .gives::<mfa::Done>(),
    doc("DELETE /api/v1/auth/mfa/methods/{id}", "Removes a factor").gives::<mfa::Done>(),
    doc("POST /api/v1/auth/mfa/backup-codes/regenerate", "New backup codes; the old ones are void")
        .gives::<mfa::NewCodes>(),
    doc("DELETE /api/v1/auth/mfa/trusted-devices/{id}", "Trusts a device no more").gives::<mfa::Done>(),
    doc("POST /api/v1/auth/passkey/start", "Begins a login by passkey").gives::<mfa::KeyChallenge>(),
    doc("POST /api/v1/auth/passkey/finish", "Logs in by passkey")
        .takes::<mfa::PasskeyAnswer>()
        .gives::<Onward>(),
    doc("POST /api/v1/auth/cli/start", "Begins a login of a command line")
        .reads(bodies::start)
        .gives::<auth_cli::Started>(),
    doc("POST /api/v1/auth/cli/complete", "Asks whether that login is confirmed")
        .reads(bodies::complete)
        .gives::<auth_cli::LoggedIn>(),
    doc("POST /api/v1/auth/cli/loopback", "Begins a login that ends by a redirect to the command line")
        .reads(bodies::loopback)
        .gives::<auth_cli::LoopbackLogin>(),
    doc("POST /api/v1/auth/cli/token", "Changes the redirect's code into a session")
        .reads(bodies::code)
        .gives::<auth_cli::LoggedIn>(),
    doc("POST /api/v1/auth/device/code", "Begins a login by device code (RFC 8628)")
        .reads(bodies::device_code)
        .gives::<auth_cli::DeviceCode>(),
    doc("POST /api/v1/auth/device/token", "Asks whether that login is confirmed (RFC 8628)")
        .reads(bodies::device_token)
        .gives::<auth_cli::DeviceToken>(),
    doc("GET /api/v1/auth/cli/requests/{request}", "A login of a command line that waits to be confirmed")
        .gives::<auth_cli::CliLogin>(),
    doc("POST /api/v1/auth/cli/requests/{request}/approve", "Confirms it").gives::<auth_cli::Decision>(),
    doc("POST /api/v1/auth/cli/requests/{request}/deny", "Refuses it").gives::<auth_cli::Decision>(),
    doc("GET /api/v1/auth/providers", "How people may log in here").gives::<auth::Ways>(),
    doc("GET /api/v1/auth/web/login", "Sends the browser to a provider").status(302),
    doc("GET /api/v1/auth/web/callback", "Where the provider sends the browser back to").status(302),
    doc("GET /api/v1/auth/links/{secret}", "What a one-time link is for").gives::<auth::LinkView>(),
    doc(
        "POST /api/v1/auth/links/{secret}",
        "Uses a one-time link: the first administrator's, or an invitation",
    )
    .takes::<auth::LinkBody>()
    .gives::<Onward>(),
    doc("GET /api/v1/invitations", "Invitations").gives::<invitations::Invitations>(),
    doc("POST /api/v1/invitations", "Invites somebody by mail")
        .takes::<invitations::NewInvitation>()
        .gives::<invitations::Invited>()
        .status(201),
    doc("DELETE /api/v1/invitations/{id}", "Takes an invitation back").status(204),
    doc("GET /api/v1/racks", "The racks that the caller may read").tells(bodies::racks),
    doc("GET /api/v1/openapi.json", "This document").tells(bodies::anything),
    doc("GET /api/v1/users", "Users by e-mail address")
        .query(&[
            ("search", "part of the e-mail address or the name"),
            ("state", "`active` or `locked`"),
            ("role", "only who holds this role"),
            PAGE,
            CURSOR,
        ])
        .gives::<users::UserPage>(),
    doc("POST /api/v1/users", "Adds somebody, with the roles they begin with")
        .takes::<users::NewUserBody>()
        .gives::<users::UserView>()
        .status(201),
    doc("GET /api/v1/users/{email}", "One user").gives::<users::UserView>(),
    doc("PUT /api/v1/users/{email}", "Another name or e-mail address")
        .takes::<users::UserBody>()
        .gives::<users::UserView>(),
    doc("DELETE /api/v1/users/{email}", "Deletes a user with all that is theirs").status(204),
    doc("POST /api/v1/users/{email}/lock", "Ends their sessions, stops their tokens")
        .takes::<users::LockBody>()
        .gives::<users::UserView>(),
    doc("POST /api/v1/users/{email}/unlock", "Undoes a lock").gives::<users::UserView>(),
    doc("GET /api/v1/users/{email}/sessions", "Somebody's open sessions").gives::<users::SessionPage>(),
    doc("POST /api/v1/users/{email}/sessions/{id}/revoke", "Ends one session").gives::<users::Revoked>(),
    doc("POST /api/v1/users/{email}/sessions/revoke_all", "Ends all sessions of somebody")
        .gives::<users::RevokedCount>(),
    doc("POST /api/v1/users/{email}/mfa/reset", "Forgets somebody's second factors")
        .gives::<users::UserView>(),
    doc("GET /api/v1/roles", "Roles, built in and custom").gives::<roles::RolePage>(),
    doc("POST /api/v1/roles", "Adds a custom role")
        .takes::<roles::NewRoleBody>()
        .gives::<RoleView>()
        .status(201),
    doc("GET /api/v1/roles/{name}", "One role").gives::<RoleView>(),
    doc("PUT /api/v1/roles/{name}", "Changes a custom role for all who hold it")
        .takes::<roles::RoleBody>()
        .gives::<RoleView>(),
    doc("DELETE /api/v1/roles/{name}", "Removes a custom role").status(204),
    doc("GET /api/v1/permissions", "Everything that can be allowed").gives::<roles::PermissionPage>(),
    doc("GET /api/v1/grants", "Who holds which role on what")
        .query(&[
            ("user", "e-mail address of the holder"),
            ("token", "name of the token that holds it"),
            ("role", "name of the role"),
            ("target", "the target pattern as it was written"),
            PAGE,
            CURSOR,
        ])
        .gives::<grants::GrantPage>(),
    doc("POST /api/v1/grants", "Gives a role on a target")
        .takes::<grants::NewGrantBody>()
        .gives::<grants::GrantView>()
        .status(201),
    doc("DELETE /api/v1/grants/{id}", "Takes a grant away").status(204),
    doc("GET /api/v1/api-tokens", "One's own API tokens, or everybody's with `gateway:api_token:read`")
        .query(&[
            ("user", "e-mail address of the owner"),
            ("search", "part of the name"),
            ("state", "`active`, `expired`, `revoked` or `owner_locked`"),
            PAGE,
            CURSOR,
        ])
        .gives::<tokens::TokenPage>(),
    doc("POST /api/v1/api-tokens", "Makes an API token; its text is shown this once")
        .takes::<tokens::NewTokenBody>()
        .gives::<tokens::CreatedToken>()
        .status(201),
    doc("GET /api/v1/api-tokens/{id}", "One API token").gives::<tokens::TokenView>(),
    doc("PUT /api/v1/api-tokens/{id}", "Another name, end, or other grants")
        .takes::<tokens::TokenBody>()
        .gives::<tokens::TokenView>(),
    doc("DELETE /api/v1/api-tokens/{id}", "Revokes an API token for good").status(204),
    doc("GET /api/v1/settings", "Settings that may be changed while the gateway runs")
        .gives::<settings::SettingPage>(),
    doc("PUT /api/v1/settings/{key}", "Changes a setting on every replica")
        .takes::<settings::SettingBody>()
        .gives::<settings::SettingView>(),
    doc("DELETE /api/v1/settings/{key}", "Back to what the configuration says")
        .gives::<settings::SettingView>(),
    doc("GET /api/v1/access/explain", "Why somebody may do something, or what is missing")
        .query(&[
            ("permission", "for example `convox:app:restart`; required"),
            ("target", "`gateway`, `staging`, `staging/web`, `repo:team/app` or `service:billing`; required"),
            ("user", "e-mail address of somebody else, with `gateway:grant:read`"),
            ("token", "name or id of a token"),
        ])
        .gives::<access::ExplainView>(),
    doc(
        "PUT /registry-svc/instance",
        "Registers an instance of a service, or changes one; counts as a heartbeat",
    )
    .takes::<directory::RegisterBody>()
    .gives::<directory::InstanceDocument>(),
    doc("GET /registry-svc/instance/{id}", "One instance; its `ETag` is its revision")
        .gives::<directory::InstanceDocument>(),
    doc("GET /registry-svc/instances", "Instances that one may see, by id")
        .query(&[
            ("slug", "the service"),
            ("id", "of the instance"),
            ("status", "`Unknown`, `Healthy`, `Degraded`, `Unreachable` or `Error`"),
            ("tag", "one of its tags"),
            ("scheme", "`http` or `https`"),
            ("host", "name or address"),
            ("ip", "address"),
            ("port", "number"),
            ("path", "with or without the first slash"),
            ("nodeUrl", "as registered"),
            ("deploymentId", "as registered"),
            ("owner", "e-mail address"),
            ("draining", "`true` or `false`"),
            ("index", "answer only when something after this event fits"),
            ("wait", "seconds that `index` waits for at most, 30 unless given, up to 300"),
            ("limit", "1 to 1000 instances, by default 1000"),
            ("cursor", "`nextCursor` of the page before"),
        ])
        .gives::<directory::InstancePage>(),
    doc("DELETE /registry-svc/instance/{id}", "Removes an instance").status(204),
    doc("PUT /registry-svc/instance/{id}/heartbeat", "The instance lives; 404 tells it to register again")
        .takes::<directory::HeartbeatBody>()
        .gives::<directory::HeartbeatView>(),
    doc("PUT /registry-svc/instance/{id}/drain", "Takes an instance out of service for a reason")
        .takes::<directory::DrainBody>()
        .gives::<directory::InstanceDocument>(),
    doc("DELETE /registry-svc/instance/{id}/drain", "Puts an instance back into service")
        .gives::<directory::InstanceDocument>(),
    doc(
        "GET /registry-svc/watch",
        "Server-sent events: `registered`, `updated`, `status`, `expired`, `removed`",
    )
    .query(&[
        ("index", "go on after this event; the header `Last-Event-ID` says the same"),
        ("slug", "only of this service; the other filters of the list work, too"),
        (
            "nodes",
            "`true` tells of nodes, too: `node-registered`, `node-updated`, `node-status`, `node-removed`",
        ),
    ])
    .streams(),
    doc("GET /registry-svc/services", "Names of services, whose they are, and how many instances live")
        .query(&[PAGE, CURSOR])
        .gives::<directory::ServicePage>(),
    doc("DELETE /registry-svc/service/{slug}", "Gives the name of a service free").status(204),
    doc("GET /registry-svc/nodes", "Machines: replicas of the gateway, and those that registered themselves")
        .gives::<directory::NodePage>(),
    doc("POST /registry-svc/nodes", "The same, or only some of them")
        .takes::<directory::NodesBody>()
        .gives::<directory::NodePage>(),
    doc("GET /registry-svc/node/self", "The replica that answers, measured now")
        .gives::<directory::NodeDocument>(),
    doc("PUT /registry-svc/node", "A machine registers itself, or says that it lives")
        .takes::<directory::NodeBody>()
        .gives::<directory::NodeDocument>(),
    doc("DELETE /registry-svc/node/{url}", "Forgets a machine; the URL is percent-encoded").status(204),
];

/// The routes that the table knows, as in `GET /api/v1/users`.
pub fn documented() -> Vec<&'static str> {
    TABLE.iter().map(|doc| doc.route).collect()
}

pub fn find(route: &str) -> Option<&'static Doc> {
    TABLE.iter().find(|doc| doc.route == route)
}
