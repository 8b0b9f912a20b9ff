use std::cell::Cell;

use super::*;
use crate::prelude::*;

const MASTERS: Group = Group::new("masters").named(&["master"]).max(1);
const WORKERS: Group = Group::new("workers").sized("worker", 2).max(3);

#[derive(Args)]
struct Options {
    /// Threads
    #[arg(default = 4, range = "1..=64")]
    threads: u8,
    /// Token
    #[arg(build)]
    token: Secret,
    /// Names
    #[arg(build)]
    names: Vec<String>,
    /// Mode
    #[arg(default = Mode::Safe)]
    mode: Mode,
    /// Not needed
    limit: Option<Size>,
    #[arg(default = "x", build_only)]
    tag: String,
    fast: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Choice)]
enum Mode {
    Safe,
    Fast,
}

/// What the hook does is what a test puts in.
struct Cabinet(fn(&Cluster<Options>) -> Result<()>);

impl Topology for Cabinet {
    type Args = Options;
    const GROUPS: &'static [Group] = &[MASTERS, WORKERS];
    const HOOKS: &'static [&'static str] = &["start", "scale"];

    fn nodes(&self, plan: &Plan<Options>) -> Result<()> {
        let token = plan.args().token.expose()?;
        for node in plan.nodes() {
            node.file(File::new("/etc/token", token).owner("app").mode(0o600));
        }
        Ok(())
    }

    fn start(&self, cluster: &Cluster<Options>) -> Result<()> {
        (self.0)(cluster)
    }

    fn scale(&self, cluster: &Cluster<Options>, change: &Change) -> Result<()> {
        let names = change.added().join(" ", |node| format!("+{node}"));
        let gone = change.removed().join(" ", |node| format!("-{node}"));
        cluster.closing(names + &gone)
    }

    fn verbs(&self) -> Vec<Verb<Cabinet>> {
        vec![Verb::with_args("say", "Say it", Cabinet::say)]
    }
}

#[derive(Args)]
struct Say {
    what: String,
}

impl Cabinet {
    fn say(&self, cluster: &Cluster<Options>, args: &Say) -> Result<()> {
        cluster.closing(&args.what)
    }
}

#[track_caller]
fn assert_runs(hook: fn(&Cluster<Options>) -> Result<()>) {
    let cabinet = Cabinet(hook);
    Fake::start(&cabinet, ["--token", "t"])
        .unwrap()
        .run()
        .unwrap();
}

#[track_caller]
fn assert_refused(arguments: &[&str], expected: &str) {
    let cabinet = Cabinet(|_| Ok(()));
    let refused = Fake::start(&cabinet, arguments.iter().copied()).unwrap_err();
    assert!(refused.to_string().contains(expected), "{refused}");
}

#[test]
fn arguments_have_their_types_and_defaults() {
    assert_runs(|cluster| {
        let args = cluster.args();
        assert_eq!((args.threads, args.mode, args.limit), (4, Mode::Safe, None));
        assert_eq!((args.fast, args.names.len()), (false, 0));
        assert_eq!(
            args.tag, "x",
            "a start has the default of a build's argument"
        );
        assert_eq!(args.token.expose()?, "t");
        Ok(())
    });
    let cabinet = Cabinet(|cluster| {
        let args = cluster.args();
        assert_eq!((args.threads, args.mode, args.fast), (9, Mode::Fast, true));
        assert_eq!(args.limit, Some(Size::from_mib(512)));
        assert_eq!(args.names, ["a", "b", "c"]);
        Ok(())
    });
    let typed = "--token=t --threads 9 --mode=fast --fast --limit 512m --names a,b c";
    Fake::start(&cabinet, typed.split(' '))
        .unwrap()
        .run()
        .unwrap();
}

#[test]
fn what_the_command_line_refuses_is_refused() {
    assert_refused(&[], "argument `--token` is required");
    assert_refused(&["--token", "t", "--threads", "65"], "--threads");
    assert_refused(&["--token", "t", "--mode", "slow"], "`slow`");
    assert_refused(&["--token", "t", "--tag", "y"], "unknown argument `--tag`");
    assert_refused(&["--token", "t", "--workers", "4"], "at most 3");
    assert_refused(&["--token", "t", "--workers", "master"], "`master`");
    assert_refused(&["stray"], "`stray` does not belong to any argument");
}

#[test]
fn an_argument_of_a_build_is_one() {
    let cabinet = Cabinet(|_| Ok(()));
    let refused = Fake::build(&cabinet, ["--threads", "5"]).unwrap_err();
    let refused = refused.to_string();
    assert!(
        refused.contains("unknown argument `--threads`"),
        "{refused}"
    );
    Fake::build(&cabinet, ["--tag", "y", "--names", "a", "--token", "t"]).unwrap();
}

#[test]
fn an_unexpected_command_fails() {
    let cabinet = Cabinet(|cluster| cluster.node("master")?.execute(["boot", "a b"]).map(drop));
    let fake = Fake::start(&cabinet, ["--token", "t"]).unwrap();
    let error = fake.run().unwrap_err().to_string();
    let expected = "the test has no answer to `boot 'a b'` on node `master.cluster`";
    assert!(error.starts_with(expected), "{error}");
    fake.lenient().run().unwrap();
    assert_eq!(fake.node("master").executed(), [Exec::new(["boot", "a b"])]);
}

#[test]
fn answers_come_by_node_and_in_sequence() {
    let cabinet = Cabinet(|cluster| {
        let workers = cluster.group(WORKERS);
        let ask = || {
            let outputs = workers.execute("ask")?;
            let texts: Vec<String> = outputs.iter().map(|o| o.text().into()).collect();
            Ok::<_, Error>(texts.join(" "))
        };
        assert_eq!([ask()?, ask()?, ask()?], ["any 1", "any 2", "any 2"]);
        Ok(())
    });
    let fake = Fake::start(&cabinet, ["--token", "t"]).unwrap();
    fake.answer("ask", "any\n");
    fake.answer_on("worker-2", "ask", "1")
        .answer_on("worker-2", "ask", "2");
    fake.run().unwrap();
}

#[test]
fn a_failing_command_has_its_code_and_last_words() {
    let cabinet = Cabinet(|cluster| {
        let failed = cluster.nodes().execute(["make"]).unwrap_err();
        assert_eq!(failed.code(), Code::Command);
        let expected = [
            "command `make` on node `worker-1.cluster` exited with 2",
            "a",
            "b",
        ];
        assert_eq!(failed.chain(), expected);
        let tolerated = cluster.nodes().execute(Exec::new(["make"]).may_fail())?;
        assert_eq!(
            (tolerated[1].exit_code(), tolerated[1].stderr()),
            (2, &b"a\nb\n"[..])
        );
        Ok(())
    });
    let fake = Fake::start(&cabinet, ["--token", "t"]).unwrap();
    fake.fail(["make"], 2, "a\nb\n")
        .answer_on("master", ["make"], "");
    fake.run().unwrap();
}

#[test]
fn a_condition_that_never_holds_ends_at_once() {
    let cabinet = Cabinet(|cluster| {
        let asked = Cell::new(0);
        let late = cluster.wait_until("a green sun", || {
            asked.set(asked.get() + 1);
            cluster.node("master")?.execute(["look"]).map(Some)
        });
        let late = late.unwrap_err();
        assert_eq!(late.code(), Code::Timeout);
        assert_eq!(late.chain()[0], "timed out after 300s: a green sun");
        assert!(late.chain()[1].contains("`look`") && late.chain()[2] == "dark");
        assert!(asked.get() > 100);
        Ok(())
    });
    let fake = Fake::start(&cabinet, ["--token", "t"]).unwrap();
    let began = std::time::Instant::now();
    fake.fail(["look"], 1, "dark").run().unwrap();
    assert_eq!(fake.waited(), Duration::from_secs(300));
    assert!(began.elapsed() < Duration::from_secs(30));
}

#[test]
fn a_condition_must_hold_without_interruption() {
    assert_runs(|cluster| {
        let asked = Cell::new(0);
        let wait = cluster.wait("steady").interval(Duration::from_secs(2));
        wait.steady_for(Duration::from_secs(6)).until(|| {
            asked.set(asked.get() + 1);
            Ok((asked.get() != 2).then_some(()))
        })?;
        assert_eq!(asked.get(), 6, "the first one did not count");
        Ok(())
    });
}

#[test]
fn an_interruption_ends_a_wait() {
    let cabinet = Cabinet(|cluster| cluster.wait_until("x", || Ok(None::<()>)));
    let fake = Fake::start(&cabinet, ["--token", "t"]).unwrap();
    assert_eq!(fake.interrupt().run().unwrap_err().code(), Code::Cancelled);
}

#[test]
fn another_error_ends_a_wait() {
    assert_runs(|cluster| {
        let broken = cluster.wait_until("x", || cluster.node("nobody").map(Some));
        let broken = broken.unwrap_err().to_string();
        assert!(
            broken.starts_with("failed to check: x: no node `nobody`"),
            "{broken}"
        );
        Ok(())
    });
}

#[test]
fn a_probe_can_be_late() {
    let cabinet = Cabinet(|cluster| cluster.nodes().wait_for(&Probe::port(1), Duration::MAX));
    let fake = Fake::start(&cabinet, ["--token", "t"]).unwrap();
    fake.run().unwrap();
    let late = fake.never(Probe::port(1)).run().unwrap_err();
    assert_eq!(late.code(), Code::Timeout);
}

#[test]
fn files_are_planned_put_read_and_edited() {
    let cabinet = Cabinet(|cluster| {
        let nodes = cluster.nodes();
        nodes.edit::<String>("/etc/token", |text| {
            text.push('!');
            Ok(())
        })?;
        nodes.edit::<String>("/etc/token", |_| Ok(()))?;
        assert_eq!(cluster.node("worker-2")?.read("/etc/token")?, b"t!");
        let missing = nodes.put_folder("no/such/folder", "/etc").unwrap_err();
        assert_eq!(missing.to_string(), "no folder `no/such/folder`");
        Ok(())
    });
    let fake = Fake::start(&cabinet, ["--token", "t"]).unwrap();
    let planned = fake.node("master").file("/etc/token").unwrap();
    assert_eq!(
        (planned.text().as_str(), planned.mode(), planned.owner()),
        ("t", 0o600, "app")
    );
    fake.run().unwrap();
    assert_eq!(fake.node("master").file("/etc/token").unwrap().text(), "t!");
    let puts = fake
        .calls()
        .into_iter()
        .filter(|call| matches!(call, Call::Put { .. }));
    assert_eq!(puts.count(), 3, "what did not change is not written");
}

#[test]
fn parallel_work_reports_the_first_error() {
    assert_runs(|cluster| {
        let numbers = cluster.nodes().in_parallel(|node| Ok(node.number()))?;
        assert_eq!(numbers, [1, 1, 2]);
        let failed = cluster.nodes().in_parallel(|node| match node.hostname() {
            "worker-1" => panic!("no luck"),
            _ => node.write("/a", ""),
        });
        let failed = failed.unwrap_err();
        assert_eq!(
            (failed.code(), failed.chain()),
            (Code::Panic, &["no luck".into()][..])
        );
        Ok(())
    });
}

#[test]
fn an_undeclared_group_is_an_error_that_names_it() {
    let cabinet = Cabinet(|cluster| {
        const OTHERS: Group = Group::new("others");
        cluster.group(OTHERS).first().map(drop)
    });
    let fake = Fake::start(&cabinet, ["--token", "t"]).unwrap();
    let error = fake.run().unwrap_err();
    assert_eq!(
        error.to_string(),
        "group `others` is not in `Topology::GROUPS`"
    );
    assert!(error.detail().contains("tests.rs"), "{}", error.detail());
}

#[test]
fn scale_and_verbs_get_what_they_are_about() {
    let cabinet = Cabinet(|_| Ok(()));
    let fake = Fake::start(&cabinet, ["--token", "t"]).unwrap();
    fake.scale_up(["worker-2"]).unwrap();
    fake.scale_down(["worker-1"]).unwrap();
    fake.verb("say", ["--what", "hello"]).unwrap();
    let expected = ["+worker-2.cluster", "-worker-1.cluster", "hello"];
    assert_eq!(fake.closing(), expected);
    let missing = fake.verb("say", [""; 0]).unwrap_err().to_string();
    assert_eq!(missing, "verb `say`: argument `--what` is required");
    let unknown = fake.verb("sing", [""; 0]).unwrap_err().to_string();
    assert_eq!(unknown, "no verb is called `sing`");
}

#[test]
fn a_panic_is_an_error_with_its_place() {
    let cabinet = Cabinet(|_| panic!("no disk"));
    let fake = Fake::start(&cabinet, ["--token", "t"]).unwrap();
    let error = fake.run().unwrap_err();
    assert_eq!(
        (error.code(), error.to_string().as_str()),
        (Code::Panic, "no disk")
    );
    assert!(error.detail().contains("tests.rs"), "{}", error.detail());
}

#[test]
fn nothing_shows_a_secret() {
    let cabinet = Cabinet(|cluster| cluster.progress(format!("{:?}", cluster.args().token)));
    let fake = Fake::start(&cabinet, ["--token", "canary-7"]).unwrap();
    fake.run().unwrap();
    let shown = format!("{fake:?} {:?}", fake.calls());
    assert!(!shown.contains("canary-7"), "{shown}");
}
