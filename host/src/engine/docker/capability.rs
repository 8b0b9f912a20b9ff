//! Capabilities that an old engine on this machine lacks. Asked for all of them, it fails at the node's start; newer
//! ones leave out what they lack by themselves.

use super::address::Transport;
use rustix::net::sockopt;
use std::os::unix::net::UnixStream;

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

/// The capabilities that the engine behind a local socket lacks; none where that cannot be seen.
pub(super) fn missing(transport: &Transport) -> Vec<String> {
    let Transport::Unix(path) = transport else { return Vec::new() };
    let read = || {
        let socket = UnixStream::connect(path).ok()?;
        let engine = sockopt::socket_peercred(&socket).ok()?.pid;
        let status = std::fs::read_to_string(format!("/proc/{}/status", engine.as_raw_nonzero())).ok()?;
        let last: usize = std::fs::read_to_string("/proc/sys/kernel/cap_last_cap").ok()?.trim().parse().ok()?;
        Some(outside(bounding_set(&status)?, last))
    };
    read().unwrap_or_default()
}

fn bounding_set(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("CapBnd:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

fn outside(bounding_set: u64, last: usize) -> Vec<String> {
    let lacks = |number: &usize| bounding_set & (1 << number) == 0;
    (0..=last.min(NAMES.len() - 1)).filter(lacks).map(|number| format!("CAP_{}", NAMES[number])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_bounding_set_lacks_is_named() {
        let status = "Name:\tdockerd\nCapBnd:\t000001fffeffffff\n";
        assert_eq!(outside(bounding_set(status).unwrap(), 40), ["CAP_SYS_RESOURCE"]);
        assert_eq!(outside(u64::MAX, 40), Vec::<String>::new());
    }
}
