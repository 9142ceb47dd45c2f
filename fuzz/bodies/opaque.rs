//! What a phone sends to SFS in OPAQUE, by its length: a registration request, KE1, a record, KE3.
//! Whatever is accepted proves no PIN.

use std::cell::RefCell;

use countersign_pin::{
    PinError,
    server::{Seed, check_record},
};

/// Record of appendix C.1.1 of RFC 9807.
const RECORD: &str = "\
    76a845464c68a5d2f7e442436bb1424953b17d3e2e289ccbaccafb57ac5c36751ac5844383c7708077dea41c\
    befe2fa15724f449e535dd7dd562e66f5ecfb95864eadddec9db5874959905117dad40a4524111849799281f\
    efe3c51fa82785c5ac13171b2f17bc2c74997f0fce1e1f35bec6b91fe2e12dbd323d23ba7a38dfec634b0f5b\
    96109c198a8027da51854c35bee90d1e1c781806d07d49b76de6a28b8d9e9b6c93b9f8b64d16dddd9c5bfb5f\
    ea48ee8fd2f75012a8b308605cdd8ba5";
/// KE1 of the same appendix.
const KE1: &str = "\
    c4dedb0ba6ed5d965d6f250fbe554cd45cba5dfcce3ce836e4aee778aa3cd44dda7e07376d6d6f034cfa9bb5\
    37d11b8c6b4238c334333d1f0aebb380cae6a6cc6e29bee50701498605b2c085d7b241ca15ba5c32027dd21b\
    a420b94ce60da326";

fn bytes<const N: usize>(hex: &str) -> [u8; N] {
    std::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("hex"))
}

/// Random bytes that are the same each time.
fn fill() -> impl Fn(&mut [u8]) {
    let state = RefCell::new(7_u64);
    move |out: &mut [u8]| {
        for byte in out {
            let mut s = state.borrow_mut();
            *s = s.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = (*s >> 33) as u8;
        }
    }
}

pub fn body(data: &[u8]) -> bool {
    let fill = fill();
    let seed = Seed::read(&Seed::generate(&fill)).expect("a seed");
    let evaluate = |record: &[u8; 192], ke1: &[u8; 96]| seed.evaluate(&fill, (b"1234", record), ke1, b"c");
    match data.len() {
        32 => seed.register(b"1234", data.try_into().expect("32")).is_ok(),
        96 => evaluate(&bytes(RECORD), data.try_into().expect("96"))
            .map(|(_, open)| assert_eq!(open.finish(&[0; 64], b"c"), Err(PinError::Wrong)))
            .is_ok(),
        192 => {
            let record = data.try_into().expect("192");
            let good = check_record(record).is_ok();
            assert_eq!(evaluate(record, &bytes(KE1)).is_ok(), good, "what was stored can be evaluated");
            good
        }
        64 => {
            let (_, open) = evaluate(&bytes(RECORD), &bytes(KE1)).expect("the vectors");
            let proven = open.finish(data.try_into().expect("64"), b"c");
            assert!(proven.is_err(), "nobody knows this PIN");
            false
        }
        _ => false,
    }
}
