//! loadgen against its own toy broker, over real sockets: the figures add up, and what goes wrong is told.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

const LOADGEN: &str = env!("CARGO_BIN_EXE_loadgen");

/// A toy broker that ends with the test.
struct Sink {
    process: Child,
    address: String,
}

impl Sink {
    fn start(faults: &[&str]) -> Sink {
        let mut process = Command::new(LOADGEN)
            .args(["sink", "--bind", "127.0.0.1:0"])
            .args(faults)
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut line = String::new();
        let output = process.stdout.take().expect("it is piped");
        BufReader::new(output).read_line(&mut line).expect("it says where it listens");
        let address = line.trim().trim_start_matches("listening on ").to_owned();
        Sink { process, address }
    }

    fn load(&self, words: &str) -> Output {
        let mut command = Command::new(LOADGEN);
        command.args(words.split_whitespace());
        command.args(["--broker", &self.address, "--json", "--threads", "2", "--drain", "1"]);
        command.output().expect("it runs")
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to do.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[track_caller]
fn report(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|error| {
        panic!("{error}: {text}\n{}", String::from_utf8_lossy(&output.stderr));
    })
}

/// Runs it on a broker that makes no mistakes.
#[track_caller]
fn check_clean(words: &str) -> Value {
    let sink = Sink::start(&[]);
    let output = sink.load(words);
    let report = report(&output);
    assert_eq!(output.status.code(), Some(0), "{words}: {report:#}");
    assert_eq!(report["ok"], Value::Bool(true), "{words}");
    assert_eq!(report["traffic"]["delivered"], report["traffic"]["expected"], "{words}: {report:#}");
    report
}

fn number(report: &Value, path: &str) -> f64 {
    report.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("{path} in {report:#}"))
}

#[test]
fn a_closed_loop_goes_round_in_every_shape_and_qos() {
    for shape in ["p2p --clients 5", "fanout --subscribers 7", "fanin --publishers 9", "sharedsub --publishers 4"] {
        for qos in [0, 1, 2] {
            let words = format!("{shape} --qos {qos} --window 10 --duration 0.3 --warmup 0.1");
            let report = check_clean(&words);
            assert_eq!(report["mode"], "closed-loop");
            // More than a few windows: it does go round.
            assert!(number(&report, "/traffic/sent") > 500.0, "{words}: {report:#}");
            assert!(number(&report, "/traffic/latency/count") > 0.0, "{words}");
        }
    }
}

#[test]
fn bursts_go_round_with_one_receiver_and_with_several() {
    for words in ["fanin --publishers 9 --window 32 --burst 16", "fanout --subscribers 7 --window 10 --burst 5 --qos 1"]
    {
        let report = check_clean(&format!("{words} --duration 0.3 --warmup 0.1"));
        assert!(number(&report, "/traffic/sent") > 500.0, "{words}: {report:#}");
        assert_eq!(number(&report, "/truth/stalls"), 0.0, "{words}");
    }
}

#[test]
fn a_fixed_rate_is_kept_and_every_message_arrives() {
    for words in [
        "p2p --clients 10 --rate 1000 --qos 1 --protocol 5 --payload 1000",
        "fanout --publishers 3 --subscribers 10 --topics 2 --rate 1000 --protocol 3.1",
        "singlenode-fanout-5-1000-5-250K --scale 0.02",
        "flashmq-25s --scale 0.04",
        "slow-consumer --scale 0.2",
    ] {
        let report = check_clean(&format!("{words} --duration 1 --warmup 0.2"));
        let (sent, wanted) = (number(&report, "/traffic/sent_per_s"), number(&report, "/load/rate_total_s"));
        assert!((0.9..1.1).contains(&(sent / wanted)), "{words}: {sent} of {wanted}");
    }
}

#[test]
fn connections_storms_and_takeovers_come_back_clean() {
    let report = check_clean("conn --clients 100 --duration 0.2 --connect-rate 1000");
    assert_eq!(number(&report, "/connect/ready"), 100.0);
    let report = check_clean("reconnect-storm --clients 50 --topics 3");
    assert_eq!(report["steps"].as_array().map(Vec::len), Some(3));
    let report = check_clean("takeover-storm --clients 50 --topics 3");
    assert_eq!(number(&report, "/steps/2/count"), 50.0);
    assert_eq!(number(&report, "/connect/closed_by_broker"), 150.0);
}

#[test]
fn filters_are_granted_and_given_up_step_by_step() {
    let report = check_clean("filters --topics 1000 --subscribers 7 --exact 25 --prefix site --spin");
    let steps = report["steps"].as_array().expect("a script has steps");
    assert_eq!(steps.iter().map(|step| step["name"].clone()).collect::<Vec<_>>(), ["subscribing", "undoing"]);
    assert_eq!(number(&report, "/steps/0/count"), 1000.0);
    assert!(number(&report, "/steps/0/per_s") > 0.0);
    assert!((18.0..26.0).contains(&number(&report, "/load/topic_bytes")), "{report:#}");
    assert!(report["broker"].is_null() && report["steps"][0]["broker_pss_after_bytes"].is_null());
}

#[test]
fn memory_is_looked_at_around_each_step_once_it_has_settled() {
    let sink = Sink::start(&[]);
    let pid = sink.process.id();
    let began = std::time::Instant::now();
    let output = sink.load(&format!("filters --topics 20000 --subscribers 5 --settle 0.1 --broker-pid {pid}"));
    assert!(began.elapsed().as_millis() >= 400, "twice around each of two steps");
    let report = report(&output);
    let held = number(&report, "/steps/0/broker_pss_after_bytes") - number(&report, "/steps/0/broker_pss_before_bytes");
    // The toy keeps each filter as a text of its own.
    assert!(held > 20_000.0 * 20.0, "{report:#}");
    assert!(number(&report, "/steps/0/broker_cpu_s") > 0.0);
}

#[test]
fn bulk_beside_the_pairs_is_in_none_of_their_figures() {
    let report = check_clean("p2p --clients 10 --rate 1000 --bulk 65536 --duration 1 --warmup 0.2");
    assert!((0.9..1.1).contains(&(number(&report, "/traffic/delivered_per_s") / 1000.0)), "{report:#}");
    // Far more than its window of 16: it goes round.
    assert!(number(&report, "/traffic/bulk_delivered_per_s") > 200.0, "{report:#}");
    assert!(number(&report, "/traffic/sent") < 1300.0);
    assert_eq!(number(&report, "/load/connections"), 22.0);
}

#[test]
fn what_a_broker_loses_doubles_or_swaps_is_on_the_first_line_and_in_the_exit_code() {
    for (fault, field, every) in
        [("--drop", "lost", 101.0), ("--duplicate", "duplicated", 103.0), ("--swap", "out_of_order", 107.0)]
    {
        let sink = Sink::start(&[fault, &format!("{every}")]);
        let output = sink.load("fanout --subscribers 3 --rate 2000 --duration 0.5 --warmup 0");
        let report = report(&output);
        assert_eq!(output.status.code(), Some(3), "{report:#}");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(text.starts_with("NOT TRUE, "), "{text}");
        let (found, made) =
            (number(&report, &format!("/truth/{field}")), number(&report, "/traffic/sent") * 3.0 / every);
        // What is held back at the very end never comes: it is lost instead of late.
        assert!((found - made.floor()).abs() <= 3.0, "{field}: {found} of {made}");
    }
}

#[test]
fn find_max_prints_a_curve_that_ends_where_it_breaks() {
    let sink = Sink::start(&["--drop", "20000"]);
    let output = sink.load("p2p --clients 4 --find-max --start-rate 4000 --duration 0.4 --warmup 0.1");
    let report = report(&output);
    let curve = report["curve"].as_array().expect("there is one");
    assert!(curve.iter().any(|point| point["held"] == true) && curve.iter().any(|point| point["held"] == false));
    let max = number(&report, "/max_rate_per_s");
    assert!(curve.iter().all(|point| point["held"] == false || number(point, "/offered_per_s") <= max));
}

#[test]
fn nobody_there_and_wrong_words_end_at_once_with_their_codes() {
    let run = |words: &str| Command::new(LOADGEN).args(words.split_whitespace()).output().expect("it runs");
    let output = run("p2p --broker 127.0.0.1:1 --duration 1 --json");
    assert_eq!(output.status.code(), Some(1));
    assert!(number(&report(&output), "/connect/failed") > 0.0);
    assert_eq!(run("nonsense").status.code(), Some(2));
    assert_eq!(run("p2p --window 1 --rate 1").status.code(), Some(2));
    let list = run("list");
    assert_eq!(list.status.code(), Some(0));
    let text = String::from_utf8_lossy(&list.stdout).into_owned();
    assert!(text.contains("singlenode-sharedsub-50K-500-50K-50K") && text.contains("soak"), "{text}");
}

#[test]
fn interrupted_it_ends_with_the_figures_so_far() {
    let sink = Sink::start(&[]);
    let mut process = Command::new(LOADGEN)
        .args(["p2p", "--clients", "3", "--rate", "100", "--duration", "600", "--warmup", "0.1", "--json"])
        .args(["--broker", &sink.address])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    std::thread::sleep(std::time::Duration::from_millis(1500));
    let interrupted = Command::new("kill").args(["-INT", &process.id().to_string()]).status().expect("kill runs");
    assert!(interrupted.success());
    let mut text = String::new();
    let output = process.stdout.take().expect("it is piped");
    BufReader::new(output).read_line(&mut text).expect("it reports");
    assert_eq!(process.wait().expect("it ends").code(), Some(130));
    let report: Value = serde_json::from_str(&text).expect("a report");
    assert_eq!(report["interrupted"], true);
    assert!(number(&report, "/traffic/delivered") > 20.0, "{report:#}");
    assert_eq!(report["traffic"]["delivered"], report["traffic"]["expected"]);
}
