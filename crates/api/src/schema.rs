//! JSON Schemas of our texts (draft 2020-12, as OpenAPI 3.1 uses it). The server checks more than a
//! schema can express.
//!
//! Some have a second function for members that may be left out: `null` means the same as leaving
//! them out.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::json;

macro_rules! texts {
    ($($(#[$m:meta])* $name:ident $(, $optional:ident)?: $schema:tt)*) => {$(
        $(#[$m])*
        pub(crate) fn $name(_: &mut SchemaGenerator) -> Schema {
            json_schema!($schema)
        }

        $(pub(crate) fn $optional(generator: &mut SchemaGenerator) -> Schema {
            let mut schema = $name(generator);
            let one = schema.get("type").cloned().unwrap_or_default();
            schema.insert("type".to_owned(), json!([one, "null"]));
            schema
        })?
    )*};
}

texts! {
    id, id_option: {"type": "string", "format": "uuid"}
    /// An id or a name.
    id_or_name, id_or_name_option: {"type": "string", "pattern": "^[0-9a-z][0-9a-z-]*$", "maxLength": 100}
    name, name_option: {"type": "string", "pattern": "^[a-z][a-z0-9-]*$", "maxLength": 100}
    user_id, user_id_option: {"type": "string", "pattern": "^[!-.0-\\[\\]-~]+$", "minLength": 1,
        "maxLength": 100}
    /// A text that people read, on one line.
    shown, shown_option: {"type": "string", "minLength": 1, "maxLength": 100, "pattern": "^\\S"}
    text, text_option: {"type": "string", "minLength": 1, "maxLength": 500, "pattern": "^\\S"}
    context, context_option: {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^\\S"}
    time, time_option: {"type": "string", "format": "date-time"}
    url, url_option: {"type": "string", "format": "uri", "maxLength": 500}
    urls: {"type": "array", "maxItems": 20, "items": {"type": "string", "format": "uri", "maxLength": 500}}
    number: {"type": "string", "pattern": "^[0-9]{4}$"}
    base64url: {"type": "string", "contentEncoding": "base64url"}
}
