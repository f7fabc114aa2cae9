//! Values written page by page into columns that are there, while the table is used: each batch keeps what it changes in
//! the statement that changes it, and kept values come back the same way.
//!
//! Sources: PostgreSQL manual, WITH (data-modifying statements see one snapshot), 13.2.1 "Read Committed Isolation Level"
//! (a row that somebody changed meanwhile is looked at again), 5.5 "System Columns".

use super::action::{Action, step};
use super::context::Context;
use super::filling::{self, How, ON_PAGES};
use super::keep::{self, Altered, RowKey, SCHEMA, kept_table};
use super::online;
use super::quote::{quote_ident, quote_name};
use super::values::{self, Converts, Keeps, Staying, Update};
use crate::catalog::Table;
use crate::change::{ColumnSource, TableChange};
use crate::dialect::{Resource, Step, Undo};
use crate::text::{Ident, QName};

/// The steps that write values: the last of `steps` has made them, those of `then` follow whenever they can.
#[derive(Default)]
pub(super) struct Writing {
    pub(super) steps: Vec<Step>,
    pub(super) then: Vec<Step>,
}

/// Whether the values of a column are written page by page. A batch that runs again must find nothing left to do, so what
/// it writes must not be what it looks for; and a row must be found again by a key that the batch does not write.
pub(super) fn is_by_pages(
    staying: &Staying<'_>,
    converts: Converts,
    context: &Context<'_>,
) -> bool {
    let what = values::what(staying, converts, context);
    let own = &staying.after.name;
    let source = staying.source;
    let is_found_again = match what.keeps {
        Keeps::Nothing => true,
        Keeps::Here => has_key_without(&staying.keep_key(), own),
        Keeps::WithTheConversion => false,
    };
    let is_settled = match (what.maps, source.fill.as_deref()) {
        (true, None) => {
            let is_new = |value: &String| source.values.iter().all(|(old, _)| old != value);
            !source.values.is_empty() && source.values.iter().all(|(_, new)| is_new(new))
        }
        (false, Some(fill)) => !filling::reads_what_goes(staying.change, own, fill, context),
        // What fills may be a value that is mapped.
        (true, Some(_)) | (false, None) => false,
    };
    converts == Converts::No
        && is_found_again
        && is_settled
        && online::is_filled_by_pages(&staying.change.after, context)
}

/// Whether rows are told apart by a primary key that stands still.
fn has_key_without(key: &RowKey, own: &Ident) -> bool {
    matches!(key, RowKey::Primary(_)) && !key.columns().contains(&own)
}

const ALL_WRITTEN: &str = "all rows are written: ";

/// The marker of a column whose rows are all written, those that came meanwhile too.
pub(super) fn all_written(table: &QName, column: &Ident) -> Resource {
    Resource::Constraint(table.clone(), format!("{ALL_WRITTEN}{column}"))
}

/// The markers of all columns of a table.
pub(super) fn all_written_in(table: &Table) -> impl Iterator<Item = Resource> {
    table.columns.iter().map(|column| all_written(&table.name, &column.name))
}

/// Whether it is such a marker of a table.
pub(super) fn is_all_written(resource: &Resource, of: &QName) -> bool {
    matches!(resource, Resource::Constraint(table, what)
        if table == of && what.starts_with(ALL_WRITTEN))
}

/// The steps that map or fill the values of a column; what is left for once no more such rows can come in is [`late`].
pub(super) fn update(staying: &Staying<'_>, what: &Update, context: &Context<'_>) -> Vec<Step> {
    let (table, column) = (staying.table(), staying.after);
    let mut steps = Vec::new();
    let ready = staying.stage("kept data is ready");
    let kept = context.keeps_as(table, Some(&column.name));
    if what.keeps == Keeps::Here {
        let key = staying.keep_key();
        let change = change(staying, what);
        let statements = vec![
            format!("{} LIMIT 0", keep::keep_altered(table, &column.name, &key, &kept, &change)),
            format!("CREATE UNIQUE INDEX ON {} ({})", kept_table(&kept), key.names()),
        ];
        let title = format!("prepare to keep values of {table}.{}", column.name);
        let made = step(Action::PrepareToKeep, title, statements);
        steps.push(made.needs([staying.column()]).makes([ready.clone()]));
    }
    let made = writes(staying, what, Rows::OfPages, context).needs([ready]);
    let first = online::by_pages(made.takes([staying.values()]), table);
    let first = match what.keeps {
        Keeps::Nothing => first,
        Keeps::Here | Keeps::WithTheConversion => first.makes([Resource::Kept(kept)]),
    };
    // From the check on nobody can write a row that was missed, so few should be left by then.
    let is_gated = !online::gates_of(staying.change, &column.name, context).is_empty();
    let again = is_gated.then(|| second_pass(&first, table, &column.name));
    steps.push(match again {
        Some(_) => first.makes([first_pass(table, &column.name)]),
        None => first,
    });
    steps.extend(again);
    steps
}

/// The same step for what it missed.
pub(super) fn second_pass(first: &Step, table: &QName, own: &Ident) -> Step {
    let mut made = first.clone();
    made.title = format!("{}, second pass", made.title);
    made.order.makes.clear();
    made.order.takes.clear();
    made.needs([first_pass(table, own)])
}

/// The marker of a column over whose rows the first pass has gone.
pub(super) fn first_pass(table: &QName, own: &Ident) -> Resource {
    Resource::Constraint(table.clone(), format!("the first pass over {own}"))
}

/// Writes the rows that came or moved while the others were written. Where a check keeps others from coming in, those that
/// are left stand still, for whoever changes one of them must mend it: they are found page by page.
pub(super) fn late(staying: &Staying<'_>, what: &Update, context: &Context<'_>) -> Step {
    let (table, own) = (staying.table(), &staying.after.name);
    let gates = online::gates_of(staying.change, own, context);
    let rows = if gates.is_empty() { Rows::WrittenMeanwhile } else { Rows::OfPages };
    let mut made = writes(staying, what, rows, context)
        .needs([staying.values()])
        .needs(gates)
        .makes([all_written(table, own)]);
    made.title = format!("{}, rows written meanwhile", made.title);
    match rows {
        Rows::OfPages => online::by_pages(made, table),
        Rows::WrittenMeanwhile => made.own().apart(),
    }
}

/// The columns of a table whose values are written page by page.
pub(super) fn columns<'c>(change: &'c TableChange, context: &Context<'_>) -> Vec<&'c Ident> {
    if !online::is_filled_by_pages(&change.after, context) {
        return Vec::new();
    }
    let is_written = |source: &&ColumnSource| {
        let sides = (change.before.column(&source.column), change.after.column(&source.column));
        match sides {
            (_, None) => false,
            (None, Some(after)) => {
                let returns = !context.is_discarded(&change.after.name, Some(&after.name));
                after.generated.is_none()
                    && filling::how(change, after, source, returns, context) != How::AtOnce
            }
            (Some(before), Some(after)) => {
                let staying = Staying { change, before, after, source };
                let converts = values::converts(before, after, context);
                before.generated.is_none()
                    && after.generated.is_none()
                    && is_by_pages(&staying, converts, context)
            }
        }
    };
    change.mapping.iter().filter(is_written).map(|source| &source.column).collect()
}

/// Which rows a statement writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rows {
    OfPages,
    WrittenMeanwhile,
}

fn writes(staying: &Staying<'_>, what: &Update, rows: Rows, context: &Context<'_>) -> Step {
    let (table, column) = (staying.table(), staying.after);
    let change = change(staying, what);
    let fill = staying.source.fill.as_deref();
    // A row whose value comes to nothing is not written.
    let condition = match fill.filter(|_| !column.not_null && column.default.is_none()) {
        Some(fill) => format!("{} AND ({fill}) IS NOT NULL", change.condition),
        None => change.condition.clone(),
    };
    let statements = match (what.keeps, rows) {
        (Keeps::Nothing, _) => {
            let update = format!(
                "UPDATE {} AS \"t\" SET {} = {} WHERE {condition}",
                quote_name(table),
                quote_ident(&column.name),
                match (&column.default, what.fills) {
                    (Some(default), true) => format!("coalesce({}, {default})", change.after),
                    (_, _) => change.after,
                }
            );
            vec![in_rows(update, rows)]
        }
        (Keeps::Here | Keeps::WithTheConversion, Rows::OfPages) => {
            vec![keep_and_write(staying, &change.after, &in_rows(condition, rows), context)]
        }
        (Keeps::Here | Keeps::WithTheConversion, Rows::WrittenMeanwhile) => vec![
            hold_rows(table, &condition),
            keep_and_write(staying, &change.after, &condition, context),
        ],
    };
    let verb = if what.fills { "backfill" } else { "map values of" };
    let title = format!("{verb} {table}.{}", column.name);
    let made = values::quietly(title, table, statements, context);
    let made = match what.keeps {
        Keeps::Nothing => made,
        Keeps::Here | Keeps::WithTheConversion => made
            .undo(Undo::Kept, "values that change are kept with their row keys")
            .needs(staying.keep_key().needs()),
    };
    values::after_what_came_back(made, staying, context)
        .needs([staying.column(), staying.stage("null")])
        .needs(values::fill_needs(staying.change, context))
        .frees(values::fill_frees(staying.change, &column.name))
}

fn in_rows(text: String, rows: Rows) -> String {
    match rows {
        Rows::OfPages => format!("{text} AND {ON_PAGES}"),
        Rows::WrittenMeanwhile => text,
    }
}

/// What a row gets, and which rows do.
fn change(staying: &Staying<'_>, what: &Update) -> Altered {
    let own = format!("\"t\".{}", quote_ident(&staying.after.name));
    let data_type = &staying.after.data_type;
    match staying.source.fill.as_deref().filter(|_| what.fills) {
        Some(fill) => {
            Altered { after: format!("({fill})::{data_type}"), condition: format!("{own} IS NULL") }
        }
        None => Altered {
            after: format!("{}::{data_type}", values::text_as_said(&own, staying.source)),
            condition: values::is_mapped(&own, staying.source),
        },
    }
}

/// Changes rows and keeps what they held, in one statement. A row that somebody changes at the same time is left alone:
/// its version is another one by then (`xmin` is asked too, for older servers do not look at `ctid` again). A row that was
/// given an old value once more is kept once, as it was last.
fn keep_and_write(
    staying: &Staying<'_>,
    after: &str,
    condition: &str,
    context: &Context<'_>,
) -> String {
    let (table, column) = (quote_name(staying.table()), staying.after);
    let key = staying.keep_key();
    let (name, names) = (quote_ident(&column.name), key.names());
    let kept = kept_table(&context.keeps_as(staying.table(), Some(&column.name)));
    format!(
        "WITH \"written\" AS (UPDATE {table} AS \"t\" SET {name} = \"o\".\"after\"::{} FROM (SELECT \"t\".ctid AS \"at\", \
         \"t\".xmin AS \"made_by\", {}, \"t\".{name}::text AS \"before\", ({after})::text AS \"after\" FROM {table} AS \"t\" \
         WHERE {condition}) AS \"o\" WHERE \"t\".ctid = \"o\".\"at\" AND \"t\".xmin = \"o\".\"made_by\" RETURNING \"o\".*) \
         INSERT INTO {kept} SELECT {names}, \"before\", \"after\" FROM \"written\" ON CONFLICT ({names}) DO UPDATE \
         SET \"before\" = excluded.\"before\", \"after\" = excluded.\"after\"",
        column.data_type,
        key.items(),
    )
}

/// Waits for whoever writes a row of these, and lets nobody else: the next statement finds all of them. Gives no row.
fn hold_rows(table: &QName, condition: &str) -> String {
    format!(
        "SELECT FROM (SELECT FROM {} AS \"t\" WHERE {condition} FOR NO KEY UPDATE) AS \"held\" HAVING count(*) < 0",
        quote_name(table)
    )
}

/// Whether kept values come back page by page: over the pages of the kept table, whose rows nobody else writes.
pub(super) fn returns_by_pages(
    table: &Table,
    own: &Ident,
    key: &RowKey,
    kept: &str,
    context: &Context<'_>,
) -> bool {
    let is_plain = !kept_table(kept).contains(['=', '|', '\n', '\r']);
    is_plain
        && has_key_without(key, own)
        && key.is_found_by_index()
        && online::is_filled_by_pages(table, context)
}

/// `plain` puts kept values back in one statement and drops the kept table, which has no rows left afterwards here: a batch
/// takes those out that it puts back, so that none comes back twice.
pub(super) fn returned(plain: Step, table: &QName, own: &Ident, kept: &str) -> Writing {
    let from = kept_table(kept);
    let is_drop = |text: &str| text == keep::drop_kept(kept);
    let mut writing = plain.clone();
    let statements = plain.statements.iter().map(ToString::to_string);
    let statements: Vec<String> = statements
        .filter(|text| !is_drop(text))
        .map(|text| match text.strip_prefix("UPDATE ") {
            Some(_) => {
                let update = text.replacen(&format!("FROM {from} AS \"k\""), "FROM \"k\"", 1);
                format!(
                    "WITH \"k\" AS (DELETE FROM {from} AS \"t\" WHERE {ON_PAGES} RETURNING *), \
                     \"written\" AS ({update} RETURNING 1) SELECT FROM \"k\""
                )
            }
            None => text,
        })
        .collect();
    writing.statements = step(Action::UpdateRows, "", statements).statements;
    let back = Resource::Constraint(table.clone(), format!("kept values of {own} are back"));
    writing.order.makes.remove(&Resource::Kept(kept.to_owned()));
    let writing = online::by_pages(writing.makes([back.clone()]), &QName::new(SCHEMA, kept));
    let title = format!("drop what was kept of {table}.{own}");
    let mut then = step(Action::DropKept, title, vec![keep::drop_kept(kept)])
        .needs([back])
        .makes([Resource::Kept(kept.to_owned())])
        .apart();
    then.reads_kept = plain.reads_kept;
    Writing { steps: vec![writing], then: vec![then] }
}
