//! Who sits at the terminal, for the audit log.

use crate::config::Env;
use std::{fs, path::Path};

/// `local:` and the name of the account that runs this process. The kernel is asked first: the environment
/// can say anything.
pub fn actor(env: &dyn Env) -> String {
    let name = user_id()
        .map(|id| name_of(id, &fs::read_to_string("/etc/passwd").unwrap_or_default()))
        .or_else(|| env.get("USER").filter(|name| !name.is_empty()))
        .unwrap_or_else(|| "unknown".to_owned());
    format!("local:{name}")
}

/// Owner of this process; `None` where there is no `/proc`.
fn user_id() -> Option<u32> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        fs::metadata(Path::new("/proc/self")).ok().map(|process| process.uid())
    }
    #[cfg(not(unix))]
    None
}

fn name_of(id: u32, passwd: &str) -> String {
    let entry = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(id)).then(|| name.to_owned())
    });
    entry.unwrap_or_else(|| format!("uid-{id}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_the_table_of_accounts() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nbroken\nada:x:1000:1000::/home/ada:/bin/sh\n";
        assert_eq!(name_of(0, passwd), "root");
        assert_eq!(name_of(1000, passwd), "ada");
        assert_eq!(name_of(4711, passwd), "uid-4711");
    }
}
