//! Passes the records of the plugin's `log` crate to the host. A plugin has its own copy of that crate, so its records
//! would be lost otherwise. Outside of hooks, when there is no host to call, they go to standard error, which the host
//! collects.

use std::sync::{Arc, PoisonError, RwLock};

use log::{LevelFilter, Log, Metadata, Record};

use crate::wire::ops::{self, Operation};
use crate::wire::Host;

/// Passes records of `level` and above from now on; an unknown level disables logging.
pub(crate) fn install(level: &str) {
    // Fails if the topology has set its own logger, which then takes precedence.
    let _ = log::set_logger(&HostLogger);
    log::set_max_level(level.parse().unwrap_or(LevelFilter::Off));
}

/// Sends records to `host` until the returned guard is dropped.
pub(crate) fn to_host(host: Arc<dyn Host>) -> impl Drop {
    *HOST.write().unwrap_or_else(PoisonError::into_inner) = Some(host);
    Reset
}

static HOST: RwLock<Option<Arc<dyn Host>>> = RwLock::new(None);

struct Reset;

impl Drop for Reset {
    fn drop(&mut self) {
        *HOST.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

struct HostLogger;

impl Log for HostLogger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let (level, target) = (
            record.level().as_str().to_lowercase(),
            record.target().to_string(),
        );
        let log = ops::Log {
            level,
            target,
            message: record.args().to_string(),
        };
        // Not held during the call, which may take long.
        let host = HOST.read().unwrap_or_else(PoisonError::into_inner).clone();
        match (host, serde_json::to_string(&log)) {
            // A topology must not fail because its host cannot take a record.
            (Some(host), Ok(input)) => drop(host.call(ops::Log::NAME, &input, &[])),
            _ => eprintln!("{}: {}: {}", log.level, log.target, log.message),
        }
    }

    fn flush(&self) {}
}
