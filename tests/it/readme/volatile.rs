//! What differs from run to run in the output of commands, replaced by names, so that pages can show real output.

use std::net::{Ipv4Addr, SocketAddrV4};

/// The text with ids, addresses, host ports, times and generated names replaced, and without the padding of columns. Nodes
/// become ready in any order: their lines are sorted.
pub(super) fn normal(text: &str) -> String {
    let mut lines: Vec<String> = text.trim_end().lines().map(line).collect();
    lines
        .chunk_by_mut(|one, next| is_ready(one) && is_ready(next))
        .for_each(<[String]>::sort);
    lines.concat()
}

fn is_ready(line: &str) -> bool {
    line.starts_with("✔ ") && line.ends_with(" TIME ready\n")
}

fn line(text: &str) -> String {
    let text = text.replace("just now", "AGE");
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut line: Vec<String> = Vec::new();
    let mut rest = &words[..];
    while let [first, after @ ..] = rest {
        let is_number = first.bytes().all(|byte| byte.is_ascii_digit());
        rest = match after {
            [_, "ago", after @ ..] if is_number => {
                line.push("AGE".into());
                after
            }
            _ => {
                line.push(word(first));
                after
            }
        };
    }
    format!("{}\n", line.join(" "))
}

/// A word between blanks: its parts replaced, the characters around them as they are.
fn word(text: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "._:-".contains(c);
    let mut result = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        let bare = part.trim_end_matches(['.', ':', '-']);
        let ends = &part[bare.len()..];
        if ends == "-" && after.starts_with('>') && is_number(bare) {
            result.push_str("PORT");
        } else {
            result.push_str(&name(bare));
        }
        result.push_str(ends);
        let next = after.find(is_part).unwrap_or(after.len());
        result.push_str(&after[..next]);
        rest = &after[next..];
    }
    result
}

fn name(part: &str) -> String {
    let is_private = |address: Ipv4Addr| address.is_private();
    if let Ok(address) = part.parse::<SocketAddrV4>() {
        format!("{}:PORT", address.ip())
    } else if let Some((before, id)) = part.rsplit_once(':').filter(|(_, id)| is_id(id)) {
        format!("{before}:{}", name(id))
    } else if is_id(part) {
        "ID".into()
    } else if part.parse().is_ok_and(is_private) {
        "ADDRESS".into()
    } else if is_time(part) {
        "TIME".into()
    } else if is_generated(part) {
        "NAME".into()
    } else {
        part.into()
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_id(text: &str) -> bool {
    text.len() >= 12 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// `0.4s`, `1m05s`, `00:00:01.621`, `04:29:35`, `2026-11-29`, `2026-11-29T16:30:13Z`, `AM`.
fn is_time(text: &str) -> bool {
    let consists_of = |text: &str, allowed: &str| {
        text.starts_with(|c: char| c.is_ascii_digit())
            && text
                .chars()
                .all(|c| c.is_ascii_digit() || allowed.contains(c))
    };
    let is_duration = || consists_of(text, ".ms") && text.ends_with('s');
    let is_clock = || consists_of(text, ":.") && text.matches(':').count() == 2;
    let is_date = || consists_of(text, "-") && text.matches('-').count() == 2;
    let is_timestamp = || consists_of(text, "-T:.Z") && text.ends_with('Z');
    ["AM", "PM"].contains(&text) || is_duration() || is_clock() || is_date() || is_timestamp()
}

/// As clusters are called that are given no name: `famous_hyades`, `grand_omicron_velorum`.
fn is_generated(text: &str) -> bool {
    let is_word = |text: &str| text.len() > 1 && text.bytes().all(|byte| byte.is_ascii_lowercase());
    text.contains('_') && text.split('_').all(is_word)
}

#[test]
fn only_what_differs_from_run_to_run_is_replaced() {
    for (text, expected) in [
        (
            "de914f4d30e5  node-1.lab  22245->80/tcp  running  0.1.0",
            "ID node-1.lab PORT->80/tcp running 0.1.0\n",
        ),
        (
            "Cluster started successfully (total time: 00:00:38.831).",
            "Cluster started successfully (total time: TIME).\n",
        ),
        (
            "create container  a.lab  clusterdock/host:5b5d217d59c33905, 10.1.2.3",
            "create container a.lab clusterdock/host:ID, ADDRESS\n",
        ),
        (
            "famous_hyades  running  2/2  3 minutes ago",
            "NAME running 2/2 AGE\n",
        ),
        ("  ✔ a.lab    0.7s  ready", "✔ a.lab TIME ready\n"),
        (
            "✔ img 0.1s image ready\n✔ b.x 0.7s ready\n✔ a.x 0.9s ready\n✔ hook 1s done",
            "✔ img TIME image ready\n✔ a.x TIME ready\n✔ b.x TIME ready\n✔ hook TIME done\n",
        ),
        (
            "Removed 2 containers, 1 network.",
            "Removed 2 containers, 1 network.\n",
        ),
        (
            "http://127.0.0.1:31234/ 10.1.0.0/24.",
            "http://127.0.0.1:PORT/ ADDRESS/24.\n",
        ),
    ] {
        assert_eq!(normal(text), expected);
    }
}
