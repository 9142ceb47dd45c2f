//! PINs: which are too easy, and how one is turned into OPAQUE's password.

use std::fmt;

use zeroize::Zeroizing;

/// Most digits of a PIN.
pub const MAX_DIGITS: usize = 12;

/// Why a PIN is not accepted. The server cannot check this, because it never sees the PIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WeakPin {
    #[error("a PIN consists of digits only")]
    NotDigits,
    #[error("this PIN is too short; take at least {0} digits")]
    TooShort(usize),
    #[error("this PIN is too long; take at most {MAX_DIGITS} digits")]
    TooLong,
    #[error("this PIN is one of the first that anybody would try; take another one")]
    Trivial,
}

/// A PIN that the user has typed.
pub struct Pin(Zeroizing<String>);

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(..)")
    }
}

impl Pin {
    /// A PIN that is to be tried.
    ///
    /// # Errors
    /// [`WeakPin::NotDigits`], [`WeakPin::TooLong`]: it cannot be the PIN, so no try is used.
    pub fn typed(text: &str) -> Result<Self, WeakPin> {
        let text = text.trim();
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(WeakPin::NotDigits);
        }
        if text.len() > MAX_DIGITS {
            return Err(WeakPin::TooLong);
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// A PIN that is to be set, with at least this many digits.
    ///
    /// # Errors
    /// [`WeakPin`].
    pub fn new(text: &str, min_digits: u64) -> Result<Self, WeakPin> {
        let pin = Self::typed(text)?;
        let least = usize::try_from(min_digits).unwrap_or(MAX_DIGITS).min(MAX_DIGITS);
        if pin.0.len() < least {
            return Err(WeakPin::TooShort(least));
        }
        if is_trivial(pin.0.as_bytes()) { Err(WeakPin::Trivial) } else { Ok(pin) }
    }

    /// OPAQUE's password for this PIN on the phone with this secret.
    pub(crate) fn password(&self, device_secret: &[u8; 32]) -> Zeroizing<[u8; 32]> {
        countersign_pin::phone::password(device_secret, &self.0)
    }
}

/// Whether a PIN is a pattern, or the beginning of everybody's list: digits in equal steps (1234,
/// 9876, 2468, 0000), one group repeated (1212, 123123), two halves of equal digits (1122), years of
/// birth, columns and corners of the keypad.
fn is_trivial(digits: &[u8]) -> bool {
    const COMMON: [&str; 10] =
        ["2580", "0852", "1397", "1379", "7931", "1470", "3690", "147258", "159753", "147852"];
    let n = digits.len();
    let step = |i: usize| i16::from(digits[i + 1]) - i16::from(digits[i]);
    let even_steps = n > 1 && (1..n - 1).all(|i| step(i) == step(0));
    let repeated = (1..=n / 2)
        .any(|group| n.is_multiple_of(group) && digits.chunks(group).all(|c| c == &digits[..group]));
    let mut groups = digits.to_vec();
    groups.dedup();
    let pairs = groups.len() <= 2 || (n > 4 && groups.len() * 2 <= n);
    let year = n == 4 && (digits.starts_with(b"19") || digits.starts_with(b"20"));
    let common = COMMON.iter().any(|c| c.as_bytes() == digits);
    even_steps || repeated || pairs || year || common
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_anybody_would_try_first_is_no_pin() {
        for bad in [
            "0000",
            "1234",
            "4321",
            "9876",
            "2468",
            "1212",
            "1122",
            "7777",
            "1999",
            "2024",
            "2580",
            "111111",
            "123456",
            "654321",
            "123123",
            "112233",
            "121212",
            "159753",
            "0123456789",
        ] {
            assert_eq!(Pin::new(bad, 4).map(|_| ()), Err(WeakPin::Trivial), "{bad}");
            assert!(Pin::typed(bad).is_ok(), "{bad} may have been set with another app");
        }
        for good in ["4729", "8305", "628194", "1357924", "9012"] {
            assert!(Pin::new(good, 4).is_ok(), "{good}");
        }
        assert_eq!(Pin::new("4729", 6).map(|_| ()), Err(WeakPin::TooShort(6)));
        for (bad, why) in
            [("", WeakPin::NotDigits), ("12a4", WeakPin::NotDigits), ("１２３４", WeakPin::NotDigits)]
        {
            assert_eq!(Pin::typed(bad).map(|_| ()), Err(why), "{bad}");
        }
        assert_eq!(Pin::typed("1234567890123").map(|_| ()), Err(WeakPin::TooLong));
        assert_eq!(format!("{:?}", Pin::typed("4729")), "Ok(Pin(..))");
    }
}
