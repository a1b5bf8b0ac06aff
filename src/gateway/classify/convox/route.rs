//! One row of the catalogue, and the words that rows are written in.

use crate::policy::Permission;
use http::Method;
use std::fmt;

/// How a route is called. `Socket` is a GET that asks for a WebSocket; to a rack that is another route than the
/// plain GET of the same path.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Verb {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
    Options,
    Socket,
}

impl Verb {
    pub fn of(method: &Method) -> Option<Self> {
        Some(match method.as_str() {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "PATCH" => Self::Patch,
            "DELETE" => Self::Delete,
            "OPTIONS" => Self::Options,
            _ => return None,
        })
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get | Self::Socket => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
        }
    }

    const fn ignores_body(self) -> bool {
        matches!(self, Self::Get | Self::Head | Self::Options | Self::Socket)
    }
}

/// Names of query parameters that a route takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Query {
    Named(&'static [&'static str]),
    /// The route passes requests on to something else, whose parameters are its own.
    Any,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Body {
    /// Nothing. What a GET carries all the same is dropped, for a rack ignores it; other verbs are refused.
    None,
    /// These fields, url-encoded. See [`check_form`](super::check_form).
    Form(&'static [&'static str]),
    /// Bytes of any length that stream through.
    Raw,
    /// A JSON document that streams through.
    Json,
    /// Whatever the thing behind the rack takes, forms included.
    Opaque,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reply {
    /// A short document, or `ok`.
    Plain,
    /// Bytes of any length.
    Stream,
    /// One release, whose `env` is masked on the way back.
    Release,
    /// A list of releases, masked likewise.
    Releases,
    Socket(StreamKind),
}

impl Reply {
    pub const fn is_masked(self) -> bool {
        matches!(self, Self::Release | Self::Releases)
    }
}

/// What runs over a WebSocket. `Exec` and `Shell` end with an exit-code marker, the others do not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StreamKind {
    Exec,
    Shell,
    Console,
    Logs,
    /// Raw bytes of a TCP connection.
    Proxy,
}

/// A route of the rack API: what it demands, and every parameter that it takes, each with its place.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    pub verb: Verb,
    /// As in `/apps/{app}/builds/{id}.tgz`. `{x}` stands for one segment that is not empty; `{x:*}` at the end
    /// for the rest, which may be empty and have slashes. Also the route's name in metrics.
    pub template: &'static str,
    /// All are needed: on the app below `/apps/{app}`, elsewhere on the rack.
    pub needs: &'static [Permission],
    /// `app.restart`: what the record calls it.
    pub action: &'static str,
    pub query: Query,
    pub headers: &'static [&'static str],
    pub body: Body,
    pub reply: Reply,
    /// Which capture names the thing acted on; without one, the last.
    pub(super) subject: Option<&'static str>,
}

impl Route {
    const fn new(
        verb: Verb,
        template: &'static str,
        action: &'static str,
        needs: &'static [Permission],
    ) -> Self {
        let (query, body, reply) = (Query::Named(&[]), Body::None, Reply::Plain);
        Self { verb, template, needs, action, query, headers: &[], body, reply, subject: None }
    }

    /// `app`, of `app.restart`.
    pub fn resource_type(&self) -> &'static str {
        self.action.split('.').next().unwrap_or_default()
    }

    /// True when a body that comes without being asked for is dropped instead of refused.
    pub const fn drops_body(&self) -> bool {
        matches!(self.body, Body::None) && self.verb.ignores_body()
    }

    pub(super) fn is_on_app(&self) -> bool {
        self.template == "/apps/{app}" || self.template.starts_with("/apps/{app}/")
    }

    /// Where the route takes the parameter, if it does. `name` as in a query or a form: case counts, but for
    /// headers.
    pub(super) fn place_of(&self, name: &str) -> Option<super::Place> {
        let in_form = matches!(self.body, Body::Form(fields) if fields.contains(&name));
        let in_query = matches!(self.query, Query::Named(names) if names.contains(&name));
        if in_form {
            Some(super::Place::Form)
        } else if in_query {
            Some(super::Place::Query)
        } else if self.takes_header(name) {
            Some(super::Place::Header)
        } else {
            None
        }
    }

    pub(super) fn takes_header(&self, name: &str) -> bool {
        self.headers.iter().any(|header| header.eq_ignore_ascii_case(name))
    }

    /// Every parameter's name, wherever it stands.
    pub(super) fn parameters(&self) -> impl Iterator<Item = &'static str> {
        let fields: &[&str] = if let Body::Form(fields) = self.body { fields } else { &[] };
        let queried: &[&str] = if let Query::Named(names) = self.query { names } else { &[] };
        fields.iter().chain(queried).chain(self.headers).copied()
    }

    pub(super) const fn query(mut self, names: &'static [&'static str]) -> Self {
        self.query = Query::Named(names);
        self
    }

    pub(super) const fn form(mut self, fields: &'static [&'static str]) -> Self {
        self.body = Body::Form(fields);
        self
    }

    pub(super) const fn headers(mut self, names: &'static [&'static str]) -> Self {
        self.headers = names;
        self
    }

    pub(super) const fn raw(mut self) -> Self {
        self.body = Body::Raw;
        self
    }

    pub(super) const fn json(mut self) -> Self {
        self.body = Body::Json;
        self
    }

    pub(super) const fn replies(mut self, reply: Reply) -> Self {
        self.reply = reply;
        self
    }

    pub(super) const fn about(mut self, capture: &'static str) -> Self {
        self.subject = Some(capture);
        self
    }

    const fn by(mut self, verb: Verb) -> Self {
        self.verb = verb;
        self
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb.as_str(), self.template)
    }
}

macro_rules! verbs {
    ($($function:ident $verb:ident)*) => {$(
        pub(super) const fn $function(
            template: &'static str,
            action: &'static str,
            needs: &'static [Permission],
        ) -> Route {
            Route::new(Verb::$verb, template, action, needs)
        }
    )*};
}

verbs! { get Get head Head post Post put Put delete Delete options Options }

pub(super) const fn socket(
    template: &'static str,
    action: &'static str,
    needs: &'static [Permission],
    kind: StreamKind,
) -> Route {
    Route::new(Verb::Socket, template, action, needs).replies(Reply::Socket(kind))
}

/// A path below which everything, by every verb, is passed on to something behind the rack.
pub(super) const fn passage(
    template: &'static str,
    action: &'static str,
    needs: &'static [Permission],
    headers: &'static [&'static str],
) -> [Route; 6] {
    let mut route = Route::new(Verb::Get, template, action, needs).headers(headers).replies(Reply::Stream);
    route.query = Query::Any;
    route.body = Body::Opaque;
    [
        route.by(Verb::Get),
        route.by(Verb::Head),
        route.by(Verb::Post),
        route.by(Verb::Put),
        route.by(Verb::Patch),
        route.by(Verb::Delete),
    ]
}
