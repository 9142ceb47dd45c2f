//! Replays a committed corpus without a fuzzer. Included by the ordinary tests of the crates that
//! are fuzzed.

use std::path::Path;

/// Limits of a corpus, so that people can read it and the repository can hold it.
const MOST_FILES: usize = 200;
const MOST_BYTES: usize = 300 * 1024;

/// Runs every file of a target's corpus through the target's body.
///
/// # Panics
/// When the body panics, or when the corpus is missing, has grown beyond its limits, or has only
/// good or only bad inputs.
pub fn replay(target: &str, body: fn(&[u8]) -> bool) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .find(|dir| dir.join("fuzz/Cargo.toml").is_file())
        .expect("the repository");
    let dir = root.join("fuzz/corpus").join(target);
    let files: Vec<_> = std::fs::read_dir(&dir)
        .unwrap_or_else(|e| panic!("{}: {e}", dir.display()))
        .map(|e| e.unwrap().path())
        .collect();
    let (mut bytes, mut accepted) = (0, 0);
    for file in &files {
        // The test's output shows the file when the body panics.
        println!("{}", file.display());
        let input = std::fs::read(file).unwrap();
        bytes += input.len();
        accepted += usize::from(body(&input));
    }
    println!("{} files, {bytes} bytes, {accepted} accepted", files.len());
    assert!(
        files.len() <= MOST_FILES && bytes <= MOST_BYTES,
        "{target}: {} files, {bytes} bytes",
        files.len()
    );
    assert!(
        0 < accepted && accepted < files.len(),
        "{target}: {accepted} of {} inputs are accepted",
        files.len()
    );
}
