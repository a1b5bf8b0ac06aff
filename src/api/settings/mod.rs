//! Settings of the running gateway; a change is in force on every replica within seconds.

mod drop;
mod list;
mod put;
mod view;

pub use list::SettingPage;
pub use put::SettingBody;
pub use view::SettingView;

use super::Endpoint;

pub fn endpoints() -> Vec<Endpoint> {
    vec![list::endpoint(), put::endpoint(), drop::endpoint()]
}
