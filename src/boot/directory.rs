//! The directory of services: read, followed, and kept true.

use super::{BootError, services};
use crate::{
    config::{Config, DirectoryConfig},
    core::SharedClock,
    directory::{
        AddressGuard, AddressRules, Keeper, Preservation, Prober, Registrar, Rounds,
        node::{NodeBook, OwnNode, hostname},
    },
    store::Db,
};
use std::net::SocketAddr;
use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;

pub struct Opened {
    pub registrar: Registrar,
    pub nodes: NodeBook,
    pub guard: AddressGuard,
}

/// Opens the directory and starts the tasks that it lives by. `own` are the listeners, the public one first.
pub async fn open(
    config: &Config,
    db: &Db,
    clock: &SharedClock,
    own: [SocketAddr; 2],
    tasks: &mut JoinSet<()>,
    stop: &CancellationToken,
) -> Result<Opened, BootError> {
    let settings = &config.directory;
    let preservation =
        Preservation { share: settings.preservation_share, window: settings.preservation_window };
    let keeper = Keeper::load(db.clone(), clock.clone(), preservation).await.map_err(BootError::Database)?;
    let [listen, _] = own;
    let book = NodeBook::open(db.clone(), clock.clone(), own_node(config, listen));
    let nodes = book.await.map_err(BootError::Database)?;
    let guard = AddressGuard::new(rules(settings), own.to_vec());
    let (tell, fresh) = mpsc::unbounded_channel();
    let registrar = Registrar::new(keeper.clone(), guard.clone(), tell);
    let prober = Prober::new(guard.clone()).believing(services::tls(config)?);
    let rounds = Rounds::new(keeper.clone(), prober, nodes.clone(), fresh);
    tasks.spawn(keeper.keep_following(stop.clone()));
    tasks.spawn(nodes.clone().keep_beating(stop.clone()));
    tasks.spawn(rounds.keep_going(stop.clone()));
    Ok(Opened { registrar, nodes, guard })
}

fn rules(settings: &DirectoryConfig) -> AddressRules {
    let DirectoryConfig { allow, deny, ports, .. } = settings.clone();
    AddressRules { allow, deny, ports }
}

fn own_node(config: &Config, listen: SocketAddr) -> OwnNode {
    let DirectoryConfig { node_id, node_url, region, zone, .. } = config.directory.clone();
    let scheme = if config.server.tls.is_some() { "https" } else { "http" };
    let url = node_url.unwrap_or_else(|| format!("{scheme}://{}:{}", hostname(), listen.port()));
    OwnNode { id: node_id, url, region, availability_zone: zone }
}
