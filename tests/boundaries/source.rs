//! One file of the sources: its code without comments and tests, its imports and its items.

use std::collections::BTreeSet;
use std::iter::Peekable;
use std::vec::IntoIter;

use proc_macro2::{Delimiter, Group, Spacing, TokenStream, TokenTree};
use syn::{ItemUse, UseTree, Visibility};

/// The path of a module. It begins with the name of its crate, `LIBRARY` or `PROGRAM`.
pub type Module = Vec<String>;

pub const LIBRARY: &str = "plugsign";
pub const PROGRAM: &str = "bin";

/// One name that a `use` brings into a module.
pub struct Use {
    /// The module that has the `use`.
    pub module: Module,
    /// The path as it is written.
    pub path: Vec<String>,
    /// The name in the module. A glob has none.
    pub name: Option<String>,
    /// It is visible outside of its module.
    pub is_reexport: bool,
}

/// A path of two or more names in the code, outside of a `use`.
pub struct Inline {
    pub module: Module,
    pub path: Vec<String>,
}

pub struct Source {
    pub path: String,
    pub module: Module,
    /// The modules that are written out in this file.
    pub inner: Vec<Module>,
    pub uses: Vec<Use>,
    pub inlines: Vec<Inline>,
    /// Every name in the code, outside of a `use`, without those of methods.
    pub words: BTreeSet<String>,
    pub items: Vec<syn::Item>,
    /// The code with a blank between two words, before `!=`, and nowhere else.
    pub code: String,
}

impl Source {
    pub fn parse(path: &str, text: &str) -> Source {
        let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("{path}: {error}"));
        let tokens = without_tests_and_docs(tokens);
        let module = module_of(path);
        let file: syn::File =
            syn::parse2(tokens.clone()).unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut source = Source {
            path: path.to_owned(),
            module: module.clone(),
            inner: Vec::new(),
            uses: Vec::new(),
            inlines: Vec::new(),
            words: BTreeSet::new(),
            items: file.items,
            code: String::new(),
        };
        source.write_code(tokens.clone());
        source.collect(&module, tokens);
        // Words are looked for in whole paths too, whatever braces the `use` has.
        for it in &source.uses {
            source.code.push_str(&format!("\n{};", it.path.join("::")));
        }
        source
    }

    /// Says whether the code has a word. A word that begins with a blank is a whole name.
    pub fn has(&self, word: &str) -> bool {
        let is_name = |character: char| character.is_alphanumeric() || character == '_';
        let name = word.trim_start();
        self.code.match_indices(name).any(|(place, _)| {
            let before = self.code[..place].chars().next_back();
            name == word || !before.is_some_and(is_name)
        })
    }

    fn write_code(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Group(group) => {
                    let (open, close) = match group.delimiter() {
                        Delimiter::Parenthesis => ("(", ")"),
                        Delimiter::Brace => ("{", "}"),
                        Delimiter::Bracket => ("[", "]"),
                        Delimiter::None => ("", ""),
                    };
                    self.code.push_str(open);
                    self.write_code(group.stream());
                    self.code.push_str(close);
                }
                TokenTree::Punct(mark) => {
                    // `a != b` is no macro.
                    if mark.as_char() == '!' && mark.spacing() == Spacing::Joint {
                        self.code.push(' ');
                    }
                    self.code.push(mark.as_char());
                }
                TokenTree::Ident(_) | TokenTree::Literal(_) => {
                    if self.code.ends_with(|last: char| last.is_alphanumeric() || last == '_') {
                        self.code.push(' ');
                    }
                    self.code.push_str(&token.to_string());
                }
            }
        }
    }

    /// Collects the imports and the paths of a module's code.
    fn collect(&mut self, module: &Module, tokens: TokenStream) {
        let mut tokens = list(tokens).into_iter().peekable();
        let mut is_visible = false;
        let mut is_method = false;
        while let Some(token) = tokens.next() {
            let is_reexport = std::mem::take(&mut is_visible);
            let is_method = std::mem::replace(&mut is_method, is(Some(&token), '.'));
            match token {
                TokenTree::Group(group) => self.collect(module, group.stream()),
                TokenTree::Ident(word) if word == "pub" => {
                    // `pub(crate)` and the like.
                    let scope = |next: &TokenTree| matches!(next, TokenTree::Group(_));
                    tokens.next_if(scope);
                    is_visible = true;
                }
                TokenTree::Ident(word) if word == "use" && !is(tokens.peek(), '<') => {
                    let rest = std::iter::once(word.into());
                    let rest = rest.chain(take_statement(&mut tokens)).collect();
                    let item: ItemUse = syn::parse2(rest).unwrap();
                    let found = names(&item.tree).into_iter().map(|(path, name)| Use {
                        module: module.clone(),
                        path,
                        name,
                        is_reexport,
                    });
                    self.uses.extend(found);
                }
                TokenTree::Ident(word) if word == "mod" => self.collect_module(module, &mut tokens),
                TokenTree::Ident(word) => {
                    let mut path = vec![word.to_string()];
                    while let Some(next) = take_segment(&mut tokens) {
                        path.push(next);
                    }
                    if !is_method {
                        self.words.extend(path.iter().cloned());
                    }
                    if path.len() > 1 {
                        self.inlines.push(Inline { module: module.clone(), path });
                    }
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }

    /// Collects what is in the braces of a module, if it has any here.
    fn collect_module(&mut self, module: &Module, tokens: &mut Peekable<IntoIter<TokenTree>>) {
        let name = tokens.next().map(|name| name.to_string());
        if let Some(TokenTree::Group(body)) = tokens.peek().cloned() {
            tokens.next();
            let inner: Module = module.iter().cloned().chain(name).collect();
            self.inner.push(inner.clone());
            self.collect(&inner, body.stream());
        }
    }
}

/// Says whether an item is public to the users of its crate, where they see its module.
pub fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

/// Returns every path of a `use`, and the name that it gives.
pub fn names(tree: &UseTree) -> Vec<(Vec<String>, Option<String>)> {
    let below = |begin: &[String], tree: &UseTree| -> Vec<(Vec<String>, Option<String>)> {
        let whole = |(path, name): (Vec<String>, _)| ([begin, &path].concat(), name);
        names(tree).into_iter().map(whole).collect()
    };
    match tree {
        UseTree::Path(path) => below(&[path.ident.to_string()], &path.tree)
            .into_iter()
            .map(|(mut path, name)| {
                // `a::{self}` is `a`.
                let is_self = path.last().is_some_and(|last| last == "self");
                if !is_self {
                    return (path, name);
                }
                path.pop();
                let name = name.filter(|name| name != "self").or_else(|| path.last().cloned());
                (path, name)
            })
            .collect(),
        UseTree::Name(name) => vec![(vec![name.ident.to_string()], Some(name.ident.to_string()))],
        UseTree::Rename(it) => vec![(vec![it.ident.to_string()], Some(it.rename.to_string()))],
        UseTree::Glob(_) => vec![(Vec::new(), None)],
        UseTree::Group(group) => group.items.iter().flat_map(|tree| below(&[], tree)).collect(),
    }
}

/// Returns the module that a file is.
fn module_of(path: &str) -> Module {
    let (root, rest) = match path.strip_prefix("src/bin/plugsign/") {
        Some(rest) => (PROGRAM, rest),
        None => (LIBRARY, path.strip_prefix("src/").unwrap()),
    };
    let mut module: Module = vec![root.to_owned()];
    module.extend(rest.strip_suffix(".rs").unwrap().split('/').map(str::to_owned));
    if matches!(rest.rsplit('/').next(), Some("mod.rs" | "lib.rs" | "main.rs")) {
        module.pop();
    }
    module
}

fn list(tokens: TokenStream) -> Vec<TokenTree> {
    tokens.into_iter().collect()
}

fn is(token: Option<&TokenTree>, mark: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == mark)
}

/// Takes all tokens up to a semicolon, and the semicolon.
fn take_statement(tokens: &mut Peekable<IntoIter<TokenTree>>) -> Vec<TokenTree> {
    let mut taken = Vec::new();
    for token in tokens.by_ref() {
        let ends = is(Some(&token), ';');
        taken.push(token);
        if ends {
            break;
        }
    }
    taken
}

/// Takes `::name`, if that is what comes next.
fn take_segment(tokens: &mut Peekable<IntoIter<TokenTree>>) -> Option<String> {
    let mut ahead = tokens.clone();
    let first = ahead.next()?;
    let is_joint = matches!(&first, TokenTree::Punct(punct) if punct.spacing() == Spacing::Joint);
    if !(is_joint && is(Some(&first), ':') && is(ahead.next().as_ref(), ':')) {
        return None;
    }
    let Some(TokenTree::Ident(name)) = ahead.next() else { return None };
    *tokens = ahead;
    Some(name.to_string())
}

/// Leaves out documentation, and every item, field and statement that is `#[cfg(test)]`.
fn without_tests_and_docs(tokens: TokenStream) -> TokenStream {
    let mut kept: Vec<TokenTree> = Vec::new();
    let mut tokens = list(tokens).into_iter().peekable();
    while let Some(token) = tokens.next() {
        let is_inner = is(Some(&token), '#') && is(tokens.peek(), '!');
        if is_inner {
            let mark = tokens.next();
            match tokens.peek() {
                Some(TokenTree::Group(group)) if is_documentation(group) => drop(tokens.next()),
                _ => kept.extend([token].into_iter().chain(mark)),
            }
            continue;
        }
        match (is(Some(&token), '#'), tokens.peek()) {
            (true, Some(TokenTree::Group(group))) if is_documentation(group) => {
                tokens.next();
            }
            (true, Some(TokenTree::Group(group))) if is_for_tests(group) => {
                tokens.next();
                skip_item(&mut tokens);
            }
            _ => kept.push(match token {
                TokenTree::Group(group) => {
                    let inside = without_tests_and_docs(group.stream());
                    Group::new(group.delimiter(), inside).into()
                }
                other => other,
            }),
        }
    }
    kept.into_iter().collect()
}

fn is_documentation(attribute: &Group) -> bool {
    attribute.stream().into_iter().next().is_some_and(|first| first.to_string() == "doc")
}

fn is_for_tests(attribute: &Group) -> bool {
    let text: String = attribute.stream().to_string().split_whitespace().collect();
    text == "cfg(test)" || text.starts_with("cfg(all(test,")
}

/// Skips what an attribute stands before: to its body or its semicolon, for a field to its comma.
fn skip_item(tokens: &mut Peekable<IntoIter<TokenTree>>) {
    const ITEMS: [&str; 13] = [
        "pub", "mod", "use", "fn", "impl", "struct", "enum", "trait", "type", "const", "static",
        "let", "async",
    ];
    while is(tokens.peek(), '#') {
        tokens.nth(1);
    }
    let is_item =
        matches!(tokens.peek(), Some(TokenTree::Ident(word)) if ITEMS.iter().any(|it| word == it));
    let is_use = matches!(tokens.peek(), Some(TokenTree::Ident(word)) if word == "use");
    for token in tokens.by_ref() {
        let is_body =
            matches!(&token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
        let ends = is(Some(&token), ';') || (!is_item && is(Some(&token), ','));
        if ends || (is_body && !is_use) {
            return;
        }
    }
}
