//! The WebSocket reader returns the same however the bytes are split, and never exceeds its limits.

use countersign_protocol::outer::MAX_PHONE_FRAME;

use super::frames::{Incoming, ProtocolViolation, Reader};

/// Returns whether the reader returned anything before the end or an error.
pub fn body(data: &[u8]) -> bool {
    let Some((piece, bytes)) = data.split_first() else { return false };
    let whole = said(bytes, bytes.len().max(1));
    for piece in [1, usize::from(*piece).max(2)] {
        assert_eq!(said(bytes, piece), whole, "in pieces of {piece}");
    }
    for said in &whole.0 {
        match said {
            Incoming::Message(message) => assert!(message.len() <= MAX_PHONE_FRAME),
            Incoming::Ping(payload) => assert!(payload.len() <= 125),
            Incoming::Pong | Incoming::Close => {}
        }
    }
    !whole.0.is_empty()
}

fn said(bytes: &[u8], piece: usize) -> (Vec<Incoming>, bool) {
    let (mut reader, mut said) = (Reader::default(), Vec::new());
    for piece in bytes.chunks(piece) {
        reader.push(piece);
        loop {
            match reader.next() {
                Ok(Some(it)) => said.push(it),
                Ok(None) => break,
                Err(ProtocolViolation) => return (said, true),
            }
        }
    }
    (said, false)
}
