//! Lines that need a terminal or standard input, on the real engine.

use std::io::Write;
use std::process::Stdio;

use clusterdock_tests::scene::Scene;
use clusterdock_tests::terminal::Terminal;

/// The numbers of these lines.
pub(super) const ROWS: [usize; 4] = [1, 2, 3, 4];

#[test]
fn lines_that_need_a_terminal_have_one() {
    let Some(scene) = Scene::new("hands") else {
        return;
    };
    scene.start().succeeds();
    let node = scene.fqdn("node-1");
    for options in [["exec", "-it"], ["exec", "-ti"]] {
        let run = scene.run(options).args([node.as_str(), "bash", "-i"]);
        let mut terminal = Terminal::new(&run, 30, 100);
        terminal.types("test -t 0 && echo $((40 + 2))x\r");
        terminal.shows("42x\r\n");
        terminal.types("exit 7\r");
        assert_eq!(terminal.ends(), 7);
    }
    // The size is no proof: engines before API 1.42 learn it only after the command has begun.
    let run = scene.run(["ssh", "-t", &node, "sh", "-c", "test -t 1 && echo terminal"]);
    let mut terminal = Terminal::new(&run, 20, 90);
    terminal.shows("terminal\r\n");
    assert_eq!(terminal.ends(), 0);

    let mut command = scene.run(["exec", "-i", &node, "cat"]).command();
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"typed\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        (output.status.code(), &output.stdout[..]),
        (Some(0), &b"typed\n"[..])
    );
}
