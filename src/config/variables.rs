//! The one table of settings. The loader looks settings up through it and `docs/CONFIG.md` is printed from
//! it, so a setting that is not here does not exist.

pub use super::{
    keys::{RACK_DEFAULT_KEY, keys},
    section::Section,
    variable::{Kind, Variable},
};

macro_rules! variables {
    ($($section:ident { $($name:ident $kind:ident $key:literal = $default:literal: $meaning:literal;)* })*) => {
        $($(
            #[doc = $meaning]
            pub const $name: Variable = Variable {
                name: stringify!($name),
                section: Section::$section,
                key: $key,
                default: $default,
                kind: Kind::$kind,
                meaning: $meaning,
            };
        )*)*

        pub const ALL: &[Variable] = &[$($($name,)*)*];
    };
}

variables! {
    File {
        RACK_GATEWAY_CONFIG Plain "" = "":
            "Path of the TOML file. The option `--config` is stronger.";
    }
    Server {
        LISTEN Plain "listen" = "0.0.0.0:8443":
            "Address and port of the main listener.";
        PORT Plain "" = "":
            "Replaces only the port of `LISTEN`.";
        OPS_LISTEN Plain "ops_listen" = "127.0.0.1:5001":
            "Address and port of the listener for `/metrics`, `/livez` and `/readyz`.";
        DOMAIN Plain "domain" = "":
            "Public host name of the gateway, without scheme and port; people reach it over https. See `PUBLIC_URL`.";
        TLS_CERT_FILE Plain "tls_cert_file" = "":
            "Certificate chain in PEM. With `TLS_KEY_FILE` it turns the main listener to HTTPS.";
        TLS_KEY_FILE Plain "tls_key_file" = "":
            "Private key in PEM that belongs to `TLS_CERT_FILE`.";
        LISTEN_REUSE_PORT Plain "listen_reuse_port" = "false":
            "`true` lets several processes listen on the same two ports, so that the next one can begin while this one finishes.";
        WORKER_THREADS Plain "worker_threads" = "0":
            "Threads that serve requests; `0` takes one for each core.";
        DRAIN_TIMEOUT Plain "drain_timeout" = "30s":
            "How long open requests may go on after the signal to stop.";
        DRAIN_DELAY Plain "drain_delay" = "0s":
            "After the signal to stop, how long requests are still taken in while the gateway is already unready, so that load balancers notice.";
        RELOAD_INTERVAL Plain "reload_interval" = "5s":
            "How often the files of the configuration are looked at for changes; `0` means only at SIGHUP.";
    }
    Limits {
        TRUSTED_PROXY_CIDRS Plain "trusted_proxy_cidrs" = "":
            "List of networks or addresses whose `X-Forwarded-*` headers are believed.";
        RATE_LIMIT_PER_MINUTE Plain "rate_limit_per_minute" = "1200":
            "Requests a minute for one client address, 1 to 1000000000. It cannot be turned off.";
        LOGIN_RATE_LIMIT_PER_MINUTE Plain "login_rate_limit_per_minute" = "20":
            "Calls without a credential that begin or finish a login, a minute for one client address.";
        MAX_CONNECTIONS Plain "max_connections" = "10000":
            "Open client connections; one more is answered 503 and closed.";
        HEADER_TIMEOUT Plain "header_timeout" = "10s":
            "Time a client has to send the head of a request.";
        KEEPALIVE_TIMEOUT Plain "keepalive_timeout" = "120s":
            "How long an idle client connection stays open.";
        BODY_IDLE_TIMEOUT Plain "body_idle_timeout" = "60s":
            "Silence of a client in the middle of a request body.";
        MAX_HEADER_BYTES Plain "max_header_bytes" = "128KiB":
            "Size of the head of a request, from 8KiB.";
        MAX_FORM_BYTES Plain "max_form_bytes" = "10MiB":
            "Size of a form that must be read before it can be authorised.";
        MAX_API_BODY_BYTES Plain "max_api_body_bytes" = "1MiB":
            "Size of a body sent to the gateway's own API.";
        UPSTREAM_CONNECT_TIMEOUT Plain "upstream_connect_timeout" = "10s":
            "Time to reach a rack, TLS included.";
        UPSTREAM_IDLE_TIMEOUT Plain "upstream_idle_timeout" = "1h":
            "Silence of a rack, before its answer and in the middle of it.";
        STREAM_IDLE_TIMEOUT Plain "stream_idle_timeout" = "12h":
            "A WebSocket without a byte either way is closed after this time.";
    }
    Database {
        RGW_DATABASE_URL Secret "" = "":
            "Strongest name of `DATABASE_URL`.";
        GATEWAY_DATABASE_URL Secret "" = "":
            "Stronger than `DATABASE_URL`.";
        DATABASE_URL Secret "url" = "":
            "`postgres://user:password@host:5432/name`, or `sqlite://path`.";
        PGHOST Plain "" = "":
            "PostgreSQL host, or the directory of its socket; used when no URL is given.";
        PGPORT Plain "" = "5432":
            "PostgreSQL port, with `PGHOST`.";
        PGUSER Plain "" = "":
            "PostgreSQL user, with `PGHOST`.";
        PGPASSWORD Secret "" = "":
            "PostgreSQL password, with `PGHOST` or a URL without password.";
        PGDATABASE Plain "" = "":
            "PostgreSQL database, with `PGHOST`.";
        PGSSLMODE Plain "sslmode" = "":
            "Replaces the `sslmode` of a URL: disable, allow, prefer, require, verify-ca or verify-full.";
        SQLITE_PATH Plain "sqlite_path" = "./data/gateway.db":
            "File of the embedded database, used when no PostgreSQL is configured.";
        ADMIN_DATABASE_URL Secret "admin_url" = "":
            "PostgreSQL URL that `migrate` uses instead, with the right to change the schema.";
        DB_MAX_OPEN_CONNS Plain "max_open_conns" = "10":
            "Connections to the database at most.";
        DB_MAX_IDLE_CONNS Plain "max_idle_conns" = "2":
            "Connections that are kept when idle.";
        DB_CONN_MAX_LIFETIME Plain "conn_max_lifetime" = "30m":
            "A connection is replaced after this time; `0` means never.";
        DB_CONN_MAX_IDLE_TIME Plain "conn_max_idle_time" = "10m":
            "An idle connection is closed after this time; `0` means never.";
    }
    Racks {
        RACK Plain "" = "":
            "Name of the default rack, `default` when only `RACK_HOST` is set.";
        RACK_HOST Plain "url" = "":
            "URL of the rack, or `host[:port]`, which means https and port 5443, or `svc://SLUG` for a rack that registers itself in the directory. It may hold user and password.";
        RACK_TOKEN Secret "password" = "":
            "Password of the rack.";
        RACK_USERNAME Plain "username" = "convox":
            "User name for the rack.";
        RACK_ALIAS Plain "alias" = "":
            "Second name under which the rack is known. Without effect in this version.";
        RACK_DISPLAY_NAME Plain "display_name" = "":
            "Name for people; the alias or the name when it is not set. Without effect in this version.";
        RACK_CA_FILE Plain "ca_file" = "":
            "Certificates in PEM that the rack's certificate must descend from.";
        RACK_PIN_SHA256 Plain "pin_sha256" = "":
            "SHA-256 of the rack's own certificate (DER), 64 hexadecimal digits; colons are allowed.";
        ENABLE_RACK_TLS_PINNING Plain "" = "":
            "`true` insists on `RACK_PIN_SHA256`. TLS is verified in any case.";
        KUBERNETES_SERVICE_HOST Plain "" = "":
            "Set by Kubernetes. `RACK` without `RACK_HOST` then means `https://api.<RACK>-system.svc.cluster.local:5443`.";
    }
    Audit {
        AUDIT_QUEUE_ROWS Plain "queue_rows" = "65536":
            "Audit rows that may wait for the database.";
        AUDIT_INTENT_TIMEOUT Plain "intent_timeout" = "1s":
            "How long a request waits for the record of its intent before it is refused.";
    }
    Access {
        ADMIN_USERS Plain "admin_users" = "":
            "E-mail addresses that begin with the role admin.";
        VIEWER_USERS Plain "viewer_users" = "":
            "E-mail addresses that begin with the role viewer.";
        DEPLOYER_USERS Plain "deployer_users" = "":
            "E-mail addresses that begin with the role deployer.";
        OPERATIONS_USERS Plain "operations_users" = "":
            "E-mail addresses that begin with the role ops.";
        CONVOX_SECRET_ENV_VARS Plain "secret_env_vars" = "":
            "Further environment variables of apps whose values are masked.";
    }
    Identity {
        PUBLIC_URL Plain "public_url" = "":
            "Address that people and clients use, as in `https://gateway.example.com`; `https://DOMAIN` when not set. Links, cookies and passkeys depend on it.";
        ALLOWED_HOSTS Plain "allowed_hosts" = "":
            "Further host names under which the gateway answers, besides those of `PUBLIC_URL`, `DOMAIN` and localhost. Others are answered 421 as soon as one of the three is set.";
        COOKIE_SECURE Plain "cookie_secure" = "":
            "Whether cookies travel over https only; they do when the public address is https.";
        APP_SECRET_KEY Secret "app_secret_key" = "":
            "Seals secrets in the database, at least 16 characters. With the embedded database a key file beside it serves when this is not set.";
        APP_SECRET_KEY_PREVIOUS Secret "app_secret_key_previous" = "":
            "The key before the present one; it opens what was sealed with it.";
        WEB_SESSION_IDLE Plain "web_session_idle" = "1h":
            "A session in the browser ends when it is not used for this long.";
        WEB_SESSION_MAX Plain "web_session_max" = "12h":
            "A session in the browser ends this long after the login.";
        CLI_SESSION_IDLE Plain "cli_session_idle" = "720h":
            "A session of the command line ends when it is not used for this long.";
        CLI_SESSION_MAX Plain "cli_session_max" = "2160h":
            "A session of the command line ends this long after the login.";
        MFA_STEP_UP_WINDOW Plain "mfa_step_up_window" = "10m":
            "How long a proof of a second factor counts for what needs a recent one.";
        WEBAUTHN_RP_ID Plain "webauthn_rp_id" = "":
            "Domain that passkeys and security keys are registered for: the host of `WEBAUTHN_ORIGIN` when not set, or a domain above it. Keys registered for one domain work for no other.";
        WEBAUTHN_ORIGIN Plain "webauthn_origin" = "":
            "Address of the pages that use passkeys; `PUBLIC_URL` when not set.";
    }
    Mail {
        SMTP_HOST Plain "smtp_host" = "":
            "The server that takes mail. Without it no mail is sent.";
        SMTP_PORT Plain "smtp_port" = "":
            "Its port; 587, 465 or 25 as `SMTP_TLS` is starttls, tls or none.";
        SMTP_TLS Plain "smtp_tls" = "starttls":
            "starttls, tls or none. The server's certificate is always verified.";
        SMTP_CA_FILE Plain "smtp_ca_file" = "":
            "Certificates in PEM that the server's may descend from, besides those of the system's authorities.";
        SMTP_USERNAME Plain "smtp_username" = "":
            "User name for the server, with `SMTP_PASSWORD`.";
        SMTP_PASSWORD Secret "smtp_password" = "":
            "Password for the server.";
        SMTP_FROM Plain "smtp_from" = "":
            "Sender of the mail, as in `Rack Gateway <gateway@example.com>`.";
    }
    Registry {
        REGISTRY_STORAGE Plain "storage" = "off":
            "Where the container registry under `/v2/` keeps images: `dir`, `s3`, `proxy` for a registry elsewhere, or `off` for no registry.";
        REGISTRY_PUBLIC Plain "public" = "":
            "List of patterns of repositories that anybody may pull from without logging in, as in `base/**`.";
        REGISTRY_DIR Plain "dir" = "./data/registry":
            "Directory of the embedded registry; made at the first start.";
        REGISTRY_S3_BUCKET Plain "s3_bucket" = "":
            "Bucket of the embedded registry, with `REGISTRY_STORAGE=s3`.";
        REGISTRY_S3_REGION Plain "s3_region" = "us-east-1":
            "Region of the bucket.";
        REGISTRY_S3_ENDPOINT Plain "s3_endpoint" = "":
            "URL of an S3 server that is not Amazon's, such as `https://minio.example.com`.";
        REGISTRY_S3_ACCESS_KEY_ID Plain "s3_access_key_id" = "":
            "Key for the bucket. Without one, the role of the machine is used.";
        REGISTRY_S3_SECRET_ACCESS_KEY Secret "s3_secret_access_key" = "":
            "Secret that belongs to `REGISTRY_S3_ACCESS_KEY_ID`.";
        REGISTRY_READ_ONLY Plain "read_only" = "false":
            "`true` refuses every change of the registry, for example while the one behind collects garbage; downloads go on. The setting `registry_read_only` changes it while the gateway runs.";
        REGISTRY_READ_ONLY_MESSAGE Plain "read_only_message" = "the operator has stopped changes for now":
            "What clients are told when the registry is read-only.";
        REGISTRY_GC_INTERVAL Plain "gc_interval" = "24h":
            "How often the embedded registry collects what nobody needs; `0` means never.";
        REGISTRY_GC_GRACE Plain "gc_grace" = "24h":
            "How long something unneeded is kept before it is marked, and again before it goes; longer than any push.";
        REGISTRY_GC_UNTAGGED Plain "gc_untagged" = "false":
            "`true` collects manifests that no tag, index or kept subject leads to.";
        REGISTRY_UPLOAD_LEASE Plain "upload_lease" = "24h":
            "How long an upload may rest before it is discarded.";
        REGISTRY_IMMUTABLE_TAGS Plain "immutable_tags" = "":
            "List of rules `repositories:tags`, as in `team/**:v*`: these tags may be made, but neither moved nor deleted. `!` before a rule makes an exception; the last rule that fits counts.";
        REGISTRY_QUOTAS Plain "quotas" = "":
            "List of sizes that namespaces, the first parts of names, may hold, as in `team=10GiB`; `*` stands for each other namespace.";
        REGISTRY_UPSTREAM_URL Plain "upstream_url" = "":
            "URL of the registry behind, with `REGISTRY_STORAGE=proxy`, as in `https://registry.internal:5000`, or `svc://SLUG` for one that registers itself in the directory.";
        REGISTRY_UPSTREAM_USERNAME Plain "upstream_username" = "":
            "User name for the registry behind, with `REGISTRY_UPSTREAM_PASSWORD`.";
        REGISTRY_UPSTREAM_PASSWORD Secret "upstream_password" = "":
            "Password for the registry behind.";
        REGISTRY_UPSTREAM_JWT_KEY Secret "upstream_jwt_key" = "":
            "Ed25519 key that signs a token of 60 seconds for each request to the registry behind: PKCS#8 in PEM, or its Base64 in one line. Instead of a password.";
        REGISTRY_UPSTREAM_JWT_ISSUER Plain "upstream_jwt_issuer" = "rack-gateway":
            "Issuer of these tokens, as the registry behind expects it.";
        REGISTRY_UPSTREAM_JWT_AUDIENCE Plain "upstream_jwt_audience" = "registry":
            "Audience of these tokens: the `service` of the registry behind.";
        REGISTRY_UPSTREAM_CA_FILE Plain "upstream_ca_file" = "":
            "File of the certificate authorities, in PEM, that vouch for the registry behind. Without it, those of the system do.";
        REGISTRY_UPSTREAM_REDIRECTS Plain "upstream_redirects" = "follow":
            "What is done when the registry behind sends a download to its object store: `follow` fetches it, `pass` sends the client there.";
        REGISTRY_UPSTREAM_TIMEOUT Plain "upstream_timeout" = "5m":
            "How long the registry behind may be silent. Closing an upload of many gigabytes may take it minutes.";
        REGISTRY_UPSTREAM_METRICS_URL Plain "upstream_metrics_url" = "":
            "URL of the metrics of the registry behind, as in `http://registry.internal:5001/metrics`: its `registry_storage_*` then stand among the gateway's.";
    }
    Services {
        SERVICE_CONNECT_TIMEOUT Plain "connect_timeout" = "2s":
            "Time to reach an instance of a service, TLS included.";
        SERVICE_RESPONSE_TIMEOUT Plain "response_timeout" = "60s":
            "Time until a service begins to answer, counted from the last byte of the request.";
        SERVICE_IDLE_TIMEOUT Plain "idle_timeout" = "60s":
            "Silence of a service in the middle of an answer. For WebSockets and event streams `STREAM_IDLE_TIMEOUT` counts.";
        SERVICE_TIMEOUTS Plain "timeouts" = "":
            "List of timeouts of single services, each `SLUG/connect=TIME`, `SLUG/response=TIME` or `SLUG/idle=TIME`, as in `billing/response=5m`.";
        SERVICE_CA_FILE Plain "ca_file" = "":
            "Certificates in PEM that those of https instances must descend from, when they are called and when they are checked; the system's authorities when not set.";
        SERVICE_TRUST Plain "trust" = "":
            "List of what https instances of single services must show instead: `SLUG=FILE`, certificates in PEM that theirs must descend from, or `SLUG=sha256:FINGERPRINT` of the one certificate (DER), as in `billing=/etc/ca/billing.pem`.";
        SERVICE_EJECT_AFTER Plain "eject_after" = "3":
            "Calls that fail in a row before an instance gets no more for a while. At most half of a service's instances are left out at once.";
        SERVICE_EJECT_TIME Plain "eject_time" = "10s":
            "How long an instance is left out the first time; each time in a row adds as much again.";
    }
    Artifact {
        ARTIFACT_URL Plain "url" = "":
            "Address of the artifact registry (Registry Server protocol) behind `/api/v1/artifact-proxy`, or `svc://SLUG` for one that registers itself in the directory. Without it there is none.";
        ARTIFACT_TOKEN Secret "registry_token" = "":
            "The gateway's own token for it, sent as `X-Registry-Token`; what clients send there is theirs for the gateway.";
        ARTIFACT_CA_FILE Plain "ca_file" = "":
            "Certificates in PEM that its certificate must descend from; the system's authorities when not set.";
        ARTIFACT_PUBLIC Plain "public" = "":
            "List of patterns of what anybody may read without a token, as in `team/**`; namespaces are written without `@`.";
        ARTIFACT_MAX_UPLOAD Plain "max_upload" = "100MiB":
            "Size of an archive that is published.";
        ARTIFACT_SPOOL_DIR Plain "spool_dir" = "":
            "Directory in which archives lie, without a name, until it is decided whether they may be published; the system's directory for temporary files when not set.";
    }
    Webhooks {
        WEBHOOK_URL Plain "url" = "":
            "Where pushes to the container registry and deletions are told.";
        WEBHOOK_SECRET Secret "secret" = "":
            "Key of the signature that each delivery carries, at least 16 characters.";
        WEBHOOK_REPOSITORIES Plain "repositories" = "**":
            "List of patterns of repositories of which it hears, as in `team/**`.";
        WEBHOOK_ACTIONS Plain "actions" = "push,delete":
            "List of what it hears of: push, delete.";
        WEBHOOK_CA_FILE Plain "ca_file" = "":
            "Certificates in PEM that the receiver's certificate must descend from; the system's authorities when not set.";
    }
    Directory {
        DIRECTORY_ALLOW_CIDRS Plain "allow_cidrs" = "":
            "List of networks that services may be registered in, as in `10.0.0.0/8`; all when empty. Loopback, link-local, metadata and multicast addresses stay closed unless a network inside theirs is listed, as in `127.0.0.0/8`.";
        DIRECTORY_DENY_CIDRS Plain "deny_cidrs" = "":
            "List of networks that no service may be registered in or called at; stronger than what is allowed.";
        DIRECTORY_ALLOW_PORTS Plain "allow_ports" = "":
            "List of ports and ranges that services may listen on, as in `80,8000-8999`; all when empty.";
        DIRECTORY_NODE_ID Plain "node_id" = "":
            "Id of this replica among the nodes; by default it gets one at its first start at its address.";
        DIRECTORY_NODE_URL Plain "node_url" = "":
            "URL of this replica among the nodes, different for each; by default made of the host's name and the port of `LISTEN`.";
        DIRECTORY_REGION Plain "region" = "":
            "Region that this replica names as its own.";
        DIRECTORY_ZONE Plain "zone" = "":
            "Availability zone that this replica names as its own.";
        DIRECTORY_PRESERVATION_SHARE Plain "preservation_share" = "0.5":
            "When more than this share of a service's instances (and at least three) fail within the window, they keep taking calls and none is removed; `1` turns it off.";
        DIRECTORY_PRESERVATION_WINDOW Plain "preservation_window" = "2m":
            "The window for `DIRECTORY_PRESERVATION_SHARE`; it ends as well when that has passed without new failures.";
    }
    Login {
        LOGIN_PROVISION Plain "provision" = "false":
            "`true` makes an account, without any role, for every person whom a provider vouches for. Else people must be known, invited, or in a group with a role.";
    }
    Oidc {
        GOOGLE_OAUTH_BASE_URL Plain "issuer" = "https://accounts.google.com":
            "Address of the provider, as it calls itself in its tokens.";
        GOOGLE_CLIENT_ID Plain "client_id" = "":
            "What the provider calls this gateway.";
        GOOGLE_CLIENT_SECRET Secret "client_secret" = "":
            "What proves to the provider that the gateway is itself.";
        GOOGLE_ALLOWED_DOMAIN Plain "allowed_domains" = "":
            "List of domains; only addresses in one of them may come in. Without it every address may that the provider verified.";
        GOOGLE_SCOPES Plain "scopes" = "email,profile":
            "Scopes to ask for besides `openid`.";
        GOOGLE_GROUPS_CLAIM Plain "groups_claim" = "groups":
            "The claim of the ID token that lists a person's groups.";
        GOOGLE_DISPLAY_NAME Plain "name" = "":
            "Name for people, on the login page.";
    }
    Github {
        GITHUB_CLIENT_ID Plain "client_id" = "":
            "Client id of the OAuth app; turns login with GitHub on.";
        GITHUB_CLIENT_SECRET Secret "client_secret" = "":
            "Client secret of the OAuth app.";
        GITHUB_ALLOWED_ORGS Plain "allowed_orgs" = "":
            "List of organizations; only their members may come in, or those of an allowed team.";
        GITHUB_ALLOWED_TEAMS Plain "allowed_teams" = "":
            "List of teams, each as `organization/team`.";
        GITHUB_URL Plain "url" = "https://github.com":
            "Where people log in; another for GitHub Enterprise.";
        GITHUB_API_URL Plain "api_url" = "https://api.github.com":
            "Where the API answers; `https://HOST/api/v3` for GitHub Enterprise.";
    }
    Log {
        LOG_LEVEL Plain "level" = "info":
            "trace, debug, info, warn, error or fatal.";
        LOG_FORMAT Plain "format" = "text":
            "text, json or pretty.";
        LOG_UNSAFE_HEADERS Plain "unsafe_headers" = "false":
            "`true` writes credentials in headers to the log; for local debugging only.";
    }
    Otel {
        OTEL_EXPORTER_OTLP_ENDPOINT Plain "endpoint" = "":
            "Where traces go: the address of a collector that takes OTLP over HTTP, as in `http://collector:4318`; `/v1/traces` is added to it.";
        OTEL_EXPORTER_OTLP_HEADERS Secret "headers" = "":
            "List of headers for the collector, each as `name=value`, with `%2C` for a comma.";
        OTEL_SERVICE_NAME Plain "service_name" = "":
            "Name of this service in the traces; else `service.name` of the attributes, else `rack-gateway`.";
        OTEL_RESOURCE_ATTRIBUTES Plain "resource_attributes" = "":
            "List of attributes of this process, each as `name=value`, with `%2C` for a comma.";
        OTEL_TRACES_SAMPLER Plain "sampler" = "parentbased_always_on":
            "Which requests are traced: `always_on`, `always_off`, `traceidratio`, or one of them behind `parentbased_`.";
        OTEL_TRACES_SAMPLER_ARG Plain "sampler_arg" = "1.0":
            "Share of requests that `traceidratio` traces, 0 to 1.";
    }
    Sentry {
        SENTRY_DSN Secret "dsn" = "":
            "Where errors of the gateway are reported.";
        SENTRY_ENVIRONMENT Plain "environment" = "":
            "Environment named in the reports.";
        SENTRY_RELEASE Plain "release" = "":
            "Release named in the reports.";
        SENTRY_TRACES_SAMPLE_RATE Plain "traces_sample_rate" = "0.0":
            "Share of requests that are traced, 0 to 1.";
        SENTRY_JS_DSN Plain "js_dsn" = "":
            "Where errors of the web pages are reported; every visitor can read it.";
        SENTRY_JS_TRACES_SAMPLE_RATE Plain "js_traces_sample_rate" = "0.0":
            "Share of page loads to be traced, 0 to 1; told to the pages, which report errors and no traces so far.";
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::reserved::{FOR_CLIENTS, RESERVED};
    use std::collections::BTreeSet;

    #[test]
    fn names_and_keys_are_unique() {
        let mut names = BTreeSet::new();
        let reserved = RESERVED.iter().flat_map(|(names, _)| names.iter().copied());
        let for_clients = FOR_CLIENTS.iter().map(|(name, _)| *name);
        for name in ALL.iter().map(|row| row.name).chain(reserved).chain(for_clients) {
            assert!(names.insert(name), "{name}");
        }
        for section in Section::ALL {
            let keys = keys(section);
            assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len(), "{section:?}");
        }
    }

    #[test]
    fn every_row_explains_itself() {
        for row in ALL {
            assert!(row.meaning.ends_with('.') && !row.meaning.contains('|'), "{}", row.name);
            assert!(!row.is_secret() || row.default.is_empty(), "{} has a built-in secret", row.name);
        }
    }
}
