//! One pattern of a filter. Existing crates for EventBridge patterns have rules that
//! AWS does not document for Lambda, and lack `$or`.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::{
    invalid_pattern::{InvalidPattern, MOST_CHARACTERS, shape},
    leaves::{Elements, Leaf, leaves},
    rule::Rule,
};

/// A pattern: all of its fields must match, in the same elements of lists.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Pattern {
    /// All must match.
    fields: Vec<Field>,
    /// Each `$or`: at least one of its patterns must match.
    alternatives: Vec<Vec<Pattern>>,
}

/// The rules for the values at a path. EventBridge joins names with dots before it
/// compares them, so `{"a": {"b": ..}}` and `{"a.b": ..}` are equal, both in
/// patterns and in records.
#[derive(Debug, Clone, PartialEq)]
struct Field {
    /// The names joined with dots.
    path: String,
    /// At least one must match.
    rules: Vec<Rule>,
}

impl Pattern {
    /// Parses the JSON text of a pattern.
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

    /// Adds the fields of an object at a path.
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

    /// Returns whether a record matches.
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

/// A part of a pattern that a record must match.
#[derive(Clone, Copy)]
enum Goal<'p> {
    Field(&'p Field),
    /// The patterns of an `$or`.
    Either(&'p [Pattern]),
}

/// The list elements that contain the values of a partial match.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Place<'p> {
    elements: Elements,
    /// Paths that must have no value in these elements.
    absent: BTreeSet<&'p str>,
}

/// A search for values that match a pattern together. From each list all values must
/// come from the same element.
struct Search<'l> {
    leaves: &'l [Leaf<'l>],
}

impl Search<'_> {
    /// Returns whether all goals can be met at a place, by backtracking.
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

    /// Returns the places at which a goal can be met, given the place of the goals
    /// before it. A set, since many values may lead to the same place.
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
            .filter_map(|leaf| from.elements.merged(&leaf.elements))
            .map(|elements| Place {
                elements,
                absent: from.absent.clone(),
            })
            .collect();
        if field.rules.contains(&Rule::Absent) {
            let mut place = from.clone();
            // Checked at the end: only then all elements of the place are known.
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

/// Parses the patterns of an `$or`.
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
