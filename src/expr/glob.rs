//! Patterns as SQLite's `GLOB`, where that says exactly the same.
//!
//! `REGEXP` is no part of SQLite: a table whose CHECK uses it can no longer be written by clients that lack the
//! function. `GLOB` is always there, but has neither repeats of a class nor alternatives; those become
//! conjunctions over parts of the text and disjunctions. Where no such form is exact there is none.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind, Look};

use super::Case;
use super::pattern::{LikePart, like_parts};

/// Most alternatives a pattern may unfold into.
const ALTERNATIVES_MAX: usize = 16;

/// Most characters of fixed width in one pattern.
const WIDTH_MAX: usize = 300;

/// A condition on a text; all parts are NULL where the text is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GlobTest {
    Glob(Part, String),
    NotGlob(Part, String),
    /// The text of the part has at least so many characters, and at most.
    Length {
        part: Part,
        least: usize,
        most: Option<usize>,
    },
    /// The part contains this character.
    Contains(Part, char),
    All(Vec<GlobTest>),
    Any(Vec<GlobTest>),
}

/// The text, or a piece of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    Whole,
    /// What stands before the first such character.
    Before(Box<Part>, char),
    /// What stands after the first such character.
    After(Box<Part>, char),
    /// What is left after taking away so many characters on each side.
    Inner {
        part: Box<Part>,
        left: usize,
        right: usize,
    },
}

/// The exact `GLOB` form of a portable regular expression, if there is one.
pub fn to_glob(pattern: &str, case: Case) -> Option<GlobTest> {
    // Folding beyond ASCII differs between engines.
    if case == Case::Insensitive && !pattern.is_ascii() {
        return None;
    }
    let tree = ParserBuilder::new()
        .dot_matches_new_line(true)
        .case_insensitive(case == Case::Insensitive)
        .build()
        .parse(pattern)
        .ok()?;
    let mut sequences = unfold(&tree, case)?;
    sequences.dedup();
    let tests: Option<Vec<GlobTest>> =
        sequences.into_iter().map(|sequence| translate(&anchor(sequence)?)).collect();
    Some(any(tests?))
}

/// The `GLOB` pattern of a `LIKE` pattern, which on SQLite would ignore case.
pub fn like_to_glob(pattern: &str) -> Option<String> {
    let parts = like_parts(pattern)?;
    let glob = parts.iter().map(|part| match part {
        LikePart::AnyOne => "?".to_owned(),
        LikePart::AnyMany => "*".to_owned(),
        LikePart::Character(character) => escape(*character),
    });
    Some(glob.collect())
}

fn escape(character: char) -> String {
    match character {
        '*' | '?' | '[' => format!("[{character}]"),
        other => other.to_string(),
    }
}

/// One element of a sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Item {
    Start,
    End,
    /// A class, repeated.
    Many {
        class: ClassUnicode,
        least: usize,
        most: Option<usize>,
    },
}

impl Item {
    fn one(class: ClassUnicode) -> Self {
        Item::Many { class, least: 1, most: Some(1) }
    }
}

/// A class of characters with its repeats, once anchors are gone.
#[derive(Clone, Debug)]
struct Run {
    class: ClassUnicode,
    least: usize,
    most: Option<usize>,
}

impl Run {
    fn is_fixed(&self) -> bool {
        self.most == Some(self.least)
    }

    fn any_text() -> Self {
        Run { class: every(), least: 0, most: None }
    }
}

fn every() -> ClassUnicode {
    ClassUnicode::new([ClassUnicodeRange::new('\0', char::MAX)])
}

fn is_every(class: &ClassUnicode) -> bool {
    *class == every()
}

/// All sequences that the pattern is an alternative of.
fn unfold(tree: &Hir, case: Case) -> Option<Vec<Vec<Item>>> {
    match tree.kind() {
        HirKind::Empty => Some(vec![Vec::new()]),
        HirKind::Literal(literal) => {
            let text = std::str::from_utf8(&literal.0).ok()?;
            let class = |one| Item::one(ClassUnicode::new([ClassUnicodeRange::new(one, one)]));
            Some(vec![text.chars().map(class).collect()])
        }
        HirKind::Class(class) => {
            let class = match class {
                Class::Unicode(class) => class.clone(),
                Class::Bytes(class) => class.to_unicode_class()?,
            };
            let class = match case {
                Case::Sensitive => class,
                Case::Insensitive => without_foreign_folds(class),
            };
            Some(vec![vec![Item::one(class)]])
        }
        HirKind::Look(Look::Start) => Some(vec![vec![Item::Start]]),
        HirKind::Look(Look::End) => Some(vec![vec![Item::End]]),
        HirKind::Look(_) => None,
        HirKind::Capture(capture) => unfold(&capture.sub, case),
        HirKind::Repetition(repetition) => {
            let bound = |count: u32| usize::try_from(count).ok();
            let (least, most) = (bound(repetition.min)?, repetition.max.map(bound));
            let most = match most {
                None => None,
                Some(most) => Some(most?),
            };
            repeat(unfold(&repetition.sub, case)?, least, most)
        }
        HirKind::Concat(parts) => {
            let mut sequences = vec![Vec::new()];
            for part in parts {
                sequences = product(&sequences, &unfold(part, case)?)?;
            }
            Some(sequences)
        }
        HirKind::Alternation(parts) => {
            let mut sequences = Vec::new();
            for part in parts {
                sequences.extend(unfold(part, case)?);
            }
            (sequences.len() <= ALTERNATIVES_MAX).then_some(sequences)
        }
    }
}

/// Unicode folds `k` and `s` to the Kelvin sign and the long s as well; PostgreSQL does not.
fn without_foreign_folds(mut class: ClassUnicode) -> ClassUnicode {
    let foreign = ['\u{17f}', '\u{212a}'].map(|one| ClassUnicodeRange::new(one, one));
    if class
        .ranges()
        .iter()
        .all(|range| range.start().is_ascii() && range.end().is_ascii() || foreign.contains(range))
    {
        class.difference(&ClassUnicode::new(foreign));
    }
    class
}

fn product(left: &[Vec<Item>], right: &[Vec<Item>]) -> Option<Vec<Vec<Item>>> {
    if left.len() * right.len() > ALTERNATIVES_MAX {
        return None;
    }
    let pairs = left
        .iter()
        .flat_map(|first| right.iter().map(|second| first.iter().chain(second).cloned().collect()));
    Some(pairs.collect())
}

fn repeat(inner: Vec<Vec<Item>>, least: usize, most: Option<usize>) -> Option<Vec<Vec<Item>>> {
    if let [sequence] = inner.as_slice()
        && let [Item::Many { class, least: 1, most: Some(1) }] = sequence.as_slice()
    {
        return Some(vec![vec![Item::Many { class: class.clone(), least, most }]]);
    }
    // A group: unfolded where the count is small, else there is no form.
    let most = most?;
    let mut all = Vec::new();
    for count in least..=most.min(least.saturating_add(ALTERNATIVES_MAX)) {
        let mut sequences = vec![Vec::new()];
        for _ in 0..count {
            sequences = product(&sequences, &inner)?;
            if sequences.iter().any(|sequence: &Vec<Item>| sequence.len() > WIDTH_MAX) {
                return None;
            }
        }
        all.extend(sequences);
        if all.len() > ALTERNATIVES_MAX {
            return None;
        }
    }
    (most - least <= ALTERNATIVES_MAX).then_some(all)
}

/// Makes a search a match of the whole text: where an end is open, anything may stand.
fn anchor(items: Vec<Item>) -> Option<Vec<Run>> {
    let mut runs = Vec::new();
    let (mut start, mut end) = (false, false);
    for item in items {
        match item {
            Item::Start if runs.is_empty() && !end => start = true,
            Item::End => end = true,
            // An anchor in the middle never matches, or only empty text: rare, and left to the scan.
            Item::Start => return None,
            Item::Many { .. } if end => return None,
            Item::Many { class, least, most } => runs.push(Run { class, least, most }),
        }
    }
    if !start {
        // Beside open text, more repeats than the fewest change nothing.
        if let Some(first) = runs.first_mut() {
            first.most = Some(first.least);
        }
        runs.insert(0, Run::any_text());
    }
    if !end {
        if runs.len() > usize::from(!start)
            && let Some(last) = runs.last_mut()
        {
            last.most = Some(last.least);
        }
        runs.push(Run::any_text());
    }
    runs.retain(|run| run.most != Some(0));
    let width: usize = runs.iter().map(|run| run.least).sum();
    (width <= WIDTH_MAX).then_some(runs)
}

fn translate(runs: &[Run]) -> Option<GlobTest> {
    if runs.iter().any(|run| run.class.ranges().is_empty()) {
        return None;
    }
    translate_part(&Part::Whole, runs)
}

/// The test that `part` as a whole is made of the runs.
fn translate_part(part: &Part, runs: &[Run]) -> Option<GlobTest> {
    let open: Vec<usize> = (0..runs.len()).filter(|index| !runs[*index].is_fixed()).collect();
    let plain = |run: &Run| run.is_fixed() || (is_every(&run.class) && run.most.is_none());
    if runs.iter().all(plain) {
        return Some(GlobTest::Glob(part.clone(), glob(runs)));
    }
    if let [only] = open.as_slice() {
        return Some(one_open(part, runs, *only));
    }
    if let Some(test) = one_alphabet(part, runs) {
        return Some(test);
    }
    split_at_separator(part, runs, *open.first()?)
}

/// `F C+ G`: the fixed ends by GLOB, the rest has only characters of the class.
fn one_open(part: &Part, runs: &[Run], open: usize) -> GlobTest {
    let width = |runs: &[Run]| runs.iter().map(|run| run.least).sum::<usize>();
    let (left, right) = (width(&runs[..open]), width(&runs[open + 1..]));
    let run = &runs[open];
    let mut tests = Vec::new();
    let fixed = left + right > 0;
    if fixed || run.most.is_none() {
        let shape = glob(runs);
        if shape != "*" {
            tests.push(GlobTest::Glob(part.clone(), shape));
        }
    }
    if let Some(most) = run.most {
        let least = if fixed { 0 } else { run.least };
        let most = Some(left + right + most);
        tests.push(GlobTest::Length { part: part.clone(), least, most });
    }
    if !is_every(&run.class) {
        let inner = match fixed {
            true => Part::Inner { part: Box::new(part.clone()), left, right },
            false => part.clone(),
        };
        tests.push(GlobTest::NotGlob(inner, format!("*{}*", outside(&run.class))));
    }
    all(tests)
}

/// All runs of one class (or within it): the shape by GLOB, and no character outside the class.
/// Exact because text that GLOB's `*` stands for is then made of the class alone.
fn one_alphabet(part: &Part, runs: &[Run]) -> Option<GlobTest> {
    let mut open = runs.iter().filter(|run| !run.is_fixed());
    let class = &open.next()?.class;
    let within = |run: &Run| {
        let mut rest = run.class.clone();
        rest.difference(class);
        rest.ranges().is_empty()
    };
    let fits = open.all(|run| run.class == *class)
        && runs.iter().all(|run| run.is_fixed() || run.most.is_none())
        && runs.iter().all(within);
    fits.then(|| {
        all(vec![
            GlobTest::Glob(part.clone(), glob(runs)),
            GlobTest::NotGlob(part.clone(), format!("*{}*", outside(class))),
        ])
    })
}

/// `A s B` where `s` occurs in nothing before it: the first `s` of the text is that one.
fn split_at_separator(part: &Part, runs: &[Run], open: usize) -> Option<GlobTest> {
    let separator = runs.get(open + 1)?;
    let one = single(&separator.class)?;
    let absent =
        |run: &Run| run.class.ranges().iter().all(|range| one < range.start() || range.end() < one);
    if separator.least != 1 || !separator.is_fixed() || !runs[..=open].iter().all(absent) {
        return None;
    }
    let before = Part::Before(Box::new(part.clone()), one);
    let after = Part::After(Box::new(part.clone()), one);
    Some(all(vec![
        GlobTest::Contains(part.clone(), one),
        translate_part(&before, &runs[..=open])?,
        translate_part(&after, &runs[open + 2..])?,
    ]))
}

fn single(class: &ClassUnicode) -> Option<char> {
    match class.ranges() {
        [range] if range.start() == range.end() => Some(range.start()),
        _ => None,
    }
}

fn all(tests: Vec<GlobTest>) -> GlobTest {
    let mut flat = Vec::new();
    for test in tests {
        match test {
            GlobTest::All(inner) => flat.extend(inner),
            other => flat.push(other),
        }
    }
    match flat.len() {
        1 => flat.remove(0),
        _ => GlobTest::All(flat),
    }
}

fn any(mut tests: Vec<GlobTest>) -> GlobTest {
    match tests.len() {
        1 => tests.remove(0),
        _ => GlobTest::Any(tests),
    }
}

/// The shape of the runs: classes where fixed, `*` where open.
fn glob(runs: &[Run]) -> String {
    let mut text = String::new();
    for run in runs {
        let one = if run.is_fixed() || is_every(&run.class) {
            class_text(&run.class)
        } else {
            "?".into()
        };
        text.push_str(&one.repeat(run.least));
        if !run.is_fixed() {
            text.push('*');
        }
    }
    // Neighbouring stars are one.
    while text.contains("**") {
        text = text.replace("**", "*");
    }
    text
}

/// A class as GLOB writes it for one character.
fn class_text(class: &ClassUnicode) -> String {
    if is_every(class) {
        return "?".into();
    }
    if let Some(one) = single(class) {
        return escape(one);
    }
    match from_the_rest(class) {
        Some(rest) => bracket(&rest, "^"),
        None => bracket(class, ""),
    }
}

/// One character outside the class.
fn outside(class: &ClassUnicode) -> String {
    match from_the_rest(class) {
        Some(rest) => class_text(&rest),
        None => bracket(class, "^"),
    }
}

/// The characters left out, if the class is everything but a few.
fn from_the_rest(class: &ClassUnicode) -> Option<ClassUnicode> {
    let last = class.ranges().last()?;
    (last.end() == char::MAX).then(|| {
        let mut rest = class.clone();
        rest.negate();
        rest
    })
}

/// `[…]`: `]` must stand first, `-` last, and `^` not first (SQLite, src/func.c `patternCompare`).
fn bracket(class: &ClassUnicode, sign: &str) -> String {
    // Text holds no zero byte, and neither may the pattern.
    let special =
        ClassUnicode::new([']', '^', '-', '\0'].map(|one| ClassUnicodeRange::new(one, one)));
    let has =
        |one: char| class.ranges().iter().any(|range| range.start() <= one && one <= range.end());
    let mut plain = class.clone();
    plain.difference(&special);
    let mut text = format!("[{sign}");
    if has(']') {
        text.push(']');
    }
    for range in plain.ranges() {
        text.push(range.start());
        match u32::from(range.end()) - u32::from(range.start()) {
            0 => {}
            1 => text.push(range.end()),
            _ => {
                text.push('-');
                text.push(range.end());
            }
        }
    }
    let caret_first = sign.is_empty() && text == "[";
    match (has('^'), has('-')) {
        (true, true) if caret_first => text.push_str("-^"),
        (true, true) => text.push_str("^-"),
        (true, false) => text.push('^'),
        (false, true) => text.push('-'),
        (false, false) => {}
    }
    text.push(']');
    text
}

#[cfg(test)]
#[path = "glob_tests.rs"]
mod tests;
