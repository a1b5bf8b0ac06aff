//! Nobody takes what is another's, and nobody sees or does what no grant covers.

use super::{call, gateway, register, registered, show};
use serde_json::{Value, json};

#[tokio::test]
async fn an_instance_is_not_taken_over_by_its_id() {
    let gateway = gateway().await;
    let (ada, eve) = (gateway.token("deployer").await, gateway.token("deployer").await);
    let mine = registered(&gateway, &ada, "web", "http://10.0.0.1").await;
    let id = mine["id"].as_str().unwrap();
    let theft = json!({ "id": id, "slug": "other", "url": "http://10.6.6.6" });
    let (status, document) = register(&gateway, &eve, theft).await;
    assert_eq!((status.as_u16(), &document["code"]), (403, &"denied".into()), "{document}");
    let moved = json!({ "id": id, "url": "http://10.6.6.6" });
    assert_eq!(register(&gateway, &eve, moved).await.0, 403);
    let by_address = json!({ "slug": "web", "url": "http://10.0.0.1", "tags": ["eve"] });
    assert_eq!(register(&gateway, &eve, by_address).await.0, 403);
    for request in ["DELETE /registry-svc/instance/{id}", "PUT /registry-svc/instance/{id}/heartbeat"]
        .into_iter()
        .chain(["PUT /registry-svc/instance/{id}/drain", "DELETE /registry-svc/instance/{id}/drain"])
    {
        let request = request.replace("{id}", id);
        let body = if request.starts_with("PUT") { json!({}) } else { Value::Null };
        assert_eq!(call(&gateway, &eve, &request, body).await.0, 403, "{request}");
    }
    let (_, still) = show(&gateway, &ada, id).await;
    assert_eq!((&still["url"], &still["revision"]), (&mine["url"], &mine["revision"]));
    let denied = |record: &Value| {
        record["action"] == "instance.register"
            && record["rbac_decision"] == "deny"
            && record["resource"] == id
    };
    gateway.lines.wait_for(denied).await;
}

#[tokio::test]
async fn a_slug_is_not_squatted() {
    let gateway = gateway().await;
    let (ada, eve) = (gateway.token("deployer").await, gateway.token("deployer").await);
    let id = registered(&gateway, &ada, "web", "http://10.0.0.1").await["id"].as_str().unwrap().to_owned();
    let squat = json!({ "slug": "web", "url": "http://10.6.6.6" });
    let (status, document) = register(&gateway, &eve, squat.clone()).await;
    assert_eq!(status, 403, "{document}");
    assert!(document["error"].as_str().unwrap().contains("web belongs to somebody else"), "{document}");
    let own = registered(&gateway, &eve, "eves", "http://10.6.6.6").await;
    let renamed = json!({ "id": own["id"], "slug": "web" });
    assert_eq!(register(&gateway, &eve, renamed).await.0, 403, "nor by moving there");

    let gone = format!("DELETE /registry-svc/instance/{id}");
    assert_eq!(call(&gateway, &ada, &gone, Value::Null).await.0, 204);
    assert_eq!(register(&gateway, &eve, squat.clone()).await.0, 403, "not while it is down either");
    assert_eq!(call(&gateway, &eve, "DELETE /registry-svc/service/web", Value::Null).await.0, 403);
    assert_eq!(call(&gateway, &ada, "DELETE /registry-svc/service/web", Value::Null).await.0, 204);
    assert_eq!(register(&gateway, &eve, squat).await.0, 201, "what was given free is free");
    assert_eq!(call(&gateway, &eve, "DELETE /registry-svc/service/web", Value::Null).await.0, 409);
}

#[tokio::test]
async fn administrators_reach_everything() {
    let gateway = gateway().await;
    let (ada, admin) = (gateway.token("deployer").await, gateway.token("admin").await);
    let mine = registered(&gateway, &ada, "web", "http://10.0.0.1").await;
    let id = mine["id"].as_str().unwrap();
    let (status, document) = register(&gateway, &admin, json!({ "id": id, "weight": 3 })).await;
    assert_eq!((status.as_u16(), &document["instance"]["owner"]), (200, &mine["owner"]), "it stays hers");
    let second = json!({ "slug": "web", "url": "http://10.0.0.2" });
    assert_eq!(register(&gateway, &admin, second).await.0, 201, "under her name, too");
    assert_eq!(
        call(&gateway, &admin, &format!("DELETE /registry-svc/instance/{id}"), Value::Null).await.0,
        204
    );
}

#[tokio::test]
async fn who_may_see_may_not_touch() {
    let gateway = gateway().await;
    let deployer = gateway.token("deployer").await;
    let id =
        registered(&gateway, &deployer, "web", "http://10.0.0.1").await["id"].as_str().unwrap().to_owned();
    let viewer = gateway.token("viewer").await;
    assert_eq!(show(&gateway, &viewer, &id).await.0, 200);
    assert_eq!(call(&gateway, &viewer, "GET /registry-svc/nodes", Value::Null).await.0, 200);
    let body = json!({ "slug": "mine", "url": "http://10.0.0.9" });
    let (status, document) = register(&gateway, &viewer, body).await;
    assert_eq!(status, 403);
    assert!(document["error"].as_str().unwrap().contains("registry-svc:instance:edit"), "{document}");
    let cicd = gateway.token("cicd").await;
    assert_eq!(show(&gateway, &cicd, &id).await.0, 403);
    let nobody = gateway.own("rgw_none", "GET /registry-svc/instances").send().await.unwrap();
    assert_eq!(nobody.status(), 401);
}

#[tokio::test]
async fn a_grant_on_one_service_is_for_that_service() {
    let gateway = gateway().await;
    let admin = gateway.token("admin").await;
    registered(&gateway, &admin, "web", "http://10.0.0.1").await;
    let other = registered(&gateway, &admin, "billing", "http://10.0.0.2").await;
    let narrow = gateway.token_on("deployer", "service:reports").await;
    registered(&gateway, &narrow, "reports", "http://10.0.0.3").await;
    let elsewhere = json!({ "slug": "stats", "url": "http://10.0.0.4" });
    assert_eq!(register(&gateway, &narrow, elsewhere).await.0, 403);
    let (status, document) = call(&gateway, &narrow, "GET /registry-svc/instances", Value::Null).await;
    let slugs: Vec<_> =
        document["instances"].as_array().unwrap().iter().map(|one| one["slug"].clone()).collect();
    assert_eq!((status.as_u16(), slugs), (200, vec!["reports".into()]));
    assert_eq!(show(&gateway, &narrow, other["id"].as_str().unwrap()).await.0, 404, "not there for them");
    let (_, services) = call(&gateway, &narrow, "GET /registry-svc/services", Value::Null).await;
    assert_eq!(services["services"].as_array().unwrap().len(), 1);
    assert_eq!(call(&gateway, &narrow, "GET /registry-svc/nodes", Value::Null).await.0, 403);
}
