//! The values of a record with their paths.

use serde_json::Value;

/// A value that is neither an object nor a list.
#[derive(Debug)]
pub(crate) struct Leaf<'v> {
    /// The names that lead to it, joined with dots. As in EventBridge, a name with a
    /// dot equals two names.
    pub(crate) path: String,
    /// The text, number, boolean or null.
    pub(crate) value: &'v Value,
    /// The list elements that contain it.
    pub(crate) elements: Elements,
}

/// A set of list elements, as pairs of a list's number and an index. Only elements
/// that are objects or lists count, not values that are elements themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Elements(Vec<(usize, usize)>);

impl Leaf<'_> {
    /// Returns whether it is in no other element of these lists.
    pub(crate) fn is_within(&self, elements: &Elements) -> bool {
        elements.merged(&self.elements).is_some()
    }
}

impl Elements {
    /// Returns the union, or `None` if it had two elements of one list.
    pub(crate) fn merged(&self, other: &Self) -> Option<Self> {
        let mut merged = self.clone();
        for &(list, element) in &other.0 {
            match self.0.iter().find(|(known, _)| *known == list) {
                Some((_, known)) if *known != element => return None,
                Some(_) => {}
                None => merged.0.push((list, element)),
            }
        }
        merged.0.sort_unstable();
        Some(merged)
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

/// A walk through a record that collects the leaves.
struct Walk<'p, 'v> {
    /// The paths to collect.
    paths: &'p [&'p str],
    /// The path of the current value.
    path: String,
    /// The list elements that contain the current value.
    elements: Elements,
    /// The number of lists so far, which numbers the next one.
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
        // Skips fields that lead to none of the paths.
        if self.is_prefix_of_a_path() {
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

    fn is_prefix_of_a_path(&self) -> bool {
        self.paths.iter().any(|path| {
            path.strip_prefix(self.path.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }
}
