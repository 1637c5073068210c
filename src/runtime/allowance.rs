//! How much memory the process may have, and what it makes of that: its budget, if the operator names none.

use std::fs::read_to_string;
use std::path::{Path, PathBuf};

use super::system::{limit, page_bytes, physical_pages, Resource};

/// The part of what is allowed that becomes the budget; the rest is for the kernel's memory of our sockets, which a control
/// group counts, too, and for what comes in one piece.
const BUDGET_PERCENT: u64 = 75;

/// What bounds the memory of the process, and by how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Allowance {
    pub(super) bytes: u64,
    pub(super) set_by: &'static str,
}

impl Allowance {
    /// The smallest of what the machine has and what has been set for the process.
    pub(super) fn find() -> Allowance {
        let machine = physical_pages().saturating_mul(page_bytes());
        let addresses = limit(Resource::Addresses).map_or(u64::MAX, |limit| limit.soft);
        let groups = read_to_string("/proc/self/cgroup").unwrap_or_default();
        let found = [
            Allowance { bytes: machine, set_by: "the memory of the machine" },
            Allowance { bytes: addresses, set_by: "the limit of address space (RLIMIT_AS)" },
            Allowance { bytes: group_bytes_max(&groups, Path::new("/sys/fs/cgroup")), set_by: "a control group" },
        ];
        found.into_iter().min_by_key(|allowance| allowance.bytes).expect("there are three")
    }

    /// The budget that is made of it.
    pub(super) fn budget(self) -> u64 {
        self.bytes / 100 * BUDGET_PERCENT
    }
}

/// The least that the control groups of a process, and those around them, are allowed. `groups` is its `/proc/self/cgroup`.
fn group_bytes_max(groups: &str, root: &Path) -> u64 {
    let limits = groups.lines().filter_map(|line| {
        let mut words = line.splitn(3, ':').skip(1);
        let (controllers, path) = (words.next()?, words.next()?);
        let (root, file) = match controllers {
            "" => (root.to_owned(), "memory.max"),
            _ if controllers.split(',').any(|name| name == "memory") => (root.join("memory"), "memory.limit_in_bytes"),
            _ => return None,
        };
        let own = root.join(path.trim_start_matches('/'));
        own.ancestors()
            .take_while(|group| group.starts_with(&root))
            .filter_map(|group| bytes_in(group.join(file)))
            .min()
    });
    limits.min().unwrap_or(u64::MAX)
}

/// "max" is no number, and no limit.
fn bytes_in(file: PathBuf) -> Option<u64> {
    read_to_string(file).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::env::temp_dir;
    use std::fs::{create_dir_all, remove_dir_all, write};
    use std::process::id;

    use super::*;

    #[test]
    fn the_strictest_group_around_the_process_counts() {
        let root = temp_dir().join(format!("corecast-groups-{}", id()));
        for (folder, file, text) in [
            ("a/b", "memory.max", "max\n"),
            ("a", "memory.max", "5000000\n"),
            ("memory/x/y", "memory.limit_in_bytes", "7000000\n"),
            ("memory", "memory.limit_in_bytes", "9223372036854771712\n"),
        ] {
            create_dir_all(root.join(folder)).expect("made");
            write(root.join(folder).join(file), text).expect("written");
        }
        assert_eq!(group_bytes_max("0::/a/b\n", &root), 5_000_000);
        assert_eq!(group_bytes_max("0::/c\n3:cpuset:/\n", &root), u64::MAX);
        assert_eq!(group_bytes_max("4:memory:/x/y\n0::/\n", &root), 7_000_000);
        assert_eq!(group_bytes_max("nonsense", &root), u64::MAX);
        remove_dir_all(root).expect("removed");
    }

    #[test]
    fn some_memory_is_always_allowed_and_the_budget_is_three_quarters_of_it() {
        let allowance = Allowance::find();
        assert!(allowance.bytes > 1 << 24 && allowance.bytes < 1 << 60, "{allowance:?}");
        assert_eq!(Allowance { bytes: 1000, set_by: "" }.budget(), 750);
    }
}
