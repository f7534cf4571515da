//! One pattern of a filter. The crates there are for EventBridge patterns know
//! rules that Lambda does not document, and lack `$or`.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::{
    leaves::{Elements, Leaf, leaves},
    rule::Rule,
};

/// Longest pattern, in characters ("Filter" in Lambda's API reference).
const MOST_CHARACTERS: usize = 4096;

/// What is wrong with a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPattern {
    /// It is too long.
    #[error("it has {0} characters, {MOST_CHARACTERS} are allowed")]
    TooLong(usize),
    /// It is not JSON.
    #[error("it is no JSON: {0}")]
    NotJson(String),
    /// It is JSON of another shape.
    #[error("{field}: {problem}")]
    Shape {
        /// Where, as a path of names.
        field: String,
        /// What is wrong there.
        problem: String,
    },
    /// A rule that Lambda does not document.
    #[error("{field}: {rule:?} is no rule that AWS documents for Lambda")]
    UnknownRule {
        /// Where, as a path of names.
        field: String,
        /// The rule's name.
        rule: String,
    },
}

/// Fields that must all match, in the same elements of lists.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Pattern {
    fields: Vec<Field>,
    /// Each `$or`: one of its patterns must match.
    alternatives: Vec<Vec<Pattern>>,
}

/// What is asked of the values at a path. EventBridge joins names by dots before it
/// compares them, so `{"a": {"b": ..}}` and `{"a.b": ..}` are the same, in
/// patterns as in records.
#[derive(Debug, Clone, PartialEq)]
struct Field {
    path: String,
    /// One of them must match.
    rules: Vec<Rule>,
}

impl Pattern {
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidPattern> {
        let characters = text.chars().count();
        if characters > MOST_CHARACTERS {
            return Err(InvalidPattern::TooLong(characters));
        }
        let json: Value = serde_json::from_str(text)
            .map_err(|error| InvalidPattern::NotJson(error.to_string()))?;
        let Value::Object(fields) = json else {
            return Err(shape("the pattern", "must be an object"));
        };
        let mut pattern = Self::default();
        pattern.add(&fields, None)?;
        Ok(pattern)
    }

    fn add(&mut self, json: &Map<String, Value>, path: Option<&str>) -> Result<(), InvalidPattern> {
        if json.is_empty() {
            let path = path.unwrap_or("the pattern");
            return Err(shape(path, "must have a field"));
        }
        for (name, value) in json {
            let inner = path.map_or_else(|| name.clone(), |path| format!("{path}.{name}"));
            match value {
                Value::Array(patterns) if name == "$or" => {
                    self.alternatives.push(either(patterns, path, &inner)?);
                }
                _ if name == "$or" => return Err(shape(&inner, "must be a list of patterns")),
                Value::Object(nested) => self.add(nested, Some(&inner))?,
                Value::Array(rules) => self.add_field(rules, inner)?,
                _ => return Err(shape(&inner, "must be a list of rules or an object")),
            }
        }
        Ok(())
    }

    fn add_field(&mut self, rules: &[Value], path: String) -> Result<(), InvalidPattern> {
        if rules.is_empty() {
            return Err(shape(&path, "must have a rule"));
        }
        if self.fields.iter().any(|field| field.path == path) {
            let problem = "is there twice, since a dot in a name is the same as a nested name";
            return Err(shape(&path, problem));
        }
        let rules = rules.iter().map(|rule| Rule::parse(rule, &path));
        let rules = rules.collect::<Result<_, _>>()?;
        self.fields.push(Field { path, rules });
        Ok(())
    }

    pub(crate) fn matches(&self, record: &Value) -> bool {
        let mut paths = Vec::new();
        self.collect_paths(&mut paths);
        let search = Search {
            leaves: &leaves(record, &paths),
        };
        let goals: Vec<Goal<'_>> = self.goals().collect();
        search.finds(&goals, &Place::default())
    }

    fn collect_paths<'p>(&'p self, paths: &mut Vec<&'p str>) {
        paths.extend(self.fields.iter().map(|field| field.path.as_str()));
        for pattern in self.alternatives.iter().flatten() {
            pattern.collect_paths(paths);
        }
    }

    fn goals(&self) -> impl Iterator<Item = Goal<'_>> {
        let fields = self.fields.iter().map(Goal::Field);
        fields.chain(self.alternatives.iter().map(|either| Goal::Either(either)))
    }
}

/// What a record has to have for a pattern to match.
#[derive(Clone, Copy)]
enum Goal<'p> {
    Field(&'p Field),
    Either(&'p [Pattern]),
}

/// Where the values are that match a part of a pattern.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Place<'p> {
    elements: Elements,
    /// Paths that must have no value there.
    absent: BTreeSet<&'p str>,
}

/// The search for values that match a pattern together: in one element of each
/// list.
struct Search<'l> {
    leaves: &'l [Leaf<'l>],
}

impl Search<'_> {
    fn finds(&self, goals: &[Goal<'_>], place: &Place<'_>) -> bool {
        match goals.split_first() {
            None => place
                .absent
                .iter()
                .all(|path| !self.at(path).any(|leaf| leaf.is_within(&place.elements))),
            Some((goal, rest)) => {
                let places = self.places(goal, place);
                places.iter().any(|place| self.finds(rest, place))
            }
        }
    }

    /// Where a goal can be met, given where those before it are. Many values may
    /// be in one place, which is looked at once.
    fn places<'p>(&self, goal: &Goal<'p>, from: &Place<'p>) -> BTreeSet<Place<'p>> {
        match goal {
            Goal::Field(field) => self.places_of_field(field, from),
            Goal::Either(patterns) => patterns
                .iter()
                .flat_map(|pattern| {
                    let from = BTreeSet::from([from.clone()]);
                    pattern.goals().fold(from, |places, goal| {
                        let next = places.iter().flat_map(|from| self.places(&goal, from));
                        next.collect()
                    })
                })
                .collect(),
        }
    }

    fn places_of_field<'p>(&self, field: &'p Field, from: &Place<'p>) -> BTreeSet<Place<'p>> {
        let matching = self.at(&field.path).filter(|leaf| field.matches(leaf));
        let mut places: BTreeSet<Place<'p>> = matching
            .filter_map(|leaf| from.elements.together(&leaf.elements))
            .map(|elements| Place {
                elements,
                absent: from.absent.clone(),
            })
            .collect();
        if field.rules.contains(&Rule::Absent) {
            let mut place = from.clone();
            // Which elements it will be about is known once all goals are met.
            if self.at(&field.path).next().is_some() {
                place.absent.insert(&field.path);
            }
            places.insert(place);
        }
        places
    }

    fn at(&self, path: &str) -> impl Iterator<Item = &Leaf<'_>> {
        self.leaves.iter().filter(move |leaf| leaf.path == path)
    }
}

impl Field {
    fn matches(&self, leaf: &Leaf<'_>) -> bool {
        self.rules.iter().any(|rule| rule.matches(leaf.value))
    }
}

fn either(
    patterns: &[Value],
    path: Option<&str>,
    name: &str,
) -> Result<Vec<Pattern>, InvalidPattern> {
    if patterns.len() < 2 {
        return Err(shape(name, "must have two patterns or more"));
    }
    let parse = |alternative: &Value| match alternative {
        Value::Object(fields) => {
            let mut pattern = Pattern::default();
            pattern.add(fields, path)?;
            Ok(pattern)
        }
        _ => Err(shape(name, "must be a list of patterns")),
    };
    patterns.iter().map(parse).collect()
}

pub(crate) fn shape(field: &str, problem: &str) -> InvalidPattern {
    InvalidPattern::Shape {
        field: field.to_owned(),
        problem: problem.to_owned(),
    }
}
