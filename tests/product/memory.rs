//! What the memory of a running pod does not contain.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
};

use crate::support::Pod;

/// Whether a text is anywhere in the writable memory of a process (proc(5), `maps` and `mem`).
fn is_in_memory(pid: u32, text: &str) -> bool {
    let memory = File::open(format!("/proc/{pid}/mem")).unwrap();
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let wanted = text.as_bytes();
    maps.lines().filter(|line| line.contains(" rw")).any(|line| {
        let range = line.split(' ').next().unwrap();
        let (from, to) = range.split_once('-').unwrap();
        let [from, to] = [from, to].map(|text| u64::from_str_radix(text, 16).unwrap());
        let mut bytes = vec![0; usize::try_from(to - from).unwrap()];
        // Some mappings of the kernel cannot be read.
        memory.read_exact_at(&mut bytes, from).is_ok() && bytes.windows(wanted.len()).any(|b| b == wanted)
    })
}

#[tokio::test]
async fn the_texts_of_keys_are_in_no_memory_of_a_pod() {
    let mut pod = Pod::start();
    let data = pod.data.display().to_string();
    // The second start reads the keys that the first has made.
    for start in ["first", "second"] {
        assert!(is_in_memory(pod.pid(), &data), "what is there is found");
        for file in ["ns/master.key", "sfs/master.key", "root-api-key"] {
            let text = fs::read_to_string(pod.data.join(file)).unwrap();
            // The beginning of memory that was given back is overwritten at once.
            let end = text.trim().split_at(text.trim().len() / 2).1;
            assert!(!is_in_memory(pod.pid(), end), "{file} after the {start} start");
        }
        pod.again().unwrap();
    }
}
