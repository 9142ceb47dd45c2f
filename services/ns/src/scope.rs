//! Parses ids in paths. Objects that do not exist and objects of others give the same answer.

use std::str::FromStr;

use countersign_edge::problem::ApiProblem;

/// Parses an id in a path. A text that is not an id names no object.
pub(crate) fn id<T: FromStr>(text: &str) -> Result<T, ApiProblem> {
    text.parse().map_err(|_| ApiProblem::not_found())
}
