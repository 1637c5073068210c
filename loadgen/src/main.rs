//! loadgen: loads any MQTT broker and accounts for every message.
//!
//! A conductor ([`mod@run`], [`scripts`]) orders threads about ([`worker`]); each drives its clients, which are pure state
//! machines ([`client`], [`publisher`]), from one epoll. Of Corecast it knows the codec only.

mod arguments;
mod catalogue;
mod client;
mod credit;
mod find_max;
mod fleet;
mod ledger;
mod link;
mod live;
mod load;
mod measure;
mod options;
mod orders;
mod pace;
mod plan;
mod publisher;
mod report;
mod run;
mod scripts;
mod sink;
mod stamp;
mod summary;
mod system;
mod tally;
mod tls;
mod usage;
mod wire;
mod words;
mod worker;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use self::arguments::{Arguments, Command, RunArguments};
use self::catalogue::SCENARIOS;
use self::report::Verdict;
use self::summary::summary;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let ended = match arguments.command {
        Some(Command::List) => list(),
        Some(Command::Sink(arguments)) => sink::serve(&arguments).map(|()| Verdict::Clean),
        None => return run(&arguments.run),
    };
    conclude(ended)
}

fn run(arguments: &RunArguments) -> ExitCode {
    let (load, options) = match options::read(arguments) {
        Ok(read) => read,
        Err(error) => {
            eprintln!("loadgen: {error:#}");
            return ExitCode::from(2);
        }
    };
    conclude(scripts::carry_out(load, options).and_then(|report| {
        let text = summary(&report);
        if arguments.json {
            eprint!("{text}");
            println!("{}", serde_json::to_string(&report)?);
        } else {
            print!("{text}");
        }
        Ok(report.verdict())
    }))
}

fn conclude(ended: Result<Verdict>) -> ExitCode {
    match ended {
        Ok(verdict) => ExitCode::from(verdict.exit_code()),
        Err(error) => {
            eprintln!("loadgen: {error:#}");
            ExitCode::from(Verdict::Failed.exit_code())
        }
    }
}

fn list() -> Result<Verdict> {
    println!("Scenarios, with the parameters they were published with (--scale shrinks them):\n");
    for scenario in SCENARIOS {
        let load = &scenario.load;
        println!("  {:<40} {}", scenario.name, scenario.about);
        println!(
            "  {:<40} {} publishers, {} subscribers, {}/s in, QoS {}/{}, {} bytes, {:.0} s",
            "",
            load.publishers,
            load.subscribers,
            load.rate_total(),
            load.publish_qos as u8,
            load.subscribe_qos as u8,
            load.payload_bytes,
            load.duration_s
        );
    }
    println!("\nFree form: p2p, fanout, fanin, sharedsub, conn (loadgen --help)");
    Ok(Verdict::Clean)
}
