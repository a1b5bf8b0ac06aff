//! Why somebody may do something.

use super::get;
use crate::support::gateway::TestGateway;

#[tokio::test]
async fn oneself_for_everybody_and_others_for_those_who_may_read_grants() {
    let gateway = TestGateway::start().await;
    let (admin, ops) = (gateway.token("admin").await, gateway.person("ops").await);
    let explain = async |token: &str, query: &str| {
        get(&gateway, token, &format!("/api/v1/access/explain?{query}")).await
    };
    let restart = "permission=convox:app:restart&target=demo/web";
    let (status, yes) = explain(&ops.token, restart).await;
    assert_eq!((status, &yes["allowed"], &yes["grant"]["role"]), (200, &true.into(), &"ops".into()), "{yes}");
    assert_eq!(yes["because"], "the role ops on * gives convox:app:restart on demo/web");
    let (_, no) = explain(&ops.token, "permission=convox:app:delete&target=demo/web").await;
    assert_eq!(
        (&no["allowed"], &no["missing"], &no["grant"].is_null()),
        (&false.into(), &"grant".into(), &true)
    );

    let of_ops = format!("{restart}&user={}", ops.email);
    assert_eq!(explain(&admin, &of_ops).await.1["mfa"], "step_up", "a person needs proof");
    assert_eq!(explain(&ops.token, &of_ops).await.0, 403, "a token is not its owner");
    let of_token = format!("{restart}&token={}", ops.token_id);
    assert_eq!(explain(&admin, &of_token).await.1["allowed"], true);
    gateway.db.set_user_lock(&ops.email, Some((gateway.clock.now(), ""))).await.unwrap();
    assert_eq!(explain(&admin, &of_token).await.1["missing"], "locked");

    for (query, field) in [
        ("permission=convox:app:fly&target=demo", "permission"),
        ("target=demo", "permission"),
        ("permission=convox:app:list", "target"),
        ("permission=convox:app:list&target=demo/*", "target"),
        ("permission=convox:app:list&target=demo&who=x", "who"),
    ] {
        let (status, document) = explain(&admin, query).await;
        assert_eq!((status, &document["field"]), (400, &field.into()), "{query}: {document}");
    }
}
