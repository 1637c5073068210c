//! The memory budget of the built program, whose allocator counts.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::wire::caller::Caller;
use crate::wire::program::{file, Program};

const CONFIG: &str = "[limits]\nmemory_bytes_max = 100_663_296\nqueue_bytes_max = 1_000_000_000\n";
/// Bytes. Sent one by one, so that little is under way when memory gets short and the publisher is slowed down; large, so that
/// a slow machine gets there in few turns, too.
const PAYLOAD: usize = 500_000;

#[test]
fn near_its_budget_the_program_slows_publishers_down_and_keeps_what_it_took() {
    let config = file("memory-budget.toml", CONFIG);
    let config = config.to_str().expect("readable");
    let mut program = Program::run(&["-c", config, "--bind", "127.0.0.1:0", "--shards", "2"]);
    let budget = program.says("memory budget");
    assert!(budget.contains("100663296"), "{budget}");
    let address = program.listens();
    let mut sleeper = Caller::connected(address, 5, "id=sleeper session_expiry=1000");
    sleeper.subscribed("t", 1);
    sleeper.reset();
    let is_short = AtomicBool::new(false);
    let taken = thread::scope(|scope| {
        let publisher = scope.spawn(|| {
            let publication = format!("t *{PAYLOAD}");
            let mut publisher = Caller::connected(address, 5, "id=publisher clean");
            let mut taken = 0u16;
            while !is_short.load(Ordering::Relaxed) {
                taken += 1;
                publisher.published(&publication, 1, taken);
            }
            taken
        });
        let line = program.says("memory is short");
        assert!(line.contains("Slowing"), "{line}");
        is_short.store(true, Ordering::Relaxed);
        publisher.join().expect("all are taken")
    });
    assert!(usize::from(taken) * PAYLOAD > 20 << 20, "{taken} publications are no shortage");
    let mut sleeper = Caller::open(address, 5);
    assert!(sleeper.connects("id=sleeper session_expiry=0"), "its session is there");
    for _ in 0..taken {
        assert_eq!(sleeper.delivered().payload.len(), PAYLOAD);
    }
    program.says("there is memory again");
    program.signal("TERM");
    assert_eq!(program.ends().code, Some(0));
}
