//! `countersign`: one program, one role per process.

use std::process::ExitCode;

use countersign::cli;

/// jemalloc returns memory to the system, for example after many phones have disconnected.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Settings that jemalloc reads when it starts. A background thread returns dirty pages after a
/// second.
#[expect(
    unsafe_code,
    reason = "exporting a symbol by name is the allocator's way to be configured; the name is jemalloc's \
        own and nothing else defines it"
)]
#[unsafe(export_name = "_rjem_malloc_conf")]
pub static MALLOC_CONF: Option<&'static [u8; 70]> =
    Some(b"background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:0,narenas:2\0");

fn main() -> ExitCode {
    cli::run()
}
