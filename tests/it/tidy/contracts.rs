//! The contract of what authors of topologies use, as far as the text shows it. Clippy sees to errors and panics.

use super::{assert_none, shown, sources};

/// What authors do not see: the plugin's side of the boundary.
const HIDDEN: &str = "plugin-api/src/export.rs";

/// What they see of the wire.
const ERROR: &str = "plugin-api/wire/src/error.rs";

#[test]
fn every_public_item_says_since_which_version_it_exists() {
    let items = [
        "pub struct ",
        "pub enum ",
        "pub trait ",
        "pub fn ",
        "pub type ",
    ];
    let (mut silent, mut count) = (Vec::new(), 0);
    for (path, text) in sources("plugin-api") {
        let shown = shown(&path);
        let is_seen = shown.starts_with("plugin-api/src") && shown != HIDDEN || shown == ERROR;
        if !is_seen {
            continue;
        }
        for item in items {
            for (at, _) in text.match_indices(&format!("\n{item}")) {
                count += 1;
                let before = &text[..at];
                // A doc comment has no blank lines.
                let block = before.rsplit("\n\n").next().unwrap_or_default();
                if !block.to_lowercase().contains("since 1.") {
                    let line = text[at + 1..].lines().next().unwrap_or_default();
                    silent.push(format!("{shown}: {line}"));
                }
            }
        }
    }
    assert!(count > 40, "only {count} items are found");
    assert_none(&silent);
}
