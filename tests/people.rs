//! Users, their phones and what is told of them.
