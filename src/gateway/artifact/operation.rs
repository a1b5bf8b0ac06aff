//! What a request to the artifact registry asks for. The path is parsed once, from the left; the names in it are
//! checked, and what is sent is written anew from them. Source of the grammar: the Registry Server's own routes.

use super::{Problem, name};
use crate::gateway::target::{BadTarget, ParsedTarget};
use http::{Method, StatusCode};

/// Documents that editors fetch; the protocol has these and no others.
const SCHEMAS: [&str; 3] = ["rack.json", "preset.json", "registry-item.json"];

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    Health,
    /// The namespaces that the caller may see.
    Namespaces,
    /// What a namespace holds.
    Registries {
        namespace: String,
    },
    Schema(&'static str),
    Preset(String),
    Versions(Package),
    /// The newest version's document.
    Latest(Package),
    Document(Package, String),
    File {
        package: Package,
        version: String,
        path: Vec<String>,
    },
    Publish,
}

/// `@team/quality/husky`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Without its `@`.
    pub namespace: String,
    pub segments: Vec<String>,
}

impl Package {
    /// `team/quality/husky`, as targets are written.
    pub fn path(&self) -> String {
        format!("{}/{}", self.namespace, self.segments.join("/"))
    }
}

impl Operation {
    /// `target` is the path below the prefix, with its query, as it stood on the request line. No route takes
    /// parameters, so a query goes no further.
    pub fn parse(method: &Method, target: &str) -> Result<Self, Problem> {
        let parsed = ParsedTarget::parse(target).map_err(|bad| bad_target(&bad))?;
        let segments: Vec<&str> = parsed.segments().iter().map(String::as_str).collect();
        let is_read = matches!(*method, Method::GET | Method::HEAD);
        match segments.as_slice() {
            ["registries"] if *method == Method::POST => Ok(Self::Publish),
            _ if !is_read => Err(Problem::unknown_route()),
            ["health"] => Ok(Self::Health),
            ["namespaces"] => Ok(Self::Namespaces),
            ["namespaces", namespace, "registries"] => {
                let namespace = name::namespace(namespace).ok_or_else(|| bad_namespace(namespace))?;
                Ok(Self::Registries { namespace })
            }
            ["schemas", file] => {
                let known = SCHEMAS.into_iter().find(|known| known == file);
                known.map(Self::Schema).ok_or_else(Problem::not_found)
            }
            ["presets", preset] if name::is_segment(preset) => Ok(Self::Preset((*preset).to_owned())),
            ["presets", preset] => {
                let message = format!("\"{}\" is not the name of a preset", shown(preset));
                Err(Problem::new(StatusCode::BAD_REQUEST, "INVALID_PRESET", message))
            }
            ["registries", namespace, rest @ ..] if !rest.is_empty() => package(namespace, rest),
            _ => Err(Problem::unknown_route()),
        }
    }

    /// The path that is sent, from the checked parts.
    pub fn path(&self) -> String {
        let of = |package: &Package| format!("/registries/@{}", package.path());
        match self {
            Self::Health => "/health".to_owned(),
            Self::Namespaces => "/namespaces".to_owned(),
            Self::Registries { namespace } => format!("/namespaces/@{namespace}/registries"),
            Self::Schema(file) => format!("/schemas/{file}"),
            Self::Preset(preset) => format!("/presets/{preset}"),
            Self::Versions(package) => format!("{}/versions", of(package)),
            Self::Latest(package) => of(package),
            Self::Document(package, version) => format!("{}/{version}", of(package)),
            Self::File { package, version, path } => {
                format!("{}/{version}/files/{}", of(package), path.join("/"))
            }
            Self::Publish => "/registries".to_owned(),
        }
    }

    /// Its name in metrics and records.
    pub const fn route(&self) -> &'static str {
        match self {
            Self::Health => "/artifact/health",
            Self::Namespaces => "/artifact/namespaces",
            Self::Registries { .. } => "/artifact/namespaces/{namespace}/registries",
            Self::Schema(_) => "/artifact/schemas/{file}",
            Self::Preset(_) => "/artifact/presets/{name}",
            Self::Versions(_) => "/artifact/registries/{package}/versions",
            Self::Latest(_) => "/artifact/registries/{package}",
            Self::Document(..) => "/artifact/registries/{package}/{version}",
            Self::File { .. } => "/artifact/registries/{package}/{version}/files/{path}",
            Self::Publish => "/artifact/registries",
        }
    }

    pub const fn action(&self) -> &'static str {
        match self {
            Self::Health => "artifact.health",
            Self::Namespaces | Self::Registries { .. } | Self::Versions(_) => "artifact.list",
            Self::Schema(_) => "artifact.schema",
            Self::Preset(_) => "artifact.preset",
            Self::Latest(_) | Self::Document(..) | Self::File { .. } => "artifact.read",
            Self::Publish => "artifact.publish",
        }
    }

    /// What is read, as targets are written; `None` for what is nobody's, and for a package that is still unknown.
    pub fn reads(&self) -> Option<String> {
        match self {
            Self::Registries { namespace } => Some(namespace.clone()),
            Self::Versions(package)
            | Self::Latest(package)
            | Self::Document(package, _)
            | Self::File { package, .. } => Some(package.path()),
            Self::Health | Self::Namespaces | Self::Schema(_) | Self::Preset(_) | Self::Publish => None,
        }
    }

    /// Version and file, for the record.
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::Document(_, version) => Some(version.clone()),
            Self::File { version, path, .. } => Some(format!("{version} {}", path.join("/"))),
            Self::Schema(file) => Some((*file).to_owned()),
            Self::Preset(preset) => Some(preset.clone()),
            _ => None,
        }
    }
}

/// `@ns/<segments>[/versions | /<semver>[/files/<path>]]`: the first part that looks like a version is one.
fn package(namespace: &str, rest: &[&str]) -> Result<Operation, Problem> {
    let bad = || Problem::new(StatusCode::BAD_REQUEST, "INVALID_PATH", PATH);
    let namespace = name::namespace(namespace).ok_or_else(|| bad_namespace(namespace))?;
    let version_at = rest.iter().position(|part| name::is_version(part));
    let (names, after) = rest.split_at(version_at.unwrap_or(rest.len()));
    let (names, lists_versions) = match names {
        [names @ .., "versions"] if version_at.is_none() => (names, true),
        names => (names, false),
    };
    if names.is_empty() || !names.iter().all(|part| name::is_segment(part)) {
        return Err(bad());
    }
    let package = Package { namespace, segments: names.iter().map(|part| (*part).to_owned()).collect() };
    match after {
        [] if lists_versions => Ok(Operation::Versions(package)),
        [] => Ok(Operation::Latest(package)),
        [version] => Ok(Operation::Document(package, (*version).to_owned())),
        [version, "files", path @ ..] if name::is_file_path(path) => {
            let path = path.iter().map(|part| (*part).to_owned()).collect();
            Ok(Operation::File { package, version: (*version).to_owned(), path })
        }
        _ => Err(bad()),
    }
}

const PATH: &str = "the path is not one of this registry's; write for example \
                    /registries/@team/quality/husky/1.0.0/files/index.ts";

fn bad_target(bad: &BadTarget) -> Problem {
    let status = match bad {
        BadTarget::TooLong => StatusCode::URI_TOO_LONG,
        _ => StatusCode::BAD_REQUEST,
    };
    Problem::new(status, "INVALID_PATH", bad.to_string())
}

fn bad_namespace(given: &str) -> Problem {
    let message = format!("\"{}\" is not a namespace; write for example @team", shown(given));
    Problem::new(StatusCode::BAD_REQUEST, "INVALID_NAMESPACE", message)
}

/// As much of a caller's text as an answer repeats.
fn shown(text: &str) -> String {
    text.chars().take(60).flat_map(char::escape_default).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(target: &str) -> Result<Operation, String> {
        Operation::parse(&Method::GET, target).map_err(|problem| problem.code.into_owned())
    }

    #[test]
    fn every_route_is_read_and_written_back() {
        for (target, route) in [
            ("/health", "/artifact/health"),
            ("/namespaces", "/artifact/namespaces"),
            ("/namespaces/@team/registries", "/artifact/namespaces/{namespace}/registries"),
            ("/schemas/rack.json", "/artifact/schemas/{file}"),
            ("/presets/node-app", "/artifact/presets/{name}"),
            ("/registries/@team/quality/husky/versions", "/artifact/registries/{package}/versions"),
            ("/registries/@team/quality/husky", "/artifact/registries/{package}"),
            ("/registries/@team/husky/1.0.0-beta.1", "/artifact/registries/{package}/{version}"),
            (
                "/registries/@team/husky/1.0.0/files/src/a.b/index.ts",
                "/artifact/registries/{package}/{version}/files/{path}",
            ),
        ] {
            let operation = get(target).unwrap();
            assert_eq!(operation.route(), route, "{target}");
            assert_eq!(operation.path(), target);
            assert_eq!(Operation::parse(&Method::HEAD, target).unwrap(), operation);
        }
        assert_eq!(get("/registries/%40team/husky?x=1").unwrap().path(), "/registries/@team/husky");
        assert_eq!(Operation::parse(&Method::POST, "/registries").unwrap(), Operation::Publish);
        assert_eq!(get("/registries/@team/versions/versions").unwrap().reads().unwrap(), "team/versions");
        assert_eq!(get("/registries/@team/a/1.0.0/files/versions").unwrap().reads().unwrap(), "team/a");
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for (target, code) in [
            ("/registries/@team/a/../../@other/b", "INVALID_PATH"),
            ("/registries/@team/%2e%2e/@other/b", "INVALID_PATH"),
            ("/registries/@team%2Fa", "INVALID_PATH"),
            ("/registries/@team/a%2f..%2fb", "INVALID_PATH"),
            ("/registries/@team/a%252fb", "INVALID_PATH"),
            ("/registries/@team//a", "INVALID_PATH"),
            ("/registries//@team/a", "INVALID_NAMESPACE"),
            ("/registries/@team/a/", "INVALID_PATH"),
            ("/registries/@team/a\\b", "INVALID_PATH"),
            ("/registries/@Team/a", "INVALID_NAMESPACE"),
            ("/registries/team/a", "INVALID_NAMESPACE"),
            ("/registries/@/a", "INVALID_NAMESPACE"),
            ("/registries/@team-/a", "INVALID_NAMESPACE"),
            ("/registries/@team/A", "INVALID_PATH"),
            ("/registries/@team/1.0.0", "INVALID_PATH"),
            ("/registries/@team/versions", "INVALID_PATH"),
            ("/registries/@team/a/1.0.0/files", "INVALID_PATH"),
            ("/registries/@team/a/1.0.0/files/", "INVALID_PATH"),
            ("/registries/@team/a/1.0.0/files/a%3Fb", "INVALID_PATH"),
            ("/registries/@team/a/1.0.0/files/a%00b", "INVALID_PATH"),
            ("/registries/@team/a/1.0.0/2.0.0", "INVALID_PATH"),
            ("/registries/@team/a/1.0.0/raw/x", "INVALID_PATH"),
            ("/namespaces/@a%2Fb/registries", "INVALID_PATH"),
            ("/presets/..", "INVALID_PATH"),
            ("/presets/Big", "INVALID_PRESET"),
            ("/schemas/auth.json", "NOT_FOUND"),
            ("/metrics", "NOT_FOUND"),
            ("/registries", "NOT_FOUND"),
            ("/registries/@team", "NOT_FOUND"),
            ("/health/", "NOT_FOUND"),
            ("/", "NOT_FOUND"),
            ("", "INVALID_PATH"),
        ] {
            assert_eq!(get(target), Err(code.to_owned()), "{target}");
        }
        for method in [Method::DELETE, Method::PUT, Method::PATCH, Method::OPTIONS, Method::POST] {
            assert_eq!(
                Operation::parse(&method, "/registries/@team/a/1.0.0").unwrap_err().code,
                "NOT_FOUND",
                "{method}"
            );
        }
    }
}
