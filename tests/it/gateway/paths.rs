//! Paths that a careless proxy would tidy up, and the ones that lead nowhere.

use crate::support::{
    exchange::{Answer, exchange},
    gateway::TestGateway,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// `request` is as in `GET /apps`, below the default rack's prefix and not touched by any URL library.
async fn raw(gateway: &TestGateway, token: &str, request: &str) -> Answer {
    let (method, path) = request.split_once(' ').unwrap();
    let credential = STANDARD.encode(format!("convox:{token}"));
    let head = format!(
        "{method} /api/v1/rack-proxy{path} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Basic {credential}\r\n\
         Connection: close\r\n\r\n"
    );
    exchange(gateway.address(), head.as_bytes()).await
}

fn last_target(gateway: &TestGateway) -> String {
    gateway.rack.requests().last().unwrap().target.clone()
}

#[tokio::test]
async fn slashes_and_question_marks_arrive_as_they_were_sent() {
    let gateway = TestGateway::start().await;
    let admin = gateway.token("admin").await;
    for request in [
        "DELETE /registries/https://index.docker.io/v1/?",
        "DELETE /registries/https://index.docker.io/v1/",
        "POST /apps/web/objects/",
        "POST /apps/web/objects/a//b/",
        "GET /apps?",
        "GET /apps",
        "GET /apps/web/releases?limit=1",
        "OPTIONS /resources?",
    ] {
        let answer = raw(&gateway, &admin, request).await;
        assert!(answer.status < 500 && answer.status != 400, "{request}: {answer:?}");
        assert_eq!(last_target(&gateway), request.split_once(' ').unwrap().1, "{request}");
    }
    assert_eq!(gateway.rack.requests().len(), 8);
}

#[tokio::test]
async fn one_spelling_leaves_for_many_that_come() {
    let gateway = TestGateway::start().await;
    let admin = gateway.token("admin").await;
    for (request, sent) in [
        ("GET /%61pps", "/apps"),
        ("GET /apps/%77eb?", "/apps/web?"),
        ("GET /apps/web/releases?%6cimit=%31", "/apps/web/releases?limit=1"),
        ("GET /apps/web/releases?&&limit=1&", "/apps/web/releases?limit=1"),
        ("GET /apps/a;b", "/apps/a%3Bb"),
        ("GET /apps/web/processes?service=a;b", "/apps/web/processes?service=a%3Bb"),
    ] {
        raw(&gateway, &admin, request).await;
        assert_eq!(last_target(&gateway), sent, "{request}");
    }
}

#[tokio::test]
async fn options_and_head_are_calls_like_others() {
    let gateway = TestGateway::start().await;
    let admin = gateway.token("admin").await;
    let kinds = gateway.call(&admin, "OPTIONS /resources").send().await.unwrap();
    assert_eq!(kinds.status(), 200);
    assert!(kinds.json::<serde_json::Value>().await.unwrap().is_array());
    let exists = gateway.call(&admin, "HEAD /apps/web/objects/a").send().await.unwrap();
    assert_eq!(exists.status(), 200);
    assert_eq!(gateway.rack.requests().last().unwrap().method, "HEAD");
    let viewer = gateway.token("viewer").await;
    for request in ["OPTIONS /resources", "HEAD /apps/web/objects/a"] {
        assert_eq!(gateway.call(&viewer, request).send().await.unwrap().status(), 403, "{request}");
    }
}

/// The stock client asks these before each websocket, and takes any answer but wants it fast.
#[tokio::test]
async fn preflights_are_answered_here_and_not_recorded() {
    let gateway = TestGateway::start().await;
    let viewer = gateway.token("viewer").await;
    for path in ["/machines?", "/machines", "/racks?", "/racks"] {
        let get = format!("GET {path}");
        for call in [gateway.call(&viewer, &get), gateway.anonymous(&get)] {
            let answer = call.send().await.unwrap();
            assert_eq!(answer.status(), 404, "{path}");
            assert_eq!(answer.bytes().await.unwrap().len(), 0, "{path}");
        }
    }
    assert_eq!(gateway.call(&viewer, "POST /machines").send().await.unwrap().status(), 404);
    let posted = gateway.lines.wait_for(|record| record["method"] == "POST").await;
    assert_eq!(posted["http_status"], 404);
    let recorded = gateway.lines.records().into_iter().filter(|record| record["action"] != "user.whoami");
    assert_eq!(recorded.collect::<Vec<_>>(), [posted]);
    assert_eq!(gateway.rack.requests(), []);
}

#[tokio::test]
async fn racks_are_reached_by_name() {
    let gateway = TestGateway::start().await;
    let viewer = gateway.token("viewer").await;
    let get = async |path: &str| {
        let answer = gateway.own(&viewer, &format!("GET {path}")).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(get("/api/v1/racks/demo/proxy/apps").await.0, 200);
    assert_eq!(last_target(&gateway), "/apps");
    assert_eq!(
        get("/api/v1/racks/nope/proxy/apps").await,
        (404, "there is no rack named \"nope\" here\n".into())
    );
    assert_eq!(get("/api/v1/racks/d%65mo/proxy/apps").await.0, 404);
    assert_eq!(gateway.rack.requests().len(), 1);
}

#[tokio::test]
async fn an_unknown_route_looks_like_a_racks_and_is_recorded_as_denied() {
    let gateway = TestGateway::start().await;
    let admin = gateway.token("admin").await;
    for request in ["GET /nope", "GET /", "PATCH /apps", "PROPFIND /apps", "GET //apps", "GET /apps/"] {
        let answer = raw(&gateway, &admin, request).await;
        assert_eq!((answer.status, answer.text().as_str()), (404, ""), "{request}");
    }
    assert_eq!(raw(&gateway, &admin, "GET ").await.status, 404, "the prefix alone");
    assert_eq!(gateway.rack.requests(), []);
    let record = gateway.lines.wait_for(|record| record["method"] == "PROPFIND").await;
    assert_eq!(record["rbac_decision"], "deny");
    assert_eq!(record["reason"], "no catalogue lists this route");
    assert!(record["user_email"].as_str().unwrap().starts_with("admin-"), "{record}");
}
