//! Reads the user's wishes. What stands before the first `=` is a scope if it is the name of a node, of a group, or `all`:
//! only the nodes of the request can tell `web=A=1` from a variable called `web`.

use std::path::{Path, PathBuf};

use clusterdock_plugin_wire::{RequestedNode, Settings, Volume, VolumeSource};

use super::wish::{Scope, Surroundings, Wish, WishTexts};
use crate::did_you_mean::nearest;
use crate::engine::reference;
use crate::error::{Error, Kind, Result};
use crate::plan::settings;

/// The scope of wishes for all nodes, which is only needed if a name is also that of a node or group.
const ALL: &str = "all";

/// Reads all wishes, in the order of the flags.
pub(super) fn read(
    texts: &WishTexts,
    surroundings: &Surroundings<'_>,
) -> Result<Vec<(Scope, Wish)>> {
    let all = [
        (Flag::Volume, &texts.volumes),
        (Flag::Env, &texts.variables),
        (Flag::Image, &texts.images),
        (Flag::Label, &texts.labels),
    ];
    let mut wishes = Vec::new();
    for (flag, texts) in all {
        let reader = Reader { flag, surroundings };
        for text in texts {
            wishes.push(reader.read(text)?);
        }
    }
    Ok(wishes)
}

#[derive(Debug, Clone, Copy)]
enum Flag {
    Volume,
    Env,
    Image,
    Label,
}

impl Flag {
    fn name(self) -> &'static str {
        match self {
            Flag::Volume => "volume",
            Flag::Env => "env",
            Flag::Image => "image",
            Flag::Label => "label",
        }
    }
}

/// Reads the values of one flag.
struct Reader<'a> {
    flag: Flag,
    surroundings: &'a Surroundings<'a>,
}

impl Reader<'_> {
    fn read(&self, text: &str) -> Result<(Scope, Wish)> {
        match self.flag {
            Flag::Volume => self.volume(text),
            Flag::Env => self.variable(text),
            Flag::Image => self.image(text),
            Flag::Label => self.label(text),
        }
    }

    fn volume(&self, text: &str) -> Result<(Scope, Wish)> {
        let (scope, rest) = self.without_name(text, &['/', ':'])?;
        let volume = volume(rest, self.surroundings.folder).map_err(|why| self.invalid(why))?;
        let settings = Settings {
            volumes: vec![volume.clone()],
            ..Settings::default()
        };
        self.check(&settings)?;
        Ok((scope, Wish::Volume(volume)))
    }

    fn image(&self, text: &str) -> Result<(Scope, Wish)> {
        let (scope, image) = self.without_name(text, &[])?;
        reference::check_image(image)
            .map_err(|why| self.invalid(format!("invalid image reference `{image}`: {why}")))?;
        Ok((scope, Wish::Image(image.into())))
    }

    fn variable(&self, text: &str) -> Result<(Scope, Wish)> {
        let (scope, name, value) = self.named(text, "variable")?;
        let settings = Settings {
            environment: [(name.clone(), value.clone())].into(),
            ..Settings::default()
        };
        self.check(&settings)?;
        Ok((scope, Wish::Variable(name, value)))
    }

    fn label(&self, text: &str) -> Result<(Scope, Wish)> {
        let (scope, name, value) = self.named(text, "label")?;
        let settings = Settings {
            labels: [(name.clone(), value.clone())].into(),
            ..Settings::default()
        };
        self.check(&settings)?;
        Ok((scope, Wish::Label(name, value)))
    }

    /// Scope and value of a text whose value has no `=` before one of `ends`, so that a scope is known as such.
    fn without_name<'t>(&self, text: &'t str, ends: &[char]) -> Result<(Scope, &'t str)> {
        match text.split_once('=') {
            Some((name, rest)) if !name.contains(ends) => match self.scope(name)? {
                Some(scope) => Ok((scope, rest)),
                None => Err(self.unknown(name)),
            },
            _ => Ok((Scope::All, text)),
        }
    }

    /// Scope, name and value of `[SCOPE=]NAME=VALUE`.
    fn named(&self, text: &str, what: &str) -> Result<(Scope, String, String)> {
        let (first, rest) = text
            .split_once('=')
            .ok_or_else(|| self.invalid(format!("`{text}` has no value: expected NAME=VALUE")))?;
        let inner = rest.split_once('=');
        let (scope, name, value) = match (self.scope(first)?, inner) {
            (Some(scope), Some((name, value))) => (scope, name, value),
            (Some(_), None) => {
                let why = format!("`{first}` is a scope: expected {first}=NAME=VALUE");
                let hint = format!(
                    "for a {what} called `{first}` on all nodes, write {ALL}={first}=VALUE"
                );
                return Err(self.invalid(why).hint(hint));
            }
            (None, Some(_)) if self.nearest(first).is_some() => {
                let hint = format!(
                    "for a {what} called `{first}` on all nodes, write {ALL}={first}=VALUE"
                );
                return Err(self.unknown(first).hint(hint));
            }
            (None, _) => (Scope::All, first, rest),
        };
        if name.is_empty() {
            return Err(self.invalid(format!("a {what} has no name: expected NAME=VALUE")));
        }
        if value.contains('\0') || name.contains('\0') {
            return Err(self.invalid(format!("the {what} contains a zero byte")));
        }
        Ok((scope, name.into(), value.into()))
    }

    /// The nodes that a name stands for.
    fn scope(&self, name: &str) -> Result<Option<Scope>> {
        let nodes = self.surroundings.nodes;
        let node = nodes
            .iter()
            .find(|node| node.hostname == name || node.fqdn == name);
        let is_group = self.surroundings.groups.contains(&name);
        match node {
            Some(node) if is_group && !is_only_node_of(nodes, node, name) => {
                Err(self.ambiguous(name, node))
            }
            Some(node) => Ok(Some(Scope::Node(node.hostname.clone()))),
            None if is_group => Ok(Some(Scope::Group(name.into()))),
            None => Ok((name == ALL).then_some(Scope::All)),
        }
    }

    fn nearest(&self, name: &str) -> Option<&str> {
        let nodes = self.surroundings.nodes.iter();
        let names = nodes.flat_map(|node| [&*node.hostname, &*node.fqdn]);
        let names = names.chain(self.surroundings.groups.iter().copied());
        nearest(name, names.chain([ALL]))
    }

    fn ambiguous(&self, name: &str, node: &RequestedNode) -> Error {
        let others = self.surroundings.nodes.iter();
        let others = others.filter(|one| one.group == name);
        let others: Vec<&str> = others.map(|node| &*node.hostname).collect();
        self.invalid(format!("`{name}` is both a node and a group"))
            .hint(format!(
                "use the FQDN `{}` for the node; name the nodes of the group one by one: {}",
                node.fqdn,
                others.join(", ")
            ))
    }

    fn unknown(&self, name: &str) -> Error {
        let error = self.invalid(format!("no node or group `{name}`"));
        let meant = self.nearest(name);
        let error = match meant {
            Some(meant) => error.cause(format!("did you mean `{meant}`?")),
            None => error,
        };
        let mut known: Vec<&str> = self.surroundings.groups.to_vec();
        known.extend(self.surroundings.nodes.iter().map(|node| &*node.hostname));
        match meant {
            Some(_) => error,
            None => error.hint(format!("the groups and nodes are {}", known.join(", "))),
        }
    }

    fn check(&self, settings: &Settings) -> Result<()> {
        match settings::problem(settings) {
            None => Ok(()),
            Some((_, why)) => Err(self.invalid(why)),
        }
    }

    fn invalid(&self, why: String) -> Error {
        Error::new(
            Kind::Usage,
            format!("invalid value for `--{}`", self.flag.name()),
        )
        .cause(why)
    }
}

/// Whether a group consists of this node, so that it does not matter which of the two a name means.
fn is_only_node_of(nodes: &[RequestedNode], node: &RequestedNode, group: &str) -> bool {
    let mut members = nodes.iter().filter(|one| one.group == group);
    members.all(|one| one.hostname == node.hostname) && node.group == group
}

/// `[SOURCE:]TARGET[:ro|:rw]`, as Docker reads it; a relative source begins at `folder`.
fn volume(text: &str, folder: Option<&Path>) -> Result<Volume, String> {
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, mode) = match parts[..] {
        [target] => (None, target, "rw"),
        [source, target] => (Some(source), target, "rw"),
        [source, target, mode] => (Some(source), target, mode),
        _ => {
            return Err(format!(
                "`{text}` has too many colons: expected SOURCE:TARGET"
            ));
        }
    };
    let volume = match source {
        None => Volume::anonymous(target),
        Some(source) => Volume {
            source: volume_source(source, folder)?,
            ..Volume::anonymous(target)
        },
    };
    match mode {
        "rw" => Ok(volume),
        "ro" => Ok(volume.read_only()),
        other => Err(format!("unknown option `{other}`: expected ro or rw")),
    }
}

fn volume_source(source: &str, folder: Option<&Path>) -> Result<VolumeSource, String> {
    if source.starts_with('/') {
        return Ok(VolumeSource::Bind(source.into()));
    }
    if source.starts_with('~') {
        return Err(format!(
            "the shell did not expand `{source}`: write an absolute path"
        ));
    }
    if !source.starts_with('.') && !source.contains('/') {
        return Ok(VolumeSource::Named(source.into()));
    }
    if !source.starts_with('.') {
        return Err(format!(
            "`{source}` is neither a path nor a volume name: for a folder, write ./{source}"
        ));
    }
    let Some(folder) = folder else {
        return Err(format!(
            "`{source}` is a relative path, and the engine is remote: write an absolute path of its machine"
        ));
    };
    // Without the `.` components.
    let path: PathBuf = folder.join(source).components().collect();
    match path.to_str() {
        Some(path) => Ok(VolumeSource::Bind(path.into())),
        None => Err(format!("`{}` is not UTF-8", path.display())),
    }
}
