//! What the users of the library see of sequoia.

use std::collections::BTreeSet;

use syn::visit::Visit;
use syn::{Fields, ImplItem, Item, TraitItem};

use super::graph::{Graph, Meaning, name_of};
use super::source::{LIBRARY, Module, is_public, names};

/// Returns every public item whose signature has one of sequoia's types, after its file.
pub fn shown(graph: &Graph<'_>) -> Vec<(String, String)> {
    let mut public = Public { graph, modules: BTreeSet::new(), items: BTreeSet::new() };
    public.enter(&vec![LIBRARY.to_owned()]);
    let mut found = Vec::new();
    for source in graph.sources.iter().filter(|it| it.module[0] == LIBRARY) {
        for item in &source.items {
            for (name, types) in public.signatures(&source.module, item) {
                if let Some(path) = types.sequoia {
                    found.push((source.path.clone(), format!("{name} has {path}")));
                }
            }
        }
    }
    found
}

/// What can be reached from the front page of the library.
struct Public<'a> {
    graph: &'a Graph<'a>,
    modules: BTreeSet<Module>,
    items: BTreeSet<(Module, String)>,
}

impl Public<'_> {
    fn enter(&mut self, module: &Module) {
        let has_module = |it: &&super::source::Source| it.module == *module;
        let Some(source) = self.graph.sources.iter().find(has_module) else { return };
        if !self.modules.insert(module.clone()) {
            return;
        }
        for item in &source.items {
            match item {
                Item::Mod(it) if is_public(&it.vis) => {
                    self.enter(&[&module[..], &[it.ident.to_string()]].concat());
                }
                Item::Use(it) if is_public(&it.vis) => {
                    for (path, _) in names(&it.tree) {
                        match self.graph.meaning(module, &path) {
                            Meaning::Ours { module, item: Some(name) } => {
                                self.items.insert((module, name));
                            }
                            Meaning::Ours { module, item: None } => self.enter(&module),
                            Meaning::Foreign(_) => {}
                        }
                    }
                }
                _ => {
                    if let Some(name) = name_of(item).filter(|_| is_visible(item)) {
                        self.items.insert((module.clone(), name));
                    }
                }
            }
        }
    }

    fn has(&self, module: &Module, path: &syn::Path) -> bool {
        let path: Vec<String> = path.segments.iter().map(|it| it.ident.to_string()).collect();
        match self.graph.meaning(module, &path) {
            Meaning::Ours { module, item: Some(name) } => self.items.contains(&(module, name)),
            // A trait of another crate can be called by everybody.
            _ => true,
        }
    }

    /// Returns the public signatures of an item, by name.
    fn signatures<'a>(&'a self, module: &'a Module, item: &Item) -> Vec<(String, Types<'a>)> {
        if let Item::Impl(block) = item {
            return self.of_block(module, block);
        }
        let Some(name) = name_of(item) else { return Vec::new() };
        if !self.items.contains(&(module.clone(), name.clone())) {
            return Vec::new();
        }
        let mut types = Types { graph: self.graph, module, sequoia: None };
        match item {
            Item::Const(it) => types.visit_type(&it.ty),
            Item::Static(it) => types.visit_type(&it.ty),
            Item::Fn(it) => types.visit_signature(&it.sig),
            Item::Type(it) => {
                types.visit_generics(&it.generics);
                types.visit_type(&it.ty);
            }
            Item::Struct(it) => {
                types.visit_generics(&it.generics);
                types.visit_public(&it.fields);
            }
            Item::Enum(it) => {
                types.visit_generics(&it.generics);
                it.variants.iter().for_each(|variant| types.visit_fields(&variant.fields));
            }
            Item::Trait(it) => {
                types.visit_generics(&it.generics);
                it.supertraits.iter().for_each(|bound| types.visit_type_param_bound(bound));
                for item in &it.items {
                    match item {
                        TraitItem::Fn(it) => types.visit_signature(&it.sig),
                        TraitItem::Const(it) => types.visit_type(&it.ty),
                        other => types.visit_trait_item(other),
                    }
                }
            }
            _ => {}
        }
        vec![(name, types)]
    }

    fn of_block<'a>(
        &'a self,
        module: &'a Module,
        block: &syn::ItemImpl,
    ) -> Vec<(String, Types<'a>)> {
        let syn::Type::Path(whose) = &*block.self_ty else { return Vec::new() };
        if !self.has(module, &whose.path) {
            return Vec::new();
        }
        let whose_name = text(&whose.path);
        let mut header = Types { graph: self.graph, module, sequoia: None };
        header.visit_generics(&block.generics);
        header.visit_type(&block.self_ty);
        let Some((of, _)) = &block.trait_ else {
            let mut found = vec![(whose_name.clone(), header)];
            for item in &block.items {
                let mut types = Types { graph: self.graph, module, sequoia: None };
                let name = match item {
                    ImplItem::Fn(it) if is_public(&it.vis) => {
                        types.visit_signature(&it.sig);
                        &it.sig.ident
                    }
                    ImplItem::Const(it) if is_public(&it.vis) => {
                        types.visit_type(&it.ty);
                        &it.ident
                    }
                    _ => continue,
                };
                found.push((format!("{whose_name}::{name}"), types));
            }
            return found;
        };
        if !self.has(module, of) {
            return Vec::new();
        }
        header.visit_path(of);
        for item in &block.items {
            if let ImplItem::Type(it) = item {
                header.visit_type(&it.ty);
            }
        }
        vec![(format!("impl {} for {whose_name}", text(of)), header)]
    }
}

/// Says whether an item that has a name is `pub`.
fn is_visible(item: &Item) -> bool {
    match item {
        Item::Const(it) => is_public(&it.vis),
        Item::Enum(it) => is_public(&it.vis),
        Item::Fn(it) => is_public(&it.vis),
        Item::Static(it) => is_public(&it.vis),
        Item::Struct(it) => is_public(&it.vis),
        Item::Trait(it) => is_public(&it.vis),
        Item::Type(it) => is_public(&it.vis),
        _ => false,
    }
}

fn text(path: &syn::Path) -> String {
    let names: Vec<String> = path.segments.iter().map(|it| it.ident.to_string()).collect();
    names.join("::")
}

/// The types of one signature, looked through for sequoia's.
struct Types<'a> {
    graph: &'a Graph<'a>,
    module: &'a Module,
    /// The first path that leads to sequoia, as it is written.
    sequoia: Option<String>,
}

impl Types<'_> {
    fn visit_public(&mut self, fields: &Fields) {
        fields.iter().filter(|field| is_public(&field.vis)).for_each(|it| self.visit_type(&it.ty));
    }

    /// Says whether a path leads to sequoia, straight or through an alias of ours.
    fn is_sequoias(&self, path: &syn::Path) -> bool {
        let names: Vec<String> = path.segments.iter().map(|it| it.ident.to_string()).collect();
        match self.graph.meaning(self.module, &names) {
            Meaning::Foreign(path) => path[0] == "sequoia_openpgp",
            Meaning::Ours { item: None, .. } => false,
            Meaning::Ours { module, item: Some(name) } => {
                let mut sources = self.graph.sources.iter().filter(|it| it.module == module);
                let alias = sources.find_map(|source| {
                    source.items.iter().find_map(|item| match item {
                        Item::Type(it) if it.ident == name => Some(&it.ty),
                        _ => None,
                    })
                });
                let mut behind = Types { graph: self.graph, module: &module, sequoia: None };
                alias.is_some_and(|alias| {
                    behind.visit_type(alias);
                    behind.sequoia.is_some()
                })
            }
        }
    }
}

impl<'ast> Visit<'ast> for Types<'_> {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        if self.sequoia.is_none() && self.is_sequoias(path) {
            self.sequoia = Some(text(path));
        }
        syn::visit::visit_path(self, path);
    }

    /// Attributes are no part of a signature.
    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}
}
