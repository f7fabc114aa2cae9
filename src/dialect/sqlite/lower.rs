//! Turns changes into steps. What the steps have in common is told in the modules beside this one.

use std::collections::BTreeSet;

use super::facts::{facts, statements, whole};
use super::kept::{Scope, TakenNames, keep_table, restore_step, restore_table};
use super::quote::quote;
use super::table::Shape;
use super::{alter, around, opaque, rename};
use crate::catalog::Table;
use crate::change::{Change, Delta, Diff, Per};
use crate::dialect::moving;
use crate::dialect::{Absence, Direction, LowerError, Order, Resource, Step, Undo, Work};
use crate::text::{Dialect, Ident, QName};

/// The steps that turn `diff.before` into `diff.after`, in no particular order.
///
/// The runner must have set `foreign_keys = OFF` before its transaction and `legacy_alter_table = ON` in it.
///
/// # Errors
/// A change SQLite cannot make, or rows that could not be restored; nothing is half planned.
pub fn lower(diff: &Diff, direction: Direction, tag: &str) -> Result<Vec<Step>, LowerError> {
    let diff = &around::replaced_around_renames(diff);
    let taken = TakenNames::of(&diff.after);
    let scope = Scope { diff, direction, tag, taken: &taken };
    let mut opaques = Vec::new();
    let mut steps = Vec::new();
    // An INSTEAD OF trigger that is dropped by name goes before its view takes it away.
    let (triggers, rest): (Vec<&Change>, Vec<&Change>) =
        diff.changes.iter().partition(|change| opaque::is_trigger(change));
    for change in triggers.into_iter().chain(rest) {
        match change {
            // All at once below, in their order.
            Change::Rename(_) => {}
            Change::Schema(Delta::Add(name) | Delta::Drop(name)) => {
                return Err(without("schema", name.as_str()));
            }
            Change::Schema(Delta::Alter { after, .. }) => {
                return Err(without("schema", after.as_str()));
            }
            Change::Enum(delta) => {
                let name = delta.before().or(delta.after()).map(|kind| kind.name.to_string());
                return Err(without("enum type", &name.unwrap_or_default()));
            }
            Change::Facets(delta) => {
                let facets = delta.before().or(delta.after());
                let of = facets.map(|facets| facets.of.to_string());
                return Err(without("right", &of.unwrap_or_default()));
            }
            Change::Table(delta) => steps.extend(table(delta, &scope)?),
            Change::AlterTable(change) => steps.extend(alter::steps(change, &scope)?),
            Change::Opaque(delta) => opaques.extend(opaque::steps(delta, &scope)?),
        }
    }
    for change in around::rewritten_tables(diff) {
        steps.extend(alter::steps(&change, &scope)?);
    }
    // Steps that clear the way stand before the renames; the planner keeps the order in which these are found.
    let mut ordered = opaques;
    ordered.extend(rename::steps(diff)?);
    ordered.extend(steps);
    Ok(ordered)
}

fn without(kind: &str, name: &str) -> LowerError {
    LowerError {
        what: format!("{kind} {name}"),
        why: format!("SQLite has no {kind}s"),
        help: "take it out of the schema for SQLite".to_owned(),
    }
}

/// A name that one object at a time can have: tables, views and indexes share one space, case aside.
pub(super) fn name_of(name: &Ident) -> Resource {
    let space = QName::local(Dialect::Sqlite, "");
    Resource::Constraint(space, name.as_str().to_ascii_lowercase())
}

fn table(delta: &Delta<Table>, scope: &Scope<'_>) -> Result<Vec<Step>, LowerError> {
    match delta {
        Delta::Add(after) => add_table(after, scope),
        Delta::Drop(before) => {
            let noted = if scope.is_discarded(&before.name, None) {
                Vec::new()
            } else {
                note(before, scope)
            };
            Ok(noted.into_iter().chain([drop_table(before, scope)?]).collect())
        }
        Delta::Alter { before, after } => {
            let mut steps = vec![drop_table(before, scope)?];
            steps.extend(add_table(after, scope)?);
            Ok(steps)
        }
    }
}

fn add_table(after: &Table, scope: &Scope<'_>) -> Result<Vec<Step>, LowerError> {
    let shape = Shape::of(after)?;
    let name = &after.name;
    let own = Resource::Table(name.clone());
    let kept = scope.kept_there(name, None);
    let restores = !scope.is_discarded(name, None);
    let at_once = restores && scope.absence() == Absence::Refuse;
    let mut texts = vec![whole(shape.create)];
    if at_once {
        texts.extend(restore_table(&kept, &shape));
    }
    let columns = after.columns.iter().map(|c| Resource::Column(name.clone(), c.name.clone()));
    let mut steps = vec![Step {
        title: format!("create table {name}"),
        statements: statements(texts),
        facts: facts(
            if at_once { Work::Write } else { Work::Catalog },
            Undo::Kept,
            "the way back keeps its rows",
        ),
        reads_kept: at_once.then(|| kept.usage(Absence::Refuse)),
        order: Order {
            makes: columns.chain([own.clone(), name_of(&name.name)]).collect(),
            ..Order::default()
        },
    }];
    if !at_once {
        // On the way back the rows that return follow what was changed.
        steps.extend(extract(after, Per::Row, scope));
    }
    if restores && !at_once {
        let mut texts = restore_table(&kept, &shape);
        if scope.diff.extractions(name).iter().any(|it| it.per == Per::Row) {
            texts.insert(0, format!("DELETE FROM {}", quote(shape.name())));
        }
        steps.push(restore_step(
            format!("restore the rows of table {name} as they were before the rollback"),
            &kept,
            texts,
            vec![own, spread(name)],
            opaque::all_rows(name),
        ));
    }
    if restores {
        steps.extend(follow(after, scope));
    }
    steps.extend(extract(after, Per::Set, scope));
    for index in &after.indexes {
        let mut step = alter::create_index(name, index);
        step.order.needs.insert(opaque::all_rows(name));
        steps.push(step);
    }
    Ok(steps)
}

/// Makes the rows that values of another table become.
fn extract(after: &Table, per: Per, scope: &Scope<'_>) -> Option<Step> {
    let mut found = scope.diff.extractions(&after.name);
    found.retain(|it| it.per == per);
    if found.is_empty() {
        return None;
    }
    let texts = found.iter().map(|it| moving::extract(it, after, Dialect::Sqlite)).collect();
    let givers = found.iter().map(|it| Resource::Table(it.from.clone()));
    let mut needs = BTreeSet::from([Resource::Table(after.name.clone())]);
    let mut makes = BTreeSet::from([moving::arrived(&after.name)]);
    match per {
        Per::Set => needs.insert(opaque::all_rows(&after.name)),
        Per::Row => makes.insert(spread(&after.name)),
    };
    Some(Step {
        title: format!("make the rows of table {} from what moves there", after.name),
        statements: statements(texts),
        facts: facts(Work::Write, Undo::Kept, "the way back keeps its rows"),
        reads_kept: None,
        order: Order { needs, makes, frees: givers.collect(), ..Order::default() },
    })
}

/// The rows are there that a first run makes; where rows were kept, those come in their place.
fn spread(table: &QName) -> Resource {
    Resource::Values(table.clone(), Ident::new("made of what moves there"))
}

/// Lets rows that came back follow what was changed while they were gone.
fn follow(after: &Table, scope: &Scope<'_>) -> Vec<Step> {
    let name = &after.name;
    let mut found = scope.diff.extractions(name);
    found.retain(|it| it.per == Per::Row);
    let before = scope.renamed();
    let steps = found.iter().enumerate().map(|(number, extraction)| {
        let kept = scope.kept_there(name, Some(&moving::written_name(number)));
        let following = moving::Following {
            extraction,
            table: after,
            kept: &kept.quoted(),
            before: &before,
            after: &scope.diff.after,
        };
        Step {
            title: format!(
                "let the rows of table {name} follow what was changed in {}",
                extraction.from
            ),
            statements: statements(following.statements()),
            facts: facts(Work::Write, Undo::Kept, "the way back keeps its rows"),
            reads_kept: Some(kept.usage(scope.absence())),
            order: Order {
                needs: [Resource::Table(name.clone()), opaque::all_rows(name)].into(),
                makes: [moving::arrived(name)].into(),
                frees: [Resource::Table(extraction.from.clone()), kept.resource()].into(),
                ..Order::default()
            },
        }
    });
    steps.collect()
}

/// Notes what rows hold of the values that were gathered from a table which goes.
fn note(before: &Table, scope: &Scope<'_>) -> Vec<Step> {
    let name = &before.name;
    let found = scope.diff.gathered(name);
    let steps = found.iter().enumerate().filter_map(|(number, gathered)| {
        let into = scope.diff.after.tables.get(&gathered.into)?;
        let kept = scope.kept_here(name, Some(&moving::written_name(number)));
        let columns = gathered.columns.iter().chain(&gathered.keys);
        let values = columns.map(|it| Resource::Values(into.name.clone(), it.clone()));
        Some(Step {
            title: format!("note what {} holds of {name}", into.name),
            statements: statements(moving::note(gathered, into, &kept.quoted(), Dialect::Sqlite)),
            facts: facts(Work::Write, Undo::Exact, "no row is changed"),
            reads_kept: None,
            order: Order {
                needs: values.chain([Resource::Table(into.name.clone())]).collect(),
                makes: [kept.resource()].into(),
                ..Order::default()
            },
        })
    });
    steps.collect()
}

fn drop_table(before: &Table, scope: &Scope<'_>) -> Result<Step, LowerError> {
    let shape = Shape::of(before)?;
    let name = &before.name;
    let (mut texts, undo, reason) = match scope.is_discarded(name, None) {
        true => (Vec::new(), Undo::Lossy, "its rows are not kept"),
        false => {
            let kept = scope.kept_here(name, None);
            (keep_table(&kept, &shape), Undo::Kept, "its rows are kept")
        }
    };
    texts.push(format!("DROP TABLE {}", quote(shape.name())));
    let names = before.indexes.iter().map(|index| name_of(&index.name));
    Ok(Step {
        title: format!("drop table {name}"),
        statements: statements(texts),
        facts: facts(Work::Write, undo, reason),
        reads_kept: None,
        order: Order {
            takes: names.chain([Resource::Table(name.clone()), name_of(&name.name)]).collect(),
            ..Order::default()
        },
    })
}
