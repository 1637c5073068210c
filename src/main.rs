//! The `corecast` program: flags to configuration to runtime to exit code.
fn main() {}
