//! A decoded frame is encoded as the same bytes, without the extensions that were skipped.

use countersign_protocol::{
    cbor::{CborError, Record, decode, encode},
    frames::{Context, PhoneFrame, ServerFrame, SfsPhoneFrame, SfsServerFrame, Welcome},
};

use super::item::Item;

pub fn body(data: &[u8]) -> bool {
    let phone = PhoneFrame::decode(data);
    let server = ServerFrame::decode(data);
    assert!(phone.is_err() || server.is_err(), "nothing is said in both directions");
    let frames = [
        phone.map(|f| again(&f, PhoneFrame::encode, PhoneFrame::decode)),
        server.map(|f| again(&f, ServerFrame::encode, ServerFrame::decode)),
        SfsPhoneFrame::decode(data).map(|f| again(&f, SfsPhoneFrame::encode, SfsPhoneFrame::decode)),
        SfsServerFrame::decode(data).map(|f| again(&f, SfsServerFrame::encode, SfsServerFrame::decode)),
    ];
    let maps = [record::<Context>(data), record::<Welcome>(data)];
    let mut accepted = false;
    for written in frames.into_iter().chain(maps).flatten() {
        let said = Item::read(data).expect("what is decoded has passed the validator").without_extensions();
        assert_eq!(written, said.written(), "{data:02x?}");
        accepted = true;
    }
    accepted
}

fn again<F: PartialEq + std::fmt::Debug>(
    frame: &F,
    write: fn(&F) -> Vec<u8>,
    read: fn(&[u8]) -> Result<F, CborError>,
) -> Vec<u8> {
    let bytes = write(frame);
    assert_eq!(read(&bytes).as_ref(), Ok(frame));
    bytes
}

fn record<R: Record + PartialEq + std::fmt::Debug>(data: &[u8]) -> Result<Vec<u8>, CborError> {
    decode::<R>(data).map(|r| again(&r, encode, decode))
}
