// These tables are as `migrations/*/sfs` make them.

diesel::table! {
    server (one) {
        one -> Integer,
        id -> Binary,
        created_at -> BigInt,
        root_pin -> Binary,
        sealed_root -> Nullable<Binary>,
    }
}

diesel::table! {
    server_keys (key_id) {
        key_id -> Binary,
        epoch -> BigInt,
        public_key -> Binary,
        sealed -> Binary,
        statement -> Binary,
        retired_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    trail (id) {
        id -> Binary,
        seq -> Nullable<BigInt>,
        at -> BigInt,
        actor -> Text,
        action -> Text,
        object -> Text,
        detail -> Nullable<Text>,
        class -> Integer,
    }
}
