//! Reads JUnit's XML and holds it to what CI systems take. There is no schema of JUnit's own; the rules are those of the one
//! that Jenkins publishes (xunit-plugin, `junit-10.xsd`): which elements stand in which, which attributes they need.

use std::collections::BTreeMap;

/// An element, read.
#[derive(Debug)]
pub struct Element {
    pub name: String,
    pub attributes: BTreeMap<String, String>,
    pub children: Vec<Element>,
    pub text: String,
}

/// Reads a document; panics where it is not well-formed.
pub fn read(text: &str) -> Element {
    let body =
        text.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>").expect("a declaration");
    let mut rest = body.trim();
    let root = element(&mut rest);
    assert!(rest.trim().is_empty(), "after the root stands: {rest}");
    root
}

fn element(rest: &mut &str) -> Element {
    let open = rest.strip_prefix('<').unwrap_or_else(|| panic!("no element at: {:.60}", rest));
    let end = end_of_tag(open);
    let (tag, after) = open.split_at(end);
    *rest = &after[1..];
    let (tag, is_empty) = match tag.strip_suffix('/') {
        Some(tag) => (tag, true),
        None => (tag, false),
    };
    let name = tag.split_whitespace().next().expect("a name").to_owned();
    let mut found = Element {
        attributes: attributes(&tag[name.len()..]),
        name,
        children: Vec::new(),
        text: String::new(),
    };
    if is_empty {
        return found;
    }
    loop {
        let next = rest.find('<').expect("an end");
        found.text.push_str(&unescape(&rest[..next]));
        *rest = &rest[next..];
        if let Some(after) = rest.strip_prefix("</") {
            let end = after.find('>').expect("an end");
            assert_eq!(after[..end].trim(), found.name);
            *rest = &after[end + 1..];
            break;
        }
        found.children.push(element(rest));
    }
    found
}

/// `>` may stand in a value.
fn end_of_tag(text: &str) -> usize {
    let mut inside = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' => inside = !inside,
            '<' => panic!("`<` in a tag: {:.60}", text),
            '>' if !inside => return at,
            _ => {}
        }
    }
    panic!("a tag without an end: {text:.60}")
}

fn attributes(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").expect("name=\"value\"");
        let (value, after) = after.split_once('"').expect("a closing quote");
        assert!(
            found.insert(name.trim().to_owned(), unescape(value)).is_none(),
            "{name} stands twice"
        );
        rest = after.trim();
    }
    found
}

fn unescape(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        plain.push_str(&rest[..at]);
        let (word, after) = rest[at + 1..].split_once(';').expect("an entity ends with `;`");
        plain.push(match word {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "#10" => '\n',
            other => panic!("`&{other};` is not known"),
        });
        rest = after;
    }
    plain + rest
}

/// Where the document is not as Jenkins takes it.
pub fn faults(root: &Element) -> Vec<String> {
    let mut found = Vec::new();
    if root.name != "testsuites" {
        found.push(format!("the root is {}", root.name));
    }
    hold(root, "testsuites", &mut found);
    found
}

/// Which elements may stand in one, which attributes it needs, and which it may have.
fn rule(
    name: &str,
) -> Option<(&'static [&'static str], &'static [&'static str], &'static [&'static str])> {
    Some(match name {
        "testsuites" => (&["testsuite"], &[], &["name", "time", "tests", "failures", "errors"]),
        "testsuite" => (
            &["testcase", "properties", "system-out", "system-err"],
            &["name"],
            &[
                "tests",
                "failures",
                "errors",
                "skipped",
                "time",
                "timestamp",
                "hostname",
                "id",
                "package",
                "file",
            ],
        ),
        "testcase" => (
            &["skipped", "error", "failure", "system-out", "system-err"],
            &["name"],
            &["classname", "time", "assertions", "status", "class", "file", "line"],
        ),
        "failure" | "error" => (&[], &[], &["message", "type"]),
        "skipped" => (&[], &[], &["message", "type"]),
        "system-out" | "system-err" => (&[], &[], &[]),
        _ => return None,
    })
}

fn hold(element: &Element, path: &str, found: &mut Vec<String>) {
    let Some((children, needed, allowed)) = rule(&element.name) else {
        return found.push(format!("{path}: `{}` is no element of JUnit", element.name));
    };
    for name in needed {
        if element.attributes.get(*name).is_none_or(String::is_empty) {
            found.push(format!("{path}: `{name}` is missing or empty"));
        }
    }
    for name in element.attributes.keys() {
        if !needed.contains(&name.as_str()) && !allowed.contains(&name.as_str()) {
            found.push(format!("{path}: no attribute `{name}`"));
        }
    }
    for (index, child) in element.children.iter().enumerate() {
        if !children.contains(&child.name.as_str()) {
            found.push(format!("{path}: `{}` may not stand here", child.name));
        }
        hold(child, &format!("{path}.{}[{index}]", child.name), found);
    }
    if element.name == "testsuite" {
        count(element, path, found);
    }
}

/// The numbers must be those of the cases.
fn count(suite: &Element, path: &str, found: &mut Vec<String>) {
    let has = |name: &str| {
        let cases = suite.children.iter().filter(|it| it.name == "testcase");
        cases.filter(|case| case.children.iter().any(|inner| inner.name == name)).count()
    };
    let tests = suite.children.iter().filter(|it| it.name == "testcase").count();
    for (name, number) in [("tests", tests), ("failures", has("failure")), ("errors", has("error"))]
    {
        if suite.attributes.get(name) != Some(&number.to_string()) {
            found.push(format!("{path}: {name} is not {number}"));
        }
    }
}
