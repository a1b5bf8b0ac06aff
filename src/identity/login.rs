//! All that a login needs, in one hand.

use super::{arrival::Arrivals, links::Links, login_budget::LoginBudget, providers::Providers};

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Login {
    pub providers: Providers,
    pub arrivals: Arrivals,
    pub links: Links,
    pub budget: LoginBudget,
}
