//! Two gateways on one database.

use super::{LOOPBACK, call, register, registered, service::Service, show, until, watcher::Watcher};
use crate::support::{
    database::{TestDb, each},
    gateway::TestGateway,
};
use serde_json::{Value, json};
use std::time::Duration;

async fn replica(db: &TestDb, url: &str) -> TestGateway {
    let directory = tempfile::tempdir().unwrap();
    let [loopback, limit] = LOOPBACK;
    TestGateway::on(db.again().await, directory, [loopback, limit, ("DIRECTORY_NODE_URL", url)]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_replica_is_told_the_other_knows() {
    each(async |db: TestDb| {
        let (one, two) = (replica(&db, "http://one:1").await, replica(&db, "http://two:1").await);
        let token = one.token("deployer").await;
        two.until_known(&token).await;
        let mut watcher = Watcher::open(&two, &token, "").await;
        let made = registered(&one, &token, "web", "http://10.0.0.1").await;
        let id = made["id"].as_str().unwrap();
        assert_eq!(show(&two, &token, id).await.0, 200, "asked at once");
        watcher.wait_for(|kind, data| kind == "registered" && data["instance"]["id"] == id).await;
        let beat = format!("PUT /registry-svc/instance/{id}/heartbeat");
        assert_eq!(call(&two, &token, &beat, json!({})).await.0, 200, "a heartbeat may go to either");
        let (_, nodes) = call(&two, &token, "GET /registry-svc/nodes", Value::Null).await;
        assert_eq!(nodes["nodes"].as_array().unwrap().len(), 2);
        one.stop().await;
        let (_, nodes) = call(&two, &token, "GET /registry-svc/nodes", Value::Null).await;
        assert_eq!(nodes["nodes"].as_array().unwrap().len(), 1, "who stops says so");
        two.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_work_of_a_dead_replica_is_taken_over_and_no_status_flaps() {
    each(async |db: TestDb| {
        let (one, two) = (replica(&db, "http://one:1").await, replica(&db, "http://two:1").await);
        let token = two.token("deployer").await;
        one.until_known(&token).await;
        let mut services = Vec::new();
        let mut ids = Vec::new();
        for _ in 0..6 {
            let service = Service::start().await;
            let body = json!({
                "slug": "web", "url": service.url(), "deregisterAfter": 0,
                "check": { "type": "http", "interval": 1, "timeout": 1 },
            });
            let (status, document) = register(&one, &token, body).await;
            assert_eq!(status, 201);
            ids.push(document["instance"]["id"].as_str().unwrap().to_owned());
            services.push(service);
        }
        for id in &ids {
            until(&two, &token, id, |one| one["status"] == "Healthy").await;
        }
        let mut watcher = Watcher::open(&two, &token, "").await;
        // Dropped, not stopped: nobody says goodbye.
        drop(one);
        let asked: Vec<_> = services.iter().map(Service::asked).collect();
        let taken_over = async {
            while services.iter().zip(&asked).any(|(service, before)| service.asked() < before + 3) {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(40), taken_over).await.expect("all are looked at again");
        let flaps: Vec<_> = watcher.drain();
        assert!(flaps.is_empty(), "{flaps:?}");
        services[0].kill();
        until(&two, &token, &ids[0], |one| one["status"] == "Unreachable").await;
        two.stop().await;
    })
    .await;
}
