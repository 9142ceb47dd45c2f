//! SFS by itself, and beside NS.

mod skeleton;
