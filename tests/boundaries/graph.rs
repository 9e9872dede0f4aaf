//! Which file uses which: names are followed through every `use` to the file that defines them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::source::{LIBRARY, Module, PROGRAM, Source};

/// What a path means.
pub enum Meaning {
    /// A module of ours, or an item in it.
    Ours { module: Module, item: Option<String> },
    /// A path of another crate.
    Foreign(Vec<String>),
}

#[derive(Default)]
struct Names {
    file: usize,
    /// What `use` brings in, by name.
    used: HashMap<String, Vec<String>>,
    globs: Vec<Vec<String>>,
    declared: BTreeSet<String>,
}

pub struct Graph<'a> {
    pub sources: &'a [Source],
    modules: HashMap<Module, Names>,
    /// From a file to a file.
    pub arrows: BTreeMap<(usize, usize), Arrow>,
}

#[derive(Default)]
pub struct Arrow {
    /// The paths that make the arrow, as they are written.
    pub paths: BTreeSet<String>,
    /// The file itself uses what it names. A folder's own file that only shows what a file of the
    /// folder has, does not.
    is_use: bool,
}

impl<'a> Graph<'a> {
    pub fn of(sources: &'a [Source]) -> Graph<'a> {
        let mut modules: HashMap<Module, Names> = HashMap::new();
        for (file, source) in sources.iter().enumerate() {
            for module in source.inner.iter().chain([&source.module]) {
                modules.insert(module.clone(), Names { file, ..Names::default() });
            }
            declare(&mut modules, &source.module, &source.items);
            for it in &source.uses {
                let names = modules.get_mut(&it.module).unwrap();
                match &it.name {
                    Some(name) => {
                        names.used.entry(name.clone()).or_insert_with(|| it.path.clone());
                    }
                    None => names.globs.push(it.path.clone()),
                }
            }
        }
        let mut graph = Graph { sources, modules, arrows: BTreeMap::new() };
        for (file, source) in sources.iter().enumerate() {
            let uses = source.uses.iter().map(|it| {
                let is_used = it.name.as_ref().is_none_or(|name| source.words.contains(name));
                (&it.module, &it.path, is_used || !it.is_reexport)
            });
            let inlines = source.inlines.iter().map(|it| (&it.module, &it.path, true));
            for (from, path, is_used) in uses.chain(inlines) {
                let Meaning::Ours { module, .. } = graph.meaning(from, path) else { continue };
                let to = graph.modules[&module].file;
                if to != file {
                    let arrow = graph.arrows.entry((file, to)).or_default();
                    arrow.paths.insert(path.join("::"));
                    arrow.is_use |= is_used || !module.starts_with(from);
                }
            }
        }
        graph
    }

    /// Says what a path means in a module.
    pub fn meaning(&self, module: &Module, path: &[String]) -> Meaning {
        self.follow(module, path, 0)
    }

    fn follow(&self, module: &Module, path: &[String], depth: usize) -> Meaning {
        let foreign = || Meaning::Foreign(path.to_vec());
        let Some((first, mut rest)) = path.split_first() else {
            return Meaning::Ours { module: module.clone(), item: None };
        };
        // Names that lead to each other lead nowhere.
        if depth > 20 {
            return foreign();
        }
        let mut at = match first.as_str() {
            "crate" => vec![module[0].clone()],
            "self" => module.clone(),
            "super" => {
                let mut above = module[..module.len() - 1].to_vec();
                while let Some((next, further)) = rest.split_first()
                    && next == "super"
                {
                    above.pop();
                    rest = further;
                }
                above
            }
            name if module[0] == PROGRAM && name == LIBRARY => vec![LIBRARY.to_owned()],
            name => match self.step(module, name, depth) {
                Some(Meaning::Ours { module, item: None }) => module,
                Some(Meaning::Foreign(begin)) => {
                    return Meaning::Foreign([&begin, rest].concat());
                }
                Some(item) => return item,
                None => return foreign(),
            },
        };
        for name in rest {
            at = match self.step(&at, name, depth) {
                Some(Meaning::Ours { module, item: None }) => module,
                Some(other) => return other,
                None => return Meaning::Ours { module: at, item: Some(name.clone()) },
            };
        }
        Meaning::Ours { module: at, item: None }
    }

    /// Says what a name means in a module, if the module knows it.
    fn step(&self, module: &Module, name: &str, depth: usize) -> Option<Meaning> {
        let mut child = module.clone();
        child.push(name.to_owned());
        if self.modules.contains_key(&child) {
            return Some(Meaning::Ours { module: child, item: None });
        }
        let names = self.modules.get(module)?;
        if names.declared.contains(name) {
            return Some(Meaning::Ours { module: module.clone(), item: Some(name.to_owned()) });
        }
        if let Some(path) = names.used.get(name) {
            // `use name::more` with no such module here: a crate has the same name.
            let is_crate = path[0] == name;
            return Some(match is_crate {
                true => Meaning::Foreign(path.clone()),
                false => self.follow(module, path, depth + 1),
            });
        }
        names.globs.iter().filter(|_| depth < 20).find_map(|path| {
            match self.follow(module, path, depth + 1) {
                Meaning::Ours { module, .. } => self.step(&module, name, depth + 1),
                Meaning::Foreign(_) => None,
            }
        })
    }

    /// Returns a shortest circle of each group of files that reach each other.
    pub fn cycles(&self) -> Vec<Vec<usize>> {
        let arrows = self.arrows.iter().filter(|(_, arrow)| arrow.is_use);
        let circle = |(from, to): (usize, usize)| Some([vec![from], self.way(to, from)?].concat());
        let mut circles: Vec<Vec<usize>> = arrows.filter_map(|it| circle(*it.0)).collect();
        circles.sort_by_key(Vec::len);
        let mut found: Vec<Vec<usize>> = Vec::new();
        for circle in circles {
            let reach = |from, to| self.way(from, to).is_some();
            let is_known =
                |known: &Vec<usize>| reach(known[0], circle[0]) && reach(circle[0], known[0]);
            if !found.iter().any(is_known) {
                found.push(circle);
            }
        }
        found
    }

    /// Returns the shortest way from a file to a file.
    pub fn way(&self, from: usize, to: usize) -> Option<Vec<usize>> {
        let mut ways: Vec<Vec<usize>> = vec![vec![from]];
        let mut seen = BTreeSet::from([from]);
        let mut place = 0;
        while let Some(way) = ways.get(place).cloned() {
            let last = way[way.len() - 1];
            if last == to {
                return Some(way);
            }
            for ((_, next), arrow) in self.arrows.range((last, 0)..=(last, usize::MAX)) {
                if arrow.is_use && seen.insert(*next) {
                    ways.push([&way[..], &[*next]].concat());
                }
            }
            place += 1;
        }
        None
    }
}

/// Notes the names of the items of a module, and of those that are written out in it.
fn declare(modules: &mut HashMap<Module, Names>, module: &Module, items: &[syn::Item]) {
    for item in items {
        if let Some(name) = name_of(item) {
            modules.get_mut(module).unwrap().declared.insert(name);
        }
        if let syn::Item::Mod(inner) = item
            && let Some((_, items)) = &inner.content
        {
            let inner = [&module[..], &[inner.ident.to_string()]].concat();
            declare(modules, &inner, items);
        }
    }
}

/// Returns the name that an item declares. Modules are known by their files.
pub fn name_of(item: &syn::Item) -> Option<String> {
    let name = match item {
        syn::Item::Const(it) => &it.ident,
        syn::Item::Enum(it) => &it.ident,
        syn::Item::Fn(it) => &it.sig.ident,
        syn::Item::Static(it) => &it.ident,
        syn::Item::Struct(it) => &it.ident,
        syn::Item::Trait(it) => &it.ident,
        syn::Item::Type(it) => &it.ident,
        _ => return None,
    };
    Some(name.to_string())
}
