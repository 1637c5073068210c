//! The `corecast` program: flags to configuration to runtime to exit code.

use std::env::args_os;
use std::process::ExitCode;

use corecast::cli;
use mimalloc::MiMalloc;

/// Messages are allocated on one core and often freed on another, which is what this allocator is good at.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    // The one place where command line and runtime meet: `runtime::run(settings)` goes here.
    cli::main(args_os(), |_config| anyhow::bail!("this build has no runtime to serve with"))
}
