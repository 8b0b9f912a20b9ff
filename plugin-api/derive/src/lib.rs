//! The macros of `clusterdock-plugin-api`, which re-exports and documents them. Authors never depend on this crate.

#![warn(missing_docs)]

mod args;
mod choice;
mod topology;
mod words;

use proc_macro::TokenStream;
use syn::{parse_macro_input, DeriveInput, Error, ItemImpl};

/// Makes a struct the arguments of a topology: one field per argument, whose type is the kind of its values.
#[proc_macro_derive(Args, attributes(arg))]
pub fn args(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    args::expand(&input)
        .unwrap_or_else(Error::into_compile_error)
        .into()
}

/// Makes an enum the values of an argument: one variant per value.
#[proc_macro_derive(Choice, attributes(choice))]
pub fn choice(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    choice::expand(&input)
        .unwrap_or_else(Error::into_compile_error)
        .into()
}

/// Exports a topology from the library, with its manifest.
#[proc_macro_attribute]
pub fn topology(options: TokenStream, item: TokenStream) -> TokenStream {
    let options = parse_macro_input!(options as topology::Options);
    let item = parse_macro_input!(item as ItemImpl);
    topology::expand(&options, item)
        .unwrap_or_else(Error::into_compile_error)
        .into()
}
