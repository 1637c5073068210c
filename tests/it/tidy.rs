//! The house rules, checked against the files of the repository.

mod rules;
mod source;

use std::fs::{read_dir, read_to_string};
use std::path::{Path, PathBuf};

use self::rules::faults_of;
use self::source::Source;

#[test]
fn the_house_is_tidy() {
    // Cargo sets it for the run too, so that the check follows a checkout that has moved.
    let root = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
    let mut paths = Vec::new();
    for folder in ["src", "tests/it", "benches", "fuzz", "loadgen/src"] {
        collect(&Path::new(&root).join(folder), &mut paths);
    }
    paths.sort();
    let sources: Vec<Source> = paths.iter().map(|path| read(Path::new(&root), path)).collect();
    assert!(sources.iter().any(|source| source.path == "src/lib.rs"), "no sources below {root}");
    let faults = faults_of(&sources);
    assert!(faults.is_empty(), "{} faults, see docs/STYLE.md:\n{}", faults.len(), faults.join("\n"));
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    let entries = read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("a folder that was opened can be read").path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

fn read(root: &Path, path: &Path) -> Source {
    let text = read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let inside = path.strip_prefix(root).expect("it was found below the root");
    let name: Vec<String> = inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    Source::new(&name.join("/"), &text)
}
