//! What lasts: commands, logs, large transfers, silence.

mod bombs;
mod early_answer;
mod exec;
mod leaks;
mod logs;
mod lost_rights;
mod proxy;
mod record;
mod refused;
mod stopping;
mod transfer;
mod vanishing;
