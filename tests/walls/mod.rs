//! What must hold in the repository: dependencies between crates, documents, contracts, licences.

mod any_day;
mod bad_input;
mod corpora;
mod docs;
mod licences;
mod metric_names;
mod openapi;
mod rooms;
mod sources;
