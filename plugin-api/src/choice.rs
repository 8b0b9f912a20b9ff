//! Enums as the values of an argument.

/// An enum whose variants are the values of an argument. Derive it; the values are the names of the variants with dashes.
///
/// ```
/// use clusterdock_plugin_api::{Args, Choice};
///
/// #[derive(Debug, Clone, Copy, PartialEq, Choice)]
/// enum Mode {
///     Fast,
///     VerySafe,
///     #[choice(name = "x")]
///     Experimental,
/// }
///
/// #[derive(Args)]
/// struct Arguments {
///     /// Mode of operation
///     #[arg(default = Mode::VerySafe)]
///     mode: Mode,
/// }
/// assert_eq!(Mode::CHOICES, ["fast", "very-safe", "x"]);
/// assert_eq!(Mode::VerySafe.to_string(), "very-safe");
/// ```
///
/// Since 1.0.
pub trait Choice: Sized {
    /// The values, in the order of the variants.
    const CHOICES: &'static [&'static str];

    /// The value as it is typed.
    fn name(&self) -> &'static str;

    /// The variant of a value as it is typed.
    fn from_name(name: &str) -> Option<Self>;
}
