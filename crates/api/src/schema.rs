//! What JSON Schema says of our texts (draft 2020-12, as OpenAPI 3.1 uses it). The server judges more finely than a schema can.

use schemars::{Schema, SchemaGenerator, json_schema};

pub(crate) fn id(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "format": "uuid"})
}

pub(crate) fn id_option(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "format": "uuid"})
}

pub(crate) fn name(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "pattern": "^[a-z][a-z0-9-]*$", "maxLength": 100})
}

pub(crate) fn user_id(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "pattern": "^[!-.0-\\[\\]-~]*[!--0-\\[\\]-~][!-.0-\\[\\]-~]*$", "minLength": 1, "maxLength": 100})
}

/// A text people read on one line; printable ASCII stands for what is always good.
pub(crate) fn shown(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "minLength": 1, "maxLength": 100, "pattern": "^\\S"})
}

pub(crate) fn text(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "minLength": 1, "maxLength": 500, "pattern": "^\\S"})
}

pub(crate) fn context(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^\\S"})
}

pub(crate) fn time(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "format": "date-time"})
}

pub(crate) fn url(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "format": "uri", "maxLength": 500})
}

pub(crate) fn urls(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "maxItems": 20, "items": {"type": "string", "format": "uri", "maxLength": 500}})
}

pub(crate) fn number(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "pattern": "^[0-9]{4}$"})
}

pub(crate) fn base64url(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "contentEncoding": "base64url"})
}
