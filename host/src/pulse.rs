//! Signs of life: readers of plain lines, e.g. in the log of a build server, see regularly what the program is waiting for.

use std::cell::Ref;
use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::event::Event;

/// The longest time without a line: build servers kill jobs that are silent for too long.
const EVERY: Duration = Duration::from_secs(10);

/// How many nodes a line names.
const NAMED: usize = 3;

/// Runs `work`, and reports every ten seconds what it is, as described by `what`, and how long it has taken.
pub async fn with_pulse<T>(
    events: &(dyn Fn(Event) + Sync),
    what: impl Fn() -> String,
    work: impl Future<Output = T>,
) -> T {
    let began = Instant::now();
    let mut pulse = interval_at(began + EVERY, EVERY);
    pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tokio::pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            _ = pulse.tick() => {
                let seconds = began.elapsed().as_secs();
                events(Event::StillWorking { message: format!("{} ({seconds}s) ...", what()) });
            }
        }
    }
}

/// The nodes that are waited for, in one line, or `otherwise` if there are none.
pub fn awaited(waiting: Ref<'_, BTreeMap<String, String>>, otherwise: &str) -> String {
    if waiting.is_empty() {
        return otherwise.into();
    }
    let nodes: Vec<String> = waiting
        .iter()
        .take(NAMED)
        .map(|(node, what)| format!("{node}: {what}"))
        .collect();
    let more = match waiting.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!("; {more} more"),
    };
    format!("Waiting for {}{more}", nodes.join("; "))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::sync::Mutex;

    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn long_work_is_reported_every_ten_seconds() {
        for (seconds, expected) in [
            (9, &[][..]),
            (35, &["Work (10s) ...", "Work (20s) ...", "Work (30s) ..."]),
        ] {
            let messages = Mutex::new(Vec::new());
            let events = |event| {
                let Event::StillWorking { message } = event else {
                    panic!("unexpected event: {event:?}")
                };
                messages.lock().unwrap().push(message);
            };
            with_pulse(
                &events,
                || "Work".into(),
                sleep(Duration::from_secs(seconds)),
            )
            .await;
            assert_eq!(*messages.lock().unwrap(), expected);
        }
    }

    #[test]
    fn a_few_nodes_are_named_with_what_they_wait_for() {
        let waiting = |count: usize| {
            let nodes = (1..=count).map(|number| (format!("n{number}"), "port 22".to_string()));
            RefCell::new(nodes.collect::<BTreeMap<_, _>>())
        };
        assert_eq!(awaited(waiting(0).borrow(), "Stopping"), "Stopping");
        assert_eq!(
            awaited(waiting(2).borrow(), ""),
            "Waiting for n1: port 22; n2: port 22"
        );
        assert_eq!(
            awaited(waiting(9).borrow(), ""),
            "Waiting for n1: port 22; n2: port 22; n3: port 22; 6 more"
        );
    }
}
