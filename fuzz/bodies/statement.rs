//! A parsed key statement is encoded as the same bytes; so is its payload, without the extensions
//! that were skipped.

use countersign_protocol::statement::{KeyStatement, Signed};

use super::item::Item;

pub fn body(data: &[u8]) -> bool {
    // Tries the input as the body of a RETRY and as the payload inside one.
    let inside = Signed { payload: data.to_vec(), signature: [6; 64] };
    assert_eq!(Signed::parse(&inside.to_bytes()).as_ref(), Ok(&inside));
    let as_payload = inside.statement().map(|s| payload(&s, data)).is_ok();
    let Ok(signed) = Signed::parse(data) else { return as_payload };
    assert_eq!(signed.to_bytes(), data);
    signed.statement().map(|s| payload(&s, &signed.payload)).is_ok()
}

fn payload(statement: &KeyStatement, bytes: &[u8]) {
    let said = Item::read(bytes).expect("what is decoded has passed the validator").without_extensions();
    assert_eq!(statement.to_payload(), said.written(), "{bytes:02x?}");
}
