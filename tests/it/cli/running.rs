//! What the commands change, a running gateway notices.

use super::{Machine, database::machine_of};
use crate::support::{
    database::{TestDb, each},
    gateway::TestGateway,
    wire::SOON,
};
use std::time::{Duration, Instant};

/// Asks as the bearer of `token` until the answer is `status`.
async fn answered(gateway: &TestGateway, token: &str, status: u16) {
    let client = reqwest::Client::new();
    let started = Instant::now();
    loop {
        let answer = client.get(gateway.rack_url("/apps")).bearer_auth(token).send().await.unwrap();
        if answer.status() == status {
            return;
        }
        assert!(started.elapsed() < SOON, "{} instead of {status}", answer.status());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn create_token(machine: &Machine) -> String {
    let command = ["tokens", "create", "--user", "ada@example.com", "--name", "laptop", "--role", "viewer"];
    machine.run(&command).stdout.trim_end().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_gateway_notices_each_change() {
    each(async |db: TestDb| {
        let machine = machine_of(&db);
        let gateway = TestGateway::on(db.db.clone(), tempfile::tempdir().unwrap(), []).await;
        machine.text(&["users", "add", "ada@example.com"]);
        let token = create_token(&machine);
        answered(&gateway, &token, 403).await;

        let command = ["grants", "add", "--user", "ada@example.com", "--role", "viewer"];
        let grant = machine.json(&command)["id"].as_str().unwrap().to_owned();
        answered(&gateway, &token, 200).await;
        machine.text(&["users", "lock", "ada@example.com"]);
        answered(&gateway, &token, 401).await;
        machine.text(&["users", "unlock", "ada@example.com"]);
        answered(&gateway, &token, 200).await;
        machine.text(&["grants", "remove", &grant]);
        answered(&gateway, &token, 403).await;
        machine.text(&["users", "add", "bob@example.com", "--role", "viewer"]);
        machine.text(&["tokens", "revoke", "laptop"]);
        answered(&gateway, &token, 401).await;
        gateway.stop().await;
    })
    .await;
}
