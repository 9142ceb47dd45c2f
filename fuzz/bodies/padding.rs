//! `pad` and `unpad` are each other's inverse.

use countersign_protocol::{
    outer::MAX_PLAINTEXT,
    padding::{BUCKETS, pad, unpad},
};

pub fn body(data: &[u8]) -> bool {
    match pad(data) {
        Ok(padded) => {
            assert!(BUCKETS.contains(&padded.len()));
            assert_eq!(unpad(&padded), Ok(data));
        }
        Err(_) => assert!(data.len() > MAX_PLAINTEXT - 2),
    }
    // Fuzzers rarely produce many zeros, so a short input is also tried with zeros up to the size
    // of its bucket.
    let size = BUCKETS.into_iter().find(|b| *b >= data.len()).unwrap_or(MAX_PLAINTEXT);
    let mut filled = data.to_vec();
    filled.resize(size, 0);
    let accepted = [data, &filled].map(|plaintext| {
        let content = unpad(plaintext);
        content
            .inspect(|c| assert_eq!(pad(c).as_deref(), Ok(plaintext), "another padding of the same content"))
            .is_ok()
    });
    accepted.contains(&true)
}
