//! The page of a rule as Markdown: `migrate explain CODE`, and `docs/reference/rules/`.

use super::rule::Rule;
use super::rules::ALL;

/// The page of one rule.
pub fn page(rule: &Rule) -> String {
    let engine = rule.dialect.map_or("PostgreSQL and SQLite", engine_name);
    format!(
        "# {code}: {name}\n\n{what}\n\nSeverity: {severity}. Engine: {engine}. Versions: {versions}.\n\n\
         ## Why\n\n{why}\n\n## Instead\n\n{instead}\n\n## Example\n\nFound:\n\n```sql\n{bad}```\n\n\
         Not found:\n\n```sql\n{good}```\n",
        code = rule.code,
        name = rule.name,
        what = rule.what,
        severity = rule.severity.name(),
        versions = rule.versions,
        why = rule.why,
        instead = rule.instead,
        bad = rule.bad,
        good = rule.good,
    )
}

/// The list of all rules.
pub fn index() -> String {
    let mut text = "# Rules of `migrate lint`\n\nThis list and its pages are written by a test; do not edit them by hand. \
                    `migrate explain CODE` prints a page.\n\n| code | name | severity | engine | what |\n|---|---|---|---|---|\n"
        .to_owned();
    for rule in ALL {
        text.push_str(&format!(
            "| [{code}]({code}.md) | {name} | {severity} | {engine} | {what} |\n",
            code = rule.code,
            name = rule.name,
            severity = rule.severity.name(),
            engine = rule.dialect.map_or("both", engine_name),
            what = rule.what,
        ));
    }
    text
}

fn engine_name(dialect: crate::text::Dialect) -> &'static str {
    match dialect {
        crate::text::Dialect::Postgres => "PostgreSQL",
        crate::text::Dialect::Sqlite => "SQLite",
    }
}
