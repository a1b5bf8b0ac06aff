//! Who begins with which role, and what else counts as a secret.

use super::{
    reader::Reader,
    values,
    variables::{
        ADMIN_USERS, CONVOX_SECRET_ENV_VARS, DEPLOYER_USERS, OPERATIONS_USERS, VIEWER_USERS, Variable,
    },
};

/// E-mail addresses in lower case, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccessConfig {
    pub admin_users: Vec<String>,
    pub viewer_users: Vec<String>,
    pub deployer_users: Vec<String>,
    pub operations_users: Vec<String>,
    /// Names of environment variables of apps that are masked besides those that look secret.
    pub secret_env_vars: Vec<String>,
}

pub(super) fn read(r: &mut Reader<'_>) -> AccessConfig {
    AccessConfig {
        admin_users: people(r, &ADMIN_USERS),
        viewer_users: people(r, &VIEWER_USERS),
        deployer_users: people(r, &DEPLOYER_USERS),
        operations_users: people(r, &OPERATIONS_USERS),
        secret_env_vars: r.list(&CONVOX_SECRET_ENV_VARS, values::variable_name),
    }
}

fn people(r: &mut Reader<'_>, row: &Variable) -> Vec<String> {
    let mut people = r.list(row, values::email);
    people.sort();
    people.dedup();
    people
}

#[cfg(test)]
mod tests {
    use crate::config::testing::{errors, load};

    #[test]
    fn lists_of_people() {
        let access = load([
            ("ADMIN_USERS", "Ada@example.com, ada@example.com,,bob@example.com"),
            ("CONVOX_SECRET_ENV_VARS", "DSN,LICENSE"),
        ])
        .access;
        assert_eq!(access.admin_users, ["ada@example.com", "bob@example.com"]);
        assert_eq!(access.secret_env_vars, ["DSN", "LICENSE"]);
        assert!(access.viewer_users.is_empty());
    }

    #[test]
    fn each_bad_address_is_named() {
        let errors =
            errors([("VIEWER_USERS", "ada,bob@example.com,c@d@e"), ("CONVOX_SECRET_ENV_VARS", "A B")]);
        let mend = "is not an e-mail address; write for example ada@example.com";
        assert_eq!(
            errors,
            [
                format!("environment: VIEWER_USERS: \"ada\" {mend}"),
                format!("environment: VIEWER_USERS: \"c@d@e\" {mend}"),
                "environment: CONVOX_SECRET_ENV_VARS: \"A B\" is not the name of a variable; write for example \
                 STRIPE_KEY"
                    .to_owned(),
            ]
        );
    }
}
