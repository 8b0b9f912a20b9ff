//! The users and groups of the local machine, as listed in `/etc/passwd` and `/etc/group`. Accounts from elsewhere, such as
//! LDAP, have only a number, which suffices to decide whether a group is a user's own.

use std::fs;

/// Users and groups.
#[derive(Debug, Clone, Default)]
pub(super) struct Accounts {
    users: Vec<User>,
    groups: Vec<Group>,
}

#[derive(Debug, Clone)]
struct User {
    name: String,
    uid: u32,
    gid: u32,
}

#[derive(Debug, Clone)]
struct Group {
    name: String,
    gid: u32,
    members: Vec<String>,
}

impl Accounts {
    /// The accounts of the local machine. A container may have neither file.
    pub(super) fn of_machine() -> Accounts {
        let text = |path| {
            fs::read(path)
                .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
                .unwrap_or_default()
        };
        Accounts::parse(&text("/etc/passwd"), &text("/etc/group"))
    }

    /// Reads both files. Malformed lines are skipped, as the system does.
    pub(super) fn parse(passwd: &str, group: &str) -> Accounts {
        Accounts {
            users: passwd.lines().filter_map(User::parse).collect(),
            groups: group.lines().filter_map(Group::parse).collect(),
        }
    }

    /// The name of a user, if it has one.
    pub(super) fn user(&self, uid: u32) -> Option<&str> {
        self.users
            .iter()
            .find(|user| user.uid == uid)
            .map(|user| user.name.as_str())
    }

    /// The name of a group, if it has one.
    pub(super) fn group(&self, gid: u32) -> Option<&str> {
        self.groups
            .iter()
            .find(|group| group.gid == gid)
            .map(|group| group.name.as_str())
    }

    /// Whether a group is a user's own: the user's primary group, with no other member. Group 0 is root's own, although in
    /// some distributions it also has accounts without a login (`sync`, `operator`).
    pub(super) fn is_own_group(&self, uid: u32, gid: u32) -> bool {
        let owner = self.users.iter().find(|user| user.uid == uid);
        let primary = owner.map_or(gid == uid, |owner| owner.gid == gid);
        let shared = gid != 0
            && self
                .users
                .iter()
                .any(|user| user.gid == gid && user.uid != uid);
        let members = self
            .groups
            .iter()
            .filter(|group| group.gid == gid)
            .flat_map(|group| &group.members);
        let others = members
            .filter(|member| owner.is_none_or(|owner| owner.name != **member))
            .count();
        primary && !shared && others == 0
    }
}

impl User {
    fn parse(line: &str) -> Option<User> {
        let mut fields = line.split(':');
        let name = fields.next()?.to_string();
        let (uid, gid) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(User { name, uid, gid })
    }
}

impl Group {
    fn parse(line: &str) -> Option<Group> {
        let mut fields = line.split(':');
        let name = fields.next()?.to_string();
        let gid = fields.nth(1)?.parse().ok()?;
        let members = fields
            .next()
            .unwrap_or_default()
            .split(',')
            .filter(|member| !member.is_empty());
        Some(Group {
            name,
            gid,
            members: members.map(str::to_string).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\nsync:x:4:0:sync:/bin:/bin/sync\n\
        alice:x:1000:1000::/home/alice:/bin/sh\nbob:x:1001:100::/home/bob:/bin/sh\ncarol:x:1002:100::/:/bin/sh\n\
        dave:x:1003:1003::/home/dave:/bin/sh\nnot a line\n";
    const GROUP: &str =
        "root:x:0:\nusers:x:100:\nalice:x:1000:alice\ndave:x:1003:alice\nstaff:x:50:alice\n";

    #[test]
    fn a_users_private_group_is_its_own() {
        let accounts = Accounts::parse(PASSWD, GROUP);
        let own = |uid, gid| accounts.is_own_group(uid, gid);
        assert!(own(1000, 1000), "alice is the only member of alice");
        assert!(own(0, 0), "sync is no login");
        assert!(own(2000, 2000), "an account from elsewhere");
        assert!(!own(1001, 100), "users has carol, too");
        assert!(!own(1003, 1003), "alice was added to dave");
        assert!(!own(1000, 50), "staff is not alice's primary group");
        assert!(!own(2000, 2001));
    }

    #[test]
    fn roots_group_is_its_own_unless_a_user_was_added() {
        assert!(Accounts::parse("", "").is_own_group(0, 0));
        assert!(!Accounts::parse(PASSWD, "root:x:0:alice\n").is_own_group(0, 0));
    }

    #[test]
    fn names_are_found_by_number() {
        let accounts = Accounts::parse(PASSWD, GROUP);
        assert_eq!(
            (accounts.user(1001), accounts.group(50)),
            (Some("bob"), Some("staff"))
        );
        assert_eq!((accounts.user(7), accounts.group(7)), (None, None));
    }
}
