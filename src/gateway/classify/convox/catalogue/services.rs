//! Services of an app: their scale, their triggers, their logs.

use super::{
    super::{
        Route,
        StreamKind::Logs,
        route::{get, post, put, socket},
    },
    LOG_OPTIONS, METRIC_OPTIONS,
};
use crate::policy::Permission::*;

#[rustfmt::skip]
pub(super) static SERVICES: &[Route] = &[
    get("/apps/{app}/services", "service.list", &[AppRead]),
    put("/apps/{app}/services/{service}", "service.update", &[AppUpdate])
        .form(&["count", "cpu", "memory", "gpu", "gpu-vendor", "min", "max"]),
    post("/apps/{app}/services/{service}/restart", "service.restart", &[ProcessStart]),
    socket("/apps/{app}/services/{service}/logs", "log.read", &[LogRead], Logs).headers(LOG_OPTIONS),
    get("/apps/{app}/services/{service}/metrics", "metric.read", &[MetricRead]).query(METRIC_OPTIONS),
    post("/apps/{app}/services/{service}/scale-override", "service.scale-override", &[AppUpdate])
        .form(&["active", "ack_by"]),
    post("/apps/{app}/services/{service}/triggers/enable", "service.triggers", &[AppUpdate])
        .form(&["opts", "ack_by"]),
    post("/apps/{app}/services/{service}/triggers/disable", "service.triggers", &[AppUpdate]).form(&["ack_by"]),
    post("/apps/{app}/services/{service}/triggers/threshold", "service.triggers", &[AppUpdate])
        .form(&["type", "threshold", "ack_by"]),
];
