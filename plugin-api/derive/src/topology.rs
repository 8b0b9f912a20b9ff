//! `#[topology(..)]`: exports a topology, and notes which hooks its block has, so that none is forgotten.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::{parse_quote, Error, Expr, Ident, ImplItem, ItemImpl, LitStr, Result, Token};

/// The hooks that the host calls by name, as methods of the trait.
const HOOKS: [&str; 6] = ["start", "build", "check", "on_stop", "on_resume", "scale"];

/// What the attribute says.
pub(crate) struct Options {
    manifest: LitStr,
    new: Option<Expr>,
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Options> {
        let (mut manifest, mut new) = (None, None);
        while !input.is_empty() {
            let key: Ident = input.parse()?;
            input.parse::<Token![=]>()?;
            match key.to_string().as_str() {
                "manifest" => manifest = Some(input.parse()?),
                "new" => new = Some(input.parse()?),
                _ => return Err(Error::new(key.span(), "expected `manifest` or `new`")),
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        let manifest = manifest.ok_or_else(|| {
            input.error(
                "expected `manifest = \"..\"`: the path of topology.toml, relative to this file",
            )
        })?;
        Ok(Options { manifest, new })
    }
}

pub(crate) fn expand(options: &Options, mut item: ItemImpl) -> Result<TokenStream> {
    if item.trait_.is_none() {
        return Err(Error::new_spanned(
            &item.self_ty,
            "expected `impl Topology for ..`",
        ));
    }
    let hooks = item.items.iter().filter_map(|item| match item {
        ImplItem::Fn(method) => Some(method.sig.ident.to_string()),
        _ => None,
    });
    let hooks: Vec<String> = hooks
        .filter(|name| HOOKS.contains(&name.as_str()))
        .collect();
    item.items.push(parse_quote! {
        const HOOKS: &'static [&'static str] = &[#(#hooks),*];
    });
    let (manifest, ty) = (&options.manifest, &item.self_ty);
    let new = options
        .new
        .as_ref()
        .map_or_else(|| quote!(#ty), |new| quote!(#new));
    Ok(quote! {
        #item

        ::clusterdock_plugin_api::export::export_plugin!(
            |options| ::clusterdock_plugin_api::export::new(options, || #new),
            #manifest
        );
    })
}
