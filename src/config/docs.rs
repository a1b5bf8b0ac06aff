//! Prints `docs/CONFIG.md` from the table of settings.

use super::{
    live,
    reserved::{FOR_CLIENTS, RESERVED, RESERVED_PREFIXES},
    section::Section,
    settings::{self, Kind},
    variables::{self, Variable},
};
use std::fmt::Write as _;

/// The whole page. `UPDATE_DOCS=1 cargo test config` writes it to `docs/CONFIG.md`.
pub fn markdown() -> String {
    let mut page = String::from(INTRODUCTION);
    for section in Section::ALL {
        page.push_str(&section_of(section));
    }
    page.push_str(&changeable());
    page.push_str(&for_clients());
    page.push_str(&reserved());
    page
}

const INTRODUCTION: &str = "\
# Configuration

<!-- Printed from src/config/variables.rs; `UPDATE_DOCS=1 cargo test config` prints it again. -->

Settings come from the environment and, if one is named, a TOML file. The environment is stronger than the file, the
file is stronger than the default. Everything is checked before the gateway starts, and all problems are told at once:

    gateway.toml:12: racks.staging.url: \"htp://x\" is not an http(s) URL; write for example https://rack.example.com
    environment: RATE_LIMIT_PER_MINUTE: \"abc\" is not a whole number; write a number from 1 to 1000000000

- **Secrets** are marked. `NAME_FILE` (in TOML `key_file`) names a file that holds the secret instead; line breaks at
  its end are dropped. Setting both is an error. Secrets are never printed.
- **Durations** are `500ms`, `10s`, `2m`, `1h`, `1h30m`, or plain seconds. **Sizes** are bytes, `128KiB`, `10MiB` (powers
  of 1024) or `10MB` (powers of 1000). **Lists** have commas; in TOML they may be arrays.
- The file, the files it names and the certificate are read again at SIGHUP and when they change. What is marked *Live*, and
  everything about racks, is then in force at once; the rest is named in the log and waits for a restart. A new
  configuration with a mistake changes nothing.
- An empty variable counts as one that is not set. Unknown variables are ignored; unknown keys of the file are errors.
- Relative paths start at the working directory.

A file with two racks:

```toml
[server]
domain = \"gateway.example.com\"

[racks.production]
url = \"https://rack.example.com\"
password_file = \"/run/secrets/production\"
default = true

[racks.staging]
url = \"https://staging.example.com:5443\"
password_file = \"/run/secrets/staging\"
pin_sha256 = \"0f:1e:2d:3c:4b:5a:69:78:87:96:a5:b4:c3:d2:e1:f0:0f:1e:2d:3c:4b:5a:69:78:87:96:a5:b4:c3:d2:e1:f0\"
```
";

fn section_of(section: Section) -> String {
    let mut text = format!("\n## {}\n\n", title(section));
    let remark = remark(section);
    if !remark.is_empty() {
        let _ = writeln!(text, "{remark}\n");
    }
    if section == Section::GroupRoles {
        return text;
    }
    text.push_str("| Variable | TOML | Default | Meaning |\n| --- | --- | --- | --- |\n");
    for row in variables::ALL.iter().filter(|row| row.section == section) {
        let _ = writeln!(text, "{}", table_row(row));
    }
    text
}

fn table_row(row: &Variable) -> String {
    let Variable { name, default, meaning, .. } = row;
    let default = if default.is_empty() { "–".to_owned() } else { format!("`{default}`") };
    let mark = if row.is_secret() { "**Secret.** " } else { "" };
    let live = if row.section != Section::Racks && live::is_live(name) { " *Live.*" } else { "" };
    format!("| `{name}` | {} | {default} | {mark}{meaning}{live} |", toml_key(row))
}

fn toml_key(row: &Variable) -> String {
    match (row.section, row.key) {
        (_, "") => "–".to_owned(),
        (section, key) if section.is_named() => format!("`{}.<name>.{key}`", section.table()),
        (section, key) => format!("`{}.{key}`", section.table()),
    }
}

fn title(section: Section) -> &'static str {
    match section {
        Section::File => "The file",
        Section::Server => "Server",
        Section::Limits => "Limits",
        Section::Database => "Database",
        Section::Racks => "Racks",
        Section::Audit => "Audit",
        Section::Access => "Access",
        Section::Identity => "Identity",
        Section::Mail => "Mail",
        Section::Registry => "Registry",
        Section::Services => "Services",
        Section::Artifact => "Artifact registry",
        Section::Webhooks => "Webhooks",
        Section::Directory => "Directory of services",
        Section::Login => "Login",
        Section::Oidc => "Login: OpenID Connect",
        Section::Github => "Login: GitHub",
        Section::GroupRoles => "Login: roles of groups",
        Section::Log => "Log",
        Section::Otel => "OpenTelemetry",
        Section::Sentry => "Sentry",
    }
}

fn remark(section: Section) -> &'static str {
    match section {
        Section::Database => {
            "The first of these that is set decides: `RGW_DATABASE_URL`, `GATEWAY_DATABASE_URL`, `DATABASE_URL`, `PGHOST`,\n\
             `SQLITE_PATH`, then `database.url` and `database.sqlite_path` of the file. Without any, the embedded database is\n\
             used."
        }
        Section::Racks => {
            "The variables describe one rack, which is the default one; when the file has a rack of the same name, they are\n\
             stronger than its keys. Each further rack is a table `[racks.<name>]` of the file; a name has 1 to 40 of the\n\
             characters `a-z`, `0-9` and `-`. Among several racks of the file, `default = true` marks the default one. A user and\n\
             password in the URL count when none is set beside it.\n\
             \n\
             The certificate of a rack is always verified: by the authorities of the system, by `ca_file`, or by `pin_sha256`,\n\
             which accepts exactly one certificate. Print the pin of a rack with\n\
             `openssl s_client -connect HOST:5443 </dev/null | openssl x509 -noout -fingerprint -sha256`."
        }
        Section::Mail => {
            "The gateway writes to people when a new device has logged in as them, when they are locked, when a token of theirs\n\
             is made and when their roles change. Mail that cannot be delivered is tried again for a day."
        }
        Section::Webhooks => {
            "The variables describe one receiver, `default`. Each further one is a table `[webhooks.<name>]` of the file, with its\n\
             own `url` and `secret`; a name has 1 to 40 of the characters `a-z`, `0-9` and `-`. What is sent, how it is signed and\n\
             how often it is tried stands in [REGISTRY.md](REGISTRY.md#webhooks)."
        }
        Section::Login => {
            "People log in at providers, by passkey, or come in by a one-time link: the first start of a gateway without users\n\
             prints one for its first administrator, and who may invite makes more."
        }
        Section::Oidc => {
            "The variables describe one provider, `google`. Each further one is a table `[oidc.<name>]` of the file, with its own\n\
             `issuer`, `client_id` and `client_secret`; a name has 1 to 40 of the characters `a-z`, `0-9` and `-`. Every provider\n\
             sends people back to `PUBLIC_URL/api/v1/auth/web/callback`. ID tokens must be signed with RS256, ES256 or EdDSA, and\n\
             say `email_verified: true`. A provider that does not answer keeps nobody out who is in, and does not stop a start."
        }
        Section::GroupRoles => GROUP_ROLES,
        Section::Otel => {
            "Only in a program that was built with `--features otel`, and off until an endpoint is named;\n\
             [operations/traces.md](operations/traces.md) tells what is traced. A sampler behind `parentbased_` heeds what a caller\n\
             who sends a `traceparent` has decided, and decides for the others."
        }
        _ => "",
    }
}

/// Settings that the API changes.
fn changeable() -> String {
    let mut text = String::from(
        "\n## Changed while it runs\n\n\
         These may also be changed by `PUT /api/v1/settings/{key}`, and back by `DELETE`; a change reaches every replica\n\
         within five seconds. The database is stronger than these variables, which are stronger than the variables above.\n\n\
         | Variable | Values | Meaning |\n| --- | --- | --- |\n",
    );
    for key in &settings::KEYS {
        let values = match &key.kind {
            Kind::Switch => "`true`, `false`".to_owned(),
            Kind::Number(range) => format!("{} to {}", range.start(), range.end()),
        };
        let _ = writeln!(text, "| `{}` | {values} | {} |", key.env, key.meaning);
    }
    text
}

const GROUP_ROLES: &str = "\
Whoever a provider puts into a group holds a role, from login to login. `provider` is the name of a provider, or
`github`, whose groups are `organization` and `organization/team`; `target` is `*` when it is not written. Grants that
people gave stay untouched.

```toml
[[group_roles]]
provider = \"okta\"
group = \"platform\"
role = \"ops\"
target = \"staging\"
```";

fn for_clients() -> String {
    let mut text = String::from(
        "\n## For client commands\n\n\
         The server does not read these. The commands that speak to a gateway elsewhere do ([CLI.md](CLI.md#logging-in)).\n\n\
         | Variable | Meaning |\n| --- | --- |\n",
    );
    for (name, meaning) in FOR_CLIENTS {
        let _ = writeln!(text, "| `{name}` | {meaning} |");
    }
    text
}

fn reserved() -> String {
    let mut text = String::from(
        "\n## Reserved: accepted, without effect in this version\n\n\
         An environment that holds these loads unchanged. Their values are neither read nor printed.\n\n\
         | Purpose | Variables |\n| --- | --- |\n",
    );
    for (names, purpose) in RESERVED {
        let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        let _ = writeln!(text, "| {purpose} | {} |", names.join(", "));
    }
    let prefixes: Vec<_> = RESERVED_PREFIXES.iter().map(|prefix| format!("`{prefix}*`")).collect();
    let _ = writeln!(text, "| Other stored settings | {} |", prefixes.join(", "));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Env as _, ProcessEnv, testing};
    use std::{fs, path::Path};

    #[test]
    fn the_page_is_current() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/CONFIG.md");
        if ProcessEnv.get("UPDATE_DOCS").is_some() {
            fs::write(&path, markdown()).unwrap();
        }
        let page = fs::read_to_string(&path).unwrap_or_default();
        assert!(page == markdown(), "docs/CONFIG.md is out of date; run UPDATE_DOCS=1 cargo test config");
    }

    #[test]
    fn the_page_names_every_setting() {
        let page = markdown();
        let reserved = RESERVED.iter().flat_map(|(names, _)| names.iter().copied());
        let for_clients = FOR_CLIENTS.iter().map(|(name, _)| *name);
        for name in variables::ALL.iter().map(|row| row.name).chain(reserved).chain(for_clients) {
            assert!(page.contains(&format!("`{name}`")), "{name}");
        }
    }

    #[test]
    fn the_example_on_the_page_loads() {
        let (_, after) = INTRODUCTION.split_once("```toml\n").unwrap();
        let (example, _) = after.split_once("```").unwrap();
        let dir = tempfile::tempdir().unwrap();
        for name in ["production", "staging"] {
            fs::write(dir.path().join(name), "secret\n").unwrap();
        }
        let example = example.replace("/run/secrets", dir.path().to_str().unwrap());
        let config = testing::load_toml([], &example);
        assert_eq!(config.racks.default_rack().unwrap().name, "production");
        assert_eq!(config.warnings, Vec::<String>::new());
    }

    #[test]
    fn the_errors_on_the_page_are_real() {
        let file = "\n".repeat(10) + "[racks.staging]\nurl = 'htp://x'\npassword = 'x'";
        for error in testing::errors_toml([("RATE_LIMIT_PER_MINUTE", "abc")], &file) {
            assert!(INTRODUCTION.contains(&format!("    {error}\n")), "{error}");
        }
    }
}
