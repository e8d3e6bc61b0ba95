//! What a process has used, as the kernel tells it.

use std::path::Path;

/// CPU time that the process has used, in seconds, user and system, all its threads.
pub(crate) fn cpu_seconds(pid: u32) -> f64 {
    let stat = read(pid, "stat");
    // The name, in brackets, may hold anything; the fields after it are numbered from 3.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |field: usize| -> f64 {
        let text = fields.get(field - 3).copied().unwrap_or_default();
        text.parse().unwrap_or_else(|e| panic!("field {field} of /proc/{pid}/stat, {text:?}: {e}"))
    };
    #[expect(clippy::cast_precision_loss, reason = "it is 100")]
    let a_second = rustix::param::clock_ticks_per_second() as f64;
    (ticks(14) + ticks(15)) / a_second
}

/// The most memory that the process has had at a time, in MiB.
pub(crate) fn peak_rss_mib(pid: u32) -> f64 {
    let status = read(pid, "status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: Option<f64> = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse().ok());
    kib.unwrap_or_else(|| panic!("/proc/{pid}/status says no VmHWM")) / 1024.0
}

fn read(pid: u32, name: &str) -> String {
    let path = format!("/proc/{pid}/{name}");
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}; has the process ended?"))
}

/// How many bytes the records of a topic take on the broker's disk. Indexes are left out: they are allocated beforehand.
pub(crate) fn topic_bytes(data: &Path, topic: &str) -> u64 {
    let entries = |path: &Path| {
        let entries = std::fs::read_dir(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        entries.filter_map(Result::ok).map(|entry| entry.path()).collect::<Vec<_>>()
    };
    let is_partition = |path: &Path| {
        let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.rsplit_once('-'));
        name.is_some_and(|(of, _)| of == topic)
    };
    let logs = entries(data).into_iter().filter(|path| is_partition(path)).flat_map(|partition| entries(&partition));
    let logs = logs.filter(|path| path.extension().is_some_and(|extension| extension == "log"));
    logs.map(|path| path.metadata().map_or(0, |metadata| metadata.len())).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_used_something() {
        let pid = std::process::id();
        assert!(cpu_seconds(pid) >= 0.0);
        assert!(peak_rss_mib(pid) > 0.5);
    }

    #[test]
    fn only_logs_of_the_topic_itself_are_its_bytes() {
        let data = tempfile::tempdir().unwrap();
        for (folder, file, size) in
            [("a-0", "0.log", 3), ("a-1", "0.log", 4), ("a-1", "0.index", 50), ("a-b-0", "0.log", 500)]
        {
            std::fs::create_dir_all(data.path().join(folder)).unwrap();
            std::fs::write(data.path().join(folder).join(file), vec![0; size]).unwrap();
        }
        assert_eq!(topic_bytes(data.path(), "a"), 7);
    }
}
