//! What the user wants of nodes beside what the topology asks for: volumes, environment variables, images and labels, for
//! all nodes, a group or a node. They are applied after the topology's own settings, so that the user's word holds.

mod text;
mod wish;

use std::collections::BTreeMap;

use clusterdock_plugin_wire::NodeSpec;

use crate::cluster::provenance::StartOptions;
use crate::error::Result;
use wish::{Scope, Wish};
pub use wish::{Surroundings, WishTexts};

/// The user's wishes, checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wishes(Vec<(Scope, Wish)>);

impl Wishes {
    /// Reads the user's wishes.
    ///
    /// # Errors
    /// [`Kind::Usage`](crate::error::Kind::Usage) with the flag's name, for the first that is malformed, can never work,
    /// or is for a node or group that does not exist.
    pub fn read(texts: &WishTexts, surroundings: &Surroundings<'_>) -> Result<Wishes> {
        let mut wishes = text::read(texts, surroundings)?;
        // A stable sort: of two for the same nodes, the later one holds.
        wishes.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(Wishes(wishes))
    }

    /// The wishes by flag, as text to compare. Values of variables may be secrets, and are digests.
    pub fn options(&self) -> StartOptions {
        let mut options = StartOptions::new();
        for (scope, wish) in &self.0 {
            let (flag, value) = wish.option();
            let text = format!("{}{value}", scope.prefix());
            options
                .entry(flag.into())
                .and_modify(|texts| *texts = format!("{texts} {text}"))
                .or_insert(text);
        }
        options
    }

    /// Applies the wishes to the nodes that a topology asks for. Returns a sentence for each that overrides the topology.
    pub fn apply(&self, specs: &mut [NodeSpec]) -> Vec<String> {
        // The subjects in the order of the wishes, each with its nodes.
        let mut overridden: Vec<(String, Vec<String>)> = Vec::new();
        for spec in specs {
            let of_topology = spec.clone();
            let mut last: BTreeMap<String, &Wish> = BTreeMap::new();
            for (scope, wish) in &self.0 {
                if scope.includes(spec) {
                    wish.apply(spec);
                    last.insert(wish.place(), wish);
                }
            }
            for (subject, wish) in last {
                if !wish.overrides(&of_topology) {
                    continue;
                }
                match overridden.iter_mut().find(|(known, _)| *known == subject) {
                    Some((_, nodes)) => nodes.push(spec.hostname.clone()),
                    None => overridden.push((subject, vec![spec.hostname.clone()])),
                }
            }
        }
        let sentence =
            |(subject, nodes): (String, Vec<String>)| format!("{subject} on {}", nodes.join(", "));
        overridden.into_iter().map(sentence).collect()
    }
}

#[cfg(test)]
mod tests;
