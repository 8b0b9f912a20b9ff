//! The phases of `topology test`: how each ended, how long it took, and the answers that say so.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use quick_junit::{NonSuccessKind, Report as Junit, TestCase, TestCaseStatus, TestSuite};
use serde::Serialize;

use crate::error::{Error, Kind, Result};
use crate::report::{Facts, Format, Report, words};

/// A phase of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Phase {
    UnitTests,
    Compile,
    Start,
    Check,
    Restart,
    CheckAgain,
    Remove,
}

impl Phase {
    fn as_str(self) -> &'static str {
        match self {
            Phase::UnitTests => "unit tests",
            Phase::Compile => "compile",
            Phase::Start => "start",
            Phase::Check => "check",
            Phase::Restart => "restart",
            Phase::CheckAgain => "check again",
            Phase::Remove => "remove",
        }
    }
}

/// How a phase ended.
enum Ending {
    Passed,
    Failed(Error),
    Skipped(String),
}

struct Ended {
    phase: Phase,
    took: Duration,
    ending: Ending,
}

/// The phases so far.
pub(super) struct Phases(Vec<Ended>);

impl Phases {
    pub(super) fn new() -> Phases {
        Phases(Vec::new())
    }

    /// Carries a phase out, unless an earlier one has failed; the removal is carried out always. Returns its result if it
    /// passed.
    pub(super) async fn run<T>(
        &mut self,
        phase: Phase,
        work: impl Future<Output = Result<T>>,
    ) -> Option<T> {
        if self.failure().is_some() && phase != Phase::Remove {
            self.skip(phase, "an earlier phase failed");
            return None;
        }
        let began = Instant::now();
        let (ending, result) = match work.await {
            Ok(result) => (Ending::Passed, Some(result)),
            Err(error) => (Ending::Failed(error), None),
        };
        let took = began.elapsed();
        self.0.push(Ended {
            phase,
            took,
            ending,
        });
        result
    }

    /// Leaves a phase out.
    pub(super) fn skip(&mut self, phase: Phase, why: &str) {
        self.0.push(Ended {
            phase,
            took: Duration::ZERO,
            ending: Ending::Skipped(why.into()),
        });
    }

    /// The error of the first phase that failed.
    pub(super) fn failure(&self) -> Option<&Error> {
        self.0.iter().find_map(|ended| match &ended.ending {
            Ending::Failed(error) => Some(error),
            _ => None,
        })
    }

    /// The error of the whole test: leftovers take precedence over what led to them.
    ///
    /// # Errors
    /// A phase failed.
    pub(super) fn into_result(self) -> Result<()> {
        let errors = self.0.into_iter().filter_map(|ended| match ended.ending {
            Ending::Failed(error) => Some(error),
            _ => None,
        });
        let errors: Vec<Error> = errors.collect();
        let left = errors.iter().find(|error| error.kind() == Kind::Leftovers);
        match left.or(errors.first()) {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }

    /// Prints a line per phase.
    pub(super) fn print(&self, report: &Report, topology: &str, format: Format) -> Result<()> {
        let answer = Answer {
            topology,
            passed: self.failure().is_none(),
            phases: self.0.iter().map(PhaseJson::new).collect(),
        };
        let facts: Facts = self
            .0
            .iter()
            .map(|ended| (ended.phase.as_str(), ended.text()))
            .collect();
        report.facts(&facts, &answer, format)
    }

    /// Writes a JUnit report, with a test case per phase.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn write_junit(&self, file: &Path, topology: &str) -> Result<()> {
        let mut suite = TestSuite::new(topology);
        suite.add_test_cases(self.0.iter().map(Ended::test_case));
        let mut junit = Junit::new("clusterdock topology test");
        junit.add_test_suite(suite);
        let written = junit
            .to_string()
            .map_err(|error| error.to_string())
            .and_then(|text| fs::write(file, text).map_err(|error| error.to_string()));
        written.map_err(|error| {
            Error::new(Kind::Other, format!("cannot write `{}`", file.display())).cause(error)
        })
    }
}

#[derive(Serialize)]
struct Answer<'a> {
    topology: &'a str,
    passed: bool,
    phases: Vec<PhaseJson>,
}

#[derive(Serialize)]
struct PhaseJson {
    phase: Phase,
    /// `passed`, `failed` or `skipped`.
    result: &'static str,
    time_ms: u64,
    /// Why it failed or was skipped.
    reason: Option<String>,
    exit_code: Option<u8>,
}

impl PhaseJson {
    fn new(ended: &Ended) -> PhaseJson {
        let (result, reason, exit_code) = match &ended.ending {
            Ending::Passed => ("passed", None, None),
            Ending::Failed(error) => {
                let code = error.kind().exit_code();
                ("failed", Some(error.to_string()), Some(code))
            }
            Ending::Skipped(why) => ("skipped", Some(why.clone()), None),
        };
        PhaseJson {
            phase: ended.phase,
            result,
            time_ms: ended.took.as_millis() as u64,
            reason,
            exit_code,
        }
    }
}

impl Ended {
    /// How it ended, for people. The error itself is shown at the end of the command.
    fn text(&self) -> String {
        let took = words::took(self.took);
        match &self.ending {
            Ending::Passed => format!("passed in {took}"),
            Ending::Failed(error) => format!("failed after {took}: {}", error.message()),
            Ending::Skipped(why) => format!("skipped: {why}"),
        }
    }

    fn test_case(&self) -> TestCase {
        let status = match &self.ending {
            Ending::Passed => TestCaseStatus::success(),
            Ending::Failed(error) => {
                let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                status.set_message(error.message());
                status.set_description(error.to_string());
                status
            }
            Ending::Skipped(why) => {
                let mut status = TestCaseStatus::skipped();
                status.set_message(why);
                status
            }
        };
        let mut case = TestCase::new(self.phase.as_str(), status);
        case.set_time(self.took);
        case
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;

    fn block_on<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(work)
    }

    fn failing(kind: Kind) -> std::future::Ready<Result<()>> {
        ready(Err(Error::new(kind, format!("it <is> {kind:?}"))))
    }

    #[test]
    fn after_a_failure_only_the_removal_is_carried_out() {
        let mut phases = Phases::new();
        block_on(async {
            phases.run(Phase::Start, ready(Ok(()))).await.unwrap();
            phases.run(Phase::Check, failing(Kind::Hook)).await;
            let skipped = phases.run(Phase::Restart, ready(Ok(()))).await;
            assert_eq!(skipped, None);
            phases.run(Phase::Remove, ready(Ok(()))).await.unwrap();
        });
        let texts: Vec<_> = phases.0.iter().map(Ended::text).collect();
        assert_eq!(
            texts,
            [
                "passed in 0.0s",
                "failed after 0.0s: it <is> Hook",
                "skipped: an earlier phase failed",
                "passed in 0.0s"
            ]
        );
        assert_eq!(phases.into_result().unwrap_err().kind(), Kind::Hook);
    }

    #[test]
    fn leftovers_take_precedence_over_what_led_to_them() {
        let mut phases = Phases::new();
        block_on(async {
            phases.run(Phase::Check, failing(Kind::Hook)).await;
            phases.run(Phase::Remove, failing(Kind::Leftovers)).await;
        });
        assert_eq!(phases.into_result().unwrap_err().kind(), Kind::Leftovers);
    }

    #[test]
    fn a_junit_report_has_a_case_per_phase() {
        let mut phases = Phases::new();
        block_on(async {
            phases.run(Phase::Start, failing(Kind::Hook)).await;
            phases.run(Phase::Check, ready(Ok(()))).await;
        });
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("junit.xml");
        phases.write_junit(&file, "demo").unwrap();
        let text = fs::read_to_string(&file).unwrap();
        for part in [
            "<testsuite name=\"demo\" tests=\"2\"",
            "failures=\"1\"",
            "<testcase name=\"start\"",
            "<failure message=\"it &lt;is&gt; Hook\"",
            "<skipped message=\"an earlier phase failed\"",
        ] {
            assert!(text.contains(part), "no `{part}` in\n{text}");
        }
        phases.write_junit(folder.path(), "demo").unwrap_err();
    }
}
