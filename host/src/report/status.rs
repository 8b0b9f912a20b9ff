//! The state of a container in a few words: its state, and what the engine's description has in parentheses, which is
//! the exit code or the health.

use crate::engine::{Container, State};

/// `running`, `running (unhealthy)`, `exited (137)`.
pub(super) fn words(container: &Container) -> String {
    let state = container.state.as_str();
    match in_parentheses(&container.status) {
        Some(more) if !more.eq_ignore_ascii_case(state) => format!("{state} ({more})"),
        _ => state.to_string(),
    }
}

/// The exit code of a container, if it has exited.
pub(super) fn exit_code(container: &Container) -> Option<i64> {
    let ended = matches!(
        container.state,
        State::Exited | State::Dead | State::Restarting
    );
    ended
        .then(|| in_parentheses(&container.status)?.parse().ok())
        .flatten()
}

/// How long it has been running, in short: `3m`. Empty if it is not running. Words other than Docker's are kept.
pub(super) fn uptime(container: &Container) -> String {
    let up = container.status.strip_prefix("Up ");
    let time = up.map(|rest| rest.split('(').next().unwrap_or_default().trim());
    let Some(time) = time.filter(|_| container.state.is_running()) else {
        return String::new();
    };
    let words: Vec<&str> = time.split(' ').collect();
    match words[..] {
        [number, unit] if number.parse::<u32>().is_ok() => format!("{number}{}", short(unit)),
        ["About", "a" | "an", unit] => format!("1{}", short(unit)),
        ["Less", "than", "a", "second"] => "0s".into(),
        _ => time.into(),
    }
}

fn short(unit: &str) -> &str {
    match unit.trim_end_matches('s') {
        "second" => "s",
        "minute" => "m",
        "hour" => "h",
        "day" => "d",
        "week" => "w",
        "month" => " months",
        "year" => "y",
        _ => unit,
    }
}

fn in_parentheses(status: &str) -> Option<&str> {
    let (_, rest) = status.split_once('(')?;
    rest.split_once(')').map(|(inside, _)| inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(state: State, status: &str) -> Container {
        Container {
            state,
            status: status.into(),
            ..Container::default()
        }
    }

    #[test]
    fn a_state_is_shown_with_health_or_exit_code() {
        assert_eq!(words(&container(State::Running, "Up 3 minutes")), "running");
        assert_eq!(
            words(&container(State::Running, "Up 3 minutes (unhealthy)")),
            "running (unhealthy)"
        );
        assert_eq!(
            words(&container(State::Paused, "Up 3 minutes (Paused)")),
            "paused"
        );
        assert_eq!(
            words(&container(State::Exited, "Exited (137) 2 hours ago")),
            "exited (137)"
        );
        assert_eq!(words(&container(State::Created, "Created")), "created");
    }

    #[test]
    fn only_an_exited_container_has_an_exit_code() {
        assert_eq!(
            exit_code(&container(State::Exited, "Exited (137) 2 hours ago")),
            Some(137)
        );
        assert_eq!(
            exit_code(&container(State::Running, "Up 2 hours (healthy)")),
            None
        );
        assert_eq!(exit_code(&container(State::Exited, "")), None);
    }

    #[test]
    fn an_uptime_is_short() {
        for (status, uptime) in [
            ("Up Less than a second", "0s"),
            ("Up 1 second", "1s"),
            ("Up 59 seconds (healthy)", "59s"),
            ("Up About a minute", "1m"),
            ("Up 3 minutes", "3m"),
            ("Up About an hour (unhealthy)", "1h"),
            ("Up 2 hours", "2h"),
            ("Up 5 days", "5d"),
            ("Up 2 weeks", "2w"),
            ("Up 3 months", "3 months"),
            ("Up 2 years", "2y"),
            ("Up since noon", "since noon"),
            ("running", ""),
        ] {
            assert_eq!(
                super::uptime(&container(State::Running, status)),
                uptime,
                "{status}"
            );
        }
        assert_eq!(
            super::uptime(&container(State::Exited, "Exited (0) 2 hours ago")),
            ""
        );
        assert_eq!(
            super::uptime(&container(State::Paused, "Up 2 hours (Paused)")),
            ""
        );
    }
}
