//! The keys that a table of the file may have.

use super::{section::Section, variables::ALL};

/// The keys a section's table may hold; a secret has `<key>_file` too.
pub fn keys(section: Section) -> Vec<String> {
    let mut keys = Vec::new();
    for variable in ALL.iter().filter(|row| row.section == section && !row.key.is_empty()) {
        keys.push(variable.key.to_owned());
        if variable.is_secret() {
            keys.push(format!("{}_file", variable.key));
        }
    }
    if section == Section::Racks {
        keys.push(RACK_DEFAULT_KEY.to_owned());
    }
    if section == Section::GroupRoles {
        keys.extend(GROUP_ROLE_KEYS.map(str::to_owned));
    }
    keys
}

/// `default = true` marks the default rack among several; the environment says it by `RACK`.
pub const RACK_DEFAULT_KEY: &str = "default";

/// Of one entry `[[group_roles]]`; only the file has them.
pub const GROUP_ROLE_KEYS: [&str; 4] = ["provider", "group", "role", "target"];
