//! The values of a record, by the paths of names that lead to them.

use serde_json::Value;

/// A value that is neither an object nor a list.
#[derive(Debug)]
pub(crate) struct Leaf<'v> {
    /// The names that lead to it, joined by dots, as EventBridge has it: a name
    /// with a dot is no different from two names.
    pub(crate) path: String,
    pub(crate) value: &'v Value,
    pub(crate) elements: Elements,
}

/// Which elements of which lists something lies in. A value that stands in a list
/// itself, and not in an object in there, does not count as an element.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Elements(Vec<(usize, usize)>);

impl Leaf<'_> {
    /// Whether it lies in no other element of a list than these.
    pub(crate) fn is_within(&self, elements: &Elements) -> bool {
        elements.together(&self.elements).is_some()
    }
}

impl Elements {
    /// Both together, unless they are in different elements of one list.
    pub(crate) fn together(&self, other: &Self) -> Option<Self> {
        let mut together = self.clone();
        for &(list, element) in &other.0 {
            match self.0.iter().find(|(known, _)| *known == list) {
                Some((_, known)) if *known != element => return None,
                Some(_) => {}
                None => together.0.push((list, element)),
            }
        }
        together.0.sort_unstable();
        Some(together)
    }
}

/// Returns the leaves at these paths.
pub(crate) fn leaves<'v>(record: &'v Value, paths: &[&str]) -> Vec<Leaf<'v>> {
    let mut walk = Walk {
        paths,
        path: String::new(),
        elements: Elements::default(),
        lists: 0,
        leaves: Vec::new(),
    };
    walk.visit(record);
    walk.leaves
}

struct Walk<'p, 'v> {
    paths: &'p [&'p str],
    path: String,
    elements: Elements,
    /// Lists seen so far: each has the number of those before it.
    lists: usize,
    leaves: Vec<Leaf<'v>>,
}

impl<'v> Walk<'_, 'v> {
    fn visit(&mut self, value: &'v Value) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    self.visit_field(name, value);
                }
            }
            Value::Array(elements) => self.visit_list(elements),
            leaf if self.paths.contains(&self.path.as_str()) => self.leaves.push(Leaf {
                path: self.path.clone(),
                value: leaf,
                elements: self.elements.clone(),
            }),
            _ => {}
        }
    }

    fn visit_field(&mut self, name: &str, value: &'v Value) {
        let length = self.path.len();
        if length > 0 {
            self.path.push('.');
        }
        self.path.push_str(name);
        if self.leads_somewhere() {
            self.visit(value);
        }
        self.path.truncate(length);
    }

    fn visit_list(&mut self, elements: &'v [Value]) {
        let list = self.lists;
        self.lists += 1;
        for (index, element) in elements.iter().enumerate() {
            let is_leaf = !element.is_object() && !element.is_array();
            if is_leaf {
                self.visit(element);
            } else {
                self.elements.0.push((list, index));
                self.visit(element);
                self.elements.0.pop();
            }
        }
    }

    fn leads_somewhere(&self) -> bool {
        self.paths.iter().any(|path| {
            path.strip_prefix(self.path.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }
}
