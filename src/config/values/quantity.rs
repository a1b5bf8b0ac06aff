//! Numbers, lengths of time and sizes.

use super::Checked;
use std::{ops::RangeInclusive, time::Duration};

pub fn number<T: TryFrom<u64>>(range: RangeInclusive<u64>) -> impl Fn(&str) -> Checked<T> {
    move |text| {
        let (least, most) = (range.start(), range.end());
        let example = format!("write a number from {least} to {most}");
        let number: u64 = text.parse().map_err(|_| format!("is not a whole number; {example}"))?;
        if !range.contains(&number) {
            return Err(format!("is out of range; {example}"));
        }
        T::try_from(number).map_err(|_| format!("is out of range; {example}"))
    }
}

/// A share from 0 to 1.
pub fn fraction(text: &str) -> Checked<f32> {
    match text.parse::<f32>() {
        Ok(number) if (0.0..=1.0).contains(&number) => Ok(number),
        _ => Err("is not a number from 0 to 1; write for example 0.1".into()),
    }
}

/// `500ms`, `10s`, `2m`, `1h`, several of them in a row (`1h30m`), or plain seconds.
pub fn duration(range: RangeInclusive<Duration>) -> impl Fn(&str) -> Checked<Duration> {
    move |text| {
        let millis = milliseconds(text)
            .ok_or("is not a length of time; write for example 500ms, 10s, 2m, 1h or plain seconds")?;
        let span = Duration::from_millis(millis);
        if range.contains(&span) {
            return Ok(span);
        }
        let (least, most) = (short_duration(*range.start()), short_duration(*range.end()));
        Err(format!("is out of range; write a length of time from {least} to {most}"))
    }
}

fn milliseconds(text: &str) -> Option<u64> {
    if let Ok(seconds) = text.parse::<u64>() {
        return seconds.checked_mul(1_000);
    }
    let mut total = 0u64;
    let mut rest = text;
    while !rest.is_empty() {
        let (count, after) = leading_number(rest)?;
        let unit_length = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(unit_length)?;
        let factor = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return None,
        };
        total = total.checked_add(count.checked_mul(factor)?)?;
        rest = after;
    }
    (!text.is_empty()).then_some(total)
}

fn short_duration(span: Duration) -> String {
    match span.as_millis() {
        millis if millis % 3_600_000 == 0 && millis > 0 => format!("{}h", millis / 3_600_000),
        millis if millis % 60_000 == 0 && millis > 0 => format!("{}m", millis / 60_000),
        millis if millis % 1_000 == 0 => format!("{}s", millis / 1_000),
        millis => format!("{millis}ms"),
    }
}

/// Bytes: `1048576`, `10MiB` (powers of 1024) or `10MB` (powers of 1000).
pub fn size(range: RangeInclusive<u64>) -> impl Fn(&str) -> Checked<usize> {
    move |text| {
        let bytes = bytes(text).ok_or("is not a size; write for example 1048576, 128KiB, 10MiB or 10MB")?;
        if !range.contains(&bytes) {
            let (least, most) = (range.start(), range.end());
            return Err(format!("is out of range; write a size from {least} to {most} bytes"));
        }
        usize::try_from(bytes).map_err(|_| "is more than this machine can address".into())
    }
}

fn bytes(text: &str) -> Option<u64> {
    let (count, unit) = leading_number(text)?;
    let factor = match unit.trim_start() {
        "" | "B" => 1,
        "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    count.checked_mul(factor)
}

fn leading_number(text: &str) -> Option<(u64, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(1 << 40);

    #[test]
    fn durations() {
        for (text, millis) in [
            ("500ms", 500),
            ("10s", 10_000),
            ("10", 10_000),
            ("0", 0),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("1h30m0s", 5_400_000),
        ] {
            assert_eq!(duration(ANY)(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in [
            "",
            "s",
            "10 s",
            "10x",
            "-1s",
            "1.5h",
            "5m3",
            "99999999999999999999",
            "18446744073709551615h",
            "1µs",
        ] {
            assert!(duration(ANY)(text).unwrap_err().contains("write for example 500ms"), "{text}");
        }
        let narrow = duration(Duration::from_millis(100)..=Duration::from_secs(3_600));
        assert_eq!(narrow("2h").unwrap_err(), "is out of range; write a length of time from 100ms to 1h");
        assert_eq!(short_duration(Duration::ZERO), "0s");
    }

    #[test]
    fn sizes() {
        for (text, count) in [
            ("1048576", 1 << 20),
            ("10MiB", 10 << 20),
            ("10MB", 10_000_000),
            ("128 KiB", 128 << 10),
            ("1GB", 1_000_000_000),
        ] {
            assert_eq!(size(0..=u64::MAX)(text), Ok(count), "{text}");
        }
        for text in ["", "MiB", "10 apples", "-1", "1.5MiB", "99999999999GiB"] {
            assert!(size(0..=u64::MAX)(text).unwrap_err().starts_with("is not a size"), "{text}");
        }
        assert!(size(1..=100)("101").unwrap_err().contains("from 1 to 100 bytes"));
    }

    #[test]
    fn numbers() {
        assert_eq!(number::<u32>(1..=10)("10"), Ok(10));
        assert_eq!(
            number::<u32>(1..=10)("abc").unwrap_err(),
            "is not a whole number; write a number from 1 to 10"
        );
        for text in ["0", "11"] {
            assert!(number::<u32>(1..=10)(text).unwrap_err().starts_with("is out of range"), "{text}");
        }
        assert!(number::<u8>(1..=1_000)("999").is_err());
        for text in ["-1", "1.0", "0x10", ""] {
            assert!(number::<u64>(0..=u64::MAX)(text).is_err(), "{text}");
        }
    }

    #[test]
    fn fractions() {
        assert_eq!(fraction("0.25"), Ok(0.25));
        for text in ["1.1", "-0.1", "NaN", "inf", "half"] {
            assert!(fraction(text).is_err(), "{text}");
        }
    }
}
