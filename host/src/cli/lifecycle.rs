//! Arguments of the commands that look at nodes that are there, and of those that stop and start them.

use super::duration;
use clap::Args;
use std::time::Duration;

/// Which nodes a command is about.
#[derive(Debug, Args)]
pub struct Chosen {
    /// Clusters by name, or nodes by FQDN, CLUSTER/HOSTNAME or host name
    #[arg(value_name = "NAME", required_unless_present_any = ["groups", "nodes"])]
    pub names: Vec<String>,
    /// Only the nodes of this group, as GROUP or CLUSTER/GROUP; may be given again
    #[arg(short, long = "group", value_name = "GROUP")]
    pub groups: Vec<String>,
    /// Only this node; may be given again
    #[arg(long = "node", value_name = "NODE")]
    pub nodes: Vec<String>,
}

/// What all commands take that change nodes.
#[derive(Debug, Args)]
pub struct Plain {
    /// Which nodes.
    #[command(flatten)]
    pub chosen: Chosen,
    /// Print what would be done, and stop
    #[arg(long)]
    pub dry_run: bool,
}

/// Arguments of `stop`.
#[derive(Debug, Args)]
pub struct Stop {
    /// Which nodes.
    #[command(flatten)]
    pub plain: Plain,
    /// How long a node may take before it is killed
    #[arg(short, long, value_name = "TIME", default_value = "10s", value_parser = duration::parse)]
    pub time: Duration,
}

/// Arguments of `resume`.
#[derive(Debug, Args)]
pub struct Resume {
    /// Which nodes.
    #[command(flatten)]
    pub plain: Plain,
    /// How long nodes may take to become ready
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration::parse)]
    pub timeout: Duration,
}

/// Arguments of `restart`.
#[derive(Debug, Args)]
pub struct Restart {
    /// Which nodes.
    #[command(flatten)]
    pub plain: Plain,
    /// How long a node may take to stop before it is killed
    #[arg(short, long, value_name = "TIME", default_value = "10s", value_parser = duration::parse)]
    pub time: Duration,
    /// How long nodes may take until they are ready again
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration::parse)]
    pub timeout: Duration,
}

/// Arguments of `kill`.
#[derive(Debug, Args)]
pub struct Kill {
    /// Which nodes.
    #[command(flatten)]
    pub plain: Plain,
    /// The signal, as HUP, SIGHUP or 1
    #[arg(short, long, value_name = "SIGNAL", default_value = "KILL", value_parser = signal)]
    pub signal: String,
}

/// Arguments of `wait`.
#[derive(Debug, Args)]
pub struct Wait {
    /// Which nodes.
    #[command(flatten)]
    pub chosen: Chosen,
    /// How long to wait
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration::parse)]
    pub timeout: Duration,
}

/// Arguments of `logs`.
#[derive(Debug, Args)]
pub struct Logs {
    /// Which nodes.
    #[command(flatten)]
    pub chosen: Chosen,
    /// Go on with what is written from now on, until the nodes stop
    #[arg(short, long)]
    pub follow: bool,
    /// Only the last so many lines of each node
    #[arg(long, value_name = "N", value_parser = tail)]
    pub tail: Option<Tail>,
    /// Only what was written since then: 10m ago, or a time as 2026-11-24T08:30:00 or 2026-11-24
    #[arg(long, value_name = "TIME", value_parser = since)]
    pub since: Option<Since>,
    /// Show when each line was written
    #[arg(short, long)]
    pub timestamps: bool,
}

/// Arguments of `inspect`.
#[derive(Debug, Args)]
pub struct Inspect {
    /// A cluster by name, or a node by FQDN, CLUSTER/HOSTNAME or host name
    #[arg(value_name = "NAME")]
    pub name: String,
}

/// Arguments of `env`.
#[derive(Debug, Args)]
pub struct Env {
    /// The cluster
    #[arg(value_name = "CLUSTER")]
    pub cluster: String,
}

/// Arguments of `ssh-config`.
#[derive(Debug, Args)]
pub struct SshConfig {
    /// The cluster
    #[arg(value_name = "CLUSTER")]
    pub cluster: String,
}

/// How much of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// All of it.
    All,
    /// The last so many lines.
    Lines(u32),
}

/// From when on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// So long ago.
    Ago(Duration),
    /// Unix seconds.
    At(i64),
}

fn tail(text: &str) -> Result<Tail, String> {
    match text {
        "all" => Ok(Tail::All),
        _ => text.parse().map(Tail::Lines).map_err(|_| "write a number of lines, or all".into()),
    }
}

/// Reads `10m`, a time of RFC 3339, a local time or date, or Unix seconds.
fn since(text: &str) -> Result<Since, String> {
    let local = || {
        let time: jiff::civil::DateTime = text.parse().ok()?;
        jiff::tz::TimeZone::system().to_timestamp(time).ok()
    };
    let time = text.parse::<jiff::Timestamp>().ok().or_else(local).map(|time| Since::At(time.as_second()));
    let ago = || duration::parse(text).ok().map(Since::Ago);
    let seconds = || text.parse().ok().map(Since::At);
    time.or_else(seconds).or_else(ago).ok_or_else(|| {
        "write a duration as 10m, or a time as 2026-11-24T08:30:00Z, 2026-11-24T08:30:00 or 2026-11-24".into()
    })
}

/// Signals by number, beginning with 1, as Linux has them on most processors.
const SIGNALS: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM",
    "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO",
    "PWR", "SYS",
];

/// Reads `HUP`, `SIGHUP`, `hup` or `1`; gives `SIGHUP`. Real-time signals are `RTMIN+N`.
fn signal(text: &str) -> Result<String, String> {
    let upper = text.to_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let by_number = name.parse::<usize>().ok().and_then(|number| SIGNALS.get(number.checked_sub(1)?).copied());
    let real_time = |name: &str| {
        let offset = |sign: &str| name.strip_prefix(sign).and_then(|rest| rest.parse().ok());
        name == "RTMIN" || name == "RTMAX" || offset("RTMIN+").or(offset("RTMAX-")).is_some_and(|n: u8| n <= 30)
    };
    match by_number {
        Some(name) => Ok(format!("SIG{name}")),
        None if SIGNALS.contains(&name) || real_time(name) => Ok(format!("SIG{name}")),
        None => Err("it is not a signal: write one as HUP, SIGHUP or 1".into()),
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
        assert_eq!(since("2026-11-24T08:30:00Z").unwrap(), Since::At(1_795_509_000));
        assert_eq!(since("2026-11-24T09:30:00+01:00").unwrap(), Since::At(1_795_509_000));
        assert_eq!(since("1795509000").unwrap(), Since::At(1_795_509_000));
        assert!(matches!(since("2026-11-24T08:30:00").unwrap(), Since::At(_)));
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
