//! Helpers for the tests of this folder: a rack of their own and a client for it.

use super::{DemoRack, DemoRackOptions};
use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{Message, client::IntoClientRequest as _, http::HeaderValue},
};

const PASSWORD: &str = "sekret123";
const PATIENCE: Duration = Duration::from_secs(10);

pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

pub struct Client {
    pub rack: DemoRack,
    http: reqwest::Client,
}

impl Client {
    pub async fn start() -> Self {
        let options = DemoRackOptions {
            step: Duration::from_millis(50),
            linger: Duration::from_millis(300),
            ..DemoRackOptions::new(PASSWORD)
        };
        Self { rack: DemoRack::start(options).await.unwrap(), http: reqwest::Client::new() }
    }

    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let url = format!("{}{path}", self.rack.url());
        self.http.request(method, url).basic_auth("convox", Some(PASSWORD)).timeout(PATIENCE)
    }

    pub async fn get(&self, path: &str) -> Value {
        let response = self.request("GET", path).send().await.unwrap();
        assert_eq!(response.status(), 200, "GET {path}");
        response.json().await.unwrap()
    }

    pub async fn form(&self, method: &str, path: &str, fields: &[(&str, &str)]) -> Response {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self.request(method, path).header("content-type", "application/x-www-form-urlencoded");
        request.body(body).send().await.unwrap()
    }

    pub async fn form_ok(&self, method: &str, path: &str, fields: &[(&str, &str)]) -> String {
        let response = self.form(method, path, fields).await;
        let status = response.status();
        let text = response.text().await.unwrap();
        assert_eq!(status, 200, "{method} {path}: {text}");
        text
    }

    pub async fn process_ids(&self, app: &str) -> Vec<String> {
        let processes = self.get(&format!("/apps/{app}/processes")).await;
        processes.as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect()
    }

    pub async fn socket(&self, path: &str, headers: &[(&'static str, &str)]) -> Socket {
        self.socket_as(("convox", PASSWORD), path, headers).await
    }

    pub async fn socket_as(
        &self,
        (user, password): (&str, &str),
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Socket {
        let mut request = format!("ws://{}{path}", self.rack.address()).into_client_request().unwrap();
        let origin = format!("http://{}", self.rack.address());
        let basic = reqwest::Client::new().get("http://x").basic_auth(user, Some(password)).build().unwrap();
        request.headers_mut().insert("authorization", basic.headers()["authorization"].clone());
        request.headers_mut().insert("origin", HeaderValue::from_str(&origin).unwrap());
        for (name, value) in headers {
            request.headers_mut().insert(*name, HeaderValue::from_str(value).unwrap());
        }
        tokio_tungstenite::connect_async(request).await.unwrap().0
    }

    /// Sends bytes as they are, and returns the head of the answer and the connection it came on.
    pub async fn raw(&self, request: &str) -> (String, TcpStream) {
        let mut stream = TcpStream::connect(self.rack.address()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        (String::from_utf8(head).unwrap(), stream)
    }

    /// Runs a command and returns its output, exit marker and all.
    pub async fn exec(&self, path: &str, command: &str) -> String {
        let mut socket = self.socket(path, &[("command", command)]).await;
        socket.send(Message::binary(Vec::new())).await.unwrap();
        until_end(&mut socket).await.concat()
    }
}

/// The text messages up to the empty binary frame, which must come.
pub async fn until_end(socket: &mut Socket) -> Vec<String> {
    let mut texts = Vec::new();
    loop {
        match tokio::time::timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap() {
            Message::Text(text) => texts.push(text.to_string()),
            Message::Binary(data) => {
                assert!(data.is_empty());
                return texts;
            }
            _ => {}
        }
    }
}
