//! From a path to an id: what is not there and what is not yours give the same answer.

use std::str::FromStr;

use countersign_edge::problem::ApiProblem;

/// The id of the path. A text that is no id names nothing.
pub(crate) fn id<T: FromStr>(text: &str) -> Result<T, ApiProblem> {
    text.parse().map_err(|_| ApiProblem::not_found())
}
