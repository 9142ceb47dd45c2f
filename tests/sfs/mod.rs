//! SFS alone, and beside NS.

mod skeleton;
