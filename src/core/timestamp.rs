//! A point in time as the database, the audit record and the API agree on it.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::{fmt, time::Duration};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// UTC, microseconds since the Unix epoch. Stored as a 64-bit integer on both engines, so that the order of
/// rows is the order of time; shown as RFC 3339 with exactly six digits of fraction.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, sqlx::Type)]
#[sqlx(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Reads RFC 3339 (`2026-01-31T12:00:00Z`, any offset); finer fractions are cut to microseconds.
    pub fn parse(text: &str) -> Result<Self, time::error::Parse> {
        let at = OffsetDateTime::parse(text, &Rfc3339)?;
        Ok(Self((at.unix_timestamp_nanos() / 1_000) as i64))
    }

    pub fn saturating_add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }

    pub fn saturating_sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }

    /// Time from `earlier` to `self`; zero when the clock went backwards.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// `2026-01-31T12:00:00.000000Z`, digit by digit: this runs on every request.
    fn rfc3339(self) -> [u8; LENGTH] {
        let seconds = self.0.div_euclid(1_000_000);
        let at = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        let fields = [
            (4, u32::try_from(at.year()).unwrap_or(0)),
            (7, u32::from(u8::from(at.month()))),
            (10, u32::from(at.day())),
            (13, u32::from(at.hour())),
            (16, u32::from(at.minute())),
            (19, u32::from(at.second())),
            (26, u32::try_from(self.0.rem_euclid(1_000_000)).unwrap_or(0)),
        ];
        for (end, mut value) in fields {
            let digits = text.iter_mut().take(end).rev().take_while(|byte| byte.is_ascii_digit());
            for digit in digits {
                *digit = b'0' + (value % 10) as u8;
                value /= 10;
            }
        }
        text
    }
}

const LENGTH: usize = "2026-01-31T12:00:00.000000Z".len();

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(&self.rfc3339()).unwrap_or_default())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(&self.rfc3339()).unwrap_or_default())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(str::from_utf8(&self.rfc3339()).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_fixed_width_and_reads_back() {
        for micros in [0, 1, 999_999, 1_000_000, 1_769_860_800_000_000, -1] {
            let at = Timestamp::from_micros(micros);
            assert_eq!(at.to_string().len(), 27);
            assert_eq!(Timestamp::parse(&at.to_string()).unwrap(), at);
        }
        assert_eq!(Timestamp::from_micros(1_769_860_800_000_500).to_string(), "2026-01-31T12:00:00.000500Z");
    }

    #[test]
    fn other_offsets_become_utc() {
        let at = Timestamp::parse("2026-01-31T14:00:00+02:00").unwrap();
        assert_eq!(at.to_string(), "2026-01-31T12:00:00.000000Z");
    }

    #[test]
    fn text_order_is_time_order() {
        let mut times: Vec<_> = [5, 500_000, 0, 1_000_000].map(Timestamp::from_micros).to_vec();
        let mut texts: Vec<_> = times.iter().map(ToString::to_string).collect();
        times.sort();
        texts.sort();
        assert_eq!(texts, times.iter().map(ToString::to_string).collect::<Vec<_>>());
    }
}
