//! Whether the time that this process may take of processors is limited.

use std::path::{Path, PathBuf};

/// The file that limits it, where one does.
pub(super) fn found() -> Option<String> {
    let own = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    limiting(Path::new("/sys/fs/cgroup"), &own).map(|file| file.display().to_string())
}

/// The file below `root` that limits the processor time of a process whose control groups are `own`, as in
/// `/proc/self/cgroup`; that of an enclosing group too.
fn limiting(root: &Path, own: &str) -> Option<PathBuf> {
    own.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, group) = (parts.next()?, parts.next()?);
        let unified = controllers.is_empty();
        let hierarchy = match (unified, controllers.split(',').any(|c| c == "cpu")) {
            (true, _) => root.to_owned(),
            // Mounted under the names of what it holds.
            (_, true) => root.join(controllers),
            _ => return None,
        };
        let file = if unified { "cpu.max" } else { "cpu.cfs_quota_us" };
        let group = hierarchy.join(group.trim_start_matches('/'));
        let enclosing = group.ancestors().take_while(|folder| folder.starts_with(&hierarchy));
        enclosing.map(|folder| folder.join(file)).find(|file| {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            // `max 100000` and `-1` are no limit.
            text.split_whitespace().next().is_some_and(|limit| limit.parse::<u64>().is_ok())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_found_in_the_group_and_in_those_around_it() {
        let root = std::env::temp_dir().join(format!("bcid-quota-{}", std::process::id()));
        let write = |file: &str, text: &str| {
            let file = root.join(file);
            std::fs::create_dir_all(file.parent().expect("a folder")).expect("made");
            std::fs::write(file, text).expect("written");
        };
        write("a/b/cpu.max", "max 100000\n");
        write("a/cpu.max", "50000 100000\n");
        write("cpu,cpuacct/x/cpu.cfs_quota_us", "-1\n");
        write("cpu,cpuacct/y/cpu.cfs_quota_us", "20000\n");
        let of = |own: &str| limiting(&root, own).map(|f| f.strip_prefix(&root).expect("below").to_owned());
        let found = |own: &str| of(own).map(|f| f.display().to_string());
        let all = [
            found("0::/a/b\n"),
            found("0::/c\n"),
            found("3:cpu,cpuacct:/x\n0::/\n"),
            found("4:cpuset:/a\n3:cpu,cpuacct:/y\n0::/\n"),
            found(""),
        ];
        std::fs::remove_dir_all(&root).expect("removed");
        let expected = [Some("a/cpu.max"), None, None, Some("cpu,cpuacct/y/cpu.cfs_quota_us"), None];
        assert_eq!(all, expected.map(|file| file.map(str::to_owned)));
    }
}
