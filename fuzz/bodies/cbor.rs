//! The strict validator accepts exactly what a second reader reads and writes back unchanged.

use countersign_protocol::cbor::check;

use super::item::Item;

pub fn body(data: &[u8]) -> bool {
    let accepted = check(data);
    let same = Item::read(data).is_some_and(|item| item.written() == data);
    assert_eq!(accepted.is_ok(), same, "{accepted:?} and the other reader differ over {data:02x?}");
    same
}
