//! How long all benches look: together about three minutes, long enough to tell a change of some percent on a quiet
//! machine.

use std::time::Duration;

use corecast::runtime::CountingAllocator;
use criterion::Criterion;

/// The broker's own.
#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Runs `benches` as the flags of `cargo bench` want it.
pub(crate) fn run(benches: impl FnOnce(&mut Criterion)) {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .sample_size(30)
        .configure_from_args();
    benches(&mut criterion);
    criterion.final_summary();
}
