//! A reference of every key as Markdown, from a JSON Schema of a TOML file.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// One table of the file: its keys are the properties of a definition.
struct Section<'a> {
    /// The keys before it, such as `source.cobol`; empty for the file itself.
    path: String,
    /// As it is written, such as `[source.cobol]`.
    title: String,
    definition: &'a Map<String, Value>,
}

/// The reference of `schema`. `title` and `about` are at its beginning.
pub(crate) fn reference(root: &Map<String, Value>, title: &str, about: &str) -> String {
    let mut writer = Writer {
        definitions: root.get("$defs").and_then(Value::as_object),
        titles: BTreeMap::new(),
        sections: Vec::new(),
    };
    writer.collect(&Section { path: String::new(), title: String::new(), definition: root });
    let mut out = format!("# {title}\n\n{}\n\n{}\n\n", wrapped(text(root, "description")), wrapped(about));
    for section in &writer.sections {
        let line = format!("- {}: {}", link(&section.title), first_sentence(section.definition));
        out.push_str(&format!("{}\n", wrapped(&line).replace('\n', "\n  ")));
    }
    let tables: Vec<_> = properties(root)
        .filter(|(_, key)| writer.child(key).is_none())
        .map(|(name, key)| writer.key("", name, key, root))
        .collect();
    let sections: Vec<_> = writer.sections.iter().map(|section| writer.section(section)).collect();
    for part in sections.iter().chain(&tables) {
        out.push('\n');
        out.push_str(part);
    }
    out
}

struct Writer<'a> {
    definitions: Option<&'a Map<String, Value>>,
    /// The title of each definition that has a section, by the definition's name.
    titles: BTreeMap<&'a str, String>,
    sections: Vec<Section<'a>>,
}

/// How a key leads to a definition with keys of its own.
#[derive(PartialEq, Eq)]
enum Form {
    Table,
    List,
    /// It may be something else instead.
    Among,
}

impl<'a> Writer<'a> {
    /// Finds every table that is below `section`, in the order in which they are written.
    fn collect(&mut self, section: &Section<'a>) {
        for (name, key) in properties(section.definition) {
            for (of, form) in self.leads_to(key) {
                let Some(definition) = self.definition(of) else { continue };
                if self.titles.contains_key(of) {
                    continue;
                }
                let path =
                    if section.path.is_empty() { name.clone() } else { format!("{}.{name}", section.path) };
                let title = match form {
                    Form::Table => format!("[{path}]"),
                    Form::List => format!("[[{path}]]"),
                    Form::Among => format!("{path} = {{ … }}"),
                };
                self.titles.insert(of, title.clone());
                self.sections.push(Section { path: path.clone(), title, definition });
                self.collect(&Section { path, title: String::new(), definition });
            }
        }
    }

    fn of(&self, name: &str) -> Option<&'a Value> {
        self.definitions?.get(name)
    }

    fn definition(&self, name: &str) -> Option<&'a Map<String, Value>> {
        self.of(name)?.as_object()
    }

    /// The definitions with keys that a key's value may be of.
    fn leads_to(&self, key: &'a Value) -> Vec<(&'a str, Form)> {
        if let Some(of) = reference_of(key) {
            let Some(definition) = self.of(of) else { return Vec::new() };
            if definition.get("properties").is_some() {
                return vec![(of, Form::Table)];
            }
            return self.among(definition);
        }
        if let Some(of) = key.get("items").and_then(reference_of) {
            let Some(definition) = self.of(of) else { return Vec::new() };
            // A list whose items are of several kinds is no table.
            return match definition.get("anyOf") {
                None => vec![(of, Form::List)],
                Some(_) => self.among(definition),
            };
        }
        self.among(key)
    }

    fn among(&self, key: &'a Value) -> Vec<(&'a str, Form)> {
        let inner = key.get("additionalProperties").filter(|inner| inner.is_object());
        let variants = key["anyOf"].as_array().into_iter().flatten().chain(inner);
        variants.flat_map(|variant| self.leads_to(variant)).map(|(of, _)| (of, Form::Among)).collect()
    }

    /// The table that a key always is, or a list of.
    fn child(&self, key: &'a Value) -> Option<&'a str> {
        self.leads_to(key).into_iter().find(|(_, form)| *form != Form::Among).map(|(of, _)| of)
    }

    fn section(&self, section: &Section<'a>) -> String {
        let definition = section.definition;
        let mut out = format!("## `{}`\n\n{}\n", section.title, wrapped(text(definition, "description")));
        for example in examples(definition) {
            let name = section.path.rsplit('.').next().unwrap_or_default();
            out.push_str(&format!("\n```toml\n{name} = {}\n```\n", toml(example)));
        }
        for (name, key) in properties(definition) {
            out.push('\n');
            out.push_str(&self.key(&section.path, name, key, definition));
        }
        out
    }

    fn key(&self, path: &str, name: &str, key: &'a Value, within: &Map<String, Value>) -> String {
        let whole = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        let empty = Map::new();
        let key_map = key.as_object().unwrap_or(&empty);
        let required = within.get("required").and_then(Value::as_array);
        let is_required = required.is_some_and(|required| required.iter().any(|one| one == name));
        let mut facts = vec![if is_required { "required".to_owned() } else { "optional".to_owned() }];
        facts.push(self.type_of(key));
        facts.extend(bounds(key));
        if let Some(default) = key.get("default") {
            facts.push(format!("default `{}`", toml(default)));
        }
        if let Some(values) = key.get("enum").and_then(Value::as_array) {
            let values: Vec<_> = values.iter().map(|value| format!("`{}`", toml(value))).collect();
            facts.push(format!("one of {}", values.join(", ")));
        }
        let level = if path.is_empty() { "##" } else { "###" };
        let (facts, text) = (format!("*{}*", facts.join(" · ")), text(key_map, "description"));
        let mut out = format!("{level} `{whole}`\n\n{}\n\n{}\n", wrapped(&facts), wrapped(text));
        let lines: Vec<_> =
            examples(key_map).map(|example| format!("{} = {}", quoted_key(name), toml(example))).collect();
        if !lines.is_empty() {
            out.push_str(&format!("\n```toml\n{}\n```\n", lines.join("\n# or\n")));
        }
        out
    }

    /// What a value is, in words.
    fn type_of(&self, key: &'a Value) -> String {
        if let Some(of) = reference_of(key) {
            return match self.titles.get(of) {
                Some(title) => format!("table {}", link(title)),
                None => self.of(of).map_or_else(String::new, |one| self.type_of(one)),
            };
        }
        if let Some(value) = key.get("const") {
            return format!("`{}`", toml(value));
        }
        if let Some(variants) = key.get("anyOf").and_then(Value::as_array) {
            let words: Vec<_> = variants.iter().map(|variant| self.type_of(variant)).collect();
            return words.join(" or ");
        }
        match &key["type"] {
            Value::Array(types) => {
                let words: Vec<_> = types.iter().filter_map(Value::as_str).map(word).collect();
                words.join(" or ")
            }
            Value::String(ty) if ty == "array" => match key.get("items") {
                Some(items) if reference_of(items).is_some_and(|of| self.titles.contains_key(of)) => {
                    format!("list of tables{}", self.type_of(items).trim_start_matches("table"))
                }
                Some(items) if items.get("enum").is_some() => "list of texts".to_owned(),
                Some(items) => format!("list of {}", plural(&self.type_of(items))),
                None => "list".to_owned(),
            },
            Value::String(ty) if ty == "object" => match key.get("additionalProperties") {
                Some(inner) if inner.is_object() => format!("table of names, each {}", self.type_of(inner)),
                _ => "table".to_owned(),
            },
            Value::String(ty) => word(ty).to_owned(),
            _ => match key.get("enum").and_then(Value::as_array) {
                Some(values) if values.iter().any(Value::is_boolean) => "boolean or text".to_owned(),
                _ => "value".to_owned(),
            },
        }
    }
}

fn properties(definition: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    definition.get("properties").and_then(Value::as_object).into_iter().flatten()
}

fn examples(definition: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    definition.get("examples").and_then(Value::as_array).into_iter().flatten()
}

fn reference_of(key: &Value) -> Option<&str> {
    key.get("$ref")?.as_str()?.strip_prefix("#/$defs/")
}

fn text<'a>(definition: &'a Map<String, Value>, key: &str) -> &'a str {
    definition.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// A text in lines of at most 120 characters. Words between backticks are kept together.
fn wrapped(text: &str) -> String {
    const WIDTH: usize = 118;
    let mut out = String::new();
    for (at, paragraph) in text.split("\n\n").enumerate() {
        if at > 0 {
            out.push_str("\n\n");
        }
        let (mut column, mut word, mut is_code) = (0, String::new(), false);
        for part in paragraph.split(' ') {
            word.push_str(part);
            is_code ^= part.matches('`').count() % 2 == 1;
            if is_code {
                word.push(' ');
                continue;
            }
            let length = word.chars().count();
            let gap = match column {
                0 => "",
                _ if column + 1 + length > WIDTH => "\n",
                _ => " ",
            };
            column = if gap == " " { column + 1 + length } else { length };
            out.push_str(gap);
            out.push_str(&std::mem::take(&mut word));
        }
        out.push_str(&word);
    }
    out
}

fn first_sentence(definition: &Map<String, Value>) -> String {
    let text = text(definition, "description");
    match text.split_once(". ") {
        Some((first, _)) => format!("{first}."),
        None => text.to_owned(),
    }
}

/// A link to a section of the same page, by the anchor that is made of its title.
fn link(title: &str) -> String {
    let anchor: String = title
        .to_lowercase()
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
            _ => None,
        })
        .collect();
    format!("[`{title}`](#{anchor})")
}

fn word(ty: &str) -> &str {
    match ty {
        "string" => "text",
        other => other,
    }
}

fn plural(word: &str) -> String {
    match word {
        "text" | "integer" | "boolean" => format!("{word}s"),
        other => other.replace("text", "texts").replace("integer", "integers").replace("boolean", "booleans"),
    }
}

/// The bounds of a number or of a text's length.
fn bounds(key: &Value) -> Option<String> {
    let number = |name: &str| key.get(name).and_then(Value::as_i64);
    let characters = if key.get("maxLength").is_some() { " characters" } else { "" };
    let least = number("minimum").or(number("minLength"));
    let most = number("maximum").or(number("maxLength"));
    match (least, most) {
        (Some(least), Some(most)) if least == most => Some("1 character".to_owned()),
        (Some(least), Some(most)) => Some(format!("{least} to {most}{characters}")),
        (Some(least), None) if least > 0 => Some(format!("at least {least}")),
        (None, Some(most)) if most == 1 && !characters.is_empty() => Some("at most 1 character".to_owned()),
        (None, Some(most)) => Some(format!("at most {most}{characters}")),
        _ => None,
    }
}

/// A JSON value as TOML writes it after a key.
pub(crate) fn toml(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(toml).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let pairs: Vec<_> =
                map.iter().map(|(key, value)| format!("{} = {}", quoted_key(key), toml(value))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        // What JSON escapes in a text, TOML escapes alike.
        other => other.to_string(),
    }
}

fn quoted_key(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !key.is_empty() && key.chars().all(is_bare) { key.to_owned() } else { toml(&key.into()) }
}
