//! The arguments of a topology: what is declared, and the values that the user typed.

use std::collections::BTreeMap;

use crate::wire::{self, ArgKind};
use crate::{ArgValue, Error, Result};

/// The arguments of a topology or of a verb as a type. Derive it with `#[derive(Args)]`; implement it by hand to declare
/// arguments that are only known when the library is loaded.
///
/// ```
/// use clusterdock_plugin_api::{Arg, Arguments, Result, Values};
///
/// /// A switch for each of a list of features.
/// struct Features(Vec<&'static str>);
///
/// const FEATURES: [&str; 2] = ["tls", "metrics"];
///
/// impl Arguments for Features {
///     fn declare() -> Vec<Arg> {
///         FEATURES.into_iter().map(|name| Arg::of::<bool>(name).help(format!("Enable {name}"))).collect()
///     }
///
///     fn read(values: &Values) -> Result<Features> {
///         let mut chosen = Vec::new();
///         for name in FEATURES {
///             if values.get(name)? {
///                 chosen.push(name);
///             }
///         }
///         Ok(Features(chosen))
///     }
/// }
/// ```
///
/// `()` stands for no arguments. Since 1.0.
pub trait Arguments: Sized + Send + Sync + 'static {
    /// The arguments, in the order in which help lists them. Called when the library is loaded, and must not depend on
    /// anything external. Names that are used twice, defaults that are out of range and the like are refused then, with
    /// the names of topology and argument (exit code 9).
    fn declare() -> Vec<Arg>;

    /// The values for a request. Called before every method of the topology that has them.
    ///
    /// # Errors
    /// Whatever is wrong with them as a whole; nothing has been created yet.
    fn read(values: &Values) -> Result<Self>;
}

impl Arguments for () {
    fn declare() -> Vec<Arg> {
        Vec::new()
    }

    fn read(_: &Values) -> Result<()> {
        Ok(())
    }
}

/// The declaration of an argument, `--NAME`.
///
/// ```
/// use clusterdock_plugin_api::{Arg, Port, Size};
///
/// Arg::of::<Port>("client-port").default(2379).range("1024..").help("Port for clients");
/// Arg::of::<Size>("heap").default("512m").metavar("SIZE").help("Heap of a broker");
/// Arg::of::<String>("java").choices(["8", "11", "17"]).default("17").build().help("Version of Java");
/// ```
///
/// Since 1.0.
#[derive(Debug, Clone, PartialEq)]
pub struct Arg(pub(crate) wire::Arg);

impl Arg {
    /// An argument whose values have this type. It is required unless the type is a `bool`, `Option`, `Vec` or `BTreeMap`,
    /// or there is a [`default`](Arg::default).
    pub fn of<T: ArgValue>(name: impl Into<String>) -> Arg {
        let mut arg = T::arg();
        arg.0.name = name.into();
        arg
    }

    pub(crate) fn new(kind: ArgKind) -> Arg {
        Arg(wire::Arg {
            kind,
            required: true,
            start: true,
            ..wire::Arg::default()
        })
    }

    /// Sets the help text, an imperative fragment or a noun without a full stop.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Arg {
        self.0.help = help.into();
        self
    }

    /// Sets the default value, as the user would type it. Help shows it, except that of a secret.
    #[must_use]
    pub fn default(mut self, default: impl ToString) -> Arg {
        self.0.default = Some(default.to_string());
        self.0.required = false;
        self
    }

    /// Sets the smallest and the largest value, as the user would type them: `1..=9`, `50ms..=50s`, `1024..`, `..=1g`. For
    /// integers, ports, durations and sizes.
    #[must_use]
    pub fn range(mut self, range: impl Into<String>) -> Arg {
        self.0.range = Some(range.into());
        self
    }

    /// Sets a regular expression that the whole value matches, or each of a list. For texts, secrets, paths and lists.
    #[must_use]
    pub fn pattern(mut self, pattern: impl Into<String>) -> Arg {
        self.0.pattern = Some(pattern.into());
        self
    }

    /// Sets the allowed values. For texts and lists; an enum with `#[derive(Choice)]` has its own.
    #[must_use]
    pub fn choices<S: Into<String>>(mut self, choices: impl IntoIterator<Item = S>) -> Arg {
        self.0.choices = choices.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the placeholder of the value in help. Default: from the kind.
    #[must_use]
    pub fn metavar(mut self, metavar: impl Into<String>) -> Arg {
        self.0.metavar = metavar.into();
        self
    }

    /// Makes it also an argument of `clusterdock build`, which passes it to the manifest's Dockerfiles too: `java-version`
    /// as `ARG JAVA_VERSION`.
    #[must_use]
    pub fn build(mut self) -> Arg {
        self.0.build = true;
        self
    }

    /// Makes it an argument of `clusterdock build` alone, see [`build`](Arg::build). For a start it has its default.
    #[must_use]
    pub fn build_only(mut self) -> Arg {
        self.0.build = true;
        self.0.start = false;
        self
    }
}

/// The values of a request, for [`Arguments::read`]. They fit the declaration: the host has checked them. Since 1.0.
#[derive(Debug, Clone, Default)]
pub struct Values(BTreeMap<String, wire::Value>);

impl Values {
    /// The values of declared arguments, with the defaults of those that are missing.
    pub(crate) fn new(
        given: &BTreeMap<String, wire::Value>,
        declared: &[wire::Arg],
    ) -> Result<Values> {
        let mut values = given.clone();
        for arg in declared {
            if !values.contains_key(&arg.name) {
                let default = arg.default_value().map_err(|why| {
                    Error::new(format!("invalid default for `--{}`", arg.name)).cause(why)
                })?;
                if let Some(default) = default {
                    values.insert(arg.name.clone(), default);
                }
            }
        }
        Ok(Values(values))
    }

    /// The value of an argument.
    ///
    /// # Errors
    /// It is not declared with this type, or it was not given and has no default.
    pub fn get<T: ArgValue>(&self, name: &str) -> Result<T> {
        let value = self.0.get(name);
        T::read(value).ok_or_else(|| match value {
            Some(_) => Error::new(format!(
                "argument `--{name}` is not declared with this type"
            )),
            None => Error::new(format!("argument `--{name}` was not given")),
        })
    }
}
