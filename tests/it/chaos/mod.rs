//! The real binary under misfortune: killed, starved of its database, unheard, told to go.
//!
//! Whatever happens, a change that was acknowledged has its record, once; what cannot be recorded is not done;
//! and the gateway recovers by itself.

mod balancer;
mod child;
mod clock;
mod cluster;
mod kills;
mod ledger;
mod load;
mod postgres;
mod pushing;
mod replicas;
mod rolling;
mod site;
mod sqlite;
mod starting;
mod stdout;
mod stopping;
mod unwinding;
mod wire;
