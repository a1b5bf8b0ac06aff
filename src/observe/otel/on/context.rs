//! `traceparent` and `tracestate`, as W3C Trace Context (level 1) has them. What does not fit is as if it was not there.

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
static TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Bytes of a `tracestate` that is passed on: what the specification asks of everybody. Each span holds a copy.
const LONGEST_STATE: usize = 512;

/// The caller's span, if the headers name one.
pub(super) fn read(headers: &HeaderMap) -> Option<SpanContext> {
    let mut parents = headers.get_all(&TRACEPARENT).iter();
    // Two parents are none.
    let (Some(parent), None) = (parents.next(), parents.next()) else { return None };
    let (trace_id, span_id, flags) = parse(parent.to_str().ok()?)?;
    Some(SpanContext::new(trace_id, span_id, flags, true, state(headers).unwrap_or_default()))
}

/// Says whose child a request is, in place of what the headers said.
pub(super) fn write(headers: &mut HeaderMap, span: &SpanContext) {
    let flags = span.trace_flags() & TraceFlags::SAMPLED;
    let parent = format!("00-{}-{}-{:02x}", span.trace_id(), span.span_id(), flags.to_u8());
    let Ok(parent) = HeaderValue::try_from(parent) else { return };
    headers.insert(&TRACEPARENT, parent);
    match HeaderValue::try_from(span.trace_state().header()) {
        Ok(state) if !state.is_empty() => _ = headers.insert(&TRACESTATE, state),
        _ => _ = headers.remove(&TRACESTATE),
    }
}

/// `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`; later versions may say more behind it.
fn parse(text: &str) -> Option<(TraceId, SpanId, TraceFlags)> {
    let mut fields = text.split('-');
    let version = hex::<2>(fields.next()?)?;
    let (trace_id, span_id, flags) =
        (hex::<32>(fields.next()?)?, hex::<16>(fields.next()?)?, hex::<2>(fields.next()?)?);
    if version == 0xff || (version == 0 && fields.next().is_some()) || trace_id == 0 || span_id == 0 {
        return None;
    }
    let flags = TraceFlags::new(u8::try_from(flags).ok()?) & TraceFlags::SAMPLED;
    Some((TraceId::from(trace_id), SpanId::from(u64::try_from(span_id).ok()?), flags))
}

/// Exactly so many digits, in lower case.
fn hex<const DIGITS: usize>(text: &str) -> Option<u128> {
    let fits = text.len() == DIGITS && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    fits.then(|| u128::from_str_radix(text, 16).ok())?
}

fn state(headers: &HeaderMap) -> Option<TraceState> {
    let lines: Option<Vec<_>> = headers.get_all(&TRACESTATE).iter().map(|line| line.to_str().ok()).collect();
    let text = lines?.join(",");
    (text.len() <= LONGEST_STATE).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn what_was_written_is_read() {
        let given = headers(&[("traceparent", PARENT), ("tracestate", "a=1"), ("tracestate", "b=2")]);
        let span = read(&given).unwrap();
        assert!(span.is_remote() && span.is_sampled());
        let mut sent = headers(&[("traceparent", "of the client"), ("tracestate", "of=client")]);
        write(&mut sent, &span);
        assert_eq!(sent, headers(&[("traceparent", PARENT), ("tracestate", "a=1,b=2")]));
        let mut sent = headers(&[("tracestate", "of=client")]);
        write(&mut sent, &read(&headers(&[("traceparent", &PARENT.replace("-01", "-00"))])).unwrap());
        assert_eq!(sent, headers(&[("traceparent", &PARENT.replace("-01", "-00"))]));
    }

    #[test]
    fn what_is_no_parent_is_nobody() {
        for bad in [
            "",
            "00",
            &PARENT[1..],
            &PARENT.to_uppercase(),
            &format!("{PARENT}-"),
            &format!("{PARENT}-00"),
            &format!(" {PARENT}"),
            &PARENT.replacen("00", "ff", 1),
            &PARENT.replace("4bf92f3577b34da6a3ce929d0e0e4736", "00000000000000000000000000000000"),
            &PARENT.replace("00f067aa0ba902b7", "0000000000000000"),
            &PARENT.replace("4bf9", "+bf9"),
            &PARENT.replace("-01", "-1"),
            &PARENT.replace("-01", "-0g"),
        ] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
        assert!(parse(&format!("{}-what comes later", PARENT.replacen("00", "cc", 1))).is_some());
        assert!(read(&headers(&[("traceparent", PARENT), ("traceparent", PARENT)])).is_none());
        assert!(read(&headers(&[("tracestate", "a=1")])).is_none());
    }

    #[test]
    fn a_state_that_does_not_fit_does_not_harm_its_parent() {
        for state in ["a=1,B=2", "no", &format!("a={}", "x".repeat(LONGEST_STATE))] {
            let span = read(&headers(&[("traceparent", PARENT), ("tracestate", state)])).unwrap();
            assert_eq!(span.trace_state().header(), "", "{state}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_header_panics(parent in "\\PC{0,70}", state in "\\PC{0,600}") {
            let mut given = HeaderMap::new();
            for (name, text) in [(&TRACEPARENT, parent), (&TRACESTATE, state)] {
                if let Ok(value) = HeaderValue::from_bytes(text.as_bytes()) {
                    given.insert(name, value);
                }
            }
            if let Some(span) = read(&given) {
                proptest::prop_assert!(span.is_valid());
            }
        }
    }
}
