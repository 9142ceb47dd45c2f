//! The outer frame: one binary WebSocket message, `version (1) | type | body`.

/// The only frame version.
pub const VERSION: u8 = 1;
/// Noise message 1: e (32) + encrypted ML-KEM-768 public key (1184 + 16) + tag of the empty payload
/// (16).
pub const NOISE_MSG1: usize = 32 + 1184 + 16 + 16;
/// Noise message 2 without its payload: e (32) + encrypted ML-KEM-768 ciphertext (1088 + 16) +
/// payload tag (16).
pub const NOISE_MSG2_OVERHEAD: usize = 32 + 1088 + 16 + 16;
/// Length of a whole HELLO.
pub const HELLO_LEN: usize = 2 + 8 + NOISE_MSG1;
/// The largest inner plaintext, padding included.
pub const MAX_PLAINTEXT: usize = 32 * 1024;
/// The largest outer frame: header + plaintext + tag.
pub const MAX_FRAME: usize = 2 + MAX_PLAINTEXT + 16;
/// The largest outer frame this version's servers accept from a phone; `welcome` announces it.
pub const MAX_PHONE_FRAME: usize = 2 + 8192 + 16;
/// How many bytes in all a server accepts before the phone has authenticated.
pub const MAX_FRAME_BEFORE_AUTH: usize = 4096;
/// Maximum length of the body of a RETRY.
pub const MAX_RETRY: usize = 1024;

const HELLO: u8 = 0x01;
const HELLO_OK: u8 = 0x02;
const RETRY: u8 = 0x03;
const DATA: u8 = 0x10;
const CLOSE: u8 = 0x1f;

/// One outer frame, borrowed from the message that contains it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outer<'a> {
    /// Phone → server: the first message.
    Hello { key_id: [u8; 8], noise: &'a [u8] },
    /// Server → phone: Noise message 2.
    HelloOk { noise: &'a [u8] },
    /// Server → phone, instead of HELLO_OK: the pinned static key is retired, and the statement,
    /// signed by the root, names the new one.
    Retry { statement: &'a [u8] },
    /// Both directions: a Noise transport message.
    Data { sealed: &'a [u8] },
    /// Both directions: why the connection ends. It is unauthenticated, so only a hint.
    Close { code: u16 },
}

/// Why a message is not an outer frame. The reaction is the same for all: the connection closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OuterError {
    #[error("unknown frame version or type")]
    Unknown,
    #[error("the frame has an impossible length")]
    Length,
}

impl<'a> Outer<'a> {
    /// Parses one message.
    ///
    /// # Errors
    /// [`OuterError`] when the version, type or length is invalid.
    pub fn parse(message: &'a [u8]) -> Result<Self, OuterError> {
        let [version, kind, body @ ..] = message else {
            return Err(OuterError::Length);
        };
        if *version != VERSION {
            return Err(OuterError::Unknown);
        }
        match *kind {
            HELLO => match body.split_first_chunk::<8>() {
                Some((key_id, noise)) if noise.len() == NOISE_MSG1 => {
                    Ok(Self::Hello { key_id: *key_id, noise })
                }
                _ => Err(OuterError::Length),
            },
            HELLO_OK if (NOISE_MSG2_OVERHEAD..=NOISE_MSG2_OVERHEAD + 512).contains(&body.len()) => {
                Ok(Self::HelloOk { noise: body })
            }
            RETRY if !body.is_empty() && body.len() <= MAX_RETRY => Ok(Self::Retry { statement: body }),
            DATA if body.len() > 16 && body.len() <= MAX_PLAINTEXT + 16 => Ok(Self::Data { sealed: body }),
            CLOSE => body
                .try_into()
                .map(|b| Self::Close { code: u16::from_be_bytes(b) })
                .map_err(|_| OuterError::Length),
            HELLO_OK | RETRY | DATA => Err(OuterError::Length),
            _ => Err(OuterError::Unknown),
        }
    }

    /// Writes the frame.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Hello { key_id, noise } => [&[VERSION, HELLO][..], key_id, noise].concat(),
            Self::HelloOk { noise } => [&[VERSION, HELLO_OK][..], noise].concat(),
            Self::Retry { statement } => [&[VERSION, RETRY][..], statement].concat(),
            Self::Data { sealed } => [&[VERSION, DATA][..], sealed].concat(),
            Self::Close { code } => [&[VERSION, CLOSE][..], &code.to_be_bytes()].concat(),
        }
    }
}

/// The two bytes in front of every DATA body, for callers that seal in place.
pub const DATA_HEADER: [u8; 2] = [VERSION, DATA];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_frame_survives_its_bytes() {
        let noise = vec![7; NOISE_MSG1];
        let hello = Outer::Hello { key_id: [9; 8], noise: &noise };
        assert_eq!(hello.to_bytes().len(), HELLO_LEN);
        for frame in [
            hello,
            Outer::HelloOk { noise: &noise },
            Outer::Retry { statement: &[1; 100] },
            Outer::Data { sealed: &[2; 272] },
            Outer::Close { code: 513 },
        ] {
            assert_eq!(Outer::parse(&frame.to_bytes()), Ok(frame));
        }
    }

    #[test]
    fn impossible_frames_are_refused() {
        for (bytes, why) in [
            (vec![], OuterError::Length),
            (vec![1], OuterError::Length),
            (vec![2, 0x10, 0], OuterError::Unknown),
            (vec![1, 0x04], OuterError::Unknown),
            (vec![1, 0x01], OuterError::Length),
            (vec![1; HELLO_LEN + 1], OuterError::Length),
            (vec![1, 0x10], OuterError::Length),
            ([vec![1, 0x10], vec![0; 16]].concat(), OuterError::Length),
            ([vec![1, 0x10], vec![0; MAX_PLAINTEXT + 17]].concat(), OuterError::Length),
            (vec![1, 0x1f, 0], OuterError::Length),
        ] {
            assert_eq!(Outer::parse(&bytes), Err(why), "{} bytes", bytes.len());
        }
    }

    proptest! {
        #[test]
        fn no_message_panics_the_parser(bytes in proptest::collection::vec(any::<u8>(), 0..1400)) {
            let _ = Outer::parse(&bytes);
        }
    }
}
