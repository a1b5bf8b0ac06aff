//! What several tests share. No assertion lives here.

pub mod database;
pub mod gateway;
pub mod wire;
