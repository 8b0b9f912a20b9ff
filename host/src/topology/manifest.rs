//! The manifest of a topology, `topology.toml`: what it is called, which library is its plugin, and which images its
//! nodes can be started from. It is data alone; node groups, arguments and hooks come from the plugin. Nothing here
//! looks at the disk, so that a manifest carried inside a library is read in the same way.

use std::collections::BTreeMap;
use std::path::PathBuf;

use toml::Spanned;

use super::table::{Rule, Table};
use crate::error::Result;

/// The name that a manifest has in its folder.
pub const FILE_NAME: &str = "topology.toml";

/// The registry that is meant when none is named; references leave it out, as the engine does.
pub const DEFAULT_REGISTRY: &str = "docker.io";

/// What `topology.toml` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// What the topology is called: lower-case letters, digits, `-` and `_`.
    pub name: String,
    /// Dotted numbers, `1.0.0`.
    pub version: String,
    /// One line for those who choose among topologies.
    pub description: String,
    /// The plugin's library is `lib<plugin>.so`.
    pub plugin: String,
    /// The folder of the plugin's crate, as written: relative to the topology's folder, and not certain to be there.
    pub source: Option<PathBuf>,
    /// What nodes are started from.
    pub images: Images,
}

/// The table `[images]`: a node's image is `REGISTRY/NAMESPACE/REPOSITORY:SYSTEM`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Images {
    /// The namespace where the user names none.
    pub namespace: String,
    /// The repository, whose tags are the operating systems.
    pub repository: String,
    /// The operating system where the user names none; either of `systems` or any tag that can be pulled.
    pub default: String,
    /// The operating systems that can be made on this machine, by tag.
    pub systems: BTreeMap<String, System>,
}

/// How the image of one operating system is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum System {
    /// Assembled from programs of this machine, without registry, download or root.
    Assembled {
        /// Names to be looked up in PATH; at least one.
        programs: Vec<String>,
    },
    /// Built by the engine from a Dockerfile.
    Built {
        /// The build context as written: relative to the topology's folder.
        context: PathBuf,
        /// The Dockerfile, relative to the context; `Dockerfile` where the manifest names none.
        dockerfile: PathBuf,
    },
}

impl Manifest {
    /// Reads the text of a manifest. Errors are of [`Kind::Usage`](crate::error::Kind::Usage), call it `shown`
    /// (normally its path as the user would type it), and show the line and the column.
    pub fn parse(text: &str, shown: &str) -> Result<Manifest> {
        let mut document = Table::parse(text, shown)?;
        document.only(&["topology", "images"])?;
        let mut topology = document.table("topology")?;
        topology.only(&["name", "version", "description", "plugin", "source"])?;
        Ok(Manifest {
            name: topology.text("name", &NAME)?,
            version: topology.text("version", &VERSION)?,
            description: topology.text("description", &LINE)?,
            plugin: topology.text("plugin", &LIBRARY)?,
            source: topology.optional_text("source", &PATH)?.map(PathBuf::from),
            images: Images::read(document.table("images")?)?,
        })
    }

    /// The reference of the image of `system`: `REGISTRY/NAMESPACE/REPOSITORY:SYSTEM`, with the manifest's namespace
    /// and Docker Hub where none is given. Docker Hub's own name is left out, `clusterdock/topology_nodebase:debian12`:
    /// so the engine lists it, and so a local image is found.
    pub fn image_ref(&self, registry: Option<&str>, namespace: Option<&str>, system: &str) -> String {
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

impl Images {
    fn read(mut table: Table<'_>) -> Result<Images> {
        // Text under a key is a setting, a table is an operating system; so a misspelt setting is no system.
        const SETTINGS: &[&str] = &["namespace", "repository", "default"];
        let systems = table.tables(SETTINGS);
        table.only(SETTINGS)?;
        Ok(Images {
            namespace: table.text("namespace", &REPOSITORY)?,
            repository: table.text("repository", &REPOSITORY)?,
            default: table.text("default", &TAG)?,
            systems: systems.into_iter().map(|(tag, table)| System::read(tag, table)).collect::<Result<_>>()?,
        })
    }
}

impl System {
    fn read(tag: Spanned<String>, mut table: Table<'_>) -> Result<(String, System)> {
        let (span, tag) = (tag.span(), tag.into_inner());
        if !(TAG.holds)(&tag) {
            let message = format!("an operating system cannot be called `{}`", tag.escape_debug());
            return Err(table.wrong(span, message, TAG.says));
        }
        table.only(&["programs", "context", "dockerfile"])?;
        let system = match (table.has("programs"), table.has("context")) {
            (true, false) if table.has("dockerfile") => Err(table.refuse(
                format!("image `{tag}` has `programs` and a `dockerfile`"),
                "a Dockerfile goes with `context`",
            )),
            (true, false) => Ok(System::Assembled { programs: table.texts("programs", &PATH)? }),
            (false, true) => Ok(System::Built {
                context: table.text("context", &PATH)?.into(),
                dockerfile: table.optional_text("dockerfile", &PATH)?.unwrap_or("Dockerfile".to_owned()).into(),
            }),
            (true, true) => {
                Err(table.refuse(format!("image `{tag}` has both `programs` and `context`"), "keep one of the two"))
            }
            (false, false) => Err(table.refuse(
                format!("image `{tag}` does not say how it is made"),
                "give `programs = [...]` (assembled from those of this machine) or `context = \"images/...\"` (a folder with \
                 a Dockerfile); an image that is only ever pulled needs no table",
            )),
        }?;
        Ok((tag, system))
    }
}

const NAME: Rule = Rule {
    holds: |text| {
        text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_')
    },
    says: "a topology's name is made of lower-case letters, digits, `-` and `_`, and begins with a letter or a digit",
};

const VERSION: Rule = Rule {
    holds: |text| text.split('.').all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit())),
    says: "a version is made of numbers with dots between them, `1.0.0`",
};

const LINE: Rule = Rule {
    holds: |text| !text.trim().is_empty() && !text.contains(char::is_control),
    says: "write one line that says what the topology gives",
};

const LIBRARY: Rule = Rule {
    holds: |text| {
        text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    },
    says: "write what stands between `lib` and `.so` in the library's name: letters, digits and `_` \
           (the crate `my-topology` compiles to `libmy_topology.so`, so its plugin is `my_topology`)",
};

const PATH: Rule = Rule {
    holds: |text| !text.trim().is_empty() && !text.contains(char::is_control),
    says: "it has to name something",
};

/// Docker's grammar for the parts of a repository's path: letters and digits, and one separator at a time.
const REPOSITORY: Rule = Rule {
    holds: |text| {
        let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let separates = |between: &str| matches!(between, "" | "." | "_" | "__") || between.chars().all(|c| c == '-');
        text.split('/')
            .all(|part| part.starts_with(letter) && part.ends_with(letter) && part.split(letter).all(separates))
    },
    says: "Docker wants lower-case letters and digits here, with `.`, `_` or `-` between them",
};

/// Docker's grammar for a tag.
const TAG: Rule = Rule {
    holds: |text| {
        text.len() <= 128
            && text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
    },
    says: "it becomes an image's tag: letters, digits, `_`, `.` and `-`, beginning with a letter, a digit or `_`",
};

#[cfg(test)]
mod tests;
