//! `convox proxy`: a TCP connection from inside the rack. This rack has no inside, so only the loopback
//! addresses of its host can be reached.

use super::{
    auth::Role,
    call::Call,
    reply::Answer,
    socket::{self, Input, Output, Pings, Terms},
};
use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

const TERMS: Terms = Terms { needs: Role::Write, pings: Pings::Answered };
const READ: usize = 32 * 1024;

pub fn open(call: Call, host: &str, port: &str) -> Answer {
    let target = loopback(host, port);
    socket::accept(call, TERMS, async move |input, output| {
        let target = match target {
            Ok(target) => target,
            Err(reason) => return output.fail(&reason).await,
        };
        match TcpStream::connect(target).await {
            Ok(stream) => carry(stream, input, output).await,
            Err(error) => output.fail(&format!("dial tcp {target}: {error}")).await,
        }
    })
}

/// Each direction ends by itself: the client may stop sending and still be answered.
async fn carry(stream: TcpStream, mut input: Input, output: Output) -> io::Result<()> {
    let (mut reader, mut writer) = stream.into_split();
    let to_target = async {
        while let Some(data) = input.next().await {
            writer.write_all(&data).await?;
        }
        writer.shutdown().await
    };
    let to_client = async {
        let mut buffer = vec![0; READ];
        loop {
            let length = reader.read(&mut buffer).await?;
            let Some(data) = buffer.get(..length).filter(|data| !data.is_empty()) else { break };
            output.text(data).await?;
        }
        output.end().await
    };
    tokio::pin!(to_target, to_client);
    tokio::select! {
        done = &mut to_client => done,
        done = &mut to_target => {
            done?;
            to_client.await
        }
    }
}

fn loopback(host: &str, port: &str) -> Result<SocketAddr, String> {
    let port = port.parse().map_err(|_| format!("invalid port: {port}"))?;
    let address = match host {
        "localhost" => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        literal => literal.trim_matches(['[', ']']).parse::<IpAddr>().ok().filter(IpAddr::is_loopback),
    };
    let refused = || format!("the demo rack reaches loopback addresses only, not {host}");
    Ok(SocketAddr::new(address.ok_or_else(refused)?, port))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Client, until_end};
    use super::loopback;
    use futures_util::SinkExt as _;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };
    use tokio_tungstenite::tungstenite::Message;

    #[tokio::test]
    async fn carries_bytes_both_ways_and_half_closes() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let target = tokio::spawn(async move {
            let mut stream = listener.accept().await.unwrap().0;
            let mut all = String::new();
            stream.read_to_string(&mut all).await.unwrap();
            stream.write_all(all.to_uppercase().as_bytes()).await.unwrap();
        });
        let client = Client::start().await;
        let mut socket = client.socket(&format!("/proxy/localhost/{port}"), &[]).await;
        socket.send(Message::text("hello ")).await.unwrap();
        socket.send(Message::text("there")).await.unwrap();
        socket.send(Message::binary(Vec::new())).await.unwrap();
        assert_eq!(until_end(&mut socket).await.concat(), "HELLO THERE");
        target.await.unwrap();
    }

    #[tokio::test]
    async fn reaches_nothing_else() {
        let client = Client::start().await;
        let mut socket = client.socket("/proxy/db.internal/5432", &[]).await;
        let said = until_end(&mut socket).await.concat();
        assert_eq!(said, "ERROR: the demo rack reaches loopback addresses only, not db.internal\n");
        for host in ["10.0.0.1", "169.254.169.254", "example.org", "0.0.0.0", "localhost.example.org"] {
            assert!(loopback(host, "80").is_err(), "{host}");
        }
        assert!(loopback("localhost", "99999").is_err());
        assert!(loopback("[::1]", "80").is_ok());
    }
}
