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
}
