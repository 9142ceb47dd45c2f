// As the migrations of every service make them; a service's trail has columns of its own beside
// these.

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
