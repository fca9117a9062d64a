//! Text from tokens: doc comments as descriptions, conditions as one stable line.

use proc_macro2::{Delimiter, Spacing, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, Expr, ExprLit, Lit, LitStr, Meta};

/// Whether this is a doc comment or `#[doc = …]`.
pub(crate) fn is_doc(attribute: &Attribute) -> bool {
    matches!(&attribute.meta, Meta::NameValue(it) if it.path.is_ident("doc"))
}

/// The text of the doc comments among `attributes`: neighbouring literal lines joined, everything
/// else (`include_str!`) as written. Empty if there is no text.
pub(crate) fn docs<'a>(attributes: impl IntoIterator<Item = &'a Attribute>) -> Vec<Expr> {
    let mut all = Vec::new();
    let mut lines = Vec::new();
    for attribute in attributes {
        let Meta::NameValue(it) = &attribute.meta else {
            continue;
        };
        if !it.path.is_ident("doc") {
            continue;
        }
        match &it.value {
            Expr::Lit(ExprLit {
                lit: Lit::Str(text), ..
            }) => {
                lines.extend(text.value().lines().enumerate().map(unadorned));
                if text.value().is_empty() {
                    lines.push(String::new());
                }
            }
            other => {
                all.extend(joined(&mut lines));
                all.push(other.clone());
            }
        }
    }
    all.extend(joined(&mut lines));
    all
}

/// A line without the space after `///` or the ` * ` of a block comment.
fn unadorned((place, line): (usize, &str)) -> String {
    let line = match line.trim_start().strip_prefix('*') {
        Some(rest) if place > 0 => rest,
        _ => line,
    };
    line.strip_prefix(' ').unwrap_or(line).trim_end().to_owned()
}

fn joined(lines: &mut Vec<String>) -> Option<Expr> {
    let text = std::mem::take(lines).join("\n");
    let text = text.trim();
    (!text.is_empty()).then(|| string(&LitStr::new(text, Span::mixed_site())))
}

/// A literal as an expression.
pub(crate) fn string(text: &LitStr) -> Expr {
    Expr::Lit(ExprLit {
        attrs: Vec::new(),
        lit: Lit::Str(text.clone()),
    })
}

/// A condition as it is shown and stored.
///
/// The compiler's own rendering changes between versions; this one goes into the descriptor's digest.
pub(crate) fn condition(expression: &Expr) -> String {
    let mut line = Line::default();
    line.stream(expression.to_token_stream());
    line.text
}

/// What stands before the next token.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// Nothing, or an opening bracket.
    #[default]
    Start,
    /// A name, a literal or a closing bracket: an operator that follows has two sides.
    Operand,
    /// An operator with two sides, or a comma: a space follows.
    Operator,
    /// A prefix, a dot or half an operator: no space follows.
    Glue,
}

#[derive(Default)]
struct Line {
    text: String,
    before: Before,
    /// Between the bars of a closure.
    closure: bool,
}

impl Line {
    fn stream(&mut self, tokens: TokenStream) {
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Group(group) => {
                    let (open, close) = match group.delimiter() {
                        Delimiter::Brace => ("{", "}"),
                        Delimiter::Bracket => ("[", "]"),
                        // What came through a macro variable is one operand.
                        Delimiter::Parenthesis | Delimiter::None => ("(", ")"),
                    };
                    let called = self.before == Before::Operand && group.delimiter() != Delimiter::Brace;
                    self.put(open, called, Before::Start);
                    self.stream(group.stream());
                    self.text.push_str(close);
                    self.before = Before::Operand;
                }
                TokenTree::Ident(it) => self.put(&it.to_string(), false, Before::Operand),
                TokenTree::Literal(it) => self.put(&it.to_string(), false, Before::Operand),
                TokenTree::Punct(first) => {
                    let mut operator = String::from(first.as_char());
                    let mut spacing = first.spacing();
                    while spacing == Spacing::Joint {
                        let Some(TokenTree::Punct(next)) = tokens.peek() else {
                            break;
                        };
                        operator.push(next.as_char());
                        spacing = next.spacing();
                        tokens.next();
                    }
                    self.operators(&operator);
                }
            }
        }
    }

    /// Punctuation that stands together: `&&!` is two operators.
    fn operators(&mut self, mut run: &str) {
        const LONG: &[&str] = &[
            "..=", "<<=", ">>=", "::", "==", "!=", "<=", ">=", "&&", "||", "..", "=>", "->", "+=", "-=",
            "*=", "/=", "%=", "^=", "&=", "|=",
        ];
        while let Some(first) = run.chars().next() {
            let known = LONG.iter().find(|it| run.starts_with(**it)).map(|it| it.len());
            let (operator, rest) = run.split_at(known.unwrap_or(first.len_utf8()));
            self.operator(operator);
            run = rest;
        }
    }

    fn operator(&mut self, operator: &str) {
        match operator {
            "|" if self.closure => {
                self.closure = false;
                self.put(operator, true, Before::Operator);
            }
            "|" if self.before != Before::Operand => {
                self.closure = true;
                self.put(operator, false, Before::Glue);
            }
            "||" if self.before != Before::Operand => self.put(operator, false, Before::Operator),
            "<" if self.text.ends_with("::") => self.put(operator, true, Before::Glue),
            "." | "::" | ".." | "..=" => self.put(operator, true, Before::Glue),
            "," | ";" | ":" => self.put(operator, true, Before::Operator),
            "?" => self.put(operator, true, Before::Operand),
            "'" => self.put(operator, false, Before::Glue),
            // A macro's exclamation mark; `!=` is an operator of its own.
            "!" if self.before == Before::Operand => self.put(operator, true, Before::Glue),
            _ if self.before == Before::Operand => self.put(operator, false, Before::Operator),
            _ => self.put(operator, false, Before::Glue),
        }
    }

    fn put(&mut self, text: &str, tight: bool, before: Before) {
        if !tight && matches!(self.before, Before::Operand | Before::Operator) {
            self.text.push(' ');
        }
        self.text.push_str(text);
        self.before = before;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(written: &str, shown: &str) {
        assert_eq!(condition(&syn::parse_str(written).unwrap()), shown);
    }

    #[test]
    fn conditions_read_as_people_write_them() {
        check("*amount_cents>=10_000", "*amount_cents >= 10_000");
        check("amount . abs ( ) > -1", "amount.abs() > -1");
        check(
            "! reason.is_empty()&&*a==b [0]",
            "!reason.is_empty() && *a == b[0]",
        );
        check(
            "matches!(kind,Kind::A|Kind::B)",
            "matches!(kind, Kind::A | Kind::B)",
        );
        check(
            "i64::try_from(*a).is_ok_and(|it|it>5)",
            "i64::try_from(*a).is_ok_and(|it| it > 5)",
        );
        check("(1..=5).contains(n)", "(1..=5).contains(n)");
        check("a.is_none_or(|a,b|a&&!b||c)", "a.is_none_or(|a, b| a && !b || c)");
        check("x.get::<u8>(\"a  b\")", "x.get::<u8 > (\"a  b\")");
    }
}
