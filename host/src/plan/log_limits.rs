//! How much of the nodes' output the engine keeps. By default `json-file` keeps everything, until the disk is full.

use std::fmt;

use clusterdock_plugin_wire::Settings;

use crate::engine::LogBounds;

/// The default limit of a node's log: 50 MiB.
pub const MAX_SIZE: u64 = 10 << 20;
/// See [`MAX_SIZE`].
pub const MAX_FILES: u32 = 5;

/// The driver that keeps everything unless it is bounded.
const UNBOUNDED: &str = "json-file";
/// The other driver that can be bounded. Its own default is five files of 20 MB.
const BOUNDED: &str = "local";

/// The user's limits for logs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogLimits {
    /// The size of a file.
    pub max_size: Option<LogSize>,
    /// How many files.
    pub max_files: Option<u32>,
}

/// The size of a log file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogSize {
    /// Bytes.
    Bytes(u64),
    /// The default in the engine's own configuration.
    OfEngine,
}

/// As the user would type it.
impl fmt::Display for LogSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LogSize::Bytes(bytes) => write!(f, "{bytes}"),
            LogSize::OfEngine => f.write_str("engine"),
        }
    }
}

/// The bounds for nodes on an engine with this default driver. A driver that does not take them would refuse the node,
/// so it is left alone; `warnings` lists the limits that have no effect.
pub fn bounds(limits: LogLimits, driver: &str, warnings: &mut Vec<String>) -> Option<LogBounds> {
    let wanted = limits.max_size.is_some() || limits.max_files.is_some();
    let max_size = match limits.max_size {
        Some(LogSize::OfEngine) => return None,
        Some(LogSize::Bytes(bytes)) => bytes,
        None => MAX_SIZE,
    };
    let takes_bounds = driver == UNBOUNDED || driver == BOUNDED;
    if wanted && !takes_bounds {
        warnings.push(format!(
            "logs are not bounded: the engine's logging driver `{driver}` has no such option"
        ));
    }
    let applies = driver == UNBOUNDED || wanted && takes_bounds;
    applies.then(|| LogBounds {
        driver: driver.into(),
        max_size,
        max_files: limits.max_files.unwrap_or(MAX_FILES),
    })
}

/// Whether a topology sets a node's logging itself, in the engine's own fields.
pub fn are_set_by(settings: &Settings) -> bool {
    settings
        .create
        .get("HostConfig")
        .is_some_and(|raw| raw.get("LogConfig").is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(limits: LogLimits, driver: &str) -> (Option<(u64, u32)>, usize) {
        let mut warnings = Vec::new();
        let bounds = bounds(limits, driver, &mut warnings);
        (
            bounds.map(|bounds| (bounds.max_size, bounds.max_files)),
            warnings.len(),
        )
    }

    #[test]
    fn only_drivers_that_accept_bounds_get_them() {
        let given = LogLimits {
            max_size: Some(LogSize::Bytes(1 << 20)),
            max_files: None,
        };
        let files = LogLimits {
            max_size: None,
            max_files: Some(2),
        };
        let engines = LogLimits {
            max_size: Some(LogSize::OfEngine),
            max_files: None,
        };
        let table = [
            (
                LogLimits::default(),
                "json-file",
                (Some((MAX_SIZE, MAX_FILES)), 0),
            ),
            (LogLimits::default(), "local", (None, 0)),
            (LogLimits::default(), "journald", (None, 0)),
            (LogLimits::default(), "", (None, 0)),
            (given, "json-file", (Some((1 << 20, MAX_FILES)), 0)),
            (given, "local", (Some((1 << 20, MAX_FILES)), 0)),
            (files, "json-file", (Some((MAX_SIZE, 2)), 0)),
            (given, "journald", (None, 1)),
            (files, "none", (None, 1)),
            (engines, "json-file", (None, 0)),
            (engines, "journald", (None, 0)),
        ];
        for (limits, driver, expected) in table {
            assert_eq!(told(limits, driver), expected, "{limits:?} {driver}");
        }
    }
}
