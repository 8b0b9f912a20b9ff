//! The manifest of a topology, `topology.toml`: its name, the library of its plugin, and the images of its nodes. Node
//! groups, arguments and hooks come from the plugin. This module reads no files, so that a manifest inside a library is
//! parsed in the same way.

mod rule;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};

use crate::error::{Error, Kind};

/// File name of a manifest.
pub const FILE_NAME: &str = "topology.toml";

/// The default registry, which references omit, as the engine does.
pub const DEFAULT_REGISTRY: &str = "docker.io";

/// A parsed `topology.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Name of lower-case letters, digits, `-` and `_`.
    pub name: String,
    /// Dotted numbers, e.g. `1.0.0`.
    pub version: String,
    /// One line for lists of topologies.
    pub description: String,
    /// The plugin's library is `lib<plugin>.so`.
    pub plugin: String,
    /// The folder of the plugin's crate, as written: relative to the topology's folder, and possibly missing.
    pub source: Option<PathBuf>,
    /// The images of nodes.
    pub images: Images,
}

/// The table `[images]`: a node's image is `REGISTRY/NAMESPACE/REPOSITORY:SYSTEM`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Images {
    /// Default namespace.
    pub namespace: String,
    /// The repository, whose tags are the operating systems.
    pub repository: String,
    /// Default operating system: one of `systems` or any tag that can be pulled.
    pub default: String,
    /// The operating systems that can be assembled or built locally, by tag.
    pub systems: BTreeMap<String, System>,
}

/// How the image of an operating system is created locally.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "SystemTable")]
pub enum System {
    /// Assembled from programs of the local machine, without registry, download or root.
    Assembled {
        /// Command names; at least one.
        programs: Vec<String>,
    },
    /// Built by the engine from a Dockerfile.
    Built {
        /// The build context, as written: relative to the topology's folder.
        context: PathBuf,
        /// The Dockerfile, relative to the context; by default `Dockerfile`.
        dockerfile: PathBuf,
    },
}

impl Manifest {
    /// Parses the text of a manifest, called `shown` in errors (normally its path as the user would type it).
    ///
    /// # Errors
    /// [`Kind::Usage`] with line and column.
    pub fn parse(text: &str, shown: &str) -> crate::error::Result<Manifest> {
        let document: Document = toml::from_str(text).map_err(|error| {
            let place = error
                .span()
                .map(|span| position(text, span.start))
                .unwrap_or_default();
            Error::new(Kind::Usage, format!("invalid manifest `{shown}{place}`"))
                .cause(error.to_string().trim_end())
                .hint("see `Write a topology` in the README for an example")
        })?;
        let Document { topology, images } = document;
        let TopologyTable {
            name,
            version,
            description,
            plugin,
            source,
        } = topology;
        Ok(Manifest {
            name,
            version,
            description,
            plugin,
            source,
            images,
        })
    }

    /// The image reference of `system`, `REGISTRY/NAMESPACE/REPOSITORY:SYSTEM`, by default with the manifest's namespace
    /// and Docker Hub. The name of Docker Hub is omitted, e.g. `clusterdock/topology_nodebase:debian12`: that is how the
    /// engine lists local images.
    pub fn image_ref(
        &self,
        registry: Option<&str>,
        namespace: Option<&str>,
        system: &str,
    ) -> String {
        let namespace = namespace.unwrap_or(&self.images.namespace);
        let repository = &self.images.repository;
        match registry {
            None | Some(DEFAULT_REGISTRY) => format!("{namespace}/{repository}:{system}"),
            Some(registry) => format!("{registry}/{namespace}/{repository}:{system}"),
        }
    }

    /// The file name of the plugin's library, `lib<plugin>.so`.
    pub fn library_name(&self) -> String {
        format!("lib{}.so", self.plugin)
    }
}

/// `:LINE:COLUMN` of a byte, which editors and terminals understand after a path.
fn position(text: &str, byte: usize) -> String {
    let before = &text[..text.floor_char_boundary(byte)];
    let line = before.rsplit('\n').next().unwrap_or_default();
    format!(
        ":{}:{}",
        before.matches('\n').count() + 1,
        line.chars().count() + 1
    )
}

/// The document as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    topology: TopologyTable,
    images: Images,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TopologyTable {
    #[serde(deserialize_with = "name")]
    name: String,
    #[serde(deserialize_with = "version")]
    version: String,
    #[serde(deserialize_with = "line")]
    description: String,
    #[serde(deserialize_with = "library")]
    plugin: String,
    #[serde(default, deserialize_with = "optional_path")]
    source: Option<PathBuf>,
}

impl<'de> Deserialize<'de> for Images {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Images, D::Error> {
        deserializer.deserialize_map(ImagesTable)
    }
}

/// Parses `[images]`, where strings are settings and tables are operating systems. Written by hand, since serde's
/// `flatten` would lose the line of an error.
struct ImagesTable;

impl<'de> Visitor<'de> for ImagesTable {
    type Value = Images;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a table `[images]`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Images, A::Error> {
        let mut namespace = None;
        let mut repository = None;
        let mut default = None;
        let mut systems = BTreeMap::new();
        while let Some(key) = entries.next_key_seed(&rule::TAG)? {
            match key.as_str() {
                "namespace" => namespace = Some(entries.next_value_seed(&rule::REPOSITORY)?),
                "repository" => repository = Some(entries.next_value_seed(&rule::REPOSITORY)?),
                "default" => default = Some(entries.next_value_seed(&rule::TAG)?),
                _ => drop(systems.insert(key, entries.next_value()?)),
            }
        }
        Ok(Images {
            namespace: namespace.ok_or_else(|| A::Error::missing_field("namespace"))?,
            repository: repository.ok_or_else(|| A::Error::missing_field("repository"))?,
            default: default.ok_or_else(|| A::Error::missing_field("default"))?,
            systems,
        })
    }
}

#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table such as `[images.debian12]`; the settings of `[images]` are `namespace`, `repository`, `default`"
)]
struct SystemTable {
    #[serde(default, deserialize_with = "optional_paths")]
    programs: Option<Vec<String>>,
    #[serde(default, deserialize_with = "optional_path")]
    context: Option<PathBuf>,
    #[serde(default, deserialize_with = "optional_path")]
    dockerfile: Option<PathBuf>,
}

impl TryFrom<SystemTable> for System {
    type Error = &'static str;

    fn try_from(table: SystemTable) -> Result<System, &'static str> {
        match (table.programs, table.context, table.dockerfile) {
            (Some(_), Some(_), _) => {
                Err("both `programs` and `context` are set; keep one of the two")
            }
            (Some(_), None, Some(_)) => Err("`dockerfile` requires `context`, not `programs`"),
            (Some(programs), None, None) if programs.is_empty() => {
                Err("`programs` is empty; name at least one")
            }
            (Some(programs), None, None) => Ok(System::Assembled { programs }),
            (None, Some(context), dockerfile) => Ok(System::Built {
                context,
                dockerfile: dockerfile.unwrap_or_else(|| "Dockerfile".into()),
            }),
            (None, None, _) => Err(
                "missing `programs` (assembled from programs of the local machine) or `context` (a \
                 folder with a Dockerfile); an image that is only pulled needs no table",
            ),
        }
    }
}

fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    rule::NAME.deserialize(deserializer)
}

fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    rule::VERSION.deserialize(deserializer)
}

fn line<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    rule::LINE.deserialize(deserializer)
}

fn library<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    rule::LIBRARY.deserialize(deserializer)
}

fn optional_path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    Ok(Some(rule::PATH.deserialize(deserializer)?.into()))
}

fn optional_paths<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<String>>, D::Error> {
    let paths = Vec::<String>::deserialize(deserializer)?;
    paths.iter().try_for_each(|path| rule::PATH.check(path))?;
    Ok(Some(paths))
}

#[cfg(test)]
mod tests;
