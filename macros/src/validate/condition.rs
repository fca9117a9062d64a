//! What a `when` or a `check` may not contain.
//!
//! Release builds wrap where debug builds panic, and a panic closes the gate and refuses the arguments:
//! arithmetic and `as` could open in production what every test saw closed. The same for what depends on
//! the build.

use proc_macro2::{TokenStream, TokenTree};
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::visit::Visit;
use syn::{BinOp, Expr, ExprBinary, ExprCast, ExprPath, ExprUnary, Macro, Pat, Token, UnOp};

use crate::errors::Errors;
use crate::model::{Parameter, Role};

/// Reports everything in an expression that could open a gate by accident.
pub(crate) fn check(decides: &Expr, parameters: &[Parameter], errors: &Errors) {
    Condition { parameters, errors }.visit_expr(decides);
}

struct Condition<'a> {
    parameters: &'a [Parameter],
    errors: &'a Errors,
}

impl<'ast> Visit<'ast> for Condition<'_> {
    fn visit_expr_binary(&mut self, it: &'ast ExprBinary) {
        if is_arithmetic(&it.op) {
            self.errors.arithmetic_in_when(&it.op);
        }
        syn::visit::visit_expr_binary(self, it);
    }

    fn visit_expr_unary(&mut self, it: &'ast ExprUnary) {
        // `-1` is a literal; `-*x` overflows for the smallest number.
        if let (UnOp::Neg(minus), false) = (&it.op, matches!(&*it.expr, Expr::Lit(_))) {
            self.errors.arithmetic_in_when(minus);
        }
        syn::visit::visit_expr_unary(self, it);
    }

    fn visit_expr_cast(&mut self, it: &'ast ExprCast) {
        self.errors.cast_in_when(&it.as_token);
        syn::visit::visit_expr_cast(self, it);
    }

    fn visit_expr_path(&mut self, it: &'ast ExprPath) {
        if let Some(name) = it.path.get_ident() {
            self.injected(name);
        }
        syn::visit::visit_expr_path(self, it);
    }

    fn visit_macro(&mut self, it: &'ast Macro) {
        if let Some(name) = it.path.segments.last().map(|it| &it.ident)
            && ["cfg", "env", "option_env"].iter().any(|it| name == it)
        {
            self.errors.build_dependent_when(name);
            return;
        }
        // Macros take any tokens. What reads as `matches!` or as a list of expressions is looked into
        // as such, so that a deref is not taken for a multiplication.
        if let Ok(it) = syn::parse2::<Matches>(it.tokens.clone()) {
            self.visit_expr(&it.value);
            self.visit_pat(&it.pattern);
            it.guard.iter().for_each(|it| self.visit_expr(it));
        } else if let Ok(all) = Punctuated::<Expr, Token![,]>::parse_terminated.parse2(it.tokens.clone()) {
            all.iter().for_each(|it| self.visit_expr(it));
        } else {
            self.tokens(it.tokens.clone());
        }
    }
}

impl Condition<'_> {
    fn injected(&self, name: &syn::Ident) {
        let found = self.parameters.iter().find(|it| it.ident == *name);
        if found.is_some_and(|it| matches!(it.role, Role::State | Role::Context)) {
            self.errors.injected_in_when(name);
        }
    }

    /// The last resort: words, wherever they stand.
    fn tokens(&self, tokens: TokenStream) {
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Ident(word) if word == "as" => self.errors.cast_in_when(&word),
                TokenTree::Ident(word) if ["cfg", "env", "option_env"].iter().any(|it| word == it) => {
                    if matches!(tokens.peek(), Some(TokenTree::Punct(it)) if it.as_char() == '!') {
                        self.errors.build_dependent_when(&word);
                    }
                }
                TokenTree::Ident(word) => self.injected(&word),
                TokenTree::Punct(it) if matches!(it.as_char(), '+' | '/' | '%') => {
                    self.errors.arithmetic_in_when(&it);
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }
}

// EXPR, PATTERN
// EXPR, PATTERN if EXPR
struct Matches {
    value: Expr,
    pattern: Pat,
    guard: Option<Expr>,
}

impl Parse for Matches {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let value = input.parse()?;
        input.parse::<Token![,]>()?;
        let pattern = input.call(Pat::parse_multi_with_leading_vert)?;
        let guard = if input.parse::<Option<Token![if]>>()?.is_some() {
            Some(input.parse()?)
        } else {
            None
        };
        input.parse::<Option<Token![,]>>()?;
        Ok(Self {
            value,
            pattern,
            guard,
        })
    }
}

fn is_arithmetic(operator: &BinOp) -> bool {
    matches!(
        operator,
        BinOp::Add(_)
            | BinOp::Sub(_)
            | BinOp::Mul(_)
            | BinOp::Div(_)
            | BinOp::Rem(_)
            | BinOp::Shl(_)
            | BinOp::Shr(_)
            | BinOp::AddAssign(_)
            | BinOp::SubAssign(_)
            | BinOp::MulAssign(_)
            | BinOp::DivAssign(_)
            | BinOp::RemAssign(_)
            | BinOp::ShlAssign(_)
            | BinOp::ShrAssign(_)
    )
}
