//! Services: scale and restart.

use super::{
    call::Call,
    reply::{self, Answer, Refusal},
};

/// More would only cost memory.
const MOST_PROCESSES: u32 = 1_000;

pub async fn list(call: Call, app: &str) -> Answer {
    reply::json(&call.world().app(app)?.services.values().collect::<Vec<_>>())
}

pub async fn update(mut call: Call, app: &str, name: &str) -> Answer {
    let form = call.form().await?;
    let (count, cpu, memory) = (form.parsed("count")?, form.parsed("cpu")?, form.parsed("memory")?);
    let (min, max) = (form.parsed("min")?, form.parsed("max")?);
    if count.is_some_and(|count| count > MOST_PROCESSES) {
        return Err(Refusal::Invalid(format!("count must be at most {MOST_PROCESSES}")));
    }
    let now = call.now();
    let mut world = call.world();
    let app = world.app_mut(app)?;
    let service = app.service_mut(name)?;
    service.count = count.unwrap_or(service.count);
    service.cpu = cpu.unwrap_or(service.cpu);
    service.memory = memory.unwrap_or(service.memory);
    service.min = min.or(service.min);
    service.max = max.or(service.max);
    app.fill(now, name);
    reply::ok()
}

pub async fn restart(call: Call, app: &str, name: &str) -> Answer {
    let now = call.now();
    let mut world = call.world();
    let app = world.app_mut(app)?;
    app.service_mut(name)?;
    app.restart(now, name);
    app.log(now, format!("system/service restarted {name}"));
    reply::ok()
}

/// Turns autoscaling on or off, or accepts an override: the demo scales nothing by itself.
pub async fn accept_setting(call: Call, app: &str, name: &str) -> Answer {
    call.world().app_mut(app)?.service_mut(name)?;
    reply::ok()
}

/// The app's services as its manifest names them.
pub async fn manifest(call: Call, app: &str, name: &str) -> Answer {
    let mut world = call.world();
    let service = world.app_mut(app)?.service_mut(name)?;
    let scale = serde_json::json!({
        "count": {"min": service.min.unwrap_or(service.count), "max": service.max.unwrap_or(service.count)},
        "cpu": service.cpu,
        "memory": service.memory,
    });
    reply::json(&serde_json::json!({"name": service.name, "environment": [], "scale": scale}))
}

pub async fn set_certificate(mut call: Call, app: &str, service: &str, port: &str) -> Answer {
    let id = call.form().await?.required("id")?;
    let mut world = call.world();
    if !world.certificates.iter().any(|certificate| certificate.id == id) {
        return Err(Refusal::no_such("certificate", id));
    }
    let service = world.app_mut(app)?.service_mut(service)?;
    let port = service.ports.iter_mut().find(|known| known.balancer.to_string() == port);
    let port = port.ok_or_else(|| Refusal::Invalid("no such port on this service".into()))?;
    port.certificate = id;
    reply::ok()
}

pub async fn balancers(call: Call, app: &str) -> Answer {
    let world = call.world();
    let balancer = |service: &super::model::Service| {
        let port = |port: &super::model::ServicePort| serde_json::json!({"protocol": "https", "source": port.balancer, "target": port.container});
        serde_json::json!({
            "name": service.name,
            "endpoint": service.domain,
            "ports": service.ports.iter().map(port).collect::<Vec<_>>(),
            "service": service.name,
        })
    };
    reply::json(&world.app(app)?.services.values().map(balancer).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::super::testing::Client;

    #[tokio::test]
    async fn scale_changes_the_number_of_processes() {
        let client = Client::start().await;
        client.form_ok("PUT", "/apps/web/services/worker", &[("count", "3"), ("memory", "128")]).await;
        assert_eq!(client.process_ids("web").await.len(), 5);
        let services = client.get("/apps/web/services").await;
        assert_eq!((&services[1]["count"], &services[1]["memory"]), (&3.into(), &128.into()));
        client.form_ok("PUT", "/apps/web/services/worker", &[("count", "0")]).await;
        assert_eq!(client.get("/apps/web/processes?service=worker").await.as_array().unwrap().len(), 0);
    }

    #[tokio::test]
    async fn bad_numbers_and_names_are_refused() {
        let client = Client::start().await;
        for (path, count, status) in [
            ("/apps/web/services/web", "-1", 400),
            ("/apps/web/services/web", "1001", 400),
            ("/apps/web/services/nope", "1", 404),
        ] {
            assert_eq!(
                client.form("PUT", path, &[("count", count)]).await.status(),
                status,
                "{path} {count}"
            );
        }
    }

    #[tokio::test]
    async fn restart_leaves_other_services_alone() {
        let client = Client::start().await;
        let before = client.process_ids("web").await;
        client.form_ok("POST", "/apps/web/services/worker/restart", &[]).await;
        let after = client.process_ids("web").await;
        assert_eq!(after.iter().filter(|id| before.contains(id)).count(), 2);
    }

    #[tokio::test]
    async fn certificates_and_balancers() {
        let client = Client::start().await;
        client.form_ok("PUT", "/apps/web/ssl/web/443", &[("id", "cert-demo")]).await;
        assert_eq!(client.form("PUT", "/apps/web/ssl/web/443", &[("id", "none")]).await.status(), 404);
        let services = client.get("/apps/web/services").await;
        assert_eq!(services[0]["ports"][0]["certificate"], "cert-demo");
        assert_eq!(client.get("/apps/web/balancers").await[0]["service"], "web");
        assert_eq!(client.get("/apps/web/manifest/services/web").await["name"], "web");
    }
}
