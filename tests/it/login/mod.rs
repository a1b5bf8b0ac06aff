//! How people come in: through providers that are honest, hostile or down, and by one-time links.

mod announced;
mod arrivals;
mod browsers;
mod certified;
mod flows;
mod github;
mod keys;
mod links;
mod returning;
mod starting;
mod tokens;
mod world;
