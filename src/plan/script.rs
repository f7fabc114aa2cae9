//! A plan as SQL that people review and the runner executes: each step under one comment line that states its
//! facts. What is printed can be read back; a script without step lines is one step.

use crate::dialect::script::reaches_another_file;
use crate::dialect::{Absence, Facts, KeptUse, Lock, Order, Sql, Step, Transaction, Undo, Work};
use crate::text::Dialect;

/// What is wrong with a script.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("line {line}: {problem}")]
pub struct ScriptError {
    pub line: usize,
    pub problem: String,
}

/// Prints steps under `header` (comment lines without the leading dashes).
pub fn print(steps: &[Step], header: &[String]) -> String {
    let mut text = String::new();
    for line in header {
        text.push_str(&format!("-- {line}\n"));
    }
    for (index, step) in steps.iter().enumerate() {
        text.push_str(&format!("\n-- step {}: {} | {}\n", index + 1, step.title, facts(step)));
        for statement in &step.statements {
            text.push_str(statement.as_str().trim_end());
            text.push_str(";\n");
        }
    }
    text
}

/// What begins the last fact of a step line. It goes to the end of the line and may hold anything.
const REASON: &str = " reason=";

fn facts(step: &Step) -> String {
    let Facts { lock, work, transaction, over, undo, reason } = &step.facts;
    let over = over.as_ref().map_or_else(String::new, |table| format!(" over={table}"));
    let kept = match &step.reads_kept {
        None => String::new(),
        Some(KeptUse { name, absence: Absence::Skip }) => format!(" if-kept={name}"),
        Some(KeptUse { name, absence: Absence::Refuse }) => format!(" needs-kept={name}"),
    };
    let reason = match reason.as_str() {
        "" => String::new(),
        // A line is a line, whatever names the reason tells.
        reason => format!("{REASON}{}", reason.split_whitespace().collect::<Vec<_>>().join(" ")),
    };
    format!(
        "tx={}{over} lock={} work={} undo={}{kept}{reason}",
        transaction.name(),
        lock.name(),
        work.name(),
        undo.name()
    )
}

/// Reads a script back into steps. Their order is the script's; `order` is empty.
///
/// # Errors
/// A step line that does not say what it must, or a step that reaches into another file, by line number.
pub fn parse(script: &str, dialect: Dialect) -> Result<Vec<Step>, ScriptError> {
    // Each with its body and the line of its heading.
    let mut steps: Vec<(Step, String, usize)> = Vec::new();
    let mut outside_quotes = Quotes::new(dialect);
    for (index, line) in script.split_inclusive('\n').enumerate() {
        let heading = line.trim_end().strip_prefix("-- step ");
        match heading {
            Some(heading) if outside_quotes.is_outside() => {
                let step = read_heading(heading)
                    .map_err(|problem| ScriptError { line: index + 1, problem })?;
                steps.push((step, String::new(), index + 1));
            }
            _ => {
                outside_quotes.read(line);
                if steps.is_empty() && is_code(line) {
                    steps.push((unnamed_step(), String::new(), index + 1));
                }
                if let Some((_, body, _)) = steps.last_mut() {
                    body.push_str(line);
                }
            }
        }
    }
    let read = steps.into_iter().map(|(mut step, body, line)| {
        step.statements = Sql::of_script(&body, dialect);
        let mut reaching = step.statements.iter();
        match reaching.find_map(|statement| reaches_another_file(statement, dialect)) {
            Some(word) => {
                let problem = format!(
                    "`{word}` reaches into another database file, which a rehearsal has no copy of; a migration \
                     changes the one database that it is applied to"
                );
                Err(ScriptError { line, problem })
            }
            None => Ok(step),
        }
    });
    read.collect()
}

fn is_code(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with("--")
}

/// SQL that a person wrote without step lines: nothing is known of it.
fn unnamed_step() -> Step {
    Step {
        title: "hand-written SQL".to_owned(),
        statements: Vec::new(),
        facts: Facts {
            lock: Lock::AccessExclusive,
            work: Work::Rewrite,
            transaction: Transaction::Shared,
            over: None,
            undo: Undo::Exact,
            reason: "written by hand".to_owned(),
        },
        reads_kept: None,
        order: Order::default(),
    }
}

/// Reads what follows `-- step ` on a step line.
///
/// # Errors
/// What is wrong with it.
pub fn read_heading(heading: &str) -> Result<Step, String> {
    let (_, rest) = heading.split_once(": ").ok_or("a step line reads `-- step N: TITLE | …`")?;
    let (front, reason) = reason_of(rest);
    let (title, facts) =
        front.rsplit_once(" | ").ok_or("the facts after ` | ` are missing (tx=… lock=… …)")?;
    let mut step = unnamed_step();
    step.title = title.to_owned();
    step.facts.reason = reason.to_owned();
    for (key, value) in pairs(facts) {
        let unknown = || format!("`{value}` is not a known value of `{key}`");
        match key {
            "tx" => step.facts.transaction = Transaction::named(&value).ok_or_else(unknown)?,
            "over" => step.facts.over = Some(value),
            "lock" => step.facts.lock = Lock::named(&value).ok_or_else(unknown)?,
            "work" => step.facts.work = Work::named(&value).ok_or_else(unknown)?,
            "undo" => step.facts.undo = Undo::named(&value).ok_or_else(unknown)?,
            "if-kept" => step.reads_kept = Some(KeptUse { name: value, absence: Absence::Skip }),
            "needs-kept" => {
                step.reads_kept = Some(KeptUse { name: value, absence: Absence::Refuse });
            }
            _ => return Err(format!("unknown fact `{key}`")),
        }
    }
    Ok(step)
}

/// What stands before the reason, and the reason; lines of versions before there was one say none.
fn reason_of(rest: &str) -> (&str, &str) {
    let facts = rest.find(" | tx=").or(rest.find(" | ")).unwrap_or(0);
    match rest[facts..].find(REASON) {
        Some(at) => (&rest[..facts + at], &rest[facts + at + REASON.len()..]),
        None => (rest, ""),
    }
}

/// `key=value` pairs whose values may hold spaces: a value ends where the next key begins.
fn pairs(facts: &str) -> Vec<(&str, String)> {
    let mut pairs: Vec<(&str, String)> = Vec::new();
    for word in facts.split_whitespace() {
        match (word.split_once('='), pairs.last_mut()) {
            (Some((key, value)), _) => pairs.push((key, value.to_owned())),
            (None, Some((_, value))) => {
                value.push(' ');
                value.push_str(word);
            }
            (None, None) => {}
        }
    }
    pairs
}

/// Whether the reader stands inside a quoted text that goes over lines (a function body may hold `-- step`).
struct Quotes {
    dialect: Dialect,
    text: String,
}

impl Quotes {
    fn new(dialect: Dialect) -> Self {
        Quotes { dialect, text: String::new() }
    }

    fn read(&mut self, line: &str) {
        self.text.push_str(line);
        if self.is_outside() {
            self.text.clear();
        }
    }

    fn is_outside(&self) -> bool {
        use crate::text::token::{Kind, tokenize};
        let Some(last) = tokenize(&self.text, self.dialect).pop() else { return true };
        match last.kind {
            Kind::Text | Kind::Quoted => {
                let quote = if last.text.starts_with('$') { '$' } else { '\'' };
                last.text.len() > 1
                    && (last.text.ends_with(quote) || last.text.ends_with(['"', '`', ']']))
            }
            Kind::Comment => !last.text.starts_with("/*") || last.text.ends_with("*/"),
            Kind::Word | Kind::Number | Kind::Parameter | Kind::Mark | Kind::Space => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Vec<Step> {
        let mut step = unnamed_step();
        step.title = "backfill a | b".into();
        step.statements = Sql::of_script(
            "UPDATE t SET a = 'x;y'; SELECT $$\n-- step 9: no | tx=own\n$$",
            Dialect::Postgres,
        );
        step.facts.over = Some("public.\"a b\"".into());
        step.facts.lock = Lock::ShareUpdateExclusive;
        step.facts.reason = "values of a=b | c are kept".into();
        step.reads_kept = Some(KeptUse { name: "k_1".into(), absence: Absence::Skip });
        vec![step]
    }

    #[test]
    fn what_is_printed_is_read_back() {
        let text = print(&example(), &["a header".into()]);
        assert!(text.contains("lock=SHARE UPDATE EXCLUSIVE"), "{text}");
        assert_eq!(parse(&text, Dialect::Postgres), Ok(example()));
    }

    #[test]
    fn a_step_line_without_a_reason_is_read() {
        let text = "-- step 1: a | b | tx=own lock=none work=scan undo=exact\nSELECT 1;\n";
        let steps = parse(text, Dialect::Sqlite).expect("parses");
        assert_eq!((steps[0].title.as_str(), steps[0].facts.reason.as_str()), ("a | b", ""));
    }

    #[test]
    fn a_script_without_step_lines_is_one_step() {
        let steps = parse("-- note\nSELECT 1; SELECT 2;", Dialect::Sqlite).expect("parses");
        assert_eq!((steps.len(), steps[0].statements.len()), (1, 2));
        assert_eq!(parse("-- nothing\n", Dialect::Sqlite), Ok(Vec::new()));
    }

    #[test]
    fn an_unknown_fact_names_its_line() {
        let error = parse("-- x\n-- step 1: a | tx=maybe\n", Dialect::Sqlite).expect_err("refused");
        assert_eq!(error.line, 2);
    }
}
