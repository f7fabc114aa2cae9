//! Says what is unsafe in a migration before it runs: on files of any tool, and on our own plans.
//!
//! Statements are read into deeds (`read`), a run remembers what earlier statements made (`known`), and each rule of
//! `rules` is asked of each statement. A step of our own plans is judged by its facts, not by its SQL. Precision comes
//! before completeness: no rule speaks of a table that the same file made, or of a server on which it is safe.

pub mod file;
pub mod known;
pub mod page;
pub mod read;
pub mod rule;
pub mod rules;
pub mod statement;
pub mod types;

use std::collections::BTreeMap;

use file::{Allow, Section, Way};
use known::Known;
use rule::{Ask, At, Found, Rule, ServerVersion, Severity, State, Ways, Wrapped};
use serde::{Deserialize, Serialize};
use statement::{Act, ConstraintRule, Deed, Statement};

use crate::text::diagnostic::{Span, line_column};
use crate::text::token::tokenize;
use crate::text::{Dialect, suggest};

/// One file to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// As the user names it.
    pub path: String,
    pub text: String,
    pub way: Way,
}

/// What the project says about rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub dialect: Dialect,
    pub server: Option<ServerVersion>,
    /// Code or name → what it is here.
    pub levels: BTreeMap<String, Level>,
}

/// The severity of a rule in a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Off,
    Note,
    Warning,
    Error,
}

impl Level {
    fn severity(self) -> Option<Severity> {
        match self {
            Level::Off => None,
            Level::Note => Some(Severity::Note),
            Level::Warning => Some(Severity::Warning),
            Level::Error => Some(Severity::Error),
        }
    }
}

/// One finding of the linter.
#[derive(Clone, Debug)]
pub struct Finding {
    pub rule: &'static Rule,
    pub severity: Severity,
    pub message: String,
    pub path: String,
    pub span: Span,
    /// 1-based.
    pub line: usize,
    pub column: usize,
}

/// The rules that settings name and nobody knows, with the nearest name.
pub fn unknown_rules(levels: &BTreeMap<String, Level>) -> Vec<String> {
    let known = |name: &String| rules::find(name).is_some();
    levels
        .keys()
        .filter(|name| !known(name))
        .map(|name| {
            let names = rules::ALL.iter().flat_map(|rule| [rule.code, rule.name]);
            match suggest::nearest(name, names) {
                Some(near) => format!("there is no rule `{name}`; did you mean `{near}`?"),
                None => format!("there is no rule `{name}`"),
            }
        })
        .collect()
}

/// Looks at files in the order in which they run. Findings come by file and place.
pub fn lint(files: &[File], settings: &Settings) -> Vec<Finding> {
    let mut known = Known::default();
    let mut findings = Vec::new();
    for file in files {
        known.next_file();
        findings.extend(lint_file(file, settings, &mut known));
    }
    findings
}

/// A file, read.
struct Reading<'a> {
    file: &'a File,
    statements: Vec<Statement>,
    sections: Vec<Section>,
    allows: Vec<Allow>,
    steps: Vec<file::StepLine>,
}

fn lint_file(file: &File, settings: &Settings, known: &mut Known) -> Vec<Finding> {
    let cleaned = file::without_client_parts(&file.text);
    let tokens = tokenize(&cleaned, settings.dialect);
    let statements: Vec<Statement> = read::split(&tokens, settings.dialect)
        .iter()
        .filter_map(|tokens| read::statement(tokens, settings.dialect))
        .collect();
    let spans: Vec<Span> = statements.iter().map(|statement| statement.span).collect();
    let reading = Reading {
        file,
        sections: file::sections(&tokens, file.way),
        allows: file::allows(&cleaned, &tokens, &spans),
        steps: file::step_lines(&tokens),
        statements,
    };
    let mut found = by_statement(&reading, settings, known, &cleaned);
    found.extend(by_step(&reading));
    judge(&reading, settings, found)
}

/// A rule, where it is broken, and the statement that breaks it.
type Broken = (&'static Rule, Found, Option<usize>);

fn by_statement(
    reading: &Reading<'_>,
    settings: &Settings,
    known: &mut Known,
    sql: &str,
) -> Vec<Broken> {
    let mut found = Vec::new();
    let mut state = State::default();
    let mut way = None;
    for (index, statement) in reading.statements.iter().enumerate() {
        let section = reading.section(statement.span.start);
        if way.is_some_and(|way| way != section.way) {
            known.next_file();
            state = State::default();
        }
        way = Some(section.way);
        // What the plan's own steps do is told by their facts.
        if !reading.is_planned(statement.span.start) {
            let wrapped = if state.transaction.is_some() { Wrapped::Yes } else { section.wrapped };
            let at = At {
                dialect: settings.dialect,
                server: settings.server,
                statements: reading.of_section(section),
                index: index - reading.first_of(section),
                sql,
                wrapped,
                known,
                state: &state,
            };
            for rule in rules::ALL {
                let asked = rule.dialect.is_none_or(|dialect| dialect == settings.dialect)
                    && (rule.ways == Ways::Both || section.way == Way::Up);
                if let (true, Ask::Statement(ask)) = (asked, rule.ask) {
                    found.extend(ask(&at).into_iter().map(|one| (*rule, one, Some(index))));
                }
            }
            if let Deed::Unread { at, expected } = &statement.deed {
                let message = format!("this is not understood: {expected} is expected here");
                found.push((&rules::MG410, Found::new(*at, message), Some(index)));
            }
        }
        state.advance(statement, known);
        if section.way == Way::Up {
            known.learn(&statement.deed);
        }
    }
    found
}

fn by_step(reading: &Reading<'_>) -> Vec<Broken> {
    let mut found = Vec::new();
    for (at, step) in reading.steps.iter().enumerate() {
        let Ok(read) = crate::plan::script::read_heading(&step.heading) else { continue };
        let end = reading.steps.get(at + 1).map_or(usize::MAX, |next| next.span.start);
        let way = reading.section(step.span.start).way;
        let index = reading.statements.partition_point(|s| s.span.start < step.span.start);
        let index = (index < reading.statements.len()
            && reading.statements[index].span.start < end)
            .then_some(index);
        for rule in rules::ALL {
            let asked = rule.ways == Ways::Both || way == Way::Up;
            if let (true, Ask::Step(ask)) = (asked, rule.ask)
                && let Some(message) = ask(&read.facts)
            {
                let message = format!("`{}` {message}", read.title);
                found.push((*rule, Found::new(step.span, message), index));
            }
        }
    }
    found
}

/// Severities, allowances, places.
fn judge(reading: &Reading<'_>, settings: &Settings, found: Vec<Broken>) -> Vec<Finding> {
    let mut used = vec![false; reading.allows.len()];
    let mut kept: Vec<(&'static Rule, Found)> = Vec::new();
    for (rule, one, statement) in found {
        let allow = reading.allows.iter().position(|allow| {
            let same = allow.codes.iter().any(|code| code == rule.code || code == rule.name);
            same && (allow.statement.is_none() || allow.statement == statement)
        });
        match allow {
            Some(at) => used[at] = true,
            None => kept.push((rule, one)),
        }
    }
    for (allow, used) in reading.allows.iter().zip(used) {
        let codes = allow.codes.join(",");
        if allow.reason.is_empty() {
            let message = format!("why `{codes}` may stand is not said");
            kept.push((&rules::MG416, Found::new(allow.span, message)));
        }
        if let Some(unknown) = allow.codes.iter().find(|code| rules::find(code).is_none()) {
            let message = format!("there is no rule `{unknown}`");
            kept.push((&rules::MG415, Found::new(allow.span, message)));
        } else if !used {
            let message = format!("nothing here breaks `{codes}`: the line can go");
            kept.push((&rules::MG415, Found::new(allow.span, message)));
        }
    }
    kept.sort_by_key(|(rule, one)| (one.span.start, rule.code));
    kept.into_iter().filter_map(|(rule, one)| place(reading.file, settings, rule, one)).collect()
}

fn place(file: &File, settings: &Settings, rule: &'static Rule, found: Found) -> Option<Finding> {
    let level = settings.levels.get(rule.code).or_else(|| settings.levels.get(rule.name));
    let severity = match level {
        Some(level) => level.severity()?,
        None => rule.severity,
    };
    let severity = found.at_most.map_or(severity, |most| severity.min(most));
    let (line, column) = line_column(&file.text, found.span.start);
    let path = file.path.clone();
    Some(Finding { rule, severity, message: found.message, path, span: found.span, line, column })
}

impl Reading<'_> {
    fn section(&self, at: usize) -> Section {
        let place = self.sections.partition_point(|section| section.start <= at);
        self.sections[place.saturating_sub(1)]
    }

    fn first_of(&self, section: Section) -> usize {
        self.statements.partition_point(|statement| statement.span.start < section.start)
    }

    fn of_section(&self, section: Section) -> &[Statement] {
        let next = self.sections.iter().map(|other| other.start).find(|at| *at > section.start);
        let end = next.map_or(self.statements.len(), |next| {
            self.statements.partition_point(|statement| statement.span.start < next)
        });
        &self.statements[self.first_of(section)..end]
    }

    /// Whether a step line of a plan stands above.
    fn is_planned(&self, at: usize) -> bool {
        self.steps.first().is_some_and(|step| step.span.start < at)
    }
}

impl State {
    /// What a statement leaves in force for the next.
    fn advance(&mut self, statement: &Statement, known: &Known) {
        match &statement.deed {
            Deed::Begin => self.transaction = Some(statement.span),
            Deed::Commit | Deed::Rollback => {
                self.transaction = None;
                self.unchecked.clear();
                self.altered.clear();
                self.enum_values.clear();
            }
            Deed::Set { name, value } if name == "lock_timeout" => {
                self.lock_timeout = Some(value.clone());
            }
            Deed::Pragma { name, value: Some(value) } if name == "foreign_keys" => {
                let off = ["off", "0", "false", "no"].contains(&value.as_str());
                if self.transaction.is_none() {
                    self.foreign_keys_off = off;
                }
            }
            Deed::AddEnumValue { value, .. } => self.enum_values.push(value.clone()),
            Deed::AlterTable { table, actions } => {
                if !known.is_new(&table.key) && actions.iter().any(|it| is_strong(&it.act)) {
                    self.altered.push(table.key.clone());
                }
                for action in actions {
                    match &action.act {
                        Act::AddConstraint(constraint) if constraint.skips_rows => {
                            let name = constraint.name.clone().unwrap_or_default();
                            self.unchecked.push((table.key.clone(), name));
                        }
                        Act::RenameTable(_) if !known.is_new(&table.key) => {
                            self.renamed_away.push(table.key.clone());
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
}

/// Whether an action takes ACCESS EXCLUSIVE. Source: PostgreSQL manual, ALTER TABLE, and the measurements of
/// `src/dialect/postgres`.
fn is_strong(act: &Act) -> bool {
    match act {
        Act::AddColumn(_)
        | Act::DropColumn(_)
        | Act::RenameColumn { .. }
        | Act::RenameTable(_)
        | Act::RenameConstraint
        | Act::SetSchema
        | Act::SetType { .. }
        | Act::SetNotNull(_)
        | Act::DropNotNull(_)
        | Act::SetDefault(_)
        | Act::DropConstraint
        | Act::Rewrite(_)
        | Act::RowSecurityOff
        | Act::ReplicaIdentity => true,
        // A foreign key takes less.
        Act::AddConstraint(constraint) => !matches!(constraint.rule, ConstraintRule::References(_)),
        Act::Validate(_)
        | Act::Attach(_)
        | Act::Detach { .. }
        | Act::OtherColumn
        | Act::Setting
        | Act::Other => false,
    }
}
