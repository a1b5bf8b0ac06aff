//! A small, honest Convox rack in memory: the HTTP API and the websocket protocol that the stock `convox` CLI
//! speaks, with state that really changes. Builds run no code, commands run in a toy shell, and nothing is
//! written to disk.
//!
//! Where the real rack has sharp edges (routing on the decoded path, parameters readable from headers, sockets
//! that stay open after the end) so has this one: a gateway must cope with them.

mod apps;
mod archive;
mod auth;
mod blob;
mod budget;
mod builds;
mod call;
mod certificates;
mod exec;
mod files;
mod frame;
mod instances;
mod logs;
mod manifest;
mod model;
mod objects;
mod passthrough;
mod path;
mod processes;
mod proxy;
mod registries;
mod releases;
mod reply;
mod reports;
mod resources;
mod rollout;
mod routes;
mod seed;
mod seen;
mod server;
mod services;
mod shared;
mod shell;
mod socket;
mod system;
mod transfer;
mod world;

#[cfg(test)]
mod testing;

pub use seen::SeenRequest;
pub use shell::noise;

use crate::core::{Secret, SharedClock, SystemClock};
use shared::Shared;
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::net::TcpListener;

/// How a [`DemoRack`] is started. [`DemoRackOptions::new`] fills in the usual values.
#[derive(Debug, Clone)]
pub struct DemoRackOptions {
    /// Where to listen, plain HTTP. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// The rack's one password. Clients send it with HTTP Basic; the user name does not matter.
    pub password: Secret,
    pub clock: SharedClock,
    /// How long simulated work, such as a promote or a build, takes.
    pub step: Duration,
    /// How long a websocket stays open after its end was told. Real racks take 9 to 75 seconds.
    pub linger: Duration,
}

impl DemoRackOptions {
    pub fn new(password: impl Into<Secret>) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            password: password.into(),
            clock: Arc::new(SystemClock),
            step: Duration::from_secs(1),
            linger: Duration::from_secs(60),
        }
    }
}

/// A running rack. Dropping it stops it; [`DemoRack::shutdown`] also waits until all its sockets are closed.
#[derive(Debug)]
pub struct DemoRack {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl DemoRack {
    /// Binds and starts serving.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(options: DemoRackOptions) -> io::Result<Self> {
        let listener = TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(options));
        shared.spawn(server::serve(shared.clone(), listener));
        Ok(Self { address, shared })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address as an URL without credentials, such as `http://127.0.0.1:5000`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn password(&self) -> &Secret {
        &self.shared.password
    }

    /// What came in so far, oldest first: the last 10 000 requests, also the refused ones.
    pub fn requests(&self) -> Vec<SeenRequest> {
        self.shared.seen.snapshot()
    }

    /// Websockets whose other side has not hung up yet.
    pub fn open_sockets(&self) -> usize {
        self.shared.sockets.count()
    }

    pub async fn shutdown(self) {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }
}

impl Drop for DemoRack {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}
