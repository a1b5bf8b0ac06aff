//! The directory of services: instances register, say that they live, are listed and watched; nodes are listed.

mod actor;
mod drain;
mod filter;
mod heartbeat;
mod list;
mod node_delete;
mod node_put;
mod node_self;
mod node_view;
mod nodes;
mod register;
mod release;
mod remove;
mod services;
mod show;
mod view;
mod watch;
mod wish;

pub use drain::DrainBody;
pub use heartbeat::{HeartbeatBody, HeartbeatView};
pub use list::InstancePage;
pub use node_put::NodeBody;
pub use node_self::NodeDocument;
pub use nodes::{NodePage, NodesBody};
pub use register::InstanceDocument;
pub use services::ServicePage;
pub use wish::RegisterBody;

use super::Endpoint;

pub fn endpoints() -> Vec<Endpoint> {
    vec![
        register::endpoint(),
        show::endpoint(),
        list::endpoint(),
        remove::endpoint(),
        heartbeat::endpoint(),
        drain::endpoint(),
        drain::undo(),
        watch::endpoint(),
        services::endpoint(),
        release::endpoint(),
        nodes::endpoint(),
        nodes::by_post(),
        node_self::endpoint(),
        node_put::endpoint(),
        node_delete::endpoint(),
    ]
}
