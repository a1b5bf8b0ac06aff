//! The routes by which a real rack lets calls through to its image registry and to any address in its cluster.

use super::{
    auth::{self, Role},
    call::Call,
    reply::{self, Answer},
};
use http::StatusCode;

/// Says what would have been sent on, and to where: this rack has nothing behind it.
pub async fn would_forward(call: Call) -> Answer {
    auth::require(call.grant, Role::Write)?;
    let target = match (call.header("X-Host"), call.header("X-Port")) {
        (None, None) => "the image registry".to_owned(),
        (host, port) => format!("{}:{}", host.unwrap_or_default(), port.unwrap_or_default()),
    };
    let text = format!("demo rack: {} {} would go to {target}\n", call.parts.method, call.parts.uri);
    Ok(reply::text(StatusCode::OK, text))
}

#[cfg(test)]
mod tests {
    use super::super::testing::Client;

    #[tokio::test]
    async fn open_proxies_say_what_they_saw() {
        let client = Client::start().await;
        let request = client
            .request("POST", "/custom/http/proxy//a%2Fb?x=1")
            .header("X-Host", "db")
            .header("X-Port", "1");
        let text = request.send().await.unwrap().text().await.unwrap();
        assert_eq!(text, "demo rack: POST /custom/http/proxy//a%2Fb?x=1 would go to db:1\n");
        assert_eq!(client.request("GET", "/v2/").send().await.unwrap().status(), 200);
    }
}
