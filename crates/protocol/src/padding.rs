//! Padding of the content of DATA: `length u16 | CBOR | zeros`, filled up to a bucket so that
//! lengths reveal little.

use crate::outer::MAX_PLAINTEXT;

/// The permitted plaintext sizes, length field included.
pub const BUCKETS: [usize; 8] = [256, 512, 1024, 2048, 4096, 8192, 16384, MAX_PLAINTEXT];

/// Why padding could not be added or removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PaddingError {
    #[error("longer than the largest bucket")]
    TooLong,
    #[error("not exactly one bucket long, or in a larger bucket than needed")]
    Bucket,
    #[error("the declared length does not fit")]
    Length,
    #[error("padding is not zero")]
    NotZero,
}

fn bucket(content: usize) -> Option<usize> {
    BUCKETS.into_iter().find(|b| *b >= content + 2)
}

/// Adds the length field and the padding.
///
/// # Errors
/// [`PaddingError::TooLong`] beyond 32 KiB − 2 bytes.
pub fn pad(content: &[u8]) -> Result<Vec<u8>, PaddingError> {
    let size = bucket(content.len()).ok_or(PaddingError::TooLong)?;
    let len = u16::try_from(content.len()).map_err(|_| PaddingError::TooLong)?;
    let mut out = Vec::with_capacity(size);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(content);
    out.resize(size, 0);
    Ok(out)
}

/// Removes the length field and the padding.
///
/// # Errors
/// [`PaddingError`] for anything [`pad`] would not have written.
pub fn unpad(plaintext: &[u8]) -> Result<&[u8], PaddingError> {
    let Some((len, rest)) = plaintext.split_first_chunk::<2>() else {
        return Err(PaddingError::Bucket);
    };
    let len = usize::from(u16::from_be_bytes(*len));
    if bucket(len) != Some(plaintext.len()) {
        return Err(if BUCKETS.contains(&plaintext.len()) && len > rest.len() {
            PaddingError::Length
        } else {
            PaddingError::Bucket
        });
    }
    let (content, zeros) = rest.split_at(len);
    if zeros.iter().all(|b| *b == 0) { Ok(content) } else { Err(PaddingError::NotZero) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_the_smallest_fitting_bucket_with_zeros_is_accepted() {
        assert_eq!(pad(&[1; 254]).map(|p| p.len()), Ok(256));
        assert_eq!(pad(&[1; 255]).map(|p| p.len()), Ok(512));
        assert_eq!(pad(&[0; MAX_PLAINTEXT - 1]), Err(PaddingError::TooLong));
        let mut dirty = pad(&[1; 10]).expect("fits");
        dirty[255] = 1;
        assert_eq!(unpad(&dirty), Err(PaddingError::NotZero));
        let mut long = vec![0; 256];
        long[..2].copy_from_slice(&300u16.to_be_bytes());
        assert_eq!(unpad(&long), Err(PaddingError::Length));
        assert_eq!(unpad(&[0; 512]), Err(PaddingError::Bucket));
        assert_eq!(unpad(&[0; 255]), Err(PaddingError::Bucket));
        assert_eq!(unpad(&[]), Err(PaddingError::Bucket));
    }

    proptest! {
        #[test]
        fn content_survives_padding(content in proptest::collection::vec(any::<u8>(), 0..3000)) {
            let padded = pad(&content).expect("fits");
            prop_assert!(BUCKETS.contains(&padded.len()));
            prop_assert_eq!(unpad(&padded), Ok(&content[..]));
        }
    }
}
