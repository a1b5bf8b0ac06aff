//! The machines under the rack.

use super::{
    call::Call,
    reply::{self, Answer, Refusal},
};
use serde_json::json;

pub async fn list(call: Call) -> Answer {
    let world = call.world();
    let mut instances = world.instances.clone();
    for instance in &mut instances {
        let processes = world.apps.values().flat_map(|app| &app.processes);
        instance.processes = processes.filter(|process| process.instance == instance.id).count();
    }
    reply::json(&instances)
}

/// Takes a machine away; its processes go to another one.
pub async fn terminate(call: Call, id: &str) -> Answer {
    let mut world = call.world();
    let at = world.instances.iter().position(|known| known.id == id);
    let at = at.ok_or_else(|| Refusal::no_such("instance", id))?;
    world.instances.remove(at);
    let refuge = world.instances.first().map(|instance| instance.id.clone()).unwrap_or_default();
    let processes = world.apps.values_mut().flat_map(|app| &mut app.processes);
    processes
        .filter(|process| process.instance == id)
        .for_each(|process| process.instance.clone_from(&refuge));
    reply::ok()
}

/// A new key for all machines. It opens nothing.
pub async fn roll_key(call: Call) -> Answer {
    let serial = call.world().ids.serial();
    reply::json(
        &json!({"name": format!("demo-{serial}"), "private-key": format!("demo-private-key-{serial}")}),
    )
}

#[cfg(test)]
mod tests {
    use super::super::testing::Client;

    #[tokio::test]
    async fn list_terminate_and_roll() {
        let client = Client::start().await;
        let first = client.get("/instances").await[0].clone();
        assert_eq!((&first["private-ip"], &first["processes"]), (&"10.0.0.10".into(), &4.into()));
        client.form_ok("DELETE", "/instances/node-a", &[]).await;
        assert_eq!(client.form("DELETE", "/instances/node-a", &[]).await.status(), 404);
        let left = client.get("/instances").await;
        assert_eq!((left.as_array().unwrap().len(), &left[0]["processes"]), (1, &4.into()));
        assert!(client.form_ok("POST", "/instances/keyroll", &[]).await.contains("private-key"));
    }
}
