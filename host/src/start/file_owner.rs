//! The owner of a file, as a hook names it: a node's own users and groups, looked up in its `/etc/passwd` and
//! `/etc/group`, as Docker does for commands.

use crate::error::{Error, Kind, Result};

/// The file that lists users.
pub const PASSWD: &str = "/etc/passwd";
/// The file that lists groups.
pub const GROUP: &str = "/etc/group";

/// `USER[:GROUP]`, names or numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileOwner<'a> {
    user: &'a str,
    group: Option<&'a str>,
}

impl<'a> FileOwner<'a> {
    /// Reads an owner.
    pub fn parse(text: &'a str) -> FileOwner<'a> {
        match text.split_once(':') {
            Some((user, group)) => FileOwner {
                user,
                group: Some(group),
            },
            None => FileOwner {
                user: text,
                group: None,
            },
        }
    }

    /// Whether [`PASSWD`] is needed to resolve it.
    pub fn needs_passwd(self) -> bool {
        match number(self.user) {
            None => true,
            Some(user) => self.group.is_none() && user != 0,
        }
    }

    /// Whether [`GROUP`] is.
    pub fn needs_groups(self) -> bool {
        self.group.is_some_and(|group| number(group).is_none())
    }

    /// User and group as numbers, given the contents of the files that are needed.
    ///
    /// # Errors
    /// [`Kind::NotFound`] for a user or group that the node does not know.
    pub fn resolve(self, passwd: &str, groups: &str) -> Result<(u32, u32)> {
        let as_number = number(self.user).map(|user| (user, user));
        let user = find_user(passwd, self.user).or(as_number);
        let (user, own_group) = user.ok_or_else(|| unknown("user", self.user, PASSWD))?;
        let group = match self.group {
            None => own_group,
            Some(group) => number(group)
                .or_else(|| find_group(groups, group))
                .ok_or_else(|| unknown("group", group, GROUP))?,
        };
        Ok((user, group))
    }
}

fn number(text: &str) -> Option<u32> {
    text.parse().ok()
}

/// A user, by name or number, and its primary group.
fn find_user(passwd: &str, wanted: &str) -> Option<(u32, u32)> {
    let lines = passwd
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>());
    let read = |fields: Vec<&str>| match fields[..] {
        [name, _, user, group, ..] if name == wanted || user == wanted => {
            Some((name == wanted, user.parse().ok()?, group.parse().ok()?))
        }
        _ => None,
    };
    // A name that looks like a number is a name first.
    let found = lines.filter_map(read).min_by_key(|(is_name, ..)| !is_name);
    found.map(|(_, user, group)| (user, group))
}

fn find_group(groups: &str, wanted: &str) -> Option<u32> {
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(wanted))
            .then(|| fields.nth(1)?.parse().ok())
            .flatten()
    })
}

fn unknown(what: &str, name: &str, file: &str) -> Error {
    Error::new(Kind::NotFound, format!("no {what} `{name}`"))
        .cause(format!("it is not in the node's {file}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: &str =
        "root:x:0:0:root:/root:/bin/sh\nhdfs:x:110:111::/:\n# odd\napp:x:1000:1001::/:\n";
    const GROUPS: &str = "root:x:0:\nhadoop:x:112:hdfs\n";

    fn resolved(owner: &str) -> Result<(u32, u32), String> {
        let owner = FileOwner::parse(owner);
        let text = |is_needed, text| if is_needed { text } else { "" };
        let found = owner.resolve(
            text(owner.needs_passwd(), USERS),
            text(owner.needs_groups(), GROUPS),
        );
        found.map_err(|error| error.to_string())
    }

    #[test]
    fn owners_are_resolved_by_the_nodes_own_files() {
        let table = [
            ("0", (0, 0)),
            ("0:0", (0, 0)),
            ("7:8", (7, 8)),
            ("root", (0, 0)),
            ("hdfs", (110, 111)),
            ("hdfs:hadoop", (110, 112)),
            ("hdfs:5", (110, 5)),
            ("5:hadoop", (5, 112)),
            ("1000", (1000, 1001)),
            ("1234", (1234, 1234)),
        ];
        for (owner, expected) in table {
            assert_eq!(resolved(owner), Ok(expected), "{owner}");
        }
        for unknown in ["nobody", "hdfs:nobody", "", ":", "hdfs:"] {
            assert!(
                resolved(unknown)
                    .unwrap_err()
                    .contains("is not in the node's /etc/"),
                "{unknown}"
            );
        }
    }
    #[test]
    fn numeric_owners_need_no_lookup() {
        let needs = |owner| {
            (
                FileOwner::parse(owner).needs_passwd(),
                FileOwner::parse(owner).needs_groups(),
            )
        };
        for (owner, needed) in [
            ("0", (false, false)),
            ("0:0", (false, false)),
            ("7:8", (false, false)),
            ("7:app", (false, true)),
            ("7", (true, false)),
            ("app:8", (true, false)),
            ("app:app", (true, true)),
        ] {
            assert_eq!(needs(owner), needed, "{owner}");
        }
    }
}
