//! `#[derive(Args)]`: a struct as the arguments of a topology.

use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Expr, Field, Fields, LitStr, Result, Type};

use crate::words;

/// An argument: a field with what its `#[arg(..)]` says.
struct Arg<'a> {
    field: &'a Field,
    name: LitStr,
    default: Option<Expr>,
    range: Option<LitStr>,
    pattern: Option<LitStr>,
    metavar: Option<LitStr>,
    build: bool,
    build_only: bool,
}

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let args = args(input)?;
    let declared = args.iter().map(Arg::declaration);
    let read = args.iter().map(|arg| {
        let (field, name, ty) = (&arg.field.ident, &arg.name, &arg.field.ty);
        quote!(#field: values.get::<#ty>(#name)?)
    });
    let ident = &input.ident;
    Ok(quote! {
        #[automatically_derived]
        impl ::clusterdock_plugin_api::Arguments for #ident {
            fn declare() -> ::std::vec::Vec<::clusterdock_plugin_api::Arg> {
                ::std::vec![#(#declared),*]
            }

            fn read(
                values: &::clusterdock_plugin_api::Values,
            ) -> ::clusterdock_plugin_api::Result<Self> {
                ::std::result::Result::Ok(Self { #(#read),* })
            }
        }
    })
}

fn args(input: &DeriveInput) -> Result<Vec<Arg<'_>>> {
    let expected = "expected a struct with one named field per argument";
    let Data::Struct(data) = &input.data else {
        return Err(Error::new_spanned(&input.ident, expected));
    };
    let fields = match &data.fields {
        Fields::Named(fields) => fields.named.iter().collect(),
        Fields::Unit => Vec::new(),
        Fields::Unnamed(_) => return Err(Error::new_spanned(&input.ident, expected)),
    };
    if !input.generics.params.is_empty() {
        let why = "a struct of arguments has no generic parameters";
        return Err(Error::new_spanned(&input.generics, why));
    }
    let mut args: Vec<Arg<'_>> = Vec::new();
    for field in fields {
        let arg = Arg::new(field)?;
        let name = arg.name.value();
        if args.iter().any(|other| other.name.value() == name) {
            let why = format!("argument `--{name}` is declared twice");
            return Err(Error::new(arg.name.span(), why));
        }
        args.push(arg);
    }
    Ok(args)
}

impl<'a> Arg<'a> {
    fn new(field: &'a Field) -> Result<Arg<'a>> {
        let ident = field.ident.as_ref().expect("the fields are named");
        let mut arg = Arg {
            field,
            name: LitStr::new(&words::dashed(ident), ident.span()),
            default: None,
            range: None,
            pattern: None,
            metavar: None,
            build: false,
            build_only: false,
        };
        for attribute in field
            .attrs
            .iter()
            .filter(|attr| attr.path().is_ident("arg"))
        {
            attribute.parse_nested_meta(|meta| {
                let key = meta.path.get_ident().map(ToString::to_string);
                match key.as_deref() {
                    Some("default") => arg.default = Some(meta.value()?.parse()?),
                    Some("range") => arg.range = Some(meta.value()?.parse()?),
                    Some("pattern") => arg.pattern = Some(meta.value()?.parse()?),
                    Some("metavar") => arg.metavar = Some(meta.value()?.parse()?),
                    Some("name") => arg.name = meta.value()?.parse()?,
                    Some("build") => arg.build = true,
                    Some("build_only") => arg.build_only = true,
                    _ => {
                        return Err(meta.error(
                            "expected `default`, `range`, `pattern`, `metavar`, `name`, `build` or `build_only`",
                        ))
                    }
                }
                Ok(())
            })?;
        }
        arg.check()?;
        Ok(arg)
    }

    /// What can be said of an argument without the traits of its type.
    fn check(&self) -> Result<()> {
        let name = self.name.value();
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(plain) {
            let why = format!(
                "invalid name `{name}` of an argument: expected lowercase letters, digits and `-`"
            );
            return Err(Error::new(self.name.span(), why));
        }
        let Some(default) = &self.default else {
            return Ok(());
        };
        match outermost(&self.field.ty).as_deref() {
            Some("bool") => Err(Error::new_spanned(
                default,
                "a flag is given or not: it has no default",
            )),
            Some("Option") => Err(Error::new_spanned(
                default,
                "an argument with a default always has a value: remove `Option`",
            )),
            _ => Ok(()),
        }
    }

    fn declaration(&self) -> TokenStream {
        let (name, ty, help) = (&self.name, &self.field.ty, words::help(&self.field.attrs));
        let default = self.default.iter();
        let (range, pattern) = (self.range.iter(), self.pattern.iter());
        let metavar = self.metavar.iter();
        let build = self.build.then(|| quote!(.build())).into_iter();
        let build_only = self.build_only.then(|| quote!(.build_only())).into_iter();
        let new = quote::quote_spanned!(ty.span()=> ::clusterdock_plugin_api::Arg::of::<#ty>);
        quote! {
            #new(#name)
                .help(#help)
                #(.default(#default))*
                #(.range(#range))*
                #(.pattern(#pattern))*
                #(.metavar(#metavar))*
                #(#build)*
                #(#build_only)*
        }
    }
}

/// The last name of a type's path: `Option` of `std::option::Option<u16>`.
fn outermost(ty: &Type) -> Option<String> {
    match ty {
        Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
        _ => None,
    }
}
