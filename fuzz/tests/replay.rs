//! What fuzzing has found worth keeping, tried again in every run of the tests.

use std::fs::{read, read_dir};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::{io, panic};

use fuzz::TARGETS;

/// Bytes the corpora of all targets may have together: they are part of every checkout.
const CORPUS_BYTES_MAX: u64 = 1024 * 1024;

/// The file that is being tried, for a test that fails.
static TRIED: Mutex<Option<PathBuf>> = Mutex::new(None);

fn corpus() -> PathBuf {
    // Cargo sets it for the run too, so that the test follows a checkout that has moved.
    let root = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
    Path::new(&root).join("corpus")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a file of the folder").path()).collect();
    files.sort();
    files
}

#[test]
fn what_was_found_before_is_in_order() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let tried = TRIED.lock().map(|tried| tried.clone()).ok().flatten();
        let name = tried.map_or_else(String::new, |path| path.display().to_string());
        // Nothing to do about a closed standard error.
        let _ = writeln!(io::stderr(), "with {name}");
        usual(info);
    }));
    for target in TARGETS {
        (target.check)(&[]);
        let files = files(&corpus().join(target.name));
        assert!(!files.is_empty(), "{} has no corpus", target.name);
        for file in files {
            let bytes = read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            *TRIED.lock().expect("nothing has failed so far") = Some(file);
            (target.check)(&bytes);
        }
    }
}

#[test]
fn the_corpus_is_small_and_of_targets_only() {
    let mut total = 0;
    for folder in files(&corpus()) {
        let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        assert!(TARGETS.iter().any(|target| target.name == name), "corpus/{name} is of no target");
        total += files(&folder).iter().map(|file| file.metadata().map_or(0, |data| data.len())).sum::<u64>();
    }
    assert!(total <= CORPUS_BYTES_MAX, "{total} bytes; scripts/fuzz --minimise makes it smaller");
}
