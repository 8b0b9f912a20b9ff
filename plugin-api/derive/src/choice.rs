//! `#[derive(Choice)]`: an enum as the values of an argument.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Fields, LitStr, Result, Variant};

use crate::words;

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let Data::Enum(data) = &input.data else {
        return Err(Error::new_spanned(
            &input.ident,
            "expected an enum with one variant per value",
        ));
    };
    if data.variants.is_empty() {
        return Err(Error::new_spanned(
            &input.ident,
            "an argument needs at least one value to choose",
        ));
    }
    let mut names: Vec<LitStr> = Vec::new();
    for variant in &data.variants {
        let name = name(variant)?;
        if names.iter().any(|other| other.value() == name.value()) {
            let why = format!("value `{}` is declared twice", name.value());
            return Err(Error::new(name.span(), why));
        }
        names.push(name);
    }
    let ident = &input.ident;
    let variants: Vec<_> = data.variants.iter().map(|variant| &variant.ident).collect();
    Ok(quote! {
        #[automatically_derived]
        impl ::clusterdock_plugin_api::Choice for #ident {
            const CHOICES: &'static [&'static str] = &[#(#names),*];

            fn name(&self) -> &'static str {
                match self {
                    #(Self::#variants => #names,)*
                }
            }

            fn from_name(name: &str) -> ::std::option::Option<Self> {
                match name {
                    #(#names => ::std::option::Option::Some(Self::#variants),)*
                    _ => ::std::option::Option::None,
                }
            }
        }

        #[automatically_derived]
        impl ::std::fmt::Display for #ident {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(::clusterdock_plugin_api::Choice::name(self))
            }
        }
    })
}

/// The value as the user types it.
fn name(variant: &Variant) -> Result<LitStr> {
    if !matches!(variant.fields, Fields::Unit) {
        return Err(Error::new_spanned(
            variant,
            "a value to choose has no fields",
        ));
    }
    let mut name = LitStr::new(&words::dashed(&variant.ident), variant.ident.span());
    for attribute in variant
        .attrs
        .iter()
        .filter(|attr| attr.path().is_ident("choice"))
    {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("name") {
                return Err(meta.error("expected `name`"));
            }
            name = meta.value()?.parse()?;
            Ok(())
        })?;
    }
    Ok(name)
}
