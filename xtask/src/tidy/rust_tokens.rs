//! Rust source as tokens, so that a word in a string or a comment is not taken for code.

use proc_macro2::{LexError, TokenStream, TokenTree};

/// Calls `visit` with the tokens of the file and then with those of each group of brackets, however deep.
pub(crate) fn visit_groups(source: &str, visit: &mut impl FnMut(&[TokenTree])) -> Result<(), LexError> {
    let mut pending = vec![source.parse::<TokenStream>()?];
    while let Some(stream) = pending.pop() {
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        visit(&tokens);
        pending.extend(tokens.into_iter().filter_map(|token| match token {
            TokenTree::Group(group) => Some(group.stream()),
            TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => None,
        }));
    }
    Ok(())
}

/// Every place in a list of tokens, as the tokens from there on: made for matching on slice patterns.
pub(crate) fn suffixes(tokens: &[TokenTree]) -> impl Iterator<Item = &[TokenTree]> {
    (0..tokens.len()).map(|start| &tokens[start..])
}

/// The line, from 1, on which a token begins.
pub(crate) fn line(token: &TokenTree) -> usize {
    token.span().start().line
}

pub(crate) fn is_punct(token: &TokenTree, wanted: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == wanted)
}
