//! Names that the server does not read: a later version may, or client commands do.

/// Names that are accepted without effect in this version, so that an existing environment loads unchanged.
/// Their values are never read.
pub const RESERVED: &[(&[&str], &str)] = &[
    (&["AUDIT_HMAC_SECRET"], "Signing keys"),
    (&["DEV_MODE"], "Development mode"),
    (&["YUBICO_CLIENT_ID", "YUBICO_SECRET_KEY"], "Second factors"),
    (&["RATE_LIMIT_RPS", "RATE_LIMIT_BURST"], "Limits of login attempts"),
    (
        &[
            "AUDIT_ANCHOR_BUCKET",
            "AUDIT_ANCHOR_CHAIN_ID",
            "AUDIT_ANCHOR_RETENTION_DAYS",
            "AUDIT_ANCHOR_INTERVAL_MINUTES",
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "AWS_REGION",
            "AWS_ENDPOINT_URL_S3",
        ],
        "Anchoring of the audit chain in S3",
    ),
    (
        &["POSTMARK_API_TOKEN", "POSTMARK_FROM", "POSTMARK_STREAM", "POSTMARK_API_BASE", "DEV_EMAIL_LOG"],
        "Mail",
    ),
    (
        &["SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET", "SLACK_WEBHOOK_URL", "GITHUB_TOKEN", "CIRCLECI_TOKEN"],
        "Integrations",
    ),
    (&["DEBUG_TOPICS", "ENABLE_SENTRY_TEST_BUTTONS"], "Debugging"),
    (&["FORCE_CSP_IN_DEV", "WEB_DEV_SERVER_URL", "E2E_TEST_MODE"], "Development and tests"),
    (&["RESET_RACK_GATEWAY_DATABASE", "DISABLE_DATABASE_ENVIRONMENT_CHECK"], "Reset of the database"),
    (&["CONVOX_APP"], "Client commands"),
];

/// What the commands read that speak to a gateway elsewhere. The server does not.
pub const FOR_CLIENTS: &[(&str, &str)] = &[
    (
        "RACK_GATEWAY_RACK",
        "The gateway to speak to, by the name it was logged in under; `--rack` is stronger.",
    ),
    ("RACK_GATEWAY_URL", "The address of the gateway to speak to, where none is named."),
    ("RACK_GATEWAY_API_TOKEN", "An API token to use instead of a login."),
    ("GATEWAY_CLI_CONFIG_DIR", "Where logins are kept; `--config-dir` is stronger."),
];

/// Beginnings of reserved names with a variable end: `RGW_SETTING_<KEY>`, `RGW_APP_<APP>_SETTING_<KEY>`.
pub const RESERVED_PREFIXES: &[&str] = &["RGW_SETTING_", "RGW_APP_"];
