//! WebSocket frames (RFC 6455 §5) without IO. While nothing arrives, their buffers in the phone
//! socket are empty vectors.
//!
//! We read frames ourselves because a library's read and write buffers were half the memory of an
//! idle session (docs/PERFORMANCE.md). tungstenite still parses and writes the head of a frame.

use std::io::Cursor;

use countersign_protocol::outer::MAX_PHONE_FRAME;
use tokio_tungstenite::tungstenite::protocol::frame::{
    FrameHeader,
    coding::{Control, Data, OpCode},
};

/// Largest payload of a control frame (§5.5).
const MAX_CONTROL: usize = 125;

/// What a peer has sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    /// A whole binary message.
    Message(Vec<u8>),
    Ping(Vec<u8>),
    Pong,
    Close,
}

/// The peer broke RFC 6455, or sent something that a phone never sends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ProtocolViolation;

/// Collects bytes and returns the messages in them.
#[derive(Default)]
pub(crate) struct Reader {
    /// Received bytes; those before `at` have been read.
    raw: Vec<u8>,
    at: usize,
    /// Fragments of an incomplete message.
    message: Option<Vec<u8>>,
}

impl Reader {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.raw.drain(..std::mem::take(&mut self.at));
        self.raw.extend_from_slice(bytes);
    }

    /// Returns the next message or control frame; `None` when more bytes are needed.
    pub(crate) fn next(&mut self) -> Result<Option<Incoming>, ProtocolViolation> {
        while let Some((head, payload)) = self.frame()? {
            match head.opcode {
                OpCode::Control(Control::Ping) => return Ok(Some(Incoming::Ping(payload))),
                OpCode::Control(Control::Pong) => return Ok(Some(Incoming::Pong)),
                OpCode::Control(Control::Close) => return Ok(Some(Incoming::Close)),
                OpCode::Data(Data::Binary) if self.message.is_none() => {
                    if head.is_final {
                        return Ok(Some(Incoming::Message(payload)));
                    }
                    self.message = Some(payload);
                }
                OpCode::Data(Data::Continue) => {
                    let mut message = self.message.take().ok_or(ProtocolViolation)?;
                    // An empty fragment in the middle carries no data, so a peer could send them
                    // for ever.
                    if message.len() + payload.len() > MAX_PHONE_FRAME
                        || (payload.is_empty() && !head.is_final)
                    {
                        return Err(ProtocolViolation);
                    }
                    message.extend_from_slice(&payload);
                    if head.is_final {
                        return Ok(Some(Incoming::Message(message)));
                    }
                    self.message = Some(message);
                }
                OpCode::Data(Data::Binary | Data::Text | Data::Reserved(_))
                | OpCode::Control(Control::Reserved(_)) => {
                    return Err(ProtocolViolation);
                }
            }
        }
        Ok(None)
    }

    /// Returns the next whole frame, unmasked.
    fn frame(&mut self) -> Result<Option<(FrameHeader, Vec<u8>)>, ProtocolViolation> {
        let mut cursor = Cursor::new(self.raw.get(self.at..).unwrap_or_default());
        let Some((head, len)) = FrameHeader::parse(&mut cursor).map_err(|_| ProtocolViolation)? else {
            return Ok(None);
        };
        let most = if matches!(head.opcode, OpCode::Control(_)) { MAX_CONTROL } else { MAX_PHONE_FRAME };
        let mask = head.mask.ok_or(ProtocolViolation)?;
        let len = usize::try_from(len).ok().filter(|len| *len <= most).ok_or(ProtocolViolation)?;
        if head.rsv1 || head.rsv2 || head.rsv3 || (most == MAX_CONTROL && !head.is_final) {
            return Err(ProtocolViolation);
        }
        let start = self.at + usize::try_from(cursor.position()).map_err(|_| ProtocolViolation)?;
        let Some(masked) = self.raw.get(start..start + len) else { return Ok(None) };
        let payload = masked.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
        self.at = start + len;
        if self.raw.len() == self.at {
            // An idle peer costs no buffer.
            (self.raw, self.at) = (Vec::new(), 0);
        }
        Ok(Some((head, payload)))
    }
}

/// Appends one unfragmented frame of a server.
pub(crate) fn write(out: &mut Vec<u8>, opcode: OpCode, payload: &[u8]) {
    let head = FrameHeader { opcode, ..FrameHeader::default() };
    // Writing into a `Vec` cannot fail.
    let _always_ok = head.format(payload.len() as u64, out);
    out.extend_from_slice(payload);
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;
    use tokio_tungstenite::tungstenite::{
        Message, WebSocket,
        protocol::{Role, WebSocketConfig},
    };

    use super::*;

    fn frame(opcode: OpCode, is_final: bool, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mask = [7, 0, 255, 3];
        FrameHeader { opcode, is_final, mask: Some(mask), ..FrameHeader::default() }
            .format(payload.len() as u64, &mut bytes)
            .unwrap();
        bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m));
        bytes
    }

    fn opcode() -> impl Strategy<Value = OpCode> {
        use Control::{Close, Ping, Pong};
        use Data::{Binary, Continue, Text};
        prop_oneof![
            6 => Just(OpCode::Data(Binary)),
            4 => Just(OpCode::Data(Continue)),
            2 => Just(OpCode::Control(Ping)),
            1 => Just(OpCode::Control(Pong)),
            1 => Just(OpCode::Control(Close)),
            1 => Just(OpCode::Data(Text)),
        ]
    }

    /// Returns everything our reader yields for these bytes, fed in pieces of this size, and
    /// whether it gave up.
    fn ours(bytes: &[u8], piece: usize) -> (Vec<Incoming>, bool) {
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

    /// Returns the same for tungstenite, up to a close frame, after which it reads no more.
    fn theirs(bytes: &[u8]) -> (Vec<Incoming>, bool) {
        struct Stream<'a>(Cursor<&'a [u8]>);
        impl std::io::Read for Stream<'_> {
            fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
                match self.0.read(buf)? {
                    0 => Err(std::io::ErrorKind::WouldBlock.into()),
                    n => Ok(n),
                }
            }
        }
        impl std::io::Write for Stream<'_> {
            fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
                Ok(buf.len())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        use tokio_tungstenite::tungstenite::Error;
        let config = WebSocketConfig::default()
            .max_message_size(Some(MAX_PHONE_FRAME))
            .max_frame_size(Some(MAX_PHONE_FRAME));
        let mut ws = WebSocket::from_raw_socket(Stream(Cursor::new(bytes)), Role::Server, Some(config));
        let mut said = Vec::new();
        loop {
            match ws.read() {
                Ok(Message::Binary(b)) => said.push(Incoming::Message(b.into())),
                Ok(Message::Ping(b)) => said.push(Incoming::Ping(b.into())),
                Ok(Message::Pong(_)) => said.push(Incoming::Pong),
                Ok(Message::Close(_)) => {
                    said.push(Incoming::Close);
                    return (said, false);
                }
                Ok(_) => return (said, true),
                Err(Error::Io(e)) if e.kind() == std::io::ErrorKind::WouldBlock => return (said, false),
                Err(_) => return (said, true),
            }
        }
    }

    proptest! {
        #[test]
        fn the_reader_says_what_tungstenite_says_however_the_bytes_are_cut(
            frames in prop::collection::vec((opcode(), any::<bool>(), prop::collection::vec(any::<u8>(),
                0..200)), 0..12),
            piece in 1_usize..600,
            flip in prop::option::weighted(0.3, (any::<prop::sample::Index>(), 0_u8..8)),
        ) {
            // A close frame's payload has a grammar of its own, which the phone socket ignores;
            // empty fragments are refused only by our reader.
            let close = OpCode::Control(Control::Close);
            let frames: Vec<_> = frames.into_iter().filter(|(code, fin,
                payload)| *code != OpCode::Data(Data::Continue) || *fin || !payload.is_empty()).collect();
            let mut bytes: Vec<u8> = frames.iter().flat_map(|(code, fin, payload)| frame(*code, *fin,
                if *code == close { &[] } else { payload })).collect();
            if let (Some((at, bit)), false) = (flip, bytes.is_empty()) {
                let at = at.index(bytes.len());
                bytes[at] ^= 1 << bit;
            }
            let (mut mine, rude) = ours(&bytes, piece);
            let closed = mine.iter().position(|s| *s == Incoming::Close);
            mine.truncate(closed.map_or(mine.len(), |at| at + 1));
            let (said, given_up) = theirs(&bytes);
            if flip.is_none() && frames.iter().all(|(code, ..)| *code != OpCode::Data(Data::Text)) {
                prop_assert_eq!((&mine, rude && closed.is_none()), (&said, given_up));
            } else {
                // Our reader refuses a bad head or a text frame at once, tungstenite only when the
                // frame is complete. Our reader never yields other messages, and never more. It
                // ends at any close frame, while tungstenite also checks the close frame's payload.
                let before_close = closed.map_or(&mine[..], |at| &mine[..at]);
                prop_assert!(said.starts_with(before_close) && (rude || closed.is_some() || mine == said),
                    "{:?} {:?}", mine, said);
                prop_assert!(rude || closed.is_some() || !given_up);
            }
        }
    }

    #[test]
    fn empty_fragments_are_not_heard_for_ever() {
        let mut reader = Reader::default();
        reader.push(&frame(OpCode::Data(Data::Binary), false, &[1]));
        reader.push(&frame(OpCode::Data(Data::Continue), false, &[]));
        assert_eq!(reader.next(), Err(ProtocolViolation));
    }

    #[test]
    fn what_is_written_is_read() {
        let mut out = Vec::new();
        write(&mut out, OpCode::Data(Data::Binary), &[5; 300]);
        assert_eq!(out[..4], [0x82, 126, 1, 44]);
        assert_eq!(out.len(), 304);
    }

    #[test]
    fn a_quiet_reader_holds_no_memory_and_a_loud_one_is_bounded() {
        let mut reader = Reader::default();
        reader.push(&frame(OpCode::Data(Data::Binary), true, &[1; 4000]));
        assert!(matches!(reader.next(), Ok(Some(Incoming::Message(m))) if m.len() == 4000));
        assert_eq!((reader.raw.capacity(), reader.next()), (0, Ok(None)));
        reader.push(&frame(OpCode::Data(Data::Binary), false, &[1; MAX_PHONE_FRAME]));
        reader.push(&frame(OpCode::Data(Data::Continue), true, &[1]));
        assert_eq!(reader.next(), Err(ProtocolViolation));
    }
}
