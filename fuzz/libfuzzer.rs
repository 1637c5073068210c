//! One target, chosen by the environment, in the hands of libFuzzer. `scripts/fuzz` builds and runs it.
#![no_main]

use std::env;
use std::sync::LazyLock;

use fuzz::{target, Target};
use libfuzzer_sys::fuzz_target;

/// The name of a target is an environment variable, since the words on the command line are libFuzzer's.
static CHOSEN: LazyLock<&Target> = LazyLock::new(|| {
    let name = env::var("FUZZ_TARGET").unwrap_or_default();
    target(&name)
        .unwrap_or_else(|| panic!("FUZZ_TARGET is {name:?}, which is no target; scripts/fuzz --list names them"))
});

fuzz_target!(|bytes: &[u8]| (CHOSEN.check)(bytes));
