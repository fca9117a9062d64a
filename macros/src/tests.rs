//! Expansions under version control: `tests/expand/input/*.rs` becomes `tests/expand/*.rs`.
//!
//! Regenerate with `EXPAND=overwrite`, then read the difference as a user would.

use std::fs;
use std::path::Path;

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::Parser;
use syn::{Attribute, File, Meta};

use crate::names::{LATER, MARKER};
use crate::source::{self, Stage};

/// Does what the compiler does: runs the first attribute that is a macro, until there is none.
fn expand(mut item: TokenStream) -> TokenStream {
    loop {
        let (attributes, rest) = taken_apart(item.clone());
        let Some(place) = attributes.iter().position(is_macro) else {
            return item;
        };
        let mut attributes = attributes;
        let attribute = attributes.remove(place);
        let below = quote!(#(#attributes)* #rest);
        let options = match &attribute.meta {
            Meta::List(list) => list.tokens.clone(),
            Meta::Path(_) | Meta::NameValue(_) => TokenStream::new(),
        };
        item = match name(&attribute).as_str() {
            "tool" => crate::run(Stage::First, options, below),
            LATER => crate::run(Stage::AfterOthers, options, below),
            "approval" | "sign" => source::mark(&options, below),
            // A foreign attribute; one that leaves the function as it is.
            "instrument" => below,
            other => panic!("{other} ran"),
        };
    }
}

fn taken_apart(item: TokenStream) -> (Vec<Attribute>, TokenStream) {
    let parser = |input: syn::parse::ParseStream<'_>| {
        Ok((input.call(Attribute::parse_outer)?, input.parse::<TokenStream>()?))
    };
    parser.parse2(item).unwrap()
}

fn name(attribute: &Attribute) -> String {
    attribute.path().segments.last().unwrap().ident.to_string()
}

fn is_macro(attribute: &Attribute) -> bool {
    let name = name(attribute);
    ["tool", "approval", "sign", "instrument", LATER, MARKER].contains(&name.as_str())
}

#[test]
fn expansions_are_as_committed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/expand");
    let mut different = Vec::new();
    for input in fs::read_dir(folder.join("input")).unwrap() {
        let input = input.unwrap().path();
        let item = fs::read_to_string(&input).unwrap().parse().unwrap();
        let file: File = syn::parse2(expand(item)).unwrap();
        let text = prettyplease::unparse(&file);
        assert!(!text.contains(MARKER) && !text.contains(LATER), "{text}");
        let output = folder.join(input.file_name().unwrap());
        if std::env::var_os("EXPAND").is_some_and(|it| it == "overwrite") {
            fs::write(&output, &text).unwrap();
        } else if fs::read_to_string(&output).ok().as_deref() != Some(&text) {
            different.push(format!("{}:\n{text}", output.display()));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn generated_names_are_absolute_or_ours() {
    // What would be looked up in the user's scope, were it written without a path.
    const PRELUDE: &[&str] = &[
        "Some", "None", "Ok", "Err", "Option", "Result", "Box", "String", "Vec", "Default", "From", "Into",
        "str",
    ];
    let item = quote! {
        /// Everything.
        #[tool(requires_confirmation(when = true, expires_in = "1h"), title = "T", timeout = "1s", destructive)]
        #[approval(required, pool = "p", when = true)]
        #[approval(audit, when = true)]
        async fn everything(#[state] s: u8, #[context] c: u8, #[arg(default = 1, example = 2)] a: u8) {}
    };
    let text = expand(item).to_string();
    let words: Vec<&str> = text.split_whitespace().collect();
    for (place, word) in words.iter().enumerate() {
        if PRELUDE.contains(word) {
            assert_eq!(
                words[place - 1],
                "::",
                "{}",
                words[place.saturating_sub(8)..place + 3].join(" ")
            );
        }
    }
}
