//! What is true of the repository: rooms, documents, contracts, licences.

mod any_day;
mod bad_input;
mod corpora;
mod docs;
mod licences;
mod metric_names;
mod openapi;
mod rooms;
mod sources;
