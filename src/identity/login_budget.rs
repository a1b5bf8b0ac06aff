//! How often a login may fail, for each client address and each person. Other spellings of the same are the same.

use super::email;
use crate::{
    core::{SharedClock, Timestamp},
    store::{Db, StoreResult},
};
use std::{net::IpAddr, time::Duration};

const WINDOW: Duration = Duration::from_secs(5 * 60);
/// Many people may share an address.
const OF_ADDRESS: i64 = 50;
const OF_PERSON: i64 = 10;

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct LoginBudget {
    db: Db,
    clock: SharedClock,
}

impl LoginBudget {
    pub const fn new(db: Db, clock: SharedClock) -> Self {
        Self { db, clock }
    }

    /// Whether the address may try again.
    pub async fn has_left(&self, ip: IpAddr) -> StoreResult<bool> {
        Ok(self.db.login_failures(&of_address(ip), self.since()).await? < OF_ADDRESS)
    }

    /// Whether the person may.
    pub async fn person_has_left(&self, person: &str) -> StoreResult<bool> {
        Ok(self.db.login_failures(&of_person(person), self.since()).await? < OF_PERSON)
    }

    /// Notes a failure; `person` is an e-mail address, where it is known whose.
    pub async fn failed(&self, ip: IpAddr, person: Option<&str>) -> StoreResult<()> {
        let subjects: Vec<_> = [of_address(ip)].into_iter().chain(person.map(of_person)).collect();
        self.db.note_login_failure(&subjects, self.since(), self.clock.now()).await
    }

    fn since(&self) -> Timestamp {
        let micros = i64::try_from(WINDOW.as_micros()).unwrap_or(i64::MAX);
        Timestamp::from_micros(self.clock.now().as_micros().saturating_sub(micros))
    }
}

/// IPv6 by /64, which is what one client is given.
fn of_address(ip: IpAddr) -> String {
    match ip.to_canonical() {
        IpAddr::V4(v4) => format!("ip:{v4}"),
        IpAddr::V6(v6) => format!("ip:{}/64", std::net::Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
    }
}

fn of_person(person: &str) -> String {
    let canonical = email::canonical(person).unwrap_or_else(|_| person.trim().to_lowercase());
    format!("person:{canonical}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_spellings_are_the_same() {
        let same =
            |a: &str, b: &str| assert_eq!(of_address(a.parse().unwrap()), of_address(b.parse().unwrap()));
        same("2001:db8::1", "2001:db8:0:0:ffff::9");
        same("::ffff:192.0.2.1", "192.0.2.1");
        assert_ne!(
            of_address("2001:db8::1".parse().unwrap()),
            of_address("2001:db8:0:1::1".parse().unwrap())
        );
        for spelling in ["ADA@example.com", " ada@Example.com ", "ada@example.com"] {
            assert_eq!(of_person(spelling), "person:ada@example.com");
        }
    }
}
