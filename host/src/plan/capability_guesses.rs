//! What to leave out of a host-like node when an engine before Docker 23 refuses it, and it is not visible what that
//! engine lacks because its process runs on another machine.

/// In this order, each after the one before was refused: what engines in sandboxes and in other containers have been
/// seen to lack; then all that a container does not have by default.
pub const GUESSES: [&[&str]; 2] = [
    &["CAP_SYS_RESOURCE"],
    &[
        "CAP_AUDIT_CONTROL",
        "CAP_AUDIT_READ",
        "CAP_BLOCK_SUSPEND",
        "CAP_BPF",
        "CAP_CHECKPOINT_RESTORE",
        "CAP_DAC_READ_SEARCH",
        "CAP_IPC_LOCK",
        "CAP_IPC_OWNER",
        "CAP_LEASE",
        "CAP_LINUX_IMMUTABLE",
        "CAP_MAC_ADMIN",
        "CAP_MAC_OVERRIDE",
        "CAP_NET_ADMIN",
        "CAP_NET_BROADCAST",
        "CAP_PERFMON",
        "CAP_SYS_ADMIN",
        "CAP_SYS_BOOT",
        "CAP_SYS_MODULE",
        "CAP_SYS_NICE",
        "CAP_SYS_PACCT",
        "CAP_SYS_PTRACE",
        "CAP_SYS_RAWIO",
        "CAP_SYS_RESOURCE",
        "CAP_SYS_TIME",
        "CAP_SYS_TTY_CONFIG",
        "CAP_SYSLOG",
        "CAP_WAKE_ALARM",
    ],
];
