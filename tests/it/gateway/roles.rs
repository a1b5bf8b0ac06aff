//! Who may do what: the whole catalogue against every role, by real requests.

use crate::support::{exchange::Wire, gateway::TestGateway};
use rack_gateway::gateway::classify::convox::{Route, Verb, routes};
use std::{collections::BTreeMap, time::Duration};

/// Letters stand for viewer, ops, deployer, cicd, admin. A route without a row fails, and so does a row without a
/// route: whoever adds one decides here, in plain sight, who may use it.
const WHO_MAY: &str = "
vodca GET     /apps
----a POST    /apps
vodca GET     /apps/{app}
--d-a PUT     /apps/{app}
----a DELETE  /apps/{app}
--d-a POST    /apps/{app}/cancel
-od-a POST    /apps/{app}/restart
vodca GET     /apps/{app}/diagnose
vodca SOCKET  /apps/{app}/logs
vod-a GET     /apps/{app}/metrics
vod-a GET     /apps/{app}/metrics-by-service
-od-a GET     /apps/{app}/manifest/services/{service}
vodca GET     /apps/{app}/balancers
----a PUT     /apps/{app}/ssl/{service}/{port}
vod-a GET     /apps/{app}/budget
----a POST    /apps/{app}/budget
----a DELETE  /apps/{app}/budget
----a POST    /apps/{app}/budget/reset
vod-a GET     /apps/{app}/budget/shutdown-state
----a POST    /apps/{app}/budget/simulate-shutdown
----a POST    /apps/{app}/budget/dismiss-recovery
vod-a GET     /apps/{app}/cost
----a GET     /apps/{app}/configs
----a GET     /apps/{app}/configs/{name}
----a PUT     /apps/{app}/configs/{name}
----a GET     /apps/{app}/objects
----a GET     /apps/{app}/objects/{key:*}
----a HEAD    /apps/{app}/objects/{key:*}
--dca POST    /apps/{app}/objects/{key:*}
----a DELETE  /apps/{app}/objects/{key:*}
vodca GET     /apps/{app}/builds
--dca POST    /apps/{app}/builds
vodca GET     /apps/{app}/builds/{id}.tgz
vodca GET     /apps/{app}/builds/{id}
--dca PUT     /apps/{app}/builds/{id}
--dca POST    /apps/{app}/builds/import
--dca POST    /apps/{app}/builds/{id}/cancel
--dca POST    /apps/{app}/builds/{id}/image
vodca SOCKET  /apps/{app}/builds/{id}/logs
vodca GET     /apps/{app}/processes
vodca GET     /apps/{app}/processes/{pid}
-od-a DELETE  /apps/{app}/processes/{pid}
-od-a POST    /apps/{app}/services/{service}/processes
-od-a SOCKET  /apps/{app}/processes/{pid}/exec
vodca SOCKET  /apps/{app}/processes/{pid}/logs
-od-a GET     /apps/{app}/processes/{pid}/files
-od-a POST    /apps/{app}/processes/{pid}/files
----a DELETE  /apps/{app}/processes/{pid}/files
-odca GET     /apps/{app}/releases
--dca POST    /apps/{app}/releases
--dca GET     /apps/{app}/releases/{id}
--dca POST    /apps/{app}/releases/{id}/promote
--d-a GET     /apps/{app}/resources
--d-a GET     /apps/{app}/resources/{name}
----a GET     /apps/{app}/resources/{name}/data
----a PUT     /apps/{app}/resources/{name}/data
----a SOCKET  /apps/{app}/resources/{name}/console
--d-a GET     /resources
--d-a OPTIONS /resources
----a POST    /resources
--d-a GET     /resources/{name}
----a PUT     /resources/{name}
----a DELETE  /resources/{name}
----a POST    /resources/{name}/links
----a DELETE  /resources/{name}/links/{app}
vodca GET     /apps/{app}/services
--d-a PUT     /apps/{app}/services/{service}
-od-a POST    /apps/{app}/services/{service}/restart
vodca SOCKET  /apps/{app}/services/{service}/logs
vod-a GET     /apps/{app}/services/{service}/metrics
--d-a POST    /apps/{app}/services/{service}/scale-override
--d-a POST    /apps/{app}/services/{service}/triggers/enable
--d-a POST    /apps/{app}/services/{service}/triggers/disable
--d-a POST    /apps/{app}/services/{service}/triggers/threshold
vodca GET     /auth
vodca GET     /system
----a PUT     /system
vodca GET     /system/capacity
vod-a GET     /system/metrics
vodca GET     /system/processes
vodca GET     /system/releases
vodca SOCKET  /system/logs
----a PUT     /system/jwt/rotate
----a POST    /system/jwt/token
----a POST    /system/karpenter/cleanup
----a POST    /events
vodca GET     /instances
----a POST    /instances/keyroll
vodca GET     /instances/{id}
----a DELETE  /instances/{id}
----a SOCKET  /instances/{id}/shell
----a SOCKET  /proxy/{host}/{port}
----a GET     /registries
----a POST    /registries
----a DELETE  /registries/{server:*}
--d-a GET     /certificates
----a POST    /certificates
----a POST    /certificates/generate
----a POST    /certificates/{id}/renew
----a DELETE  /certificates/{id}
--d-a GET     /letsencrypt/config
----a PUT     /letsencrypt/config
----a GET     /v2/{path:*}
----a HEAD    /v2/{path:*}
----a POST    /v2/{path:*}
----a PUT     /v2/{path:*}
----a PATCH   /v2/{path:*}
----a DELETE  /v2/{path:*}
----a GET     /custom/http/proxy/{path:*}
----a HEAD    /custom/http/proxy/{path:*}
----a POST    /custom/http/proxy/{path:*}
----a PUT     /custom/http/proxy/{path:*}
----a PATCH   /custom/http/proxy/{path:*}
----a DELETE  /custom/http/proxy/{path:*}
";

const CALLERS: [(char, &str); 5] =
    [('v', "viewer"), ('o', "ops"), ('d', "deployer"), ('c', "cicd"), ('a', "admin")];

#[tokio::test]
async fn every_route_admits_the_roles_in_its_row_and_nobody_else() {
    let gateway = TestGateway::with([("RATE_LIMIT_PER_MINUTE", "1000000")]).await;
    let mut tokens = Vec::new();
    for (letter, role) in CALLERS {
        tokens.push((letter, gateway.token(role).await));
    }
    let mut rows = rows();
    for route in routes() {
        let name = name_of(route);
        let who = rows.remove(&name).unwrap_or_else(|| panic!("{name} has no row"));
        assert!(who.contains('a'), "{name}: nobody may use it");
        let request = Request::of(route);
        for (letter, token) in &tokens {
            let expected = if who.contains(*letter) { Outcome::Forwarded } else { Outcome::Forbidden };
            assert_eq!(request.outcome(&gateway, Some(token)).await, expected, "{name} as {letter}");
        }
        assert_eq!(request.outcome(&gateway, None).await, Outcome::Unauthenticated, "{name} without a token");
    }
    assert!(rows.is_empty(), "no such routes: {rows:?}");
}

/// Who may use a route, by its name.
fn rows() -> BTreeMap<String, &'static str> {
    let rows = WHO_MAY.trim().lines().map(|line| {
        let mut words = line.split_whitespace();
        let (who, verb, template) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
        (format!("{verb} {template}"), who)
    });
    let count = WHO_MAY.trim().lines().count();
    let rows: BTreeMap<_, _> = rows.collect();
    assert_eq!(rows.len(), count, "a route has two rows");
    rows
}

fn name_of(route: &Route) -> String {
    let verb = if route.verb == Verb::Socket { "SOCKET" } else { route.verb.as_str() };
    format!("{verb} {}", route.template)
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// The rack saw it.
    Forwarded,
    Forbidden,
    Unauthenticated,
}

struct Request {
    is_socket: bool,
    method: &'static str,
    path: String,
}

impl Request {
    fn of(route: &Route) -> Self {
        let (is_socket, method) = (route.verb == Verb::Socket, route.verb.as_str());
        Self { is_socket, method, path: filled(route.template) }
    }

    async fn outcome(&self, gateway: &TestGateway, token: Option<&str>) -> Outcome {
        let before = gateway.rack.requests().len();
        let (status, said) = match self.is_socket {
            true => self.open(gateway, token).await,
            false => self.send(gateway, token).await,
        };
        let seen = gateway.rack.requests();
        if seen.len() > before {
            let last = seen.last().unwrap();
            assert_eq!((last.method.as_str(), last.target.as_str()), (self.method, self.path.as_str()));
            return Outcome::Forwarded;
        }
        // Commands are refused on the stream, where the stock client shows the reason and exits 1.
        let is_command = self.is_socket && (self.path.ends_with("/exec") || self.path.ends_with("/shell"));
        if is_command {
            assert_eq!(status, 101, "{said}");
            assert!(said.contains("F1E49A85-0AD7-4AEF-A618-C249C6E6568D:1\n"), "{said}");
            assert!(said.contains("ERROR: "), "{said}");
        }
        if said.contains("authentication failed") || status == 401 {
            assert!(is_command || status == 401);
            return Outcome::Unauthenticated;
        }
        assert!(is_command || status == 403, "{} {}: {status} {said}", self.method, self.path);
        assert!(self.method == "HEAD" || said.contains("the permission convox:"), "{said}");
        Outcome::Forbidden
    }

    async fn send(&self, gateway: &TestGateway, token: Option<&str>) -> (u16, String) {
        let request = format!("{} {}", self.method, self.path);
        let call = match token {
            Some(token) => gateway.call(token, &request),
            None => gateway.anonymous(&request),
        };
        let answer = call.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn open(&self, gateway: &TestGateway, token: Option<&str>) -> (u16, String) {
        let credential = token.map_or_else(String::new, |token| format!("Authorization: Bearer {token}\r\n"));
        let request = format!(
            "GET /api/v1/rack-proxy{} HTTP/1.1\r\nHost: gateway\r\n{credential}Connection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            self.path
        );
        let mut wire = Wire::open(gateway.address()).await;
        wire.send(request.as_bytes()).await;
        let answer = wire.answer().await.unwrap();
        if answer.status == 101 {
            return (101, wire.rest(Duration::from_millis(100)).await);
        }
        (answer.status, answer.text())
    }
}

/// The template with things in it that the demo rack has.
fn filled(template: &str) -> String {
    let mut parent = "";
    let mut path = String::new();
    for piece in template.split('/').skip(1) {
        path.push('/');
        match piece.split_once('}') {
            None => path.push_str(piece),
            Some((capture, suffix)) => {
                path.push_str(match (parent, capture) {
                    (_, "{app") => "web",
                    (_, "{service") => "web",
                    (_, "{pid") => "web-6f9d-abcde",
                    ("builds", "{id") => "B000000001",
                    ("releases", "{id") => "R000000001",
                    ("instances", "{id") => "node-a",
                    ("certificates", "{id") => "cert-demo",
                    ("resources", "{name") => "cache",
                    ("configs", "{name") => "settings",
                    ("proxy", "{host") => "database",
                    (_, "{port") => "443",
                    (_, "{key:*") => "tmp/a.tgz",
                    (_, "{server:*") => "https://index.docker.io/v1/",
                    (_, "{path:*") => "web/blobs/uploads/",
                    other => panic!("fill in {other:?} of {template}"),
                });
                path.push_str(suffix);
            }
        }
        parent = piece;
    }
    path
}
