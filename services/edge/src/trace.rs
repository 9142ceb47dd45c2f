//! W3C Trace Context (Recommendation of 23 November 2021), section 3.2: a request may belong to a
//! trace that began elsewhere.
//!
//! The header is parsed strictly. An invalid header counts as absent, and the request begins a
//! trace of its own, whose id is its request id. `tracestate` is not read: we call no further
//! service to pass it on to.

use std::fmt;

use actix_web::{HttpMessage, dev::ServiceRequest};
use tracing_actix_web::RequestId;

/// The header that says which trace a request belongs to.
const TRACEPARENT: &str = "traceparent";
/// The header that says which trace an answer belongs to (W3C Trace Context Level 3, draft).
pub const TRACERESPONSE: &str = "traceresponse";

/// The position of a request in its trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The id of the whole trace.
    pub id: TraceId,
    /// The id of our span in it.
    span: [u8; 8],
    /// Whether the caller records its span, and whether the trace id is random (Level 2).
    flags: u8,
}

/// The id of a trace. Written in hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TraceId([u8; 16]);

impl Trace {
    /// Returns the trace of a request: the one it names, or a new one. `fresh` is random.
    #[must_use]
    pub fn of(traceparent: Option<&str>, fresh: [u8; 16]) -> Self {
        let mut span = [0; 8];
        // The half of a version 4 UUID that contains the variant bits is never zero.
        span.copy_from_slice(&fresh[8..]);
        match traceparent.and_then(read) {
            Some((id, flags)) => Self { id: TraceId(id), span, flags },
            None => Self { id: TraceId(fresh), span, flags: 0 },
        }
    }

    /// Determines the trace of this request, and stores it in the request's extensions.
    pub(crate) fn begin(request: &ServiceRequest) -> Self {
        let fresh = request.extensions().get::<RequestId>().map(|id| *id.as_bytes()).unwrap_or_default();
        let mut named = request.headers().get_all(TRACEPARENT);
        // Two headers count as none.
        let one = named.next().filter(|_| named.next().is_none()).and_then(|v| v.to_str().ok());
        let trace = Self::of(one, fresh);
        request.extensions_mut().insert(trace);
        trace
    }
}

/// Parses version, trace id, parent id and flags of a `traceparent`. A version above ours may have
/// more fields after them.
fn read(text: &str) -> Option<([u8; 16], u8)> {
    let (version, rest) = (hex::<1>(text.get(..2)?)?[0], text.get(2..)?);
    let whole = match version {
        0xff => false,
        0 => rest.len() == 53,
        _ => rest.len() == 53 || rest.as_bytes().get(53) == Some(&b'-'),
    };
    let part = |from: usize, to: usize| {
        (rest.as_bytes().get(from - 1) == Some(&b'-')).then(|| rest.get(from..to)).flatten()
    };
    let (id, parent, flags) =
        (hex::<16>(part(1, 33)?)?, hex::<8>(part(34, 50)?)?, hex::<1>(part(51, 53)?)?[0]);
    // Flags that are not defined yet are not passed on.
    (whole && id != [0; 16] && parent != [0; 8]).then_some((id, flags & 0b11))
}

/// Parses lower-case hexadecimal only, as the standard requires.
fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |b: u8| match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    let pairs = text.as_bytes().chunks_exact(2);
    if text.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Trace {
    /// Formats the trace as a header.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{:016x}-{:02x}", self.id, u64::from_be_bytes(self.span), self.flags)
    }
}

#[cfg(test)]
mod tests {
    use super::Trace;

    const FRESH: [u8; 16] = [0xab; 16];
    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn answer(traceparent: Option<&str>) -> String {
        Trace::of(traceparent, FRESH).to_string()
    }

    #[test]
    fn a_trace_goes_on_with_its_id_and_flags_under_a_span_of_ours() {
        assert_eq!(answer(Some(GOOD)), "00-4bf92f3577b34da6a3ce929d0e0e4736-abababababababab-01");
        let flagged = GOOD.replace("-01", "-ff");
        assert_eq!(
            answer(Some(&flagged)),
            "00-4bf92f3577b34da6a3ce929d0e0e4736-abababababababab-03",
            "unknown flags are not passed on"
        );
        let later = format!("{}-more", GOOD.replacen("00", "cc", 1));
        assert_eq!(answer(Some(&later)), answer(Some(GOOD)), "a later version is read as far as we know it");
    }

    #[test]
    fn what_is_not_a_traceparent_begins_a_new_trace() {
        let new = "00-abababababababababababababababab-abababababababab-00";
        assert_eq!(answer(None), new);
        for wrong in [
            "",
            "00",
            "00-",
            "é0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            &GOOD.to_uppercase(),
            &GOOD.replacen("00", "ff", 1),
            &GOOD.replacen("00", "0x", 1),
            &GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", "00000000000000000000000000000000"),
            &GOOD.replace("00f067aa0ba902b7", "0000000000000000"),
            &GOOD.replace("-00f0", "_00f0"),
            &GOOD.replace("4bf9", "4bé"),
            &format!("{GOOD}-more"),
            &format!("{GOOD} "),
            &format!(" {GOOD}"),
            &format!("{}x", GOOD.replacen("00", "cc", 1)),
            &GOOD[..54],
            &GOOD[..53],
        ] {
            assert_eq!(answer(Some(wrong)), new, "{wrong:?}");
        }
    }
}
