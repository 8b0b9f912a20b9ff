//! What runs in containers and what it uses, from the engine's answers.

use async_trait::async_trait;
use bollard::models::{
    ContainerCpuStats, ContainerMemoryStats, ContainerStatsResponse, ContainerTopResponse,
    EventMessage,
};
use bollard::query_parameters as query;

use super::super::{EngineError, EngineResult, Fault, Happening, Process, Usage, Usages};
use super::Docker;

/// What is requested of `ps`, which the engine runs on its machine. The last column may contain blanks.
const COLUMNS: &str = "-eo pid,ppid,uid,pcpu,rss,etime,args";

#[async_trait]
impl Usages for Docker {
    async fn processes(&self, id: &str) -> EngineResult<Vec<Process>> {
        let options = query::TopOptions {
            ps_args: COLUMNS.into(),
        };
        processes(self.call(self.client.top_processes(id, options)).await?)
    }

    async fn usage(&self, id: &str) -> EngineResult<Usage> {
        let options = query::StatsOptions {
            stream: false,
            one_shot: false,
        };
        Ok(usage(self.call(self.client.stats(id, options)).await?))
    }
}

fn processes(seen: ContainerTopResponse) -> EngineResult<Vec<Process>> {
    let read = |row: &Vec<String>| {
        let [pid, parent, uid, cpu, memory, elapsed, command @ ..] = &row[..] else {
            return None;
        };
        Some(Process {
            pid: pid.parse().ok()?,
            parent: parent.parse().ok()?,
            uid: uid.parse().ok()?,
            cpu_percent: cpu.parse().ok()?,
            memory: memory.parse::<u64>().ok()?.saturating_mul(1024),
            elapsed: elapsed.clone(),
            command: command.join(" "),
        })
    };
    let rows = seen.processes.unwrap_or_default();
    let processes: Option<Vec<Process>> = rows.iter().map(read).collect();
    processes.ok_or_else(|| {
        EngineError::new(
            Fault::Other,
            "unexpected answer from the engine: a list of processes without the requested columns",
        )
    })
}

fn usage(seen: ContainerStatsResponse) -> Usage {
    let networks = seen.networks.unwrap_or_default();
    let memory = seen.memory_stats.unwrap_or_default();
    Usage {
        cpu_percent: cpu_percent(
            &seen.cpu_stats.unwrap_or_default(),
            &seen.precpu_stats.unwrap_or_default(),
        ),
        memory: used(&memory),
        memory_limit: memory.limit.unwrap_or_default(),
        received: networks.values().filter_map(|one| one.rx_bytes).sum(),
        sent: networks.values().filter_map(|one| one.tx_bytes).sum(),
        processes: seen
            .pids_stats
            .and_then(|pids| pids.current)
            .unwrap_or_default(),
    }
}

/// As `docker stats` computes it: the container's share of all processors' time, times their number.
fn cpu_percent(now: &ContainerCpuStats, before: &ContainerCpuStats) -> f64 {
    let total = |stats: &ContainerCpuStats| {
        let usage = stats.cpu_usage.as_ref();
        usage
            .and_then(|usage| usage.total_usage)
            .unwrap_or_default()
    };
    let system = |stats: &ContainerCpuStats| stats.system_cpu_usage.unwrap_or_default();
    let used = total(now).saturating_sub(total(before));
    let passed = system(now).saturating_sub(system(before));
    let processors = now.online_cpus.unwrap_or(1).max(1);
    if passed == 0 {
        0.0
    } else {
        used as f64 / passed as f64 * f64::from(processors) * 100.0
    }
}

/// As `docker stats` computes it: without files in memory that are not in use, which have other names in cgroup v1 and v2.
fn used(memory: &ContainerMemoryStats) -> u64 {
    let stats = memory.stats.as_ref();
    let of = |name: &str| stats.and_then(|stats| stats.get(name).copied());
    let unused = of("total_inactive_file").or(of("inactive_file"));
    let usage = memory.usage.unwrap_or_default();
    usage
        .checked_sub(unused.unwrap_or_default())
        .unwrap_or(usage)
}

pub(super) fn happening(seen: EventMessage) -> Happening {
    let actor = seen.actor.unwrap_or_default();
    let attributes = actor.attributes.unwrap_or_default();
    let number = |name: &str| attributes.get(name).and_then(|text| text.parse().ok());
    let nanoseconds = seen
        .time_nano
        .map(i128::from)
        .or(seen.time.map(|time| i128::from(time) * 1_000_000_000));
    Happening {
        time: nanoseconds
            .and_then(|time| jiff::Timestamp::from_nanosecond(time).ok())
            .unwrap_or_default(),
        id: actor.id.unwrap_or_default(),
        what: seen.action.unwrap_or_default(),
        exit_code: number("exitCode"),
        signal: number("signal"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn processes_are_read_from_the_requested_columns() {
        let top = |row: &[&str]| ContainerTopResponse {
            titles: None,
            processes: Some(vec![row.iter().map(ToString::to_string).collect()]),
        };
        let read = processes(top(&["7", "1", "0", "0.5", "12", "01:02", "sleep 9", "x"])).unwrap();
        assert_eq!(
            read,
            [Process {
                pid: 7,
                parent: 1,
                uid: 0,
                cpu_percent: 0.5,
                memory: 12 * 1024,
                elapsed: "01:02".into(),
                command: "sleep 9 x".into(),
            }]
        );
        for odd in [&["7"][..], &["x", "1", "0", "0.5", "12", "01:02", "c"], &[]] {
            processes(top(odd)).unwrap_err();
        }
        assert_eq!(processes(ContainerTopResponse::default()).unwrap(), []);
    }

    #[test]
    fn usage_is_computed_as_docker_computes_it() {
        let stats = json!({
            "cpu_stats": {"cpu_usage": {"total_usage": 300}, "system_cpu_usage": 2000, "online_cpus": 2},
            "precpu_stats": {"cpu_usage": {"total_usage": 100}, "system_cpu_usage": 1000},
            "memory_stats": {"usage": 500, "limit": 1000, "stats": {"inactive_file": 100}},
            "networks": {"eth0": {"rx_bytes": 1, "tx_bytes": 2}, "eth1": {"rx_bytes": 10, "tx_bytes": 20}},
            "pids_stats": {"current": 3},
        });
        let expected = Usage {
            cpu_percent: 40.0,
            memory: 400,
            memory_limit: 1000,
            received: 11,
            sent: 22,
            processes: 3,
        };
        assert_eq!(usage(serde_json::from_value(stats).unwrap()), expected);
    }

    #[test]
    fn a_measurement_that_says_nothing_is_nothing() {
        assert_eq!(usage(ContainerStatsResponse::default()), Usage::default());
        let backwards = json!({
            "cpu_stats": {"cpu_usage": {"total_usage": 1}, "system_cpu_usage": 5},
            "precpu_stats": {"cpu_usage": {"total_usage": 9}, "system_cpu_usage": 1},
            "memory_stats": {"usage": 5, "stats": {"total_inactive_file": 9}},
        });
        let usage = usage(serde_json::from_value(backwards).unwrap());
        assert_eq!((usage.cpu_percent, usage.memory), (0.0, 5));
    }

    #[test]
    fn a_happening_has_its_time_and_exit_code() {
        let message = json!({
            "Type": "container", "Action": "die", "time": 7, "timeNano": 7_000_000_001_i64,
            "Actor": {"ID": "ab", "Attributes": {"exitCode": "137", "name": "n1.ux"}},
        });
        let read = happening(serde_json::from_value(message).unwrap());
        assert_eq!(read.time.as_nanosecond(), 7_000_000_001);
        assert_eq!((read.id.as_str(), read.what.as_str()), ("ab", "die"));
        assert_eq!((read.exit_code, read.signal), (Some(137), None));
        assert_eq!(happening(EventMessage::default()), Happening::default());
    }
}
