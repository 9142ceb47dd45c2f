// These tables are as the migrations of every service make them. The trail of a service has further
// columns of its own.

diesel::table! {
    trail (id) {
        seq -> Nullable<BigInt>,
        id -> Binary,
        at -> BigInt,
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
    counters (name) {
        name -> Text,
        n -> BigInt,
    }
}
