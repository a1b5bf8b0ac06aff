//! What lasts: commands, logs, large transfers, silence.

mod exec;
mod logs;
mod lost_rights;
mod record;
mod refused;
mod stopping;
mod vanishing;
