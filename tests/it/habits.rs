//! What users of docker, compose, kind, k3d and ssh type without thinking: 61 lines, each with what should happen. A word
//! that does not exist here has a message that names the right command.

mod desk;
mod rows;
mod terminal;

use clusterdock_tests::fake::State;

/// How many habits there are.
const HABITS: usize = 61;

/// A line that is typed, and what happens.
struct Row {
    /// Its number among the habits. A habit may have several lines.
    number: usize,
    /// The state of the nodes of cluster `ux`, `n1` and `n2`.
    state: State,
    /// The arguments, separated by spaces. `LIBRARY` is a topology, `FOLDER` a folder with a file.
    line: &'static str,
    code: u8,
    /// Texts on either stream.
    shows: &'static [&'static str],
}

const fn row(number: usize, line: &'static str, code: u8, shows: &'static [&'static str]) -> Row {
    Row {
        number,
        state: State::Running,
        line,
        code,
        shows,
    }
}

const fn stopped(
    number: usize,
    line: &'static str,
    code: u8,
    shows: &'static [&'static str],
) -> Row {
    Row {
        state: State::Exited,
        ..row(number, line, code, shows)
    }
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "the figure, with `--nocapture`")]
async fn what_hands_type_works_or_says_what_does() {
    let mut wrong = Vec::new();
    for row in rows::ROWS {
        if let Err(why) = desk::check(row).await {
            wrong.push(format!("{}: clusterdock {}: {why}", row.number, row.line));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    let numbers = rows::ROWS.iter().map(|row| row.number);
    let held: std::collections::BTreeSet<usize> = numbers.chain(terminal::ROWS).collect();
    let missing: Vec<usize> = (1..=HABITS)
        .filter(|number| !held.contains(number))
        .collect();
    println!(
        "{} of {HABITS} habits hold; not yet: {missing:?}",
        held.len()
    );
    assert!(held.len() >= rows::HOLD, "{held:?}");
}
