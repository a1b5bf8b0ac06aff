//! A stretch of wire before a server, which can be made to swallow what is sent on it.

use std::{net::Ipv4Addr, sync::Arc};
use tokio::{
    io,
    net::{TcpListener, TcpStream},
    sync::watch,
};

pub struct Wire {
    port: u16,
    /// Even numbers lead somewhere. Connections of an earlier number lead nowhere for ever.
    age: Arc<watch::Sender<usize>>,
}

impl Wire {
    pub async fn to(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let age = Arc::new(watch::Sender::new(0));
        let seen = age.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, server, seen.subscribe()));
            }
        });
        Self { port, age }
    }

    pub const fn port(&self) -> u16 {
        self.port
    }

    pub fn cut_off(&self) {
        self.age.send_modify(|age| *age += 1);
    }

    pub fn lead_somewhere_again(&self) {
        self.age.send_modify(|age| *age += 1);
    }
}

async fn carry(mut client: TcpStream, server: u16, mut age: watch::Receiver<usize>) {
    let of_its_own = *age.borrow_and_update();
    if of_its_own.is_multiple_of(2)
        && let Ok(mut server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).await
    {
        tokio::select! {
            _ = io::copy_bidirectional(&mut client, &mut server) => return,
            _ = age.changed() => {}
        }
    }
    // Open, and silent.
    std::future::pending::<()>().await;
}
