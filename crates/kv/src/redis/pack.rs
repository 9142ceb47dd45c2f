//! The argument of a script: a map in MessagePack, which Redis' `cmsgpack` reads. It supports
//! strings, which may contain any bytes, but not the later binary type, which serde uses for bytes.

use rmp::encode::{write_array_len, write_bool, write_map_len, write_str, write_str_len, write_uint};

/// A value that can be part of a script's argument.
pub trait Pack {
    /// Appends the value to `out`. Writing into memory does not fail.
    fn pack(&self, out: &mut Vec<u8>);
}

fn length(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

impl Pack for u64 {
    fn pack(&self, out: &mut Vec<u8>) {
        let _ = write_uint(out, *self);
    }
}

impl Pack for usize {
    fn pack(&self, out: &mut Vec<u8>) {
        (*self as u64).pack(out);
    }
}

impl Pack for bool {
    fn pack(&self, out: &mut Vec<u8>) {
        let _ = write_bool(out, *self);
    }
}

impl Pack for &[u8] {
    fn pack(&self, out: &mut Vec<u8>) {
        let _ = write_str_len(out, length(self.len()));
        out.extend_from_slice(self);
    }
}

impl Pack for Vec<u8> {
    fn pack(&self, out: &mut Vec<u8>) {
        self.as_slice().pack(out);
    }
}

impl<T: Pack> Pack for Vec<T> {
    fn pack(&self, out: &mut Vec<u8>) {
        let _ = write_array_len(out, length(self.len()));
        self.iter().for_each(|item| item.pack(out));
    }
}

/// Appends a map of these members, by name.
pub fn pack_map(members: &[(&str, &dyn Pack)], out: &mut Vec<u8>) {
    let _ = write_map_len(out, length(members.len()));
    for (name, value) in members {
        let _ = write_str(out, name);
        value.pack(out);
    }
}

/// Declares the argument of a script: a struct that is packed as a map whose keys are the names of
/// its members.
#[macro_export]
macro_rules! argument {
    ($(#[$about:meta])* struct $name:ident $(<$life:lifetime>)? {
        $($(#[$of:meta])* $member:ident: $type:ty,)* }) => {
        $(#[$about])*
        struct $name $(<$life>)? { $($(#[$of])* $member: $type,)* }

        impl $(<$life>)? $crate::Pack for $name $(<$life>)? {
            fn pack(&self, out: &mut Vec<u8>) {
                $crate::pack_map(&[$((stringify!($member), &self.$member as &dyn $crate::Pack)),*], out);
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    argument! {
        struct All<'a> {
            number: u64,
            flag: bool,
            text: &'a [u8],
            list: Vec<Vec<u8>>,
        }
    }

    #[test]
    fn an_argument_is_a_map_by_name_in_which_bytes_are_text() {
        let mut out = Vec::new();
        All { number: 300, flag: true, text: &[0xff, 0], list: vec![b"a".to_vec(), Vec::new()] }
            .pack(&mut out);
        let wanted = [
            &[0x84][..],
            b"\xa6number\xcd\x01\x2c",
            b"\xa4flag\xc3",
            b"\xa4text\xa2\xff\x00",
            b"\xa4list\x92\xa1a\xa0",
        ];
        assert_eq!(out, wanted.concat());
    }
}
