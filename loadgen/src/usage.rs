//! CPU time and memory of processes, as `/proc` has them.

use std::collections::BTreeMap;
use std::fs::{read_dir, read_to_string};
use std::ops::Sub;

use serde::Serialize;

/// CPU time since a process began, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Cpu {
    pub(crate) user_s: f64,
    pub(crate) system_s: f64,
}

impl Cpu {
    pub(crate) fn total_s(self) -> f64 {
        self.user_s + self.system_s
    }
}

impl Sub for Cpu {
    type Output = Cpu;

    fn sub(self, before: Cpu) -> Cpu {
        // A child that has ended is in neither sum any more.
        Cpu { user_s: (self.user_s - before.user_s).max(0.0), system_s: (self.system_s - before.system_s).max(0.0) }
    }
}

/// What a process and all below it use together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Usage {
    pub(crate) cpu: Cpu,
    pub(crate) resident_bytes: u64,
}

/// Of these processes and their descendants; `None` if none of them is there.
pub(crate) fn usage(roots: &[u32]) -> Option<Usage> {
    let mut sum = None;
    for pid in family(roots) {
        if let Some(one) = of_process(pid) {
            let sum: &mut Usage = sum.get_or_insert_default();
            sum.cpu.user_s += one.cpu.user_s;
            sum.cpu.system_s += one.cpu.system_s;
            sum.resident_bytes += one.resident_bytes;
        }
    }
    sum
}

/// What these processes and their descendants hold of the memory, with their part of what they share (PSS); `None` if that
/// may not be read.
pub(crate) fn proportional_bytes(roots: &[u32]) -> Option<u64> {
    let of_process = |pid| read_to_string(format!("/proc/{pid}/smaps_rollup")).ok().and_then(|text| pss_bytes(&text));
    (!roots.is_empty()).then(|| family(roots).into_iter().map(of_process).sum()).flatten()
}

/// The line `Pss:`, in bytes.
fn pss_bytes(rollup: &str) -> Option<u64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// Seconds that the threads of these processes and their descendants have run, as the scheduler counts them: a short step
/// would be lost in ticks of 10 ms. `None` if the kernel does not say.
pub(crate) fn ran_s(roots: &[u32]) -> Option<f64> {
    let mut sum_ns = 0;
    for pid in family(roots) {
        for task in read_dir(format!("/proc/{pid}/task")).ok()?.flatten() {
            // A thread that has ended meanwhile is not missed.
            let Ok(text) = read_to_string(task.path().join("schedstat")) else { continue };
            sum_ns += text.split_whitespace().next()?.parse::<u64>().ok()?;
        }
    }
    (sum_ns > 0).then_some(sum_ns as f64 / 1e9)
}

/// CPU time of this process.
pub(crate) fn own_cpu() -> Cpu {
    of_process(std::process::id()).map(|usage| usage.cpu).unwrap_or_default()
}

fn family(roots: &[u32]) -> Vec<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in read_dir("/proc").into_iter().flatten().flatten() {
        let pid = entry.file_name().to_string_lossy().parse::<u32>();
        let Ok(pid) = pid else { continue };
        let stat = read_to_string(format!("/proc/{pid}/stat"));
        if let Some(parent) = stat.ok().and_then(|stat| field(&stat, 1)) {
            children.entry(parent as u32).or_default().push(pid);
        }
    }
    let mut found: Vec<u32> = roots.to_vec();
    let mut at = 0;
    while let Some(pid) = found.get(at) {
        let below = children.remove(pid).unwrap_or_default();
        found.extend(below.into_iter().filter(|pid| !roots.contains(pid)));
        at += 1;
    }
    found
}

fn of_process(pid: u32) -> Option<Usage> {
    let stat = read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    let cpu = Cpu { user_s: field(&stat, 11)? as f64 / ticks, system_s: field(&stat, 12)? as f64 / ticks };
    let resident_bytes = field(&stat, 21)? * rustix::param::page_size() as u64;
    Some(Usage { cpu, resident_bytes })
}

/// The field so many behind the name, which may hold anything but is in parentheses.
fn field(stat: &str, index: usize) -> Option<u64> {
    let (_, behind) = stat.rsplit_once(')')?;
    behind.split_whitespace().nth(index)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_blanks_and_parentheses_are_stepped_over() {
        let stat = "17 (a (b) c) S 1 17 17 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 3 0 5 1000 42 1844";
        assert_eq!(
            (field(stat, 1), field(stat, 11), field(stat, 12), field(stat, 21)),
            (Some(1), Some(250), Some(50), Some(42))
        );
        assert_eq!(field("", 1), None);
    }

    #[test]
    fn the_part_of_shared_memory_is_read_in_bytes() {
        assert_eq!(pss_bytes("1-2 ---p [rollup]\nRss:    1732 kB\nPss:     261 kB\nPss_Dirty:  1 kB\n"), Some(267_264));
        assert_eq!(pss_bytes("Rss:    1732 kB\n"), None);
        assert_eq!(proportional_bytes(&[]), None);
        assert!(proportional_bytes(&[std::process::id()]).expect("it is ours") > 100_000);
    }

    #[test]
    fn work_of_a_few_milliseconds_is_seen() {
        let own = std::process::id();
        let (before, began) = (ran_s(&[own]).expect("the kernel counts"), std::time::Instant::now());
        while ran_s(&[own]).expect("it counts still") - before < 0.001 {
            assert!(began.elapsed().as_secs() < 10, "this loop is not free");
        }
    }

    #[test]
    fn this_process_uses_memory_and_a_missing_one_is_missing() {
        let own = usage(&[std::process::id()]).expect("it runs");
        assert!(own.resident_bytes > 100_000);
        assert_eq!(usage(&[u32::MAX]), None);
    }
}
