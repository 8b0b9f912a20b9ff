//! The current tasks and their progress, gathered from events for the live display. Pure: it knows no terminal and reads
//! no clock.

use std::collections::BTreeMap;
use std::time::Duration;

use super::words;
use crate::cluster::natural_key;
use crate::event::{Event, ImagePhase, NodePhase};

/// The current tasks of a command, in the order in which they appeared.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Story {
    pub(super) tasks: Vec<Task>,
}

/// One line of the display.
#[derive(Debug, PartialEq)]
pub(super) struct Task {
    pub(super) work: Work,
    pub(super) label: String,
    pub(super) state: TaskState,
    /// Its progress, or how it ended, in a few words.
    pub(super) status: String,
    /// The time on the report's clock when it became active.
    begun: Duration,
    ended: Duration,
}

/// The kind of a task, with its counters.
#[derive(Debug, PartialEq)]
pub(super) enum Work {
    Image {
        /// What is being done, such as `pulling`.
        verb: &'static str,
        /// Bytes done and bytes in total, by part.
        parts: BTreeMap<String, (u64, u64)>,
    },
    Node,
    Hook,
    Removal {
        /// Containers to be removed.
        expected: usize,
        /// How many resources were removed, by kind.
        removed: BTreeMap<&'static str, usize>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TaskState {
    Pending,
    Active,
    Done,
    Failed,
}

impl Task {
    /// How long it was active, or has been so far.
    pub(super) fn took(&self, now: Duration) -> Duration {
        let end = if self.is_settled() { self.ended } else { now };
        end.saturating_sub(self.begun)
    }

    pub(super) fn is_settled(&self) -> bool {
        matches!(self.state, TaskState::Done | TaskState::Failed)
    }

    fn advance(&mut self, status: impl Into<String>, now: Duration) {
        if self.state != TaskState::Active {
            self.begun = now;
        }
        self.state = TaskState::Active;
        self.status = status.into();
    }

    fn end(&mut self, state: TaskState, status: impl Into<String>, now: Duration) {
        if self.state == TaskState::Pending {
            self.begun = now;
        }
        self.state = state;
        self.status = status.into();
        self.ended = now;
    }
}

impl Story {
    /// Takes an event. Returns false if it belongs to no task and needs its own line.
    pub(super) fn take(&mut self, event: &Event, now: Duration) -> bool {
        match event {
            Event::Image { image, phase } => self.image(image, phase, now),
            Event::Starting { nodes, .. } => {
                let mut nodes: Vec<&String> = nodes.iter().collect();
                nodes.sort_by_key(|node| natural_key(node));
                for node in nodes {
                    self.task(node, || Work::Node);
                }
            }
            Event::Node { node, phase } => advance_node(self.task(node, || Work::Node), phase, now),
            Event::Hook { hook, .. } => {
                self.end_hook(now);
                self.task(&format!("{hook} hook"), || Work::Hook)
                    .advance("", now);
            }
            Event::Progress { message } => match self.hook() {
                Some(hook) => hook.advance(message, now),
                None => return false,
            },
            // Live lines already show that a task is active.
            Event::StillWorking { .. } | Event::CleanUp { .. } => {}
            Event::RollingBack { cluster } => self.remove(&format!("cluster {cluster}"), 0, now),
            Event::Removing { what, containers } => self.remove(what, containers.len(), now),
            Event::Removed { kind, .. } => return self.removed(kind),
            Event::Started { .. } => self.end_hook(now),
            Event::Done { .. } => {
                self.end_hook(now);
                self.end_removal(false, now);
                return false;
            }
            Event::Compiling { .. }
            | Event::Output { .. }
            | Event::Notice { .. }
            | Event::Warning { .. }
            | Event::Debug { .. } => return false,
        }
        true
    }

    /// Removes and returns the tasks that end with `event`, which stay on the screen.
    pub(super) fn over_before(&mut self, event: &Event) -> Story {
        match event {
            Event::Starting { .. } | Event::Hook { .. } => self.settled(),
            // Tasks that are rolled back do not stay on the screen as successes.
            Event::RollingBack { .. } => {
                let failed = self.take_if(|task| task.state == TaskState::Failed);
                self.tasks.clear();
                failed
            }
            _ => Story::default(),
        }
    }

    /// Ends the story: returns completed and failed tasks, and drops the others.
    pub(super) fn end(&mut self, now: Duration) -> Story {
        self.end_removal(true, now);
        let over = self.settled();
        self.tasks.clear();
        over
    }

    /// Removes and returns completed and failed tasks.
    pub(super) fn settled(&mut self) -> Story {
        self.take_if(Task::is_settled)
    }

    /// Whether a task is active or pending.
    pub(super) fn is_active(&self) -> bool {
        self.tasks.iter().any(|task| !task.is_settled())
    }

    fn take_if(&mut self, test: impl Fn(&Task) -> bool) -> Story {
        let (over, rest) = std::mem::take(&mut self.tasks).into_iter().partition(test);
        self.tasks = rest;
        Story { tasks: over }
    }

    /// The task with this label, created if missing.
    fn task(&mut self, label: &str, work: impl FnOnce() -> Work) -> &mut Task {
        let index = self
            .tasks
            .iter()
            .position(|task| task.label == label)
            .unwrap_or_else(|| {
                let (begun, ended) = (Duration::ZERO, Duration::ZERO);
                let status = String::new();
                self.tasks.push(Task {
                    work: work(),
                    label: label.into(),
                    state: TaskState::Pending,
                    status,
                    begun,
                    ended,
                });
                self.tasks.len() - 1
            });
        &mut self.tasks[index]
    }

    fn image(&mut self, image: &str, phase: &ImagePhase, now: Duration) {
        let task = self.task(image, || Work::Image {
            verb: "",
            parts: BTreeMap::new(),
        });
        let Work::Image { verb, parts } = &mut task.work else {
            return;
        };
        let begun = match phase {
            ImagePhase::Progress {
                part,
                status,
                current,
                total,
            } => {
                parts.extend(current.zip(*total).map(|bytes| (part.clone(), bytes)));
                let (current, total) = parts
                    .values()
                    .fold((0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
                let how_far = if total > 0 {
                    words::share(current, total)
                } else {
                    status.clone()
                };
                let status = format!("{verb} {how_far}");
                return task.advance(status, now);
            }
            ImagePhase::Ready { .. } => return task.end(TaskState::Done, "image ready", now),
            ImagePhase::Pushed { .. } => return task.end(TaskState::Done, "image pushed", now),
            ImagePhase::Assembling => "assembling",
            ImagePhase::Building => "building",
            ImagePhase::Pulling => "pulling",
            ImagePhase::Pushing => "pushing",
        };
        // A new activity, e.g. a build because the pull failed, starts counting anew.
        (*verb, *parts) = (begun, BTreeMap::new());
        task.advance(begun, now);
    }

    fn hook(&mut self) -> Option<&mut Task> {
        self.tasks
            .iter_mut()
            .find(|task| task.work == Work::Hook && task.state == TaskState::Active)
    }

    fn end_hook(&mut self, now: Duration) {
        if let Some(hook) = self.hook() {
            hook.end(TaskState::Done, "done", now);
        }
    }

    /// Begins a removal, or extends the current one: a rollback is reported before what it removes.
    fn remove(&mut self, what: &str, containers: usize, now: Duration) {
        let task = match self.removal() {
            Some(task) => task,
            None => self.task(what, || Work::Removal {
                expected: 0,
                removed: BTreeMap::new(),
            }),
        };
        task.advance("removing", now);
        let Work::Removal { expected, .. } = &mut task.work else {
            return;
        };
        if *expected > 0 {
            task.label = format!("{}, {what}", task.label);
        }
        *expected += containers;
    }

    fn removed(&mut self, kind: &'static str) -> bool {
        let Some(task) = self.removal() else {
            return false;
        };
        let Work::Removal { expected, removed } = &mut task.work else {
            return false;
        };
        *removed.entry(kind).or_default() += 1;
        if *expected > 0 {
            let containers = removed.get("container").copied().unwrap_or(0);
            task.status = format!(
                "removed {containers} of {}",
                words::count(*expected, "container")
            );
        }
        true
    }

    fn removal(&mut self) -> Option<&mut Task> {
        let is_removal =
            |task: &&mut Task| matches!(task.work, Work::Removal { .. }) && !task.is_settled();
        self.tasks.iter_mut().find(is_removal)
    }

    /// Ends the current removal, if all its containers were removed. With `sums_up`, its status lists what was removed;
    /// otherwise a sentence that follows does.
    fn end_removal(&mut self, sums_up: bool, now: Duration) {
        let Some(task) = self.removal() else { return };
        let Work::Removal { expected, removed } = &task.work else {
            return;
        };
        if removed.get("container").copied().unwrap_or(0) < *expected {
            return;
        }
        let tally: Vec<String> = removed
            .iter()
            .map(|(kind, number)| words::count(*number, kind))
            .collect();
        let status = match (tally.is_empty(), sums_up) {
            (true, true) => "nothing to remove".into(),
            (true, false) => "done".into(),
            (false, true) => format!("removed {}", tally.join(", ")),
            (false, false) => "removed".into(),
        };
        task.end(TaskState::Done, status, now);
    }
}

fn advance_node(task: &mut Task, phase: &NodePhase, now: Duration) {
    match phase {
        NodePhase::Creating => task.advance("creating", now),
        NodePhase::Starting | NodePhase::Resuming => task.advance("starting", now),
        NodePhase::Waiting { probe } => task.advance(format!("waiting for {probe}"), now),
        NodePhase::Stopping => task.advance("stopping", now),
        NodePhase::Ready => task.end(TaskState::Done, "ready", now),
        NodePhase::Stopped => task.end(TaskState::Done, "stopped", now),
        NodePhase::Failed { why } => task.end(TaskState::Failed, format!("failed: {why}"), now),
    }
}

#[cfg(test)]
mod tests;
