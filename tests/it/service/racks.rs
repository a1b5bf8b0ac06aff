//! A rack that registers itself, and moves.

use super::register;
use crate::support::gateway::TestGateway;

#[tokio::test]
async fn a_rack_named_by_slug_is_found_where_it_is_now() {
    let gateway =
        TestGateway::with([("DIRECTORY_ALLOW_CIDRS", "127.0.0.0/8"), ("RACK_HOST", "svc://rack-staging")])
            .await;
    let admin = gateway.token("admin").await;
    let away = gateway.call(&admin, "GET /apps").send().await.unwrap();
    assert_eq!(away.status().as_u16(), 502);
    assert!(away.text().await.unwrap().contains("the rack cannot be reached"));
    let at = gateway.rack.url().trim_start_matches("http://").trim_end_matches('/').parse().unwrap();
    register(&gateway, &admin, "rack-staging", at).await;
    let apps = gateway.call(&admin, "GET /apps").send().await.unwrap();
    assert_eq!(apps.status().as_u16(), 200);
    assert!(apps.text().await.unwrap().contains("web"));
}
