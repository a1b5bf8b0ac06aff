//! Webhooks: what happens in the registry is told once it has happened, until it is heard.

mod delivery;
mod gateway;
mod receiver;
