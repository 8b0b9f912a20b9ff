//! Node groups: constants that a topology declares and then uses to name its nodes.

use std::ops::Range;

use crate::{wire, Error, Result};

/// A group of nodes with the same role. It becomes the argument `--NAME`, which takes host names (`--members a b c`) or,
/// for a group that is [`sized`](Group::sized), a number of nodes (`--members 5`).
///
/// ```
/// use clusterdock_plugin_api::Group;
///
/// const MASTERS: Group = Group::new("masters").named(&["master"]).max(1).help("Nodes that lead");
/// const WORKERS: Group = Group::new("workers").sized("worker", 2).after(MASTERS);
/// const GATEWAYS: Group = Group::new("gateways").min(0); // none unless the user names some
/// ```
///
/// A group is a constant, so that its name is written once: list it in
/// [`Topology::GROUPS`](crate::Topology::GROUPS), and pass it to [`Plan::group`](crate::Plan::group) and
/// [`Cluster::group`](crate::Cluster::group). An impossible group does not compile:
///
/// ```compile_fail
/// # use clusterdock_plugin_api::Group;
/// const WORKERS: Group = Group::new("workers").min(3).max(2);
/// ```
///
/// Since 1.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    name: &'static str,
    pub(crate) help: &'static str,
    names: &'static [&'static str],
    prefix: &'static str,
    count: usize,
    pub(crate) min: usize,
    pub(crate) max: Option<usize>,
    pub(crate) after: [Option<&'static str>; Group::MOST_AFTER],
}

impl Group {
    /// The number of groups that a group can start after.
    const MOST_AFTER: usize = 8;

    /// A group of at least one node, which the user must name unless it is [`sized`](Group::sized) or
    /// [`named`](Group::named).
    ///
    /// # Panics
    /// The name is not made of letters, digits, `-` and `_`, beginning with a letter. In a constant, as always
    /// here, a panic is an error of the compiler.
    pub const fn new(name: &'static str) -> Group {
        assert!(
            is_name(name.as_bytes()),
            "a group's name has letters, digits, `-` and `_`, and begins with a letter"
        );
        Group {
            name,
            help: "",
            names: &[],
            prefix: "",
            count: 0,
            min: 1,
            max: None,
            after: [None; Group::MOST_AFTER],
        }
    }

    /// Sets the default nodes by number: `sized("etcd", 3)` is `etcd-1`, `etcd-2` and `etcd-3`. Users may type another
    /// number.
    ///
    /// # Panics
    /// See [`new`](Group::new); or the number is below the minimum or above the maximum.
    #[must_use]
    pub const fn sized(mut self, prefix: &'static str, count: usize) -> Group {
        assert!(
            is_name(prefix.as_bytes()),
            "a prefix of host names has letters, digits and `-`, and begins with a letter"
        );
        self.prefix = prefix;
        self.count = count;
        self.names = &[];
        self.checked()
    }

    /// Sets the default nodes by host name. Default: none.
    ///
    /// # Panics
    /// There are fewer than the minimum or more than the maximum.
    #[must_use]
    pub const fn named(mut self, names: &'static [&'static str]) -> Group {
        self.names = names;
        self.prefix = "";
        self.count = 0;
        self.checked()
    }

    /// Sets the help text, an imperative fragment or a noun without a full stop. Default: ``Nodes of the NAME group``.
    #[must_use]
    pub const fn help(mut self, help: &'static str) -> Group {
        self.help = help;
        self
    }

    /// Sets the minimum number of nodes; 0 makes the group optional (`--NAME 0`). Default: 1.
    ///
    /// # Panics
    /// It is above the maximum or the number of default nodes.
    #[must_use]
    pub const fn min(mut self, min: usize) -> Group {
        self.min = min;
        self.checked()
    }

    /// Sets the maximum number of nodes. Default: no limit.
    ///
    /// # Panics
    /// It is below the minimum or the number of default nodes.
    #[must_use]
    pub const fn max(mut self, max: usize) -> Group {
        self.max = Some(max);
        self.checked()
    }

    /// Starts the nodes of this group when those of the other are ready
    /// ([`ready_when`](crate::PlannedNode::ready_when)), at a start, a resume and a restart; a stop goes the other way.
    /// May be called again for more groups. Default: all groups start at once.
    ///
    /// # Panics
    /// It is the group itself, or the ninth group.
    #[must_use]
    pub const fn after(mut self, other: Group) -> Group {
        assert!(
            !is_same(self.name.as_bytes(), other.name.as_bytes()),
            "a group cannot start after itself"
        );
        let mut index = 0;
        while self.after[index].is_some() {
            index += 1;
            assert!(
                index < Group::MOST_AFTER,
                "a group can start after 8 others"
            );
        }
        self.after[index] = Some(other.name);
        self
    }

    /// The name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn default_nodes(&self) -> wire::DefaultNodes {
        if self.prefix.is_empty() {
            wire::DefaultNodes::Named(self.names.iter().map(ToString::to_string).collect())
        } else {
            wire::DefaultNodes::Sized {
                prefix: self.prefix.into(),
                count: self.count,
            }
        }
    }

    const fn checked(self) -> Group {
        let count = if self.count > 0 {
            self.count
        } else {
            self.names.len()
        };
        assert!(
            count == 0 || count >= self.min,
            "a group has fewer default nodes than its minimum"
        );
        if let Some(max) = self.max {
            assert!(self.min <= max, "a group's minimum is above its maximum");
            assert!(
                count <= max,
                "a group has more default nodes than its maximum"
            );
        }
        self
    }
}

const fn is_name(name: &[u8]) -> bool {
    if name.is_empty() || !name[0].is_ascii_alphabetic() {
        return false;
    }
    let mut index = 0;
    while index < name.len() {
        let byte = name[index];
        if !(byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') {
            return false;
        }
        index += 1;
    }
    true
}

const fn is_same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let mut index = 0;
    while index < one.len() {
        if one[index] != other[index] {
            return false;
        }
        index += 1;
    }
    true
}

/// Which nodes of a list belong to which group.
#[derive(Debug, Clone)]
pub(crate) struct Members(Vec<(&'static str, Range<usize>)>);

impl Members {
    /// Sorts things that have a group by group, in the order of the groups.
    pub(crate) fn sort<T>(
        groups: &[Group],
        things: Vec<T>,
        group_of: impl Fn(&T) -> &String,
    ) -> Result<(Vec<T>, Members)> {
        let stranger = |thing: &&T| !groups.iter().any(|group| group.name == group_of(thing));
        if let Some(stranger) = things.iter().find(stranger) {
            let group = group_of(stranger);
            return Err(Error::new(format!(
                "the host asks for nodes of group `{group}`, which the topology does not have"
            )));
        }
        let (mut sorted, mut members, mut rest) = (Vec::new(), Vec::new(), things);
        for group in groups {
            let start = sorted.len();
            let (own, others): (Vec<T>, Vec<T>) = rest
                .into_iter()
                .partition(|thing| group_of(thing) == group.name);
            sorted.extend(own);
            rest = others;
            members.push((group.name, start..sorted.len()));
        }
        Ok((sorted, Members(members)))
    }

    /// Where the nodes of a group are.
    #[track_caller]
    pub(crate) fn range(&self, group: Group) -> Range<usize> {
        match self.0.iter().find(|(name, _)| *name == group.name) {
            Some((_, range)) => range.clone(),
            None => panic!("group `{}` is not in `Topology::GROUPS`", group.name),
        }
    }

    /// How many nodes a group has.
    pub(crate) fn size(&self, group: &str) -> usize {
        let found = self.0.iter().find(|(name, _)| *name == group);
        found.map_or(0, |(_, range)| range.len())
    }
}
