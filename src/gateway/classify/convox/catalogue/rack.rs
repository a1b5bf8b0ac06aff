//! The rack itself: instances, image registries, certificates, its settings, and the doors into its inside.

use super::{
    super::{
        Route,
        StreamKind::{Logs, Proxy, Shell},
        route::{delete, get, passage, post, put, socket},
    },
    LOG_OPTIONS, METRIC_OPTIONS,
};
use crate::policy::Permission::*;

#[rustfmt::skip]
pub(super) static RACK: &[Route] = &[
    get("/auth", "rack.auth", &[RackRead]),
    get("/system", "rack.read", &[RackRead]),
    put("/system", "rack.update", &[RackUpdate]).form(&["count", "force", "parameters", "type", "version"]),
    get("/system/capacity", "rack.read", &[RackRead]),
    get("/system/metrics", "metric.read", &[MetricRead]).query(METRIC_OPTIONS),
    get("/system/processes", "rack.read", &[RackRead]).query(&["all"]),
    get("/system/releases", "rack.read", &[RackRead]),
    socket("/system/logs", "log.read", &[LogRead], Logs).headers(LOG_OPTIONS),
    put("/system/jwt/rotate", "jwt.rotate", &[JwtRotate]),
    post("/system/jwt/token", "jwt.create", &[JwtCreate]).form(&["role", "durationInHour"]),
    post("/system/karpenter/cleanup", "rack.cleanup", &[RackUpdate]),
    post("/events", "event.create", &[EventCreate]).form(&["action", "data", "error", "status"]),
    get("/instances", "instance.list", &[InstanceList]),
    post("/instances/keyroll", "instance.keyroll", &[InstanceKeyroll]),
    get("/instances/{id}", "instance.read", &[InstanceRead]),
    delete("/instances/{id}", "instance.terminate", &[InstanceTerminate]),
    socket("/instances/{id}/shell", "instance.shell", &[InstanceShell], Shell)
        .headers(&["Command", "Private-Key", "Height", "Width"]),
    socket("/proxy/{host}/{port}", "proxy.connect", &[ProxyConnect], Proxy).about("host"),
    get("/registries", "registry.list", &[RegistryList]),
    post("/registries", "registry.add", &[RegistryAdd]).form(&["server", "username", "password"]),
    delete("/registries/{server:*}", "registry.remove", &[RegistryRemove]),
];

#[rustfmt::skip]
pub(super) static CERTIFICATES: &[Route] = &[
    get("/certificates", "cert.list", &[CertList]).query(&["generated"]),
    post("/certificates", "cert.create", &[CertCreate]).form(&["pub", "key", "chain"]),
    post("/certificates/generate", "cert.generate", &[CertCreate]).form(&["domains", "issuer", "duration"]),
    post("/certificates/{id}/renew", "cert.renew", &[CertCreate]),
    delete("/certificates/{id}", "cert.delete", &[CertDelete]),
    get("/letsencrypt/config", "cert.config", &[CertList]),
    put("/letsencrypt/config", "cert.configure", &[CertUpdate]).json(),
];

pub(super) static IMAGE_REGISTRY: [Route; 6] =
    passage("/v2/{path:*}", "internal.registry", &[InternalRegistry], &[]);

/// Sends HTTP to whatever address the two headers name.
pub(super) static INSIDE_HTTP: [Route; 6] =
    passage("/custom/http/proxy/{path:*}", "internal.http", &[InternalHttp], &["X-Host", "X-Port"]);
