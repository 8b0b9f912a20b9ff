//! What runs in containers, what it uses, and what happens to them.

/// A process of a container.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Process {
    /// Its id on the engine's machine.
    pub pid: u32,
    /// Its parent's id.
    pub parent: u32,
    /// The id of its user on the engine's machine.
    pub uid: u32,
    /// Share of one processor since its start, in percent.
    pub cpu_percent: f64,
    /// Resident memory in bytes.
    pub memory: u64,
    /// How long it has been running: `[[DAYS-]HOURS:]MINUTES:SECONDS`.
    pub elapsed: String,
    /// Its command with arguments. Unchecked text.
    pub command: String,
}

/// What a container uses.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Usage {
    /// Share of one processor, in percent; more than 100 on several.
    pub cpu_percent: f64,
    /// Memory in bytes, without files that could be dropped from it.
    pub memory: u64,
    /// How much memory it may use, in bytes: its limit, or what the machine has.
    pub memory_limit: u64,
    /// Bytes received over its networks since its start.
    pub received: u64,
    /// Bytes sent.
    pub sent: u64,
    /// Number of processes and threads.
    pub processes: u64,
}

/// Something that happened to a container.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Happening {
    /// When.
    pub time: jiff::Timestamp,
    /// The container's full id.
    pub id: String,
    /// The engine's word: `start`, `die`, ... Unchecked text.
    pub what: String,
    /// The exit code of a command that ended.
    pub exit_code: Option<i64>,
    /// The number of a signal that was sent.
    pub signal: Option<i64>,
}
