//! What is under way and how far it is, gathered from events for the live display. Pure: it knows no terminal and
//! reads no clock.

use super::words;
use crate::cluster::natural_key;
use crate::event::{Event, ImagePhase, NodePhase};
use std::collections::BTreeMap;
use std::time::Duration;

/// The tasks of what the command is doing now, in the order in which they came up.
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
    /// A few words on how it gets on, or how it ended.
    pub(super) status: String,
    /// When it became active, on the report's clock.
    begun: Duration,
    ended: Duration,
}

/// What a task is about, and what is counted for it.
#[derive(Debug, PartialEq)]
pub(super) enum Work {
    Image {
        /// What is done to it, such as `pulling`.
        verb: &'static str,
        /// Bytes done and in all, by part.
        parts: BTreeMap<String, (u64, u64)>,
    },
    Node,
    Hook,
    Removal {
        /// Containers to be removed.
        expected: usize,
        /// Things removed, by kind.
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
    /// How long it has been or was active.
    pub(super) fn took(&self, now: Duration) -> Duration {
        let end = if self.is_settled() { self.ended } else { now };
        end.saturating_sub(self.begun)
    }

    pub(super) fn is_settled(&self) -> bool {
        matches!(self.state, TaskState::Done | TaskState::Failed)
    }

    fn go_on(&mut self, status: impl Into<String>, now: Duration) {
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
    /// Takes an event in. False for one that is no part of a task: it has a line of its own.
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
            Event::Node { node, phase } => node_gets_on(self.task(node, || Work::Node), phase, now),
            Event::Hook { hook, .. } => {
                self.end_hook(now);
                self.task(&format!("{hook} hook"), || Work::Hook).go_on("", now);
            }
            Event::Progress { message } => match self.hook() {
                Some(hook) => hook.go_on(message, now),
                None => return false,
            },
            Event::Undoing { cluster } => self.remove(&format!("cluster {cluster}"), 0, now),
            Event::Removing { what, containers } => self.remove(what, containers.len(), now),
            Event::Removed { kind, .. } => return self.removed(kind),
            Event::Started { .. } => self.end_hook(now),
            Event::Done { .. } => {
                self.end_hook(now);
                self.end_removal(false, now);
                return false;
            }
            Event::Compiling { .. } | Event::Output { .. } | Event::Warning { .. } | Event::Debug { .. } => {
                return false;
            }
        }
        true
    }

    /// What is over when `event` comes, taken out, to be left on the screen.
    pub(super) fn over_before(&mut self, event: &Event) -> Story {
        match event {
            Event::Starting { .. } | Event::Hook { .. } => self.settled(),
            // What is being undone is no success to be left standing.
            Event::Undoing { .. } => {
                let failed = self.take_if(|task| task.state == TaskState::Failed);
                self.tasks.clear();
                failed
            }
            _ => Story::default(),
        }
    }

    /// Ends the story: what was completed or has failed is left, what was not is dropped.
    pub(super) fn end(&mut self, now: Duration) -> Story {
        self.end_removal(true, now);
        let over = self.settled();
        self.tasks.clear();
        over
    }

    /// What was completed or has failed, taken out.
    pub(super) fn settled(&mut self) -> Story {
        self.take_if(Task::is_settled)
    }

    /// Whether something is under way.
    pub(super) fn is_active(&self) -> bool {
        self.tasks.iter().any(|task| !task.is_settled())
    }

    fn take_if(&mut self, test: impl Fn(&Task) -> bool) -> Story {
        let (over, rest) = std::mem::take(&mut self.tasks).into_iter().partition(test);
        self.tasks = rest;
        Story { tasks: over }
    }

    /// The task of this label, made when there is none.
    fn task(&mut self, label: &str, work: impl FnOnce() -> Work) -> &mut Task {
        let index = self.tasks.iter().position(|task| task.label == label).unwrap_or_else(|| {
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
        let task = self.task(image, || Work::Image { verb: "", parts: BTreeMap::new() });
        let Work::Image { verb, parts } = &mut task.work else { return };
        let begun = match phase {
            ImagePhase::Progress { part, status, current, total } => {
                parts.extend(current.zip(*total).map(|bytes| (part.clone(), bytes)));
                let (current, total) = parts.values().fold((0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
                let how_far = if total > 0 { words::share(current, total) } else { status.clone() };
                let status = format!("{verb} {how_far}");
                return task.go_on(status, now);
            }
            ImagePhase::Ready { .. } => return task.end(TaskState::Done, "image ready", now),
            ImagePhase::Pushed { .. } => return task.end(TaskState::Done, "image pushed", now),
            ImagePhase::Assembling => "assembling",
            ImagePhase::Building => "building",
            ImagePhase::Pulling => "pulling",
            ImagePhase::Pushing => "pushing",
        };
        // Built where it could not be pulled, say: what was counted is of no use any more.
        (*verb, *parts) = (begun, BTreeMap::new());
        task.go_on(begun, now);
    }

    fn hook(&mut self) -> Option<&mut Task> {
        self.tasks.iter_mut().find(|task| task.work == Work::Hook && task.state == TaskState::Active)
    }

    fn end_hook(&mut self, now: Duration) {
        if let Some(hook) = self.hook() {
            hook.end(TaskState::Done, "done", now);
        }
    }

    /// Begins a removal, or widens the one under way: an undo announces itself, then what it removes.
    fn remove(&mut self, what: &str, containers: usize, now: Duration) {
        let task = match self.removal() {
            Some(task) => task,
            None => self.task(what, || Work::Removal { expected: 0, removed: BTreeMap::new() }),
        };
        task.go_on("removing", now);
        let Work::Removal { expected, .. } = &mut task.work else { return };
        if *expected > 0 {
            task.label = format!("{}, {what}", task.label);
        }
        *expected += containers;
    }

    fn removed(&mut self, kind: &'static str) -> bool {
        let Some(task) = self.removal() else { return false };
        let Work::Removal { expected, removed } = &mut task.work else { return false };
        *removed.entry(kind).or_default() += 1;
        if *expected > 0 {
            let containers = removed.get("container").copied().unwrap_or(0);
            task.status = format!("removing, {containers} of {} gone", words::count(*expected, "container"));
        }
        true
    }

    fn removal(&mut self) -> Option<&mut Task> {
        let is_removal = |task: &&mut Task| matches!(task.work, Work::Removal { .. }) && !task.is_settled();
        self.tasks.iter_mut().find(is_removal)
    }

    /// The removal has been completed if as many containers went as were to go. It says what went, unless a sentence of
    /// its own is about to.
    fn end_removal(&mut self, sums_up: bool, now: Duration) {
        let Some(task) = self.removal() else { return };
        let Work::Removal { expected, removed } = &task.work else { return };
        if removed.get("container").copied().unwrap_or(0) < *expected {
            return;
        }
        let tally: Vec<String> = removed.iter().map(|(kind, number)| words::count(*number, kind)).collect();
        let status = match (tally.is_empty(), sums_up) {
            (true, true) => "nothing to remove".into(),
            (true, false) => "done".into(),
            (false, true) => format!("removed {}", tally.join(", ")),
            (false, false) => "removed".into(),
        };
        task.end(TaskState::Done, status, now);
    }
}

fn node_gets_on(task: &mut Task, phase: &NodePhase, now: Duration) {
    match phase {
        NodePhase::Creating => task.go_on("creating", now),
        NodePhase::Starting | NodePhase::Resuming => task.go_on("starting", now),
        NodePhase::Waiting { probe } => task.go_on(format!("waiting for {probe}"), now),
        NodePhase::Stopping => task.go_on("stopping", now),
        NodePhase::Ready => task.end(TaskState::Done, "ready", now),
        NodePhase::Stopped => task.end(TaskState::Done, "stopped", now),
        NodePhase::Failed { why } => task.end(TaskState::Failed, format!("failed: {why}"), now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn starting(nodes: &[&str]) -> Event {
        let nodes = nodes.iter().map(ToString::to_string).collect();
        Event::Starting { cluster: "famous_hyades".into(), network: "cluster".into(), nodes }
    }

    fn node(node: &str, phase: NodePhase) -> Event {
        Event::Node { node: node.into(), phase }
    }

    fn removed(kind: &'static str, name: &str) -> Event {
        Event::Removed { kind, name: name.into() }
    }

    /// The story as lines: label, state, status, milliseconds.
    fn shown(story: &Story, now: u64) -> Vec<String> {
        let line = |task: &Task| {
            let (label, state, status) = (&task.label, task.state, &task.status);
            format!("{label}: {state:?} `{status}` {}", task.took(at(now)).as_millis())
        };
        story.tasks.iter().map(line).collect()
    }

    #[test]
    fn nodes_wait_for_their_turn_get_on_and_are_ready() {
        let mut story = Story::default();
        story.take(&starting(&["a", "b", "c"]), at(0));
        story.take(&node("a", NodePhase::Creating), at(100));
        story.take(&node("b", NodePhase::Creating), at(200));
        story.take(&node("a", NodePhase::Ready), at(500));
        story.take(&node("b", NodePhase::Waiting { probe: "port 22".into() }), at(600));
        assert_eq!(
            shown(&story, 700),
            ["a: Done `ready` 400", "b: Active `waiting for port 22` 500", "c: Pending `` 700"]
        );
        assert!(story.is_active());
    }

    #[test]
    fn the_parts_of_an_image_are_added_up() {
        let image = |phase| Event::Image { image: "i".into(), phase };
        let part = |part: &str, current| {
            image(ImagePhase::Progress {
                part: part.into(),
                status: "Downloading".into(),
                current,
                total: Some(100_000_000),
            })
        };
        let mut story = Story::default();
        story.take(&image(ImagePhase::Pulling), at(0));
        for event in [part("x", Some(10_000_000)), part("x", Some(20_000_000)), part("y", Some(30_000_000))] {
            story.take(&event, at(10));
        }
        assert_eq!(shown(&story, 20), ["i: Active `pulling 50.0 of 200.0 MB` 20"]);
    }

    #[test]
    fn an_image_that_cannot_be_pulled_is_built_and_then_pushed() {
        let image = |phase| Event::Image { image: "i".into(), phase };
        let pushed = |current| {
            let (part, status) = (String::new(), "Pushing".into());
            image(ImagePhase::Progress { part, status, current: Some(current), total: Some(10_000_000) })
        };
        let mut story = Story::default();
        story.take(&image(ImagePhase::Pulling), at(0));
        story.take(&pushed(1), at(0));
        story.take(&image(ImagePhase::Building), at(10));
        assert_eq!(shown(&story, 10), ["i: Active `building` 10"]);
        story.take(&image(ImagePhase::Ready { took_ms: 20 }), at(20));
        story.take(&image(ImagePhase::Pushing), at(30));
        story.take(&pushed(5_000_000), at(40));
        assert_eq!(shown(&story, 40), ["i: Active `pushing 5.0 of 10.0 MB` 10"]);
        story.take(&image(ImagePhase::Pushed { took_ms: 20 }), at(50));
        assert_eq!(shown(&story, 99), ["i: Done `image pushed` 20"]);
    }

    #[test]
    fn a_hook_says_what_it_does_and_ends_with_the_start() {
        let mut story = Story::default();
        let progress = Event::Progress { message: "creating realm".into() };
        assert!(!story.take(&progress, at(0)), "without a hook a message has a line of its own");
        story.take(&Event::Hook { hook: "start".into(), topology: "t".into() }, at(0));
        assert!(story.take(&progress, at(10)));
        assert_eq!(shown(&story, 10), ["start hook: Active `creating realm` 10"]);
        story.take(&Event::Started { cluster: "c".into(), total_ms: 20, closing: Vec::new() }, at(20));
        assert_eq!(shown(&story, 99), ["start hook: Done `done` 20"]);
    }

    #[test]
    fn an_undo_leaves_what_failed_and_counts_what_goes() {
        let mut story = Story::default();
        story.take(&starting(&["a", "b"]), at(0));
        story.take(&node("a", NodePhase::Ready), at(100));
        story.take(&node("b", NodePhase::Failed { why: "exited with 1".into() }), at(200));
        let undoing = Event::Undoing { cluster: "famous_hyades".into() };
        let over = story.over_before(&undoing);
        assert_eq!(shown(&over, 200), ["b: Failed `failed: exited with 1` 0"]);

        story.take(&undoing, at(200));
        let containers = vec!["a".into(), "b".into()];
        story.take(&Event::Removing { what: "cluster famous_hyades".into(), containers }, at(210));
        story.take(&removed("container", "a"), at(300));
        assert_eq!(shown(&story, 300), ["cluster famous_hyades: Active `removing, 1 of 2 containers gone` 100"]);
        story.take(&removed("container", "b"), at(400));
        story.take(&removed("network", "cluster"), at(500));
        assert_eq!(
            shown(&story.end(at(500)), 999),
            ["cluster famous_hyades: Done `removed 2 containers, 1 network` 300"]
        );
        assert!(!story.is_active());
    }

    #[test]
    fn a_removal_that_was_not_completed_is_no_success() {
        let mut story = Story::default();
        story.take(&Event::Removing { what: "cluster c".into(), containers: vec!["a".into(), "b".into()] }, at(0));
        story.take(&removed("container", "a"), at(10));
        assert_eq!(shown(&story.end(at(20)), 20), [""; 0]);
    }

    #[test]
    fn what_was_under_way_when_the_story_ends_is_not_left_standing() {
        let mut story = Story::default();
        story.take(&starting(&["a", "b", "c"]), at(0));
        story.take(&node("a", NodePhase::Ready), at(10));
        story.take(&node("b", NodePhase::Creating), at(20));
        assert_eq!(shown(&story.end(at(30)), 30), ["a: Done `ready` 0"]);
    }
}
