//! Damaging an input: as bytes, and as the JSON in it, which gets further.

use fastrand::Rng;
use serde_json::{Value, json};

/// Texts that are something special to somebody.
const ODD_TEXTS: [&str; 26] = [
    "",
    " ",
    "0",
    "-1",
    "1e3",
    "00000000000000000000",
    "9007199254740993",
    "18446744073709551616",
    "9999999999999999999999999999999999999999",
    "not a number",
    "é\u{0}\u{ffff}\u{10ffff}",
    "{}",
    "\"\\ud800\"",
    "#",
    "/",
    "discarded#",
    "00000000000000000001#019d4f5e-6a00-7000-8000-000000000001",
    "{019D4F5E-6A00-7000-8000-000000000001}",
    "00000000-0000-0000-0000-000000000000",
    "-009999-01-02T00:00:00Z",
    "9999-12-30T22:00:00.999999999Z",
    "253402207200000",
    "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8",
    "INSERT",
    "REMOVE",
    "numeric",
];

/// An input that differs a little, always the same for the same random numbers.
pub fn mutate(input: &[u8], random: &mut Rng) -> Vec<u8> {
    let mut mutated = input.to_vec();
    for _ in 0..random.usize(1..4) {
        let as_json = (random.u8(0..4) > 0)
            .then(|| change_json(&mutated, random))
            .flatten();
        mutated = as_json.unwrap_or_else(|| change_bytes(mutated, random));
    }
    mutated
}

fn change_bytes(mut bytes: Vec<u8>, random: &mut Rng) -> Vec<u8> {
    let from = random.usize(0..=bytes.len());
    let to = (from + random.usize(0..8)).min(bytes.len());
    match random.u8(0..5) {
        0 => drop(bytes.drain(from..to)),
        1 => {
            let again = bytes[from..to].to_vec();
            bytes.splice(to..to, again);
        }
        2 => bytes.insert(from, random.u8(..)),
        3 => {
            let text = odd_text(random);
            bytes.splice(from..to, text.bytes());
        }
        _ => {
            if let Some(byte) = bytes.get_mut(from) {
                *byte ^= 1 << random.u8(0..8);
            }
        }
    }
    bytes
}

/// Changes one node of an object or a list, wherever in the input that begins.
/// `None` if none begins where it was looked for.
fn change_json(input: &[u8], random: &mut Rng) -> Option<Vec<u8>> {
    let starts = input.iter().enumerate();
    let starts: Vec<usize> = starts
        .filter(|(_, byte)| matches!(byte, b'{' | b'['))
        .map(|(start, _)| start)
        .collect();
    // The first most often: it begins the whole.
    let first = starts.first().filter(|_| random.bool());
    let start = *first.or_else(|| random.choice(&starts))?;
    let mut values = serde_json::Deserializer::from_slice(&input[start..]).into_iter();
    let mut json: Value = values.next()?.ok()?;
    let end = start + values.byte_offset();
    change_node(&mut json, random);
    Some([&input[..start], json.to_string().as_bytes(), &input[end..]].concat())
}

fn change_node(json: &mut Value, random: &mut Rng) {
    let chosen = random.usize(0..nodes(json));
    let other = nth(json, &mut random.usize(0..nodes(json))).cloned();
    let Some(node) = nth(json, &mut { chosen }) else {
        return;
    };
    match random.u8(0..6) {
        0 => *node = odd_value(random),
        1 => *node = other.unwrap_or_default(),
        _ => change_inside(node, random),
    }
}

fn change_inside(node: &mut Value, random: &mut Rng) {
    match node {
        Value::String(text) => change_text(text, random),
        Value::Array(elements) => {
            let at = random.usize(0..=elements.len());
            let element = match elements.get(at) {
                Some(element) if random.bool() => element.clone(),
                Some(_) => return drop(elements.remove(at)),
                None => odd_value(random),
            };
            elements.insert(at, element);
        }
        Value::Object(fields) => {
            let name = random.choice(fields.keys()).cloned();
            match name {
                Some(name) if random.bool() => drop(fields.remove(&name)),
                Some(name) if random.bool() => {
                    let value = fields.remove(&name).unwrap_or_default();
                    fields.insert(odd_text(random).to_owned(), value);
                }
                _ => drop(fields.insert(odd_text(random).to_owned(), odd_value(random))),
            }
        }
        _ => *node = odd_value(random),
    }
}

/// A text may be JSON itself, as an event's detail is.
fn change_text(text: &mut String, random: &mut Rng) {
    let changed = match random.u8(0..5) {
        0 => odd_text(random).as_bytes().to_vec(),
        1 => text.repeat(random.usize(2..40)).into_bytes(),
        2 => change_json(text.as_bytes(), random).unwrap_or_default(),
        _ => change_bytes(text.as_bytes().to_vec(), random),
    };
    *text = String::from_utf8_lossy(&changed).into_owned();
}

fn odd_text(random: &mut Rng) -> &'static str {
    random.choice(ODD_TEXTS).unwrap_or_default()
}

fn odd_value(random: &mut Rng) -> Value {
    match random.u8(0..16) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(0),
        3 => json!(-1),
        4 => json!(1.5),
        5 => json!(1e300),
        6 => json!(u64::MAX),
        7 => json!(i64::MIN),
        8 => json!(5_000_000_000_i64),
        9 => json!([]),
        10 => json!({}),
        11 => json!({"S": odd_text(random)}),
        12 => json!({"N": odd_text(random)}),
        13 => (0..random.u8(1..100)).fold(Value::Null, |inner, _| json!([inner])),
        _ => json!(odd_text(random)),
    }
}

/// How many nodes there are, this one included.
fn nodes(json: &Value) -> usize {
    1 + match json {
        Value::Array(elements) => elements.iter().map(nodes).sum(),
        Value::Object(fields) => fields.values().map(nodes).sum(),
        _ => 0,
    }
}

/// The node before which `left` others come.
fn nth<'j>(json: &'j mut Value, left: &mut usize) -> Option<&'j mut Value> {
    if *left == 0 {
        return Some(json);
    }
    *left -= 1;
    match json {
        Value::Array(elements) => elements.iter_mut().find_map(|element| nth(element, left)),
        Value::Object(fields) => fields.values_mut().find_map(|value| nth(value, left)),
        _ => None,
    }
}
