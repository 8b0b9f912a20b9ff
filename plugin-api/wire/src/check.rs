//! Whether a declaration can become a command line: the only check, used when a library is loaded and by the test kit
//! of topologies. Clap panics on an invalid argument, so everything that it asserts is checked here too.

use std::collections::BTreeMap;

use crate::value::{range, whole};
use crate::{host_name, Arg, ArgKind, Declaration, DefaultNodes, Group, Hook, Verb};

/// The most arguments, groups, verbs or choices: more than anyone reads in a help text.
const MAX_COUNT: usize = 256;

/// The longest name of an argument or group, and of a value in help.
const LONGEST_NAME: usize = 64;

/// The longest help, default, choice or pattern.
const LONGEST_TEXT: usize = 4096;

impl Declaration {
    /// Checks the declaration.
    ///
    /// # Errors
    /// The first problem, which names the argument, group or verb.
    pub fn check(&self) -> Result<(), String> {
        let Declaration {
            groups,
            args,
            hooks,
            verbs,
        } = self;
        check_count("node groups", groups.len())?;
        check_count("arguments", args.len())?;
        check_count("verbs", verbs.len())?;
        groups.iter().try_for_each(check_group)?;
        args.iter().try_for_each(check_arg)?;
        check_names(groups, &self.start_args())?;
        check_names(groups, &self.build_args())?;
        check_order(groups)?;
        check_hooks(hooks)?;
        if self.has(Hook::Build) {
            args.iter().try_for_each(check_commands)?;
        }
        check_verbs(verbs)
    }
}

fn check_count(what: &str, count: usize) -> Result<(), String> {
    if count > MAX_COUNT {
        return Err(format!(
            "it declares {count} {what}, at most {MAX_COUNT} are allowed"
        ));
    }
    Ok(())
}

/// Checks that all flags of a command differ, and their environment variables too.
fn check_names(groups: &[Group], args: &[Arg]) -> Result<(), String> {
    let groups = groups
        .iter()
        .map(|group| ("node group", group.name.as_str()));
    let args = args.iter().map(|arg| ("argument", arg.name.as_str()));
    let mut seen: BTreeMap<String, (&str, &str)> = BTreeMap::new();
    for (what, name) in groups.chain(args) {
        let variable = name.to_uppercase().replace('-', "_");
        let Some((other, same)) = seen.insert(variable, (what, name)) else {
            continue;
        };
        return Err(match (other == what, same == name) {
            (true, true) => format!("{what} `{name}` is declared twice"),
            (false, true) => format!("`{name}` is both a {other} and an {what}"),
            _ => format!("`{same}` and `{name}` become the same environment variable"),
        });
    }
    Ok(())
}

/// Checks that an argument which only one of the two commands has is optional, since the other never sets it.
fn check_commands(arg: &Arg) -> Result<(), String> {
    if !arg.required || arg.start == arg.build {
        return Ok(());
    }
    let missing = if arg.start { "build" } else { "start" };
    Err(format!(
        "argument `{}` is required, but `{missing}` does not have it: it needs a default, or both commands",
        arg.name
    ))
}

fn check_group(group: &Group) -> Result<(), String> {
    let Group {
        name,
        help,
        nodes,
        min,
        max,
        ..
    } = group;
    check_name("node group", name)?;
    let fault = |why: String| Err(format!("node group `{name}` {why}"));
    if let Err(why) = check_text(help) {
        return fault(format!("has a help that {why}"));
    }
    if let Some(max) = max.filter(|max| max < min) {
        return fault(format!(
            "requires at least {min} nodes, but allows at most {max}"
        ));
    }
    match nodes {
        // The user has to name them.
        DefaultNodes::Named(names) if names.is_empty() => return Ok(()),
        DefaultNodes::Sized { prefix, .. } => {
            if let Err(why) = host_name::check_label(&format!("{prefix}-1")) {
                return fault(format!("has the prefix `{prefix}`: {why}"));
            }
        }
        DefaultNodes::Named(_) => {}
    }
    match group.default_names() {
        Err(why) => fault(format!("has invalid default nodes: {why}")),
        Ok(_) => Ok(()),
    }
}

/// Checks that the order between groups names other groups and has no circle.
fn check_order(groups: &[Group]) -> Result<(), String> {
    for group in groups {
        let name = &group.name;
        for other in &group.after {
            if !groups.iter().any(|group| group.name == *other) {
                return Err(format!(
                    "node group `{name}` is after `{other}`, which is not a node group"
                ));
            }
        }
        let mut reached = group.after.clone();
        let mut at = 0;
        while at < reached.len() {
            if reached[at] == *name {
                return Err(format!("node group `{name}` is after itself"));
            }
            let next = groups.iter().find(|group| group.name == reached[at]);
            for other in next.into_iter().flat_map(|group| &group.after) {
                if !reached.contains(other) {
                    reached.push(other.clone());
                }
            }
            at += 1;
        }
    }
    Ok(())
}

fn check_hooks(hooks: &[Hook]) -> Result<(), String> {
    for (at, hook) in hooks.iter().enumerate() {
        if *hook == Hook::Verb {
            return Err("hook `verb` is declared; verbs are declared by name".into());
        }
        if hooks[..at].contains(hook) {
            return Err(format!("hook `{hook}` is declared twice"));
        }
    }
    Ok(())
}

fn check_verbs(verbs: &[Verb]) -> Result<(), String> {
    for (at, Verb { name, help, args }) in verbs.iter().enumerate() {
        check_name("verb", name)?;
        if verbs[..at].iter().any(|verb| verb.name == *name) {
            return Err(format!("verb `{name}` is declared twice"));
        }
        let of_verb = |why: String| format!("verb `{name}`: {why}");
        check_text(help).map_err(|why| of_verb(format!("its help {why}")))?;
        check_count("arguments", args.len()).map_err(of_verb)?;
        args.iter().try_for_each(check_arg).map_err(of_verb)?;
        check_names(&[], args).map_err(of_verb)?;
    }
    Ok(())
}

fn check_arg(arg: &Arg) -> Result<(), String> {
    let name = &arg.name;
    check_name("argument", name)?;
    check_texts(arg)
        .and_then(|()| check_kind(arg))
        .and_then(|()| check_choices(arg))
        .map_err(|why| format!("argument `{name}` {why}"))?;
    arg.default_value()
        .map(drop)
        .map_err(|why| format!("argument `{name}` has an invalid default: {why}"))
}

fn check_texts(arg: &Arg) -> Result<(), String> {
    let texts = [("help", &arg.help), ("metavar", &arg.metavar)].into_iter();
    let texts = texts
        .chain(arg.default.iter().map(|text| ("default", text)))
        .chain(arg.pattern.iter().map(|text| ("pattern", text)))
        .chain(arg.range.iter().map(|text| ("range", text)))
        .chain(arg.choices.iter().map(|text| ("choice", text)));
    for (what, text) in texts {
        check_text(text).map_err(|why| format!("has a {what} that {why}"))?;
    }
    if arg.metavar.chars().count() > LONGEST_NAME || arg.metavar.contains('\n') {
        return Err(format!(
            "has a metavar that is not one line of at most {LONGEST_NAME} characters"
        ));
    }
    Ok(())
}

/// Checks that the argument has only what its kind can have.
fn check_kind(arg: &Arg) -> Result<(), String> {
    use ArgKind::{Choice, Flag, List, Map, Path, Secret, Text};
    let kind = arg.kind;
    if !arg.start && !arg.build {
        return Err("is an argument of no command".into());
    }
    if kind == Flag && (arg.required || arg.default.is_some()) {
        return Err(
            "is a flag, which has no value: it cannot be required or have a default".into(),
        );
    }
    if kind == Secret && arg.default.is_some() {
        return Err("is a secret with a default, which everybody can read".into());
    }
    if kind == Choice && arg.choices.is_empty() {
        return Err("is a choice without choices".into());
    }
    if matches!(kind, Flag | Secret | Map | Path) && !arg.choices.is_empty() {
        return Err(format!("is a {} with choices", kind.name()));
    }
    if let Some(range) = &arg.range {
        range::parse(kind, range).map_err(|why| format!("has an {why}"))?;
    }
    if let Some(pattern) = &arg.pattern {
        if !matches!(kind, Text | Secret | List | Path) {
            return Err(format!("is a {} with a pattern", kind.name()));
        }
        whole(pattern).map_err(|why| format!("has an {why}"))?;
    }
    Ok(())
}

/// Checks that choices differ and can be typed.
fn check_choices(arg: &Arg) -> Result<(), String> {
    if arg.choices.len() > MAX_COUNT {
        return Err(format!(
            "has {} choices, at most {MAX_COUNT} are allowed",
            arg.choices.len()
        ));
    }
    for (at, choice) in arg.choices.iter().enumerate() {
        if choice.trim().is_empty() {
            return Err("has an empty choice".into());
        }
        if arg.choices[..at].contains(choice) {
            return Err(format!("has the choice `{choice}` twice"));
        }
        if arg.kind == ArgKind::List && choice.contains(',') {
            return Err(format!(
                "is a list, whose values are separated by commas, and has the choice `{choice}`"
            ));
        }
        arg.parse(&[choice])
            .map_err(|why| format!("has the choice `{choice}`, which is invalid: {why}"))?;
    }
    Ok(())
}

/// Checks a name, which becomes a flag and, in capitals, an environment variable.
fn check_name(what: &str, name: &str) -> Result<(), String> {
    let shown: String = name.chars().take(LONGEST_NAME).collect();
    let fault = |why: &str| {
        Err(format!(
            "invalid {what} name `{}`: {why}",
            shown.escape_debug()
        ))
    };
    if name.is_empty() {
        return Err(format!("empty {what} name"));
    }
    if name.len() > LONGEST_NAME {
        return fault("it is longer than 64 characters");
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) || !name.chars().all(is_plain) {
        return fault("it must begin with a letter and may contain letters, digits, `-` and `_`");
    }
    if name == "help" || name.starts_with("clusterdock-") {
        return fault("it is reserved for clusterdock");
    }
    Ok(())
}

/// Checks a text that is printed to the terminal unchanged.
fn check_text(text: &str) -> Result<(), String> {
    if text.len() > LONGEST_TEXT {
        return Err(format!(
            "is {} bytes long, at most {LONGEST_TEXT} are allowed",
            text.len()
        ));
    }
    match text
        .chars()
        .find(|c| c.is_control() && *c != '\n' && *c != '\t')
    {
        Some(control) => Err(format!(
            "contains the control character `{}`",
            control.escape_debug()
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
