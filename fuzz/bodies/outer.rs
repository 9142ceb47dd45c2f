//! A parsed outer frame is encoded as the same bytes, and has a valid length.

use countersign_protocol::outer::{HELLO_LEN, MAX_FRAME, Outer};

pub fn body(data: &[u8]) -> bool {
    let Ok(frame) = Outer::parse(data) else { return false };
    assert_eq!(frame.to_bytes(), data);
    assert!(data.len() <= MAX_FRAME);
    match frame {
        Outer::Hello { .. } => assert_eq!(data.len(), HELLO_LEN),
        Outer::Data { sealed } => assert!(sealed.len() > 16, "no room for a tag"),
        Outer::Close { .. } => assert_eq!(data.len(), 4),
        Outer::HelloOk { .. } | Outer::Retry { .. } => {}
    }
    true
}
