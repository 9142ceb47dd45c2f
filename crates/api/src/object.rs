use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, de::Visitor, forward_to_deserialize_any};

/// A request body that must be a JSON object. serde would read an array, too, as if its elements
/// were the members in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Object<T>(pub T);

impl<T> Deref for Object<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        T::deserialize(AsMap(d)).map(Self)
    }
}

/// Reads a member that must be an object (for `deserialize_with`).
pub(crate) fn object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(d: D) -> Result<T, D::Error> {
    Object::deserialize(d).map(|Object(value)| value)
}

/// Reads a member that must be an object unless it is left out or `null`.
pub(crate) fn object_option<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    d: D,
) -> Result<Option<T>, D::Error> {
    Ok(Option::<Object<T>>::deserialize(d)?.map(|Object(value)| value))
}

/// A deserializer that requires a map, whatever type is asked for.
struct AsMap<D>(D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for AsMap<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::{ChangeRealm, NewLogin, NewRealm, PutUser, page::PageMessage};

    fn read<'a, T: Deserialize<'a>>(json: &'a str) -> Option<T> {
        serde_json::from_str::<Object<T>>(json).ok().map(|object| object.0)
    }

    #[test]
    fn arrays_texts_and_unknown_members_are_no_bodies() {
        assert_eq!(read::<NewRealm>(r#" {"display_name":"D","name":"n"}"#).unwrap().name, "n");
        assert_eq!(read::<NewRealm>(r#"["n","D"]"#), None);
        for json in [
            r#"{"settings":[]}"#,
            r#"{"settings":{"number_match":[true,true,true]}}"#,
            r#"{"settings":{"limits":[]}}"#,
        ] {
            assert_eq!(read::<ChangeRealm>(json), None, "{json}");
        }
        assert_eq!(read::<NewLogin>(r#"{"initiator":["a",null]}"#), None);
        assert_eq!(read::<PutUser>("{}"), Some(PutUser::default()));
        for json in ["[]", "[null]", "null", r#""""#, "0", r#"{"x":1}"#] {
            assert_eq!(read::<PutUser>(json), None, "{json}");
        }
        assert_eq!(read::<PageMessage>(r#"{"type":"cancel"}"#), Some(PageMessage::Cancel {}));
        for json in [
            r#"{"type":"cancel","why":1}"#,
            r#"["cancel"]"#,
            r#"["cancel",{}]"#,
            r#""cancel""#,
            r#"{"cancel":{}}"#,
        ] {
            assert_eq!(read::<PageMessage>(json), None, "{json}");
        }
    }
}
