//! An accepted body of REST or of the page socket has no member that is ignored, and survives being
//! encoded and parsed again.

use countersign_api::{
    ConfirmNumber, NewApiKey, NewClient, NewEnrolment, NewLogin, NewRealm, Object, PutUser, Redeem,
    page::{Hello, PageMessage},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// Every type of body that a stranger or a client may send.
const SHAPES: [fn(&[u8]) -> bool; 10] = [
    shape::<NewRealm>,
    shape::<NewClient>,
    shape::<NewApiKey>,
    shape::<PutUser>,
    shape::<NewEnrolment>,
    shape::<ConfirmNumber>,
    shape::<NewLogin>,
    shape::<Redeem>,
    shape::<Hello>,
    shape::<PageMessage>,
];

pub fn body(data: &[u8]) -> bool {
    // Not `any`, which stops at the first match: each input must be checked against every shape.
    SHAPES.iter().filter(|shape| shape(data)).count() > 0
}

fn shape<T: Serialize + DeserializeOwned>(data: &[u8]) -> bool {
    let Ok(Object(read)) = serde_json::from_slice::<Object<T>>(data) else { return false };
    let heard = serde_json::to_value(&read).expect("it serialises");
    let again: T = serde_json::from_value(heard.clone()).expect("it reads what it writes");
    assert_eq!(serde_json::to_value(&again).expect("it serialises"), heard);
    let Ok(Value::Object(members)) = serde_json::from_slice(data) else {
        panic!("accepted, and no JSON object")
    };
    for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
        assert_eq!(heard.get(name), Some(value), "{name} was said and not heard");
    }
    true
}
