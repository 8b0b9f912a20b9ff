//! Host names that a node can have.

/// Names that /etc/hosts of every machine and container assigns to local addresses.
const LOCAL_NAMES: [&str; 7] = [
    "localhost",
    "ip6-localhost",
    "ip6-loopback",
    "ip6-localnet",
    "ip6-mcastprefix",
    "ip6-allnodes",
    "ip6-allrouters",
];

/// Why a name cannot be a host name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The reason.
    pub why: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Fault {
    /// The reason and the advice as one text.
    pub fn of(&self, name: &str) -> String {
        let hint = self.hint.iter().map(|hint| format!("; {hint}"));
        format!("invalid host name `{name}`: {}", self.why) + &hint.collect::<String>()
    }
}

/// Checks a host name: one label of at most 63 letters, digits and hyphens that every resolver looks up.
///
/// # Errors
/// Why it is not one.
pub fn check(name: &str) -> Result<(), Fault> {
    check_label(name).map_err(|why| Fault { why, hint: None })?;
    if is_number(name) {
        return Err(Fault {
            why: "resolvers read it as an address, not as a name".into(),
            hint: Some(format!("begin it with a letter, e.g. `node-{name}`")),
        });
    }
    if LOCAL_NAMES.contains(&name) {
        return Err(Fault {
            why: "it always refers to the machine itself".into(),
            hint: Some("choose another host name".into()),
        });
    }
    Ok(())
}

/// Whether a part of a name is a number to inet_aton: decimal, octal (`017`) or hexadecimal (`0x7f`). One to four numbers
/// are an address, so a name is looked up only if one part is not a number, and a host name, which is checked by itself,
/// must not be one. Numbers that are too large, or octal ones with an 8, count too: some resolvers and all browsers refuse
/// them instead of looking them up.
pub fn is_number(label: &str) -> bool {
    match label.strip_prefix("0x") {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => label.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

/// Checks a label of a domain name.
///
/// # Errors
/// Why it is not one.
pub fn check_label(label: &str) -> Result<(), String> {
    if label.is_empty() {
        return Err("it is empty, or has an empty part".into());
    }
    if label.len() > 63 {
        return Err(format!(
            "`{label}` has {} characters; at most 63 are allowed between dots",
            label.len()
        ));
    }
    if let Some(bad) = label
        .chars()
        .find(|c| !c.is_ascii_lowercase() && !c.is_ascii_digit() && *c != '-')
    {
        return Err(format!(
            "`{bad}` is not allowed; use lower-case letters, digits and hyphens"
        ));
    }
    if label.starts_with('-') || label.ends_with('-') {
        return Err("it begins or ends with a hyphen".into());
    }
    Ok(())
}
