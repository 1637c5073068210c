//! A report as people read it.

use std::fmt::Write;

use crate::report::{Latency, Report, Verdict};
use crate::words::{bytes, count, duration_ns};

/// The first line says whether the figures count.
pub(crate) fn summary(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write_summary(report, &mut out);
    out
}

fn write_summary(report: &Report, out: &mut String) -> std::fmt::Result {
    let broker = report.broker_name.as_deref().unwrap_or(&report.broker_address);
    writeln!(out, "{}: {} on {broker} ({})", headline(report), report.scenario, report.mode)?;
    for problem in &report.problems {
        writeln!(out, "  problem: {problem}")?;
    }
    for warning in &report.warnings {
        writeln!(out, "  warning: {warning}")?;
    }
    write_load(report, out)?;
    let connect = &report.connect;
    let connected = count(connect.ready);
    write!(out, "  connect    {connected} ready in {:.2} s ({:.0}/s)", connect.elapsed_s, connect.per_s)?;
    write_latency(connect.latency, out)?;
    if connect.resumed > 0 {
        writeln!(out, "             {} sessions taken up again", count(connect.resumed))?;
    }
    for (reason, times) in &connect.faults {
        writeln!(out, "             {times} x {reason}")?;
    }
    write_traffic(report, out)?;
    for step in &report.steps {
        write!(out, "  {:<22} {} in {:.2} s ({:.0}/s)", step.name, count(step.count), step.elapsed_s, step.per_s)?;
        if let (Some(before), Some(after)) = (step.broker_pss_before_bytes, step.broker_pss_after_bytes) {
            write!(out, "  memory {} to {}", bytes(before), bytes(after))?;
        }
        write_latency(step.latency, out)?;
    }
    write_curve(report, out)?;
    write_machine(report, out)
}

fn headline(report: &Report) -> String {
    let truth = &report.truth;
    match report.verdict() {
        Verdict::Clean => "OK".to_owned(),
        Verdict::Failed => "FAILED".to_owned(),
        Verdict::Interrupted => "INTERRUPTED".to_owned(),
        Verdict::Untrue => {
            let kinds = [
                (truth.lost, "lost"),
                (truth.duplicated, "duplicated"),
                (truth.out_of_order, "out of order"),
                (truth.foreign, "misdirected"),
            ];
            let named = kinds.iter().filter(|(number, _)| *number > 0);
            let named: Vec<String> = named.map(|(number, kind)| format!("{} {kind}", count(*number))).collect();
            format!("NOT TRUE, {}", named.join(", "))
        }
    }
}

fn write_load(report: &Report, out: &mut String) -> std::fmt::Result {
    let load = &report.load;
    write!(
        out,
        "  load       {} publishers, {} subscribers",
        count(load.publishers.into()),
        count(load.subscribers.into())
    )?;
    write!(out, ", QoS {} in {} out, {} bytes", load.publish_qos, load.subscribe_qos, load.payload_bytes)?;
    match (report.mode, load.window) {
        ("fixed-rate", _) => write!(out, ", {:.0} messages/s", load.rate_total_s)?,
        (_, Some(window)) => write!(out, ", window {window}, bursts of {}", load.burst.unwrap_or(1))?,
        (_, None) => {}
    }
    if load.tls {
        write!(out, ", TLS")?;
    }
    if load.scale != 1.0 {
        write!(out, ", scaled by {}", load.scale)?;
    }
    writeln!(out)
}

fn write_traffic(report: &Report, out: &mut String) -> std::fmt::Result {
    let traffic = &report.traffic;
    if traffic.sent == 0 || report.mode == "find-max" {
        return Ok(());
    }
    if report.mode != "script" {
        let (sent, delivered) = (traffic.sent_per_s as u64, traffic.delivered_per_s as u64);
        writeln!(
            out,
            "  rate       {} sent/s, {} delivered/s over {:.1} s",
            count(sent),
            count(delivered),
            traffic.measured_s
        )?;
        if traffic.bulk_delivered_per_s > 0.0 {
            let per_s = count(traffic.bulk_delivered_per_s as u64);
            writeln!(out, "             beside them {per_s} of {} bytes/s", report.load.bulk_bytes)?;
        }
        if traffic.latency.is_some() {
            write!(out, "  latency  ")?;
            write_latency(traffic.latency, out)?;
        }
    }
    let truth = &report.truth;
    write!(
        out,
        "  messages   {} sent, {} of {} delivered",
        count(traffic.sent),
        count(traffic.delivered),
        count(traffic.expected)
    )?;
    let (lost, duplicated, late) = (count(truth.lost), count(truth.duplicated), count(truth.out_of_order));
    writeln!(out, "; {lost} lost, {duplicated} duplicated, {late} out of order")?;
    if truth.lost_by_slow > 0 {
        writeln!(out, "             {} lost by those that stopped reading", count(truth.lost_by_slow))?;
    }
    for worst in &truth.worst {
        let (lost, duplicated, late) = (worst.lost, worst.duplicated, worst.out_of_order);
        writeln!(out, "             {}: {lost} lost, {duplicated} duplicated, {late} out of order", worst.client_id)?;
    }
    Ok(())
}

fn write_curve(report: &Report, out: &mut String) -> std::fmt::Result {
    if report.mode != "find-max" {
        return Ok(());
    }
    writeln!(out, "  {:>12} {:>12} {:>12} {:>10} {:>10}", "offered/s", "sent/s", "delivered/s", "p50", "p99")?;
    for point in &report.curve {
        let duration = |us: f64| duration_ns((us * 1e3) as u64);
        let (offered, sent) = (count(point.offered_per_s as u64), count(point.sent_per_s as u64));
        let (delivered, half, most) =
            (count(point.delivered_per_s as u64), duration(point.p50_us), duration(point.p99_us));
        let held = if point.held { "held" } else { point.why.as_str() };
        writeln!(out, "  {offered:>12} {sent:>12} {delivered:>12} {half:>10} {most:>10}  {held}")?;
    }
    if let Some(rate) = report.max_rate_per_s {
        writeln!(out, "  highest rate that held: {} messages/s", count(rate as u64))?;
    }
    Ok(())
}

fn write_machine(report: &Report, out: &mut String) -> std::fmt::Result {
    if let Some(broker) = &report.broker {
        write!(out, "  broker     {:.2} cores", broker.cores_used)?;
        if let (Some(user), Some(system)) = (broker.user_s_per_million, broker.system_s_per_million) {
            write!(out, ", {:.3} CPU s per million delivered (user {user:.3}, system {system:.3})", user + system)?;
        }
        let [before, peak, after] =
            [broker.memory_before_bytes, broker.memory_peak_bytes, broker.memory_after_bytes].map(bytes);
        writeln!(out)?;
        writeln!(out, "             memory {before} before, {peak} peak, {after} after")?;
        writeln!(out, "             {} a connection", bytes(broker.memory_per_connection_bytes))?;
    }
    let own = &report.loadgen;
    let busy = 100.0 * own.busiest_thread;
    writeln!(out, "  loadgen    {:.1} CPU s, busiest thread {busy:.0} %", own.cpu.total_s())
}

fn write_latency(latency: Option<Latency>, out: &mut String) -> std::fmt::Result {
    let Some(latency) = latency else { return writeln!(out) };
    let at = |us: f64| duration_ns((us * 1e3) as u64);
    let (half, tenth, hundredth) = (at(latency.p50_us), at(latency.p90_us), at(latency.p99_us));
    let (thousandth, most) = (at(latency.p99_9_us), at(latency.max_us));
    writeln!(out, "  p50 {half}  p90 {tenth}  p99 {hundredth}  p99.9 {thousandth}  max {most}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_with_losses_says_so_on_its_first_line() {
        let mut report = Report { scenario: "p2p".to_owned(), broker_address: "b".to_owned(), ..Report::default() };
        assert!(summary(&report).starts_with("OK: p2p on b"));
        report.truth.lost = 1234;
        report.truth.out_of_order = 5;
        let text = summary(&report);
        assert!(text.starts_with("NOT TRUE, 1,234 lost, 5 out of order: p2p"), "{text}");
    }
}
