//! Apps, and what hangs on an app directly: budgets, configs, objects.

use super::{
    super::{
        Reply::Stream,
        Route,
        StreamKind::Logs,
        route::{delete, get, head, post, put, socket},
    },
    LOG_OPTIONS, METRIC_OPTIONS,
};
use crate::policy::Permission::*;

#[rustfmt::skip]
pub(super) static APPS: &[Route] = &[
    get("/apps", "app.list", &[AppList]),
    post("/apps", "app.create", &[AppCreate]).form(&["name", "generation", "timeout"]),
    get("/apps/{app}", "app.read", &[AppRead]),
    put("/apps/{app}", "app.update", &[AppUpdate]).form(&["lock", "parameters"]),
    delete("/apps/{app}", "app.delete", &[AppDelete]),
    post("/apps/{app}/cancel", "app.cancel", &[AppUpdate]),
    post("/apps/{app}/restart", "app.restart", &[AppRestart]),
    get("/apps/{app}/diagnose", "app.diagnose", &[AppRead, LogRead])
        .query(&["checks", "services", "age", "all", "lines", "events", "previous"]),
    socket("/apps/{app}/logs", "log.read", &[LogRead], Logs).headers(LOG_OPTIONS),
    get("/apps/{app}/metrics", "metric.read", &[MetricRead]).query(METRIC_OPTIONS),
    get("/apps/{app}/metrics-by-service", "metric.read", &[MetricRead])
        .query(&["start", "end", "period", "metrics", "services"]),
    get("/apps/{app}/manifest/services/{service}", "service.read", &[AppRead, EnvRead]),
    get("/apps/{app}/balancers", "balancer.list", &[AppRead]),
    put("/apps/{app}/ssl/{service}/{port}", "cert.apply", &[CertUpdate]).form(&["id"]).about("service"),
];

/// Older racks spell the fields of a budget with underscores.
const BUDGET_FIELDS: &[&str] = &[
    "monthly-cap-usd",
    "alert-threshold-percent",
    "at-cap-action",
    "pricing-adjustment",
    "monthly_cap_usd",
    "alert_threshold_percent",
    "at_cap_action",
    "pricing_adjustment",
    "ack_by",
];

#[rustfmt::skip]
pub(super) static BUDGETS: &[Route] = &[
    get("/apps/{app}/budget", "budget.read", &[BudgetRead]),
    post("/apps/{app}/budget", "budget.set", &[BudgetUpdate]).form(BUDGET_FIELDS),
    delete("/apps/{app}/budget", "budget.clear", &[BudgetUpdate]).form(&["ack_by"]),
    post("/apps/{app}/budget/reset", "budget.reset", &[BudgetUpdate])
        .form(&["ack_by", "force_clear_cooldown", "reset_period"]),
    get("/apps/{app}/budget/shutdown-state", "budget.read", &[BudgetRead]),
    post("/apps/{app}/budget/simulate-shutdown", "budget.simulate", &[BudgetUpdate]).form(&["ack_by"]),
    post("/apps/{app}/budget/dismiss-recovery", "budget.dismiss", &[BudgetUpdate]).form(&["ack_by"]),
    get("/apps/{app}/cost", "budget.cost", &[BudgetRead]),
];

#[rustfmt::skip]
pub(super) static CONFIGS: &[Route] = &[
    get("/apps/{app}/configs", "config.list", &[ConfigList, ConfigRead]),
    get("/apps/{app}/configs/{name}", "config.read", &[ConfigRead]),
    put("/apps/{app}/configs/{name}", "config.set", &[ConfigSet]).form(&["value"]),
];

#[rustfmt::skip]
pub(super) static OBJECTS: &[Route] = &[
    get("/apps/{app}/objects", "object.list", &[ObjectList]).query(&["prefix"]),
    get("/apps/{app}/objects/{key:*}", "object.read", &[ObjectRead]).replies(Stream),
    head("/apps/{app}/objects/{key:*}", "object.read", &[ObjectRead]),
    post("/apps/{app}/objects/{key:*}", "object.create", &[ObjectCreate]).headers(&["Public"]).raw(),
    delete("/apps/{app}/objects/{key:*}", "object.delete", &[ObjectDelete]),
];
