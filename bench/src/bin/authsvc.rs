//! The separate auth service that nginx (`auth_request`) and Caddy (`forward_auth`) ask for every request, on one
//! thread: sha256 of the bearer token, a map of tokens, role rules. It answers 204 with `X-User`, 401 or 403.
//!
//! `authsvc tokens` makes the access files, so that every peer knows the same tokens and rules.

use clap::Parser;
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rack_gateway_bench::Outcome;
use rack_gateway_bench::access::{Access, Decision, parse_rules, parse_tokens, token_hash};
use std::collections::HashMap;
use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use tokio::net::TcpListener;
use tokio::task::LocalSet;

const ROLES: &[&str] = &["viewer", "ops"];

#[derive(Parser)]
enum Args {
    /// Answer questions, from `tokens.tsv` in `--data` and `ROLE.rules` in `--rules`.
    Serve {
        #[arg(long)]
        listen: String,
        #[arg(long)]
        data: PathBuf,
        #[arg(long)]
        rules: PathBuf,
    },
    /// Write tokens, HAProxy's maps and regexes, and the header files of the load clients into `--data`.
    Tokens {
        #[arg(long)]
        data: PathBuf,
        #[arg(long)]
        rules: PathBuf,
        /// Tokens in the map; a tenth of them are of the `ops` role, the rest viewers.
        #[arg(long, default_value_t = 1000)]
        count: usize,
        /// Tokens the load clients take turns with.
        #[arg(long)]
        used: usize,
    },
}

fn main() -> Outcome<()> {
    match Args::parse() {
        Args::Serve { listen, data, rules } => {
            let access = load(&data, &rules)?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            LocalSet::new().block_on(&runtime, serve(&listen, Rc::new(access)))
        }
        Args::Tokens { data, rules, count, used } => write_files(&data, &rules, count, used),
    }
}

fn load(data: &Path, rules: &Path) -> Outcome<Access> {
    let mut roles = HashMap::new();
    for role in ROLES {
        roles.insert((*role).to_owned(), parse_rules(&read(&rules.join(format!("{role}.rules")))?)?);
    }
    Ok(Access { holders: parse_tokens(&read(&data.join("tokens.tsv"))?)?, roles })
}

fn read(path: &Path) -> Outcome<String> {
    Ok(fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?)
}

async fn serve(listen: &str, access: Rc<Access>) -> Outcome<()> {
    let listener = TcpListener::bind(listen).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let access = Rc::clone(&access);
        let service = service_fn(move |request: Request<Incoming>| {
            let answer = answer(request.headers(), &access);
            async move { Ok::<_, Infallible>(answer) }
        });
        tokio::task::spawn_local(async move {
            // A proxy that closes its connection ends that connection and nothing else.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

fn answer(headers: &HeaderMap, access: &Access) -> Response<Empty<Bytes>> {
    let mut response = Response::new(Empty::new());
    *response.status_mut() = match decide(headers, access) {
        Decision::Allowed { user } => {
            if let Ok(user) = HeaderValue::from_str(user) {
                response.headers_mut().insert("x-user", user);
            }
            StatusCode::NO_CONTENT
        }
        Decision::UnknownToken => StatusCode::UNAUTHORIZED,
        Decision::Forbidden => StatusCode::FORBIDDEN,
    };
    response
}

fn decide<'a>(headers: &HeaderMap, access: &'a Access) -> Decision<'a> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let token = text(AUTHORIZATION.as_str()).and_then(|value| value.strip_prefix("Bearer "));
    let method = text("x-original-method").or_else(|| text("x-forwarded-method"));
    let target = text("x-original-uri").or_else(|| text("x-forwarded-uri"));
    match (token, method, target) {
        (Some(token), Some(method), Some(target)) => access.decide(token, method, target),
        (None, _, _) => Decision::UnknownToken,
        _ => Decision::Forbidden,
    }
}

/// Tokens need no secrecy here, only the same shape and length as real ones, so they are made from their number.
fn write_files(data: &Path, rules: &Path, count: usize, used: usize) -> Outcome<()> {
    let (mut tsv, mut map, mut roles) = (String::new(), String::new(), String::new());
    let mut headers: HashMap<&str, Vec<String>> = HashMap::new();
    for index in 0..count {
        let role = if index % 10 == 9 { "ops" } else { "viewer" };
        let token = format!("rgw_{}", token_hash(&format!("bench {index}")).get(..37).unwrap_or_default());
        let (hash, user) = (token_hash(&token), format!("bench-{index}@example.com"));
        tsv.push_str(&format!("{hash}\t{user}\t{role}\n"));
        map.push_str(&format!("{} {user}\n", hash.to_uppercase()));
        roles.push_str(&format!("{user} {role}\n"));
        headers.entry(role).or_default().push(format!("Bearer {token}"));
    }
    fs::write(data.join("tokens.tsv"), tsv)?;
    fs::write(data.join("haproxy-tokens.map"), map)?;
    fs::write(data.join("haproxy-roles.map"), roles)?;
    for role in ROLES {
        let lines: Vec<String> = headers.remove(role).unwrap_or_default().into_iter().take(used).collect();
        fs::write(data.join(format!("peers-{role}.headers")), lines.join("\n") + "\n")?;
        let rules = parse_rules(&read(&rules.join(format!("{role}.rules")))?)?;
        let regexes: Vec<String> = rules.iter().map(|rule| rule.regex()).collect();
        fs::write(data.join(format!("haproxy-{role}.regex")), regexes.join("\n") + "\n")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(access: &Access, pairs: &[(&'static str, &str)]) -> u16 {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, HeaderValue::from_str(value).unwrap());
        }
        answer(&headers, access).status().as_u16()
    }

    #[test]
    fn written_files_are_read_back_and_decide() {
        let data = std::env::temp_dir().join(format!("rack-gateway-bench-authsvc-{}", std::process::id()));
        fs::create_dir_all(&data).unwrap();
        let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
        write_files(&data, &rules, 20, 3).unwrap();
        let access = load(&data, &rules).unwrap();
        let viewers = read(&data.join("peers-viewer.headers")).unwrap();
        let map = read(&data.join("haproxy-tokens.map")).unwrap();
        fs::remove_dir_all(&data).unwrap();

        let token = viewers.lines().next().unwrap();
        assert_eq!((viewers.lines().count(), map.lines().count(), access.holders.len()), (3, 20, 20));
        let nginx = |uri| [("authorization", token), ("x-original-method", "GET"), ("x-original-uri", uri)];
        assert_eq!(ask(&access, &nginx("/apps")), 204);
        assert_eq!(ask(&access, &nginx("/secrets")), 403);
        let caddy = [("authorization", token), ("x-forwarded-method", "POST"), ("x-forwarded-uri", "/apps")];
        assert_eq!(ask(&access, &caddy), 403);
        assert_eq!(
            ask(
                &access,
                &[("authorization", "Bearer x"), ("x-original-method", "GET"), ("x-original-uri", "/apps")]
            ),
            401
        );
        assert_eq!(ask(&access, &[]), 401);
    }
}
