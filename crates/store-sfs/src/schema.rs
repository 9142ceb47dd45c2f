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
    devices (jkt) {
        jkt -> Binary,
        version -> BigInt,
        record -> Binary,
        seed -> Binary,
        sealed -> Binary,
        state -> Integer,
        tries_left -> Integer,
        try_after -> BigInt,
        open_id -> Nullable<Binary>,
        open_until -> Nullable<BigInt>,
        created_at -> BigInt,
        used_at -> BigInt,
    }
}

diesel::table! {
    factors (factor) {
        factor -> Binary,
        jkt -> Binary,
        created_at -> BigInt,
    }
}

diesel::table! {
    limits (key_mac) {
        key_mac -> Binary,
        n -> Integer,
        until -> BigInt,
    }
}

diesel::table! {
    key_lists (seq) {
        seq -> BigInt,
        list -> Text,
        kid -> Binary,
        sealed -> Binary,
        made_at -> BigInt,
    }
}

diesel::table! {
    counters (name) {
        name -> Text,
        n -> BigInt,
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
