//! Arguments of commands that show, stop and start existing nodes.

use std::time::Duration;

use clap::Args;
use clusterdock_plugin_wire::value::duration;

use super::output_args::DryRunArgs;
use super::selection::SelectionArgs;
use super::templates;

/// Arguments of all commands that change nodes.
#[derive(Debug, Args)]
pub struct ChangeArgs {
    /// Which nodes.
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// Whether to only print the plan.
    #[command(flatten)]
    pub dry_run: DryRunArgs,
}

/// Arguments of `stop`.
#[derive(Debug, Args)]
pub struct Stop {
    /// Which nodes.
    #[command(flatten)]
    pub change: ChangeArgs,
    /// Time to wait for a node to stop before killing it
    #[arg(short, long, value_name = "TIME", default_value = "10s", value_parser = duration::parse)]
    pub time: Duration,
    /// Time limit for the topology's on_stop hook
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration::parse)]
    pub timeout: Duration,
}

/// Arguments of `resume`.
#[derive(Debug, Args)]
pub struct Resume {
    /// Which nodes.
    #[command(flatten)]
    pub change: ChangeArgs,
    /// Time limit for nodes to become ready, and for the topology's on_resume hook
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration::parse)]
    pub timeout: Duration,
}

/// Arguments of `restart`.
#[derive(Debug, Args)]
pub struct Restart {
    /// Which nodes.
    #[command(flatten)]
    pub change: ChangeArgs,
    /// Time to wait for a node to stop before killing it
    #[arg(short, long, value_name = "TIME", default_value = "10s", value_parser = duration::parse)]
    pub time: Duration,
    /// Time limit for nodes to become ready again, and for each of the topology's hooks
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration::parse)]
    pub timeout: Duration,
}

/// Arguments of `kill`.
#[derive(Debug, Args)]
pub struct Kill {
    /// Which nodes.
    #[command(flatten)]
    pub change: ChangeArgs,
    /// Signal to send, e.g. HUP, SIGHUP or 1
    #[arg(short, long, value_name = "SIGNAL", default_value = "KILL", value_parser = signal)]
    pub signal: String,
}

/// Arguments of `wait`.
#[derive(Debug, Args)]
pub struct Wait {
    /// Which nodes.
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// Time limit, e.g. 90s or 5m
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration::parse)]
    pub timeout: Duration,
}

/// Arguments of `logs`.
#[derive(Debug, Args)]
pub struct Logs {
    /// Which nodes.
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// Follow new output until the nodes stop
    #[arg(short, long)]
    pub follow: bool,
    /// Only the last N lines of each node
    #[arg(short = 'n', long, value_name = "N", value_parser = tail)]
    pub tail: Option<Tail>,
    /// Only output since a time, e.g. 2026-11-24T08:30:00 or 2026-11-24, or for the last e.g. 10m
    #[arg(long, value_name = "TIME", value_parser = since)]
    pub since: Option<Since>,
    /// Only output until a time, in the same forms
    #[arg(long, value_name = "TIME", value_parser = since, conflicts_with = "follow")]
    pub until: Option<Since>,
    /// Show timestamps
    #[arg(short, long)]
    pub timestamps: bool,
}

/// Arguments of `inspect`.
#[derive(Debug, Args)]
pub struct Inspect {
    /// Clusters by name, or nodes by FQDN, CLUSTER/HOSTNAME or host name
    #[arg(required = true, value_name = "NAME")]
    pub names: Vec<String>,
    /// Leave out labels, probes and the engine's own inspection
    #[arg(long)]
    pub brief: bool,
    /// Accepted as in docker: the answer is always JSON
    #[arg(short, long, value_name = "FORMAT", hide = true, value_parser = inspect_format)]
    pub format: Option<()>,
}

/// Arguments of `env`.
#[derive(Debug, Args)]
pub struct Env {
    /// Cluster name
    #[arg(value_name = "CLUSTER")]
    pub cluster: String,
}

/// Arguments of `ssh-config`.
#[derive(Debug, Args)]
pub struct SshConfig {
    /// Cluster name
    #[arg(value_name = "CLUSTER")]
    pub cluster: String,
}

/// How much of a log to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// All of it.
    All,
    /// At most this many of its last lines.
    Lines(u32),
}

/// The earliest or latest time of a log to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// This long before now.
    Ago(Duration),
    /// Unix seconds.
    At(i64),
}

impl Since {
    /// The time in Unix seconds, seen from `now`.
    pub fn seconds(self, now: jiff::Timestamp) -> i64 {
        match self {
            Since::At(time) => time,
            Since::Ago(time) => now.as_second().saturating_sub_unsigned(time.as_secs()),
        }
    }
}

fn inspect_format(text: &str) -> Result<(), String> {
    match text {
        "json" => Ok(()),
        _ => Err(
            templates::refusal(text, "clusterdock inspect NODE | jq .node.state")
                .unwrap_or("expected json".into()),
        ),
    }
}

fn tail(text: &str) -> Result<Tail, String> {
    match text {
        "all" => Ok(Tail::All),
        _ => text
            .parse()
            .map(Tail::Lines)
            .map_err(|_| "expected a number of lines, or `all`".into()),
    }
}

/// Reads `10m`, a time of RFC 3339, a local time or date, or Unix seconds.
pub(super) fn since(text: &str) -> Result<Since, String> {
    let local = || {
        let time: jiff::civil::DateTime = text.parse().ok()?;
        jiff::tz::TimeZone::system().to_timestamp(time).ok()
    };
    let time = text
        .parse::<jiff::Timestamp>()
        .ok()
        .or_else(local)
        .map(|time| Since::At(time.as_second()));
    let ago = || duration::parse(text).ok().map(Since::Ago);
    let seconds = || text.parse().ok().map(Since::At);
    time.or_else(seconds).or_else(ago).ok_or_else(|| {
        "expected a duration such as 10m, or a time such as 2026-11-24T08:30:00Z, 2026-11-24T08:30:00 or 2026-11-24".into()
    })
}

/// Signals by number from 1, as numbered by Linux on most processors.
const SIGNALS: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
    "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
    "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

/// Reads `HUP`, `SIGHUP`, `hup` or `1` as `SIGHUP`. Real-time signals are `RTMIN+N`.
fn signal(text: &str) -> Result<String, String> {
    let upper = text.to_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let by_number = name
        .parse::<usize>()
        .ok()
        .and_then(|number| SIGNALS.get(number.checked_sub(1)?).copied());
    let real_time = |name: &str| {
        let offset = |sign: &str| name.strip_prefix(sign).and_then(|rest| rest.parse().ok());
        name == "RTMIN"
            || name == "RTMAX"
            || offset("RTMIN+")
                .or(offset("RTMAX-"))
                .is_some_and(|n: u8| n <= 30)
    };
    match by_number {
        Some(name) => Ok(format!("SIG{name}")),
        None if SIGNALS.contains(&name) || real_time(name) => Ok(format!("SIG{name}")),
        None => Err("unknown signal; expected e.g. HUP, SIGHUP or 1".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_read_by_name_or_number() {
        for text in ["HUP", "SIGHUP", "hup", "1"] {
            assert_eq!(signal(text).unwrap(), "SIGHUP");
        }
        assert_eq!(signal("31").unwrap(), "SIGSYS");
        assert_eq!(signal("rtmin+3").unwrap(), "SIGRTMIN+3");
        for bad in ["", "0", "32", "FOO", "SIG", "RTMIN+99", "-1"] {
            signal(bad).unwrap_err();
        }
    }

    #[test]
    fn since_is_a_duration_or_a_time() {
        assert_eq!(since("10m").unwrap(), Since::Ago(Duration::from_secs(600)));
        assert_eq!(
            since("2026-11-24T08:30:00Z").unwrap(),
            Since::At(1_795_509_000)
        );
        assert_eq!(
            since("2026-11-24T09:30:00+01:00").unwrap(),
            Since::At(1_795_509_000)
        );
        assert_eq!(since("1795509000").unwrap(), Since::At(1_795_509_000));
        assert!(matches!(
            since("2026-11-24T08:30:00").unwrap(),
            Since::At(_)
        ));
        assert!(matches!(since("2026-11-24").unwrap(), Since::At(_)));
        for bad in ["", "yesterday", "24.11.2026"] {
            since(bad).unwrap_err();
        }
    }

    #[test]
    fn a_tail_is_a_number_or_all() {
        assert_eq!(tail("5").unwrap(), Tail::Lines(5));
        assert_eq!(tail("all").unwrap(), Tail::All);
        tail("-1").unwrap_err();
    }
}
