//! The tables. They are written by hand, because one schema serves every database; a test compares
//! them with SQLite's schema after all migrations.

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
        logo -> Nullable<Text>,
        callback_urls -> Text,
        templates -> Text,
        accepts -> Nullable<Text>,
        second_factor -> Nullable<Text>,
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
        last_used_at -> Nullable<BigInt>,
        name -> Nullable<Text>,
        sources -> Text,
        successor -> Nullable<Binary>,
        certificate -> Nullable<Binary>,
        lineage -> Nullable<Binary>,
    }
}

diesel::table! {
    roles (scope, name) {
        scope -> Binary,
        name -> Text,
        permissions -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    user_attributes (realm, user_id, name) {
        realm -> Binary,
        user_id -> Text,
        name -> Text,
        value -> Text,
    }
}

diesel::table! {
    apps (realm, id) {
        realm -> Binary,
        id -> Text,
        display_name -> Text,
        min_version -> Nullable<Text>,
        created_at -> BigInt,
        sfs -> Nullable<Text>,
    }
}

diesel::table! {
    requests (id) {
        id -> Binary,
        hash -> Binary,
        at -> BigInt,
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
        blocked_by -> Nullable<Text>,
        app_version -> Nullable<Text>,
        blocked_authority -> Nullable<Integer>,
        enrolled_client -> Nullable<Binary>,
        enrolled_by -> Nullable<Text>,
        confirmed_by -> Nullable<Text>,
        confirmed_lineage -> Nullable<Binary>,
        confirmed_at -> Nullable<BigInt>,
        confirmed_way -> Nullable<Text>,
        recovered_at -> Nullable<BigInt>,
        active_from -> Nullable<BigInt>,
        rules_from -> Nullable<BigInt>,
        phones_came -> Integer,
        phones_seen -> Integer,
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
        approval -> Nullable<Text>,
        created_by -> Nullable<Text>,
        factor_of -> Nullable<Binary>,
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
        via -> Nullable<Text>,
        claimed_at -> Nullable<BigInt>,
        evidence -> Nullable<Text>,
    }
}

diesel::table! {
    offered_factors (realm, enrolment) {
        realm -> Binary,
        enrolment -> Binary,
        root -> Binary,
        factor -> Binary,
        policy -> Integer,
    }
}

diesel::table! {
    factors (realm, account) {
        realm -> Binary,
        account -> Binary,
        root -> Binary,
        factor -> Binary,
        policy -> Integer,
        bound_at -> BigInt,
    }
}

diesel::table! {
    spent_attestations (id) {
        id -> Binary,
        until -> BigInt,
    }
}

diesel::table! {
    sfs_key_lists (root) {
        root -> Binary,
        seq -> BigInt,
        list -> Text,
    }
}

diesel::table! {
    redemptions (realm, login) {
        realm -> Binary,
        login -> Binary,
        at -> BigInt,
        request -> Nullable<Binary>,
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
    trail (id) {
        id -> Binary,
        seq -> Nullable<BigInt>,
        realm -> Nullable<Binary>,
        at -> BigInt,
        actor -> Text,
        action -> Text,
        object -> Text,
        client -> Nullable<Binary>,
        user_id -> Nullable<Text>,
        detail -> Nullable<Text>,
        class -> Integer,
        kind -> Nullable<Text>,
    }
}

diesel::table! {
    closings (realm, user_hash, account, lineage) {
        realm -> Binary,
        user_hash -> Binary,
        account -> Binary,
        lineage -> Binary,
        authority -> Integer,
        at -> BigInt,
    }
}

diesel::table! {
    holds (realm, user_id) {
        realm -> Binary,
        user_id -> Text,
        reason -> Nullable<Text>,
        placed_by -> Text,
        authority -> Integer,
        placed_at -> BigInt,
    }
}

diesel::table! {
    counters (name) {
        name -> Text,
        n -> BigInt,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    realms,
    realm_keys,
    clients,
    api_keys,
    roles,
    user_attributes,
    apps,
    requests,
    users,
    accounts,
    enrolments,
    outcomes,
    redemptions,
    endings,
    factors,
    offered_factors,
    spent_attestations,
    sfs_key_lists,
    trail,
    closings,
    holds,
    counters
);
