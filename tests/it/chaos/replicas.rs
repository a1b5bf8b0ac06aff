//! Two gateways on one PostgreSQL.

use super::{
    child::{Child, PATIENCE},
    ledger::Ledger,
    load::Load,
    site::{Site, deployer, on_postgres},
};
use crate::support::{person::Person, wire::SOON};
use futures_util::StreamExt as _;
use rack_gateway::{
    core::{Clock as _, SystemClock},
    store::Db,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, client::IntoClientRequest as _},
};

const MARKER: &str = "F1E49A85-0AD7-4AEF-A618-C249C6E6568D:";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_log_without_a_gap() {
    on_postgres(async |place| {
        let site = Arc::new(Site::on(place).await);
        let gateways = [Arc::new(site.start().await), Arc::new(site.start().await)];
        let pressed = gateways.each_ref().map(|gateway| {
            let load = Arc::new(Load::default());
            let clients = load.clients(4, &site, gateway);
            (load, clients)
        });
        for (load, _) in &pressed {
            load.until(100).await;
        }
        pressed.iter().for_each(|(load, _)| load.stop());
        let mut acknowledged = Vec::new();
        for (_, clients) in pressed {
            let mut of_one = Vec::new();
            for client in clients {
                of_one.extend(client.await.unwrap());
            }
            assert!(of_one.len() > 20, "there was load on each");
            acknowledged.extend(of_one);
        }
        for gateway in gateways {
            assert!(Arc::into_inner(gateway).unwrap().stop().await.success());
        }
        let ledger = Ledger::read(&site).await;
        ledger.assert_covers(&site, &acknowledged);
        assert!(acknowledged.iter().all(|request| ledger.has(*request, "outcome")));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_or_a_revocation_reaches_all() {
    on_postgres(async |place| {
        let site = Site::on(place).await;
        let gateways = [site.start().await, site.start().await];
        let db = site.db().await;

        let locked = deployer(&db).await;
        let streams = Streams::open(&gateways, &locked).await;
        db.set_user_lock(&locked.email, Some((SystemClock.now(), "left"))).await.unwrap();
        streams.end("your access was withdrawn").await;
        refused_by_all(&gateways, &locked).await;

        let revoked = deployer(&db).await;
        let streams = Streams::open(&gateways, &revoked).await;
        db.revoke_token(revoked.token_id, SystemClock.now()).await.unwrap();
        streams.end("your access was withdrawn").await;
        refused_by_all(&gateways, &revoked).await;

        let dismissed = deployer(&db).await;
        let streams = Streams::open(&gateways, &dismissed).await;
        take_grants(&db, &dismissed).await;
        streams.end("you lost the permission").await;
        db.close().await;
    })
    .await;
}

async fn take_grants(db: &Db, from: &Person) {
    let user = db.user_by_email(&from.email).await.unwrap();
    for grant in db.grants().await.unwrap().into_iter().filter(|grant| grant.user_id == Some(user.id)) {
        db.remove_grant(grant.id).await.unwrap();
    }
}

async fn refused_by_all(gateways: &[Child], whom: &Person) {
    for gateway in gateways {
        assert_eq!(status_of_me(gateway, whom).await, 401);
    }
}

/// A command and a log on each gateway.
struct Streams {
    commands: Vec<WebSocketStream<TcpStream>>,
    logs: Vec<WebSocketStream<TcpStream>>,
}

impl Streams {
    async fn open(gateways: &[Child], by: &Person) -> Self {
        let mut streams = Self { commands: Vec::new(), logs: Vec::new() };
        for gateway in gateways {
            until_known(gateway, by).await;
            let command = ("/apps/web/processes/web/exec", "command", "echo begun; sleep 600");
            let mut command = open(gateway, by, command).await;
            assert_eq!(next_text(&mut command).await.as_deref(), Some("begun\n"));
            streams.commands.push(command);
            streams.logs.push(open(gateway, by, ("/apps/web/logs", "follow", "true")).await);
        }
        streams
    }

    async fn end(self, reason: &str) {
        let since = Instant::now();
        for mut command in self.commands {
            let text = to_the_end(&mut command).await;
            assert!(text.contains(reason), "{text}");
            let (_, code) = text.rsplit_once(MARKER).unwrap_or_else(|| panic!("no exit code: {text}"));
            let code = code.lines().next().unwrap();
            assert_ne!(code.parse::<i32>().unwrap(), 0, "{text}");
        }
        for mut log in self.logs {
            to_the_end(&mut log).await;
        }
        assert!(since.elapsed() < SOON, "{:?}", since.elapsed());
    }
}

async fn open(
    gateway: &Child,
    by: &Person,
    (path, name, value): (&str, &'static str, &str),
) -> WebSocketStream<TcpStream> {
    let url = format!("ws://{}/api/v1/rack-proxy{path}", gateway.address);
    let mut request = url.into_client_request().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {}", by.token).parse().unwrap());
    request.headers_mut().insert(name, value.parse().unwrap());
    let stream = TcpStream::connect(gateway.address).await.unwrap();
    tokio_tungstenite::client_async(request, stream).await.unwrap().0
}

async fn until_known(gateway: &Child, whom: &Person) {
    for _ in 0..PATIENCE.as_millis() / 50 {
        if status_of_me(gateway, whom).await == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the gateway did not learn of a new token");
}

async fn status_of_me(gateway: &Child, whom: &Person) -> u16 {
    let url = format!("http://{}/api/v1/me", gateway.address);
    let answer = reqwest::Client::new().get(url).bearer_auth(&whom.token).send().await.unwrap();
    answer.status().as_u16()
}

/// The next text, or `None` at the end of the stream.
async fn next_text(socket: &mut WebSocketStream<TcpStream>) -> Option<String> {
    loop {
        let message = timeout(PATIENCE, socket.next()).await.expect("a message in time")?;
        match message {
            Ok(Message::Text(text)) => return Some(text.to_string()),
            Ok(Message::Binary(bytes)) if bytes.is_empty() => return None,
            Ok(Message::Binary(bytes)) => return Some(String::from_utf8_lossy(&bytes).into_owned()),
            Ok(Message::Close(_)) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}

async fn to_the_end(socket: &mut WebSocketStream<TcpStream>) -> String {
    let mut all = String::new();
    while let Some(text) = next_text(socket).await {
        all.push_str(&text);
    }
    all
}
