//! What an app may cost, and what it would cost if the demo charged for it.

use super::{
    call::Call,
    model::{App, Budget},
    reply::{self, Answer, Refusal},
};
use crate::core::Timestamp;
use serde_json::{Value, json};

const ACTIONS: [&str; 3] = ["alert-only", "block-new-deploys", "auto-shutdown"];

pub async fn get(call: Call, app: &str) -> Answer {
    let now = call.now();
    let world = call.world();
    let app = world.app(app)?;
    reply::json(&json!({"config": budget(app)?, "state": {
        "month-start": now,
        "current-month-spend-usd": 0.0,
        "current-month-spend-as-of": now,
    }}))
}

pub async fn set(mut call: Call, app: &str) -> Answer {
    let form = call.form().await?;
    let cap = form.parsed::<f64>("monthly-cap-usd")?;
    if cap.is_some_and(|cap| !cap.is_finite() || cap <= 0.0) {
        return Err(Refusal::Invalid("monthly-cap-usd must be > 0".into()));
    }
    let percent = form.parsed("alert-threshold-percent")?;
    if percent.is_some_and(|percent| !(1..=100).contains(&percent)) {
        return Err(Refusal::Invalid("alert-threshold-percent must be between 1 and 100".into()));
    }
    let action = form.get("at-cap-action").filter(|action| !action.is_empty());
    if action.as_deref().is_some_and(|action| !ACTIONS.contains(&action)) {
        return Err(Refusal::Invalid(format!("at-cap-action must be one of {}", ACTIONS.join(", "))));
    }
    let mut world = call.world();
    let app = world.app_mut(app)?;
    let old = app.budget.take();
    let cap = cap.or(old.as_ref().map(|old| old.monthly_cap_usd));
    app.budget = Some(Budget {
        monthly_cap_usd: cap.ok_or_else(|| Refusal::Invalid("monthly-cap-usd is required".into()))?,
        alert_threshold_percent: percent
            .or(old.as_ref().map(|old| old.alert_threshold_percent))
            .unwrap_or(80),
        at_cap_action: action.or(old.map(|old| old.at_cap_action)).unwrap_or_else(|| "alert-only".into()),
    });
    reply::ok()
}

pub async fn clear(call: Call, app: &str) -> Answer {
    call.world().app_mut(app)?.budget = None;
    reply::ok()
}

/// Clears a tripped breaker or a banner: there never is one.
pub async fn acknowledge(call: Call, app: &str) -> Answer {
    budget(call.world().app(app)?)?;
    reply::ok()
}

pub async fn simulate_shutdown(call: Call, app: &str) -> Answer {
    let now = call.now();
    let world = call.world();
    let app = world.app(app)?;
    let services: Vec<&String> = app.services.keys().collect();
    reply::json(&json!({
        "app": app.name,
        "at-cap-action": budget(app)?.at_cap_action,
        "eligibility": app.services.values().map(|service| json!({
            "service": service.name, "eligible": true, "replicas": service.count, "cost-usd-per-hour": 0.0,
        })).collect::<Vec<_>>(),
        "would-shut-down-services": services,
        "would-shut-down-count": services.len(),
        "simulated-at": now,
    }))
}

/// Nothing was ever shut down.
pub async fn shutdown_state(call: Call, app: &str) -> Answer {
    call.world().app(app)?;
    reply::json(&Value::Null)
}

pub async fn cost(call: Call, app: &str) -> Answer {
    let now = call.now();
    let world = call.world();
    reply::json(&cost_of(world.app(app)?, now))
}

fn cost_of(app: &App, now: Timestamp) -> Value {
    let lines = app.services.keys().map(|service| {
        json!({"service": service, "gpu-hours": 0.0, "cpu-hours": 0.0, "mem-gb-hours": 0.0, "spend-usd": 0.0})
    });
    json!({
        "app": app.name,
        "month-start": now,
        "as-of": now,
        "spend-usd": 0.0,
        "breakdown": lines.collect::<Vec<_>>(),
        "pricing-source": "demo",
        "pricing-table-version": "1",
        "pricing-adjustment": 1.0,
    })
}

fn budget(app: &App) -> Result<&Budget, Refusal> {
    app.budget.as_ref().ok_or_else(|| Refusal::no_such("budget for app", &app.name))
}

#[cfg(test)]
mod tests {
    use super::super::testing::Client;

    #[tokio::test]
    async fn set_change_clear() {
        let client = Client::start().await;
        let status = async || client.request("GET", "/apps/web/budget").send().await.unwrap().status();
        assert_eq!(status().await, 404);
        assert_eq!(
            client.form("POST", "/apps/web/budget", &[("at-cap-action", "alert-only")]).await.status(),
            400
        );
        client.form_ok("POST", "/apps/web/budget", &[("monthly-cap-usd", "50")]).await;
        client.form_ok("POST", "/apps/web/budget", &[("alert-threshold-percent", "90")]).await;
        let config = client.get("/apps/web/budget").await["config"].clone();
        assert_eq!(
            (&config["monthly-cap-usd"], &config["alert-threshold-percent"]),
            (&50.0.into(), &90.into())
        );
        for (name, value) in
            [("monthly-cap-usd", "NaN"), ("at-cap-action", "burn"), ("alert-threshold-percent", "0")]
        {
            assert_eq!(
                client.form("POST", "/apps/web/budget", &[(name, value)]).await.status(),
                400,
                "{name}"
            );
        }
        client.form_ok("POST", "/apps/web/budget/reset", &[("ack_by", "me")]).await;
        assert!(client.form_ok("POST", "/apps/web/budget/simulate-shutdown", &[]).await.contains("worker"));
        client.form_ok("DELETE", "/apps/web/budget", &[("ack_by", "me")]).await;
        assert_eq!(status().await, 404);
        assert_eq!(client.get("/apps/web/cost").await["breakdown"][0]["service"], "web");
        assert!(client.get("/apps/web/budget/shutdown-state").await.is_null());
    }
}
