//! `convox-env`: what makes the stock convox command line work with our session.

use super::{Client, Which};
use crate::cli::{failure::Failure, output::Report};
use clap::Args;
use serde_json::json;

/// Print the variable that lets the convox command line use your login: eval "$(rack-gateway convox-env)"
#[derive(Debug, Args)]
pub struct ConvoxEnv {
    /// A rack behind the gateway, by its name there; the gateway's default rack unless named
    #[arg(value_parser = rack_name)]
    rack_name: Option<String>,
    /// A code of your second factor, which the first call that needs one proves; it counts for some minutes
    #[arg(long, value_name = "CODE", value_parser = mfa_code)]
    mfa_code: Option<String>,
    #[command(flatten)]
    which: Which,
}

fn rack_name(text: &str) -> Result<String, &'static str> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let fits = (1..=40).contains(&text.len()) && text.bytes().all(plain);
    if fits { Ok(text.to_owned()) } else { Err("a rack's name has 1 to 40 of the characters a-z, 0-9 and -") }
}

/// Six digits, or a backup code.
fn mfa_code(text: &str) -> Result<String, &'static str> {
    let code = text.trim();
    let fits = (6..=40).contains(&code.len())
        && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if fits {
        Ok(code.to_owned())
    } else {
        Err("a code has six digits; a backup code has letters, digits and -")
    }
}

impl ConvoxEnv {
    pub fn run(self, client: Client<'_>) -> Result<Report, Failure> {
        let (_, chosen) = client.choose(&self.which)?;
        let token = chosen.credential(client.clock.now())?;
        let (scheme, host) = chosen.url.split_once("://").unwrap_or(("https", &chosen.url));
        let path = match &self.rack_name {
            Some(name) => format!("/api/v1/racks/{name}/proxy"),
            None => "/api/v1/rack-proxy".to_owned(),
        };
        // A credential of the environment could hold anything.
        if !token.expose().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)) {
            return Err(Failure::Usage("RACK_GATEWAY_API_TOKEN is not a token of a gateway".to_owned()));
        }
        let proof = self.mfa_code.as_ref().map(|code| format!(".totp.{code}")).unwrap_or_default();
        let url = format!("{scheme}://convox:{}{proof}@{host}{path}", token.expose());
        Ok(Report::new(format!("export RACK_URL='{url}'"), &json!({ "RACK_URL": url })))
    }
}
