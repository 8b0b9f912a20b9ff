//! Capabilities that an old local engine lacks. If all are requested, it fails to start the node; newer engines ignore
//! those they lack.

use std::os::unix::net::UnixStream;

use rustix::net::sockopt;

use super::address::Transport;

/// Names by number, as in the kernel's capability.h.
const NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// The capabilities that the engine behind a local socket lacks; empty if that cannot be determined.
pub(super) fn missing(transport: &Transport) -> Vec<String> {
    let Transport::Unix(path) = transport else {
        return Vec::new();
    };
    let read = || {
        let socket = UnixStream::connect(path).ok()?;
        let engine = sockopt::socket_peercred(&socket).ok()?.pid;
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", engine.as_raw_nonzero())).ok()?;
        let last: usize = std::fs::read_to_string("/proc/sys/kernel/cap_last_cap")
            .ok()?
            .trim()
            .parse()
            .ok()?;
        Some(outside(bounding_set(&status)?, last))
    };
    // The socket may belong to a proxy or to another process namespace. The engine then reports at the start what it
    // lacks, and the start is planned again without that.
    read().unwrap_or_default()
}

fn bounding_set(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("CapBnd:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

fn outside(bounding_set: u64, last: usize) -> Vec<String> {
    let lacks = |number: &usize| bounding_set & (1 << number) == 0;
    (0..=last.min(NAMES.len() - 1))
        .filter(lacks)
        .map(|number| format!("CAP_{}", NAMES[number]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_missing_from_the_bounding_set_are_named() {
        let status = "Name:\tdockerd\nCapBnd:\t000001fffeffffff\n";
        assert_eq!(
            outside(bounding_set(status).unwrap(), 40),
            ["CAP_SYS_RESOURCE"]
        );
        assert_eq!(outside(u64::MAX, 40), Vec::<String>::new());
    }
}
