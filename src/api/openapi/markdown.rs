//! The table of endpoints in `docs/API.md`, from the same source.

use super::{
    super::{Access, ApiRoute, routes},
    document::access,
    table::find,
};
use crate::policy::MfaLevel;
use std::fmt::Write as _;

pub fn markdown() -> String {
    let mut table = String::from("| Endpoint | Needs | Proof | What |\n| --- | --- | --- | --- |\n");
    let mut routes = routes();
    routes.sort_by_key(|route| (route.path, route.method.as_str().to_owned()));
    for route in routes {
        let summary =
            find(&format!("{} {}", route.method, route.path)).map_or(route.action, |doc| doc.summary);
        let (method, path) = (&route.method, route.path);
        let _ = writeln!(table, "| `{method} {path}` | {} | {} | {summary} |", needs(route), proof(route));
    }
    table
}

fn needs(route: &ApiRoute) -> String {
    match route.access {
        Access::Needs(_) | Access::Somewhere(_) | Access::Pulse(_) => {
            let names: Vec<_> = route.permissions().iter().map(|one| format!("`{one}`")).collect();
            names.join(" or ")
        }
        Access::Public | Access::PublicPoll | Access::Open => "–".to_owned(),
        _ => access(route).to_owned(),
    }
}

fn proof(route: &ApiRoute) -> &'static str {
    match route.mfa_level() {
        MfaLevel::None => "–",
        MfaLevel::StepUp => "recent",
        MfaLevel::Always => "each time",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Env as _, ProcessEnv};
    use std::{fs, path::Path};

    const BEGIN: &str = "<!-- endpoints: printed by `UPDATE_DOCS=1 cargo test api::openapi` -->\n";
    const END: &str = "<!-- end of endpoints -->\n";

    #[test]
    fn the_page_is_current() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/API.md");
        let page = fs::read_to_string(&path).unwrap();
        let (before, rest) = page.split_once(BEGIN).expect("docs/API.md marks where the table begins");
        let (printed, after) = rest.split_once(END).expect("docs/API.md marks where the table ends");
        if ProcessEnv.get("UPDATE_DOCS").is_some() {
            fs::write(&path, format!("{before}{BEGIN}{}{END}{after}", markdown())).unwrap();
            return;
        }
        assert!(
            printed == markdown(),
            "docs/API.md is out of date; run UPDATE_DOCS=1 cargo test api::openapi"
        );
    }
}
