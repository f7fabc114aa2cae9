//! Settings of tables, of their columns, and of the indexes of their constraints.

use super::action::{Action, step};
use super::context::Context;
use super::hierarchy::options;
use super::parts::columns;
use super::quote::{literal, quote, quote_ident, quote_name};
use crate::catalog::Table;
use crate::catalog::postgres_table::{Setting, SettingKind, SettingTarget};
use crate::change::{Delta, TableChange};
use crate::dialect::{Resource, Step};
use crate::text::{Ident, QName};

/// The settings of a table that is new.
pub(super) fn of_new(table: &Table, context: &Context<'_>) -> Option<Step> {
    let all: Vec<&Setting> = options(table).settings.iter().collect();
    set(table, &all, context)
}

/// The statements that give an index that was made anew its settings.
pub(super) fn of_index(table: &Table, index: &Ident) -> Vec<String> {
    let target = SettingTarget::Index(index.clone());
    let own = options(table).settings.iter().filter(|setting| setting.on == target);
    own.map(|setting| set_statement(&table.name, setting)).collect()
}

/// What differs in the settings of a table that stays.
pub(super) fn steps(change: &TableChange, context: &Context<'_>) -> Vec<Step> {
    let (before, after) = (options(&change.before), options(&change.after));
    let added: Vec<&Setting> = after
        .settings
        .iter()
        .filter(|setting| !before.settings.contains(setting) || is_lost(setting, change, context))
        .collect();
    let is_set_anew = |setting: &Setting| {
        after.settings.iter().any(|other| match setting.kind {
            SettingKind::ReplicaIdentity | SettingKind::Cluster => other.kind == setting.kind,
            SettingKind::Parameter(_)
            | SettingKind::Tablespace
            | SettingKind::AccessMethod
            | SettingKind::Storage
            | SettingKind::Compression
            | SettingKind::Statistics(_) => {
                (&other.on, &other.kind) == (&setting.on, &setting.kind)
            }
        })
    };
    let stands = |setting: &Setting| match &setting.on {
        SettingTarget::Table => true,
        SettingTarget::Column(column) => change.after.column(column).is_some(),
        // What is left when the index goes is its table's: replica identity and the mark of CLUSTER.
        SettingTarget::Index(index) => {
            setting.kind == SettingKind::ReplicaIdentity
                || has_index(&change.after, index.as_str())
                    && has_index(&change.before, index.as_str())
        }
    };
    let removed: Vec<&Setting> =
        before.settings.iter().filter(|setting| !is_set_anew(setting) && stands(setting)).collect();
    let mut steps = Vec::new();
    if !removed.is_empty() {
        let statements =
            removed.iter().map(|setting| reset_statement(&change.after.name, setting)).collect();
        let title = format!("reset settings of {}", change.after.name);
        let indexes = removed.iter().filter_map(|setting| index_of(&change.after.name, setting));
        steps.push(
            step(Action::ChangeSettings, title, statements)
                .frees(indexes)
                .frees(columns(&change.before)),
        );
    }
    steps.extend(set(&change.after, &added, context));
    if before.of_type != after.of_type {
        steps.push(typed(change, context));
    }
    steps
}

fn typed(change: &TableChange, context: &Context<'_>) -> Step {
    let name = quote_name(&change.after.name);
    let after = options(&change.after).of_type.as_deref();
    let statement = match after {
        Some(of_type) => format!("ALTER TABLE {name} OF {of_type}"),
        None => format!("ALTER TABLE {name} NOT OF"),
    };
    let made =
        step(Action::ChangeSettings, format!("set type of {}", change.after.name), vec![statement])
            .needs(context.made_in(after))
            .frees(context.taken_in(options(&change.before).of_type.as_deref()));
    if after.is_some() {
        made.needs(columns(&change.after))
    } else {
        made.frees(columns(&change.before))
    }
}

/// Whether a setting goes with the column or index it stands on, though both sides have it.
fn is_lost(setting: &Setting, change: &TableChange, context: &Context<'_>) -> bool {
    match &setting.on {
        SettingTarget::Table => false,
        SettingTarget::Column(name) if is_reset(&change.after.name, name, setting, context) => true,
        SettingTarget::Column(name) => change.columns.iter().any(|delta| match delta {
            Delta::Alter { before, after } => {
                after.name == *name && super::around::reshapes(before, after)
            }
            Delta::Add(_) | Delta::Drop(_) => false,
        }),
        SettingTarget::Index(name) => {
            let constraints = change.constraints.iter().filter_map(Delta::after);
            let indexes = change.indexes.iter().filter_map(Delta::after);
            constraints.into_iter().any(|constraint| constraint.name.as_ref() == Some(name))
                || indexes.into_iter().any(|index| index.name == *name)
                || is_remade(&change.after.name, name, context)
        }
    }
}

/// Whether a column that is another type meanwhile loses how its values are stored.
fn is_reset(table: &QName, column: &Ident, setting: &Setting, context: &Context<'_>) -> bool {
    matches!(setting.kind, SettingKind::Storage | SettingKind::Compression)
        && context.around.passing.contains(&(table.clone(), column.clone()))
}

/// Whether an index that stays the same is made anew.
fn is_remade(table: &QName, index: &Ident, context: &Context<'_>) -> bool {
    let key = (table.clone(), index.clone());
    context.around.indexes.contains(&key)
        || context.around.constraints.contains(&key)
        || super::hierarchy::cascades(table, index, context)
        || super::twins::remade(table, context).contains(index)
}

/// Settings of indexes that are made anew and of columns that are another type meanwhile, on tables that do not change themselves.
pub(super) fn around(context: &Context<'_>) -> Vec<Step> {
    let tables = context.after().tables.values().filter(|table| {
        context.before.tables.contains_key(&table.name)
            && !context.changes.contains_key(&table.name)
    });
    tables
        .filter_map(|table| {
            let lost: Vec<&Setting> = options(table)
                .settings
                .iter()
                .filter(|setting| match &setting.on {
                    SettingTarget::Index(index) => is_remade(&table.name, index, context),
                    SettingTarget::Column(column) => {
                        is_reset(&table.name, column, setting, context)
                    }
                    SettingTarget::Table => false,
                })
                .collect();
            set(table, &lost, context)
        })
        .collect()
}

fn has_index(table: &Table, name: &str) -> bool {
    table.indexes.iter().any(|index| index.name.as_str() == name)
        || table
            .constraints
            .iter()
            .filter_map(|constraint| constraint.name.as_ref())
            .any(|constraint| constraint.as_str() == name)
}

fn set(table: &Table, settings: &[&Setting], context: &Context<'_>) -> Option<Step> {
    if settings.is_empty() {
        return None;
    }
    let name = &table.name;
    let statements = settings.iter().map(|setting| set_statement(name, setting)).collect();
    let indexes = settings.iter().filter_map(|setting| index_of(name, setting));
    let made = step(Action::ChangeSettings, format!("set settings of {name}"), statements)
        .needs([Resource::Table(name.clone())])
        .needs(columns(table))
        .needs(indexes);
    let is_new = context.new_tables.contains(name);
    Some(if is_new { made.lock(crate::dialect::Lock::None) } else { made })
}

fn index_of(table: &QName, setting: &Setting) -> Option<Resource> {
    match &setting.on {
        SettingTarget::Index(index) => Some(Resource::Constraint(table.clone(), index.to_string())),
        SettingTarget::Table | SettingTarget::Column(_) => None,
    }
}

/// `fillfactor`, `toast.autovacuum_enabled`.
fn parameter(name: &str) -> String {
    name.split('.').map(quote).collect::<Vec<_>>().join(".")
}

fn set_statement(table: &QName, setting: &Setting) -> String {
    let what = match &setting.kind {
        SettingKind::Parameter(name) => {
            format!("SET ({} = {})", parameter(name), literal(&setting.value))
        }
        SettingKind::ReplicaIdentity => match &setting.on {
            SettingTarget::Index(index) => {
                return format!(
                    "ALTER TABLE {} REPLICA IDENTITY USING INDEX {}",
                    quote_name(table),
                    quote_ident(index)
                );
            }
            SettingTarget::Table | SettingTarget::Column(_) => {
                format!("REPLICA IDENTITY {}", setting.value)
            }
        },
        SettingKind::Cluster => match &setting.on {
            SettingTarget::Index(index) => {
                let (table, index) = (quote_name(table), quote_ident(index));
                return format!("ALTER TABLE {table} CLUSTER ON {index}");
            }
            SettingTarget::Table | SettingTarget::Column(_) => "SET WITHOUT CLUSTER".to_owned(),
        },
        SettingKind::Tablespace => format!("SET TABLESPACE {}", quote(&setting.value)),
        SettingKind::AccessMethod => format!("SET ACCESS METHOD {}", quote(&setting.value)),
        SettingKind::Storage => format!("SET STORAGE {}", setting.value),
        SettingKind::Compression => format!("SET COMPRESSION {}", setting.value),
        SettingKind::Statistics(None) => format!("SET STATISTICS {}", setting.value),
        SettingKind::Statistics(Some(number)) => {
            format!("ALTER COLUMN {number} SET STATISTICS {}", setting.value)
        }
    };
    on(table, setting, &what)
}

fn reset_statement(table: &QName, setting: &Setting) -> String {
    let what = match &setting.kind {
        SettingKind::Parameter(name) => format!("RESET ({})", parameter(name)),
        SettingKind::ReplicaIdentity => {
            return format!("ALTER TABLE {} REPLICA IDENTITY DEFAULT", quote_name(table));
        }
        SettingKind::Cluster => {
            return format!("ALTER TABLE {} SET WITHOUT CLUSTER", quote_name(table));
        }
        SettingKind::Storage => {
            format!("SET STORAGE {}", setting.default.as_deref().unwrap_or("DEFAULT"))
        }
        SettingKind::Tablespace => "SET TABLESPACE pg_default".to_owned(),
        SettingKind::AccessMethod => {
            format!("SET ACCESS METHOD {}", setting.default.as_deref().unwrap_or("heap"))
        }
        SettingKind::Compression => "SET COMPRESSION default".to_owned(),
        SettingKind::Statistics(None) => "SET STATISTICS -1".to_owned(),
        SettingKind::Statistics(Some(number)) => {
            format!("ALTER COLUMN {number} SET STATISTICS -1")
        }
    };
    on(table, setting, &what)
}

fn on(table: &QName, setting: &Setting, what: &str) -> String {
    match &setting.on {
        SettingTarget::Table => format!("ALTER TABLE {} {what}", quote_name(table)),
        // A partition has its own, so the parent's word stays with the parent.
        SettingTarget::Column(column) => format!(
            "ALTER TABLE ONLY {} ALTER COLUMN {} {what}",
            quote_name(table),
            quote_ident(column)
        ),
        SettingTarget::Index(index) => {
            let index = QName { schema: table.schema.clone(), name: index.clone() };
            format!("ALTER INDEX {} {what}", quote_name(&index))
        }
    }
}
