//! The tables. Kept by hand, because one schema serves every database; the migration test holds it to SQLite's.

diesel::table! {
    realms (id) {
        id -> Binary,
        name -> Text,
        display_name -> Text,
        created_at -> BigInt,
        settings -> Text,
        root_pin -> Binary,
        sealed_root -> Nullable<Binary>,
        sealed_qr -> Binary,
    }
}

diesel::table! {
    realm_keys (realm, key_id) {
        realm -> Binary,
        key_id -> Binary,
        epoch -> BigInt,
        public_key -> Binary,
        sealed -> Binary,
        statement -> Binary,
        retired_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    clients (realm, id) {
        realm -> Binary,
        id -> Binary,
        name -> Text,
        display_name -> Text,
        origins -> Text,
        return_urls -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    api_keys (id) {
        id -> Binary,
        hash -> Binary,
        role -> Text,
        realm -> Nullable<Binary>,
        client -> Nullable<Binary>,
        created_at -> BigInt,
        expires_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    users (realm, user_id) {
        realm -> Binary,
        user_id -> Text,
        display_name -> Nullable<Text>,
        created_at -> BigInt,
    }
}

diesel::table! {
    accounts (realm, id) {
        realm -> Binary,
        id -> Binary,
        user_id -> Text,
        app -> Text,
        device -> Text,
        jkt -> Binary,
        public_key -> Binary,
        state -> Integer,
        created_at -> BigInt,
    }
}

diesel::table! {
    enrolments (realm, id) {
        realm -> Binary,
        id -> Binary,
        client -> Binary,
        user_id -> Text,
        code_hash -> Binary,
        confirm -> Text,
        created_at -> BigInt,
        expires_at -> BigInt,
        state -> Text,
        tries_left -> Integer,
        account -> Nullable<Binary>,
        jkt -> Nullable<Binary>,
        req_id -> Nullable<Binary>,
        device -> Nullable<Text>,
        number -> Nullable<Text>,
    }
}

diesel::table! {
    outcomes (realm, id) {
        realm -> Binary,
        id -> Binary,
        state -> Integer,
        reason -> Nullable<Text>,
        account -> Nullable<Binary>,
        user_id -> Nullable<Text>,
        by_link -> Bool,
        decision -> Nullable<Text>,
        req_id -> Nullable<Binary>,
        decided_at -> BigInt,
        redeem_by -> BigInt,
        ends_at -> BigInt,
        login -> Text,
    }
}

diesel::table! {
    redemptions (realm, login) {
        realm -> Binary,
        login -> Binary,
        at -> BigInt,
    }
}

diesel::table! {
    endings (realm, login) {
        realm -> Binary,
        login -> Binary,
        ended_by -> Text,
        at -> BigInt,
    }
}

diesel::table! {
    audit (id) {
        id -> Binary,
        realm -> Nullable<Binary>,
        at -> BigInt,
        actor -> Text,
        action -> Text,
        object -> Text,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    realms,
    realm_keys,
    clients,
    api_keys,
    users,
    accounts,
    enrolments,
    outcomes,
    redemptions,
    endings,
    audit
);
