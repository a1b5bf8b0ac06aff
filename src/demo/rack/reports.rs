//! What an app or the rack tells about itself: metrics, diagnosis, configurations.

use super::{
    call::Call,
    model::App,
    reply::{self, Answer, Refusal},
};
use crate::core::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

const METRICS: [&str; 2] = ["cpu-utilization", "mem-utilization"];
const POINTS: i64 = 12;
const PERIOD: Duration = Duration::from_secs(300);

pub async fn of_rack(call: Call) -> Answer {
    reply::json(&series(&call))
}

pub async fn of_app(call: Call, app: &str) -> Answer {
    call.world().app(app)?;
    reply::json(&series(&call))
}

pub async fn of_service(call: Call, app: &str, service: &str) -> Answer {
    call.world().app_mut(app)?.service_mut(service)?;
    reply::json(&series(&call))
}

pub async fn by_service(call: Call, app: &str) -> Answer {
    let chosen = call.query("services").filter(|list| !list.is_empty());
    let wanted = |name: &str| chosen.as_deref().is_none_or(|list| list.split(',').any(|one| one == name));
    let names: Vec<String> =
        call.world().app(app)?.services.keys().filter(|name| wanted(name)).cloned().collect();
    let metrics = series(&call);
    reply::json(&names.iter().map(|name| json!({"name": name, "metrics": metrics})).collect::<Vec<_>>())
}

/// A calm hour, whatever window was asked for.
fn series(call: &Call) -> Vec<Value> {
    let chosen = call.query("metrics").filter(|list| !list.is_empty());
    let wanted = |name: &str| chosen.as_deref().is_none_or(|list| list.split(',').any(|one| one == name));
    let now = call.now();
    let values: Vec<Value> = (0..POINTS).map(|point| value(now, POINTS - point)).collect();
    METRICS
        .into_iter()
        .filter(|name| wanted(name))
        .map(|name| json!({"name": name, "values": values}))
        .collect()
}

fn value(now: Timestamp, periods_ago: i64) -> Value {
    let time = Timestamp::from_micros(now.as_micros() - periods_ago * PERIOD.as_micros() as i64);
    let average = 20.0 + (periods_ago % 5) as f64;
    json!({"avg": average, "count": 60.0, "max": average * 1.5, "min": average / 2.0, "sum": average * 60.0, "time": time})
}

pub async fn diagnose(call: Call, app: &str) -> Answer {
    let now = call.now();
    let only = call.query("services").filter(|list| !list.is_empty());
    let wanted = |name: &str| only.as_deref().is_none_or(|list| list.split(',').any(|one| one == name));
    let world = call.world();
    let app = world.app(app)?;
    let services = app.services.keys().filter(|name| wanted(name)).map(|name| health(app, name));
    reply::json(
        &json!({"app": app.name, "at": now, "status": app.status, "services": services.collect::<Vec<_>>()}),
    )
}

fn health(app: &App, service: &str) -> Value {
    let running = app.processes.iter().filter(|process| process.service == service).count();
    let wanted = app.services.get(service).map_or(0, |service| service.count as usize);
    json!({"name": service, "wanted": wanted, "running": running, "healthy": running >= wanted})
}

pub async fn configs(call: Call, app: &str) -> Answer {
    let world = call.world();
    let configs = world.app(app)?.configs.iter();
    reply::json(&configs.map(|(name, value)| json!({"name": name, "value": value})).collect::<Vec<_>>())
}

pub async fn config(call: Call, app: &str, name: &str) -> Answer {
    let world = call.world();
    let value = world.app(app)?.configs.get(name).ok_or_else(|| Refusal::no_such("config", name))?;
    reply::json(&json!({"name": name, "value": value}))
}

pub async fn set_config(mut call: Call, app: &str, name: &str) -> Answer {
    let value = call.form().await?.named("value").unwrap_or_default();
    call.world().app_mut(app)?.configs.insert(name.into(), value);
    reply::ok()
}

#[cfg(test)]
mod tests {
    use super::super::testing::Client;

    #[tokio::test]
    async fn metrics_can_be_chosen() {
        let client = Client::start().await;
        let metrics = client.get("/apps/web/metrics?metrics=mem-utilization").await;
        assert_eq!((metrics.as_array().unwrap().len(), &metrics[0]["values"][0]["count"]), (1, &60.0.into()));
        let by_service = client.get("/apps/web/metrics-by-service?services=worker").await;
        assert_eq!((by_service.as_array().unwrap().len(), &by_service[0]["name"]), (1, &"worker".into()));
        assert_eq!(client.get("/system/metrics").await.as_array().unwrap().len(), 2);
        assert_eq!(client.get("/apps/web/services/web/metrics").await.as_array().unwrap().len(), 2);
    }

    #[tokio::test]
    async fn diagnosis_and_configs() {
        let client = Client::start().await;
        let report = client.get("/apps/web/diagnose").await;
        assert_eq!(
            (&report["services"][0]["running"], &report["services"][0]["healthy"]),
            (&2.into(), &true.into())
        );
        client.form_ok("PUT", "/apps/web/configs/cli-env-mask", &[("value", "QT1C")]).await;
        assert_eq!(client.get("/apps/web/configs/cli-env-mask").await["value"], "QT1C");
        assert_eq!(client.get("/apps/web/configs").await[0]["name"], "cli-env-mask");
        assert_eq!(client.request("GET", "/apps/web/configs/none").send().await.unwrap().status(), 404);
    }
}
