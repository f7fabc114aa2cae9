//! Numbers that tell the rows of a table without a key apart while a plan runs, and what leads the way back to them.
//!
//! The place of a row changes with every update, so it tells nothing from one step to the next. A passing column does:
//! it is there before the plan touches the table and gone when the table is as it will be. What is kept of a row is
//! kept under its number, and the last step keeps the whole rows beside their numbers, as text: the other way finds
//! them again by that. Rows that are equal as a whole are interchangeable.

use std::collections::BTreeSet;

use super::action::{Action, step};
use super::context::{Context, Mention};
use super::hierarchy::{left, options};
use super::joining::parted;
use super::keep::{self, kept_table};
use super::quote::{literal, quote, quote_ident, quote_name};
use crate::catalog::{Catalog, Table};
use crate::change::Rename;
use crate::dialect::{KeptUse, LowerError, Resource, Step, Undo, Work};
use crate::text::{Ident, QName, hash};

/// The passing column of a table's numbers. Heirs may have one beside that of their parent.
pub(super) fn column(table: &QName) -> String {
    format!("migrate_row_{}", &hash::sha256(table.to_string().as_bytes())[..12])
}

/// The name in place of a column's under which it is kept where rows are; no column can be mixed up with it.
fn kept_part() -> Ident {
    Ident::from("the rows by number")
}

/// What the other way kept of where rows are.
pub(super) fn kept_by_the_other_way(table: &QName, context: &Context<'_>) -> KeptUse {
    // Not a column, so no rename of one changes the name.
    context.kept_part_by_the_other_way(table, &kept_part(), Ident::clone)
}

fn marker(table: &QName, what: &str) -> Resource {
    Resource::Constraint(table.clone(), what.to_owned())
}

/// What a step that keeps values by number needs.
pub(super) fn kept(table: &QName) -> [Resource; 2] {
    [numbered(table), marker(table, "values are kept by number")]
}

/// What a step that puts values back by number needs.
pub(super) fn found_again(table: &QName) -> [Resource; 2] {
    [numbered(table), found(table)]
}

fn numbered(table: &QName) -> Resource {
    marker(table, "its rows are numbered")
}

fn found(table: &QName) -> Resource {
    marker(table, "its numbered rows are found again")
}

/// Who works on numbered rows lets go of it; the end of the numbers takes it.
fn in_use(table: &QName) -> Resource {
    marker(table, "its rows still have numbers")
}

/// Made when the passing column is gone.
fn ended(table: &QName) -> Resource {
    marker(table, "its rows have no numbers any more")
}

/// What a table that joins a parent waits for: both must have the same columns.
pub(super) fn ended_above<'c>(
    table: &'c QName,
    catalog: &'c Catalog,
) -> impl Iterator<Item = Resource> + 'c {
    let above = super::hierarchy::above(catalog, table);
    std::iter::once(table).chain(above).map(ended)
}

/// Adds the steps that number rows, find them again and end the numbers, for each table that needs them.
///
/// # Errors
/// A table whose rows need numbers and that can have no column of its own.
pub(super) fn finish(mut steps: Vec<Step>, context: &Context<'_>) -> Result<Vec<Step>, LowerError> {
    let needs = steps.iter().flat_map(|step| &step.order.needs);
    let needs: BTreeSet<Resource> = needs.cloned().collect();
    let is_needed = |what: &Resource| needs.contains(what);
    for (table, after) in &context.after().tables {
        let Some(before) = context.before.tables.get(table) else { continue };
        if !is_needed(&numbered(table)) {
            continue;
        }
        let [_, keeping] = kept(table);
        let (keeps, finds) = (is_needed(&keeping), is_needed(&found(table)));
        check(before, after)?;
        let types = types_of(before, after, context);
        for step in &mut steps {
            let is_rename = step.order.makes.contains(&Resource::Renames);
            if !is_rename
                && (step.order.needs.contains(&numbered(table)) || works_on(step, table, &types))
            {
                step.order.needs.extend([numbered(table), found(table)]);
                step.order.frees.insert(in_use(table));
            }
        }
        let numbering = Numbering { table, context };
        numbering.check_renamed_values(&types)?;
        let begin = numbering.begin(keeps, finds);
        if numbering.precedes_renames() {
            for step in &mut steps {
                if step.order.makes.contains(&Resource::Renames) {
                    step.order.needs.extend([numbered(table), found(table)]);
                }
            }
        }
        steps.extend(begin);
        steps.extend(numbering.end(keeps, finds));
    }
    Ok(steps)
}

/// Enums and other types that columns of the table have on either side.
fn types_of(before: &Table, after: &Table, context: &Context<'_>) -> BTreeSet<Resource> {
    let columns = before.columns.iter().chain(&after.columns);
    let texts: Vec<&str> = columns.map(|column| column.data_type.as_str()).collect();
    let sides = [&*context.before, context.after()];
    let enums = sides.iter().flat_map(|catalog| catalog.enums.keys());
    let enums = enums.map(|name| Mention::new(Resource::Enum(name.clone()), name));
    let opaques = sides.iter().flat_map(|catalog| catalog.opaques.keys());
    let opaques = opaques.filter(|id| id.kind.is_mentionable()).map(Mention::of);
    let user = texts.iter().any(|text| !super::types::is_builtin(text));
    let all: Vec<Mention> = if user { enums.chain(opaques).collect() } else { Vec::new() };
    all.into_iter()
        .filter(|mention| texts.iter().any(|text| mention.is_in(text)))
        .map(|mention| mention.resource.clone())
        .collect()
}

/// Whether a step writes columns or values of a table, or changes a type of its columns.
fn works_on(step: &Step, table: &QName, types: &BTreeSet<Resource>) -> bool {
    step.order.takes.iter().chain(&step.order.makes).any(|resource| match resource {
        Resource::Column(of, _) | Resource::Values(of, _) => of == table,
        Resource::Enum(_) | Resource::Opaque(_) => types.contains(resource),
        Resource::Schema(_)
        | Resource::Table(_)
        | Resource::Constraint(_, _)
        | Resource::Kept(_)
        | Resource::Renames => false,
    })
}

fn check(before: &Table, after: &Table) -> Result<(), LowerError> {
    let typed = options(before).of_type.as_ref().or(options(after).of_type.as_ref());
    match typed {
        None => Ok(()),
        Some(of_type) => Err(LowerError {
            what: format!("table {}", after.name),
            why: format!(
                "values of its rows are kept, it has no primary key to find them by, and a table of type {of_type} \
                 takes no column that would number them"
            ),
            help: "give the table a primary key first".to_owned(),
        }),
    }
}

/// Rows of one table alone or of a whole tree, and how their columns take part.
struct Rows {
    /// Tells heirs apart by the name that they have between the two ways.
    label: String,
    from: String,
    columns: Vec<(Ident, Part)>,
}

/// What is sure about a column between the two shapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// It is in one shape only.
    Own,
    /// It is in both.
    Stays,
    /// It is in both, with the same type.
    Same,
}

fn parts(own: &Table, other: Option<&Table>) -> Vec<Option<Part>> {
    let part = |column: &crate::catalog::Column| {
        let found = other.map(|other| other.column(&column.name));
        match found {
            _ if column.generated.is_some() => None,
            None => Some(Part::Same),
            Some(None) => Some(Part::Own),
            Some(Some(other)) if other.generated.is_some() => Some(Part::Own),
            Some(Some(other)) if other.data_type == column.data_type => Some(Part::Same),
            Some(Some(_)) => Some(Part::Stays),
        }
    };
    own.columns.iter().map(part).collect()
}

/// The texts by which rows are found again, from the strictest on.
fn texts_needed(rows: &[Rows]) -> Vec<Part> {
    let has =
        |wanted: Part| rows.iter().any(|it| it.columns.iter().any(|(_, part)| *part == wanted));
    let mut needed = vec![Part::Own];
    if has(Part::Own) {
        needed.push(Part::Stays);
    }
    if has(Part::Stays) && has(Part::Same) {
        needed.push(Part::Same);
    }
    needed
}

fn text_name(part: Part) -> &'static str {
    match part {
        Part::Own => "\"row\"",
        Part::Stays => "\"stays\"",
        Part::Same => "\"same\"",
    }
}

/// Every numbered row with its texts, and which one it is among equal ones.
fn numbered_rows(rows: &[Rows], column: &str) -> String {
    let needed = texts_needed(rows);
    let select = |it: &Rows| {
        let text = |least: Part| {
            let parts = it.columns.iter().filter(|(_, part)| *part >= least);
            let names: Vec<String> =
                parts.map(|(name, _)| format!("\"t\".{}", quote_ident(name))).collect();
            format!("ROW({})::text", names.join(", "))
        };
        let mut items = vec![
            format!("\"t\".{} AS \"number\"", quote(column)),
            format!("{}::text AS \"of\"", literal(&it.label)),
        ];
        items.extend(needed.iter().map(|part| format!("{} AS {}", text(*part), text_name(*part))));
        items.push(format!(
            "row_number() OVER (PARTITION BY {} ORDER BY \"t\".tableoid, \"t\".ctid) AS \"nth\"",
            text(Part::Own)
        ));
        format!("SELECT {} FROM {} AS \"t\"", items.join(", "), it.from)
    };
    rows.iter().map(select).collect::<Vec<_>>().join(" UNION ALL ")
}

struct Numbering<'c> {
    table: &'c QName,
    context: &'c Context<'c>,
}

impl Numbering<'_> {
    fn table(&self) -> &QName {
        self.table
    }

    /// The table and what inherits from it.
    fn tree(&self) -> Vec<&QName> {
        let below = self.context.descendants(self.table());
        std::iter::once(self.table()).chain(below).collect()
    }

    /// Rows are found by what they are before anything changes, names of values too. A table that leaves a parent can
    /// only be numbered once it has left.
    /// So it is where row security must be lifted before rows are seen.
    fn precedes_renames(&self) -> bool {
        let context = self.context;
        self.tree().iter().all(|table| {
            left(table, context).is_empty()
                && !super::row_security::has_force(&context.before, table)
        })
    }

    /// Rows that are found after names of values have changed may be taken for others.
    fn check_renamed_values(&self, types: &BTreeSet<Resource>) -> Result<(), LowerError> {
        let renamed = self.context.diff.renames().find_map(|rename| match rename {
            Rename::EnumValue { name, .. } if types.contains(&Resource::Enum(name.clone())) => {
                Some(name)
            }
            _ => None,
        });
        match renamed.filter(|_| !self.precedes_renames()) {
            None => Ok(()),
            Some(name) => Err(LowerError {
                what: format!("table {}", self.table()),
                why: format!(
                    "its rows are found again by their text, a value of {name} is renamed, and rows move meanwhile"
                ),
                help: "rename the value in a version of its own".to_owned(),
            }),
        }
    }

    /// The name of a table when its rows are numbered.
    fn name_at_begin(&self, table: &QName) -> QName {
        if self.precedes_renames() { self.context.other_name(table, None).0 } else { table.clone() }
    }

    /// The table and what inherits from it on one side.
    fn tree_of(&self, catalog: &Catalog) -> Vec<&QName> {
        let is_in = |name: &QName| {
            name == self.table || super::hierarchy::above(catalog, name).contains(self.table)
        };
        self.tree().into_iter().filter(|name| is_in(name)).collect()
    }

    /// Whether each table of the tree must be read by itself: heirs have columns of their own.
    fn has_heirs(&self, catalog: &Catalog) -> bool {
        let table = self.table();
        self.tree_of(catalog).into_iter().filter(|it| *it != table).any(|name| {
            catalog.tables.get(name).is_some_and(|table| !options(table).is_partition())
        })
    }

    fn rows_at_begin(&self) -> Vec<Rows> {
        let before = &self.context.before;
        let one_by_one = self.has_heirs(before);
        let rows = self.tree_of(before).into_iter().filter_map(|name| {
            let own = before.tables.get(name)?;
            let parts = parts(own, self.context.after().tables.get(name));
            let old_name = self.context.other_name(name, None).0;
            let now = self.name_at_begin(name);
            // The same columns by the names that they have at that moment.
            let as_it_is = if self.precedes_renames() {
                self.context.diff.before.tables.get(&old_name)?
            } else {
                own
            };
            let columns = as_it_is.columns.iter().zip(parts);
            let columns = columns.filter_map(|(column, part)| Some((column.name.clone(), part?)));
            Some(Rows {
                label: old_name.to_string(),
                from: from(&now, one_by_one),
                columns: columns.collect(),
            })
        });
        rows.take(if one_by_one { usize::MAX } else { 1 }).collect()
    }

    fn rows_at_end(&self) -> Vec<Rows> {
        let after = self.context.after();
        let one_by_one = self.has_heirs(after);
        let rows = self.tree_of(after).into_iter().filter_map(|name| {
            let own = after.tables.get(name)?;
            let parts = parts(own, self.context.before.tables.get(name));
            let columns = own.columns.iter().zip(parts);
            let columns = columns.filter_map(|(column, part)| Some((column.name.clone(), part?)));
            Some(Rows {
                label: name.to_string(),
                from: from(name, one_by_one),
                columns: columns.collect(),
            })
        });
        rows.take(if one_by_one { usize::MAX } else { 1 }).collect()
    }

    /// The passing column; each row gets a number of its own, and so do rows that are written meanwhile.
    fn add_column(&self) -> String {
        format!(
            "ALTER TABLE {} ADD COLUMN {} uuid DEFAULT pg_catalog.gen_random_uuid()",
            quote_name(&self.name_at_begin(self.table())),
            quote(&column(self.table()))
        )
    }

    fn drop_column(&self) -> String {
        format!(
            "ALTER TABLE {} DROP COLUMN {}",
            quote_name(self.table()),
            quote(&column(self.table()))
        )
    }

    fn begin(&self, keeps: bool, finds: bool) -> Vec<Step> {
        let table = self.table();
        let waits: Vec<Resource> = self.tree().into_iter().map(parted).collect();
        let number = |statements| {
            step(Action::AddColumnRewriting, format!("number the rows of {table}"), statements)
                .undo(Undo::Exact, "the numbers go again at the end")
                .needs(waits.clone())
                .makes([numbered(table)])
        };
        let other = kept_by_the_other_way(table, self.context);
        match (keeps, finds) {
            (_, false) => vec![number(vec![self.add_column()])],
            (true, true) => vec![
                number(vec![self.add_column()]),
                step(
                    Action::UpdateRows,
                    format!("find the rows of {table} again"),
                    self.find(&other.name),
                )
                .work(Work::Scan)
                .needs([numbered(table)])
                .needs(waits.clone())
                .makes([found(table)])
                .reads(other),
            ],
            (false, true) => {
                let statements = [vec![self.add_column()], self.find(&other.name)].concat();
                vec![number(statements).makes([found(table)]).reads(other)]
            }
        }
    }

    /// Tells which number each kept one is now: by the whole row, else by what both shapes have of it, else by what
    /// no change of type touched, where that is no guess.
    fn find(&self, kept: &str) -> Vec<String> {
        let rows = self.rows_at_begin();
        let all = numbered_rows(&rows, &column(self.table()));
        let kept = kept_table(kept);
        let mut statements = vec![format!(
            "UPDATE {kept} AS \"m\" SET \"now\" = \"r\".\"number\" FROM ({all}) AS \"r\" \
             WHERE \"m\".\"of\" = \"r\".\"of\" AND \"m\".\"row\" = \"r\".\"row\" AND \"m\".\"nth\" = \"r\".\"nth\""
        )];
        for part in texts_needed(&rows).into_iter().skip(1) {
            let text = text_name(part);
            let window = |alias: &str, order: &str| {
                format!(
                    "row_number() OVER (PARTITION BY {alias}.\"of\", {alias}.{text} ORDER BY {alias}.{order}) AS \"nth\", \
                     count(*) OVER (PARTITION BY {alias}.\"of\", {alias}.{text}) AS \"many\""
                )
            };
            let unique = match part {
                Part::Own | Part::Stays => "",
                Part::Same => " AND \"f\".\"many\" = 1 AND \"r\".\"many\" = 1",
            };
            statements.push(format!(
                "UPDATE {kept} AS \"m\" SET \"now\" = \"r\".\"number\" FROM \
                 (SELECT \"k\".\"key_1\", \"k\".\"of\", \"k\".{text}, {} FROM {kept} AS \"k\" WHERE \"k\".\"now\" IS NULL) AS \"f\" \
                 JOIN (SELECT \"l\".\"number\", \"l\".\"of\", \"l\".{text}, {} FROM ({all}) AS \"l\" \
                 WHERE NOT EXISTS (SELECT 1 FROM {kept} AS \"k\" WHERE \"k\".\"now\" = \"l\".\"number\")) AS \"r\" \
                 ON \"r\".\"of\" = \"f\".\"of\" AND \"r\".{text} = \"f\".{text} AND \"r\".\"nth\" = \"f\".\"nth\"{unique} \
                 WHERE \"m\".\"key_1\" = \"f\".\"key_1\"",
                window("\"k\"", "\"key_1\""),
                window("\"l\"", "\"number\"")
            ));
        }
        statements
    }

    fn end(&self, keeps: bool, finds: bool) -> Vec<Step> {
        let table = self.table();
        let other = kept_by_the_other_way(table, self.context);
        let forget = keep::drop_kept(&other.name);
        let own = self.context.keeps_as(table, Some(&kept_part()));
        let end = |statements| {
            step(Action::DropColumn, format!("end the numbers of the rows of {table}"), statements)
                .undo(Undo::Exact, "the other way numbers the rows again")
                .takes([in_use(table)])
                .makes([ended(table)])
        };
        if !keeps {
            return vec![end(vec![self.drop_column(), forget]).reads(other)];
        }
        let rows = self.rows_at_end();
        let texts = texts_needed(&rows);
        let texts: Vec<String> =
            texts.iter().map(|part| format!("\"r\".{}", text_name(*part))).collect();
        let keep = format!(
            "CREATE TABLE {} AS SELECT \"r\".\"number\" AS \"key_1\", NULL::uuid AS \"now\", \"r\".\"of\", {}, \"r\".\"nth\" \
             FROM ({}) AS \"r\"",
            kept_table(&own),
            texts.join(", "),
            numbered_rows(&rows, &column(table))
        );
        let mut steps = vec![
            end(vec![keep::hold_writes(table), keep, self.drop_column()])
                .work(Work::Scan)
                .undo(Undo::Kept, "which rows the kept values belong to is kept")
                .makes([Resource::Kept(own)]),
        ];
        if finds {
            let title = format!("forget where the rows of {table} were");
            steps.push(
                step(Action::UpdateRows, title, vec![forget])
                    .lock(crate::dialect::Lock::None)
                    .work(Work::Catalog)
                    .takes([in_use(table)])
                    .reads(other),
            );
        }
        steps
    }
}

fn from(table: &QName, one_by_one: bool) -> String {
    let only = if one_by_one { "ONLY " } else { "" };
    format!("{only}{}", quote_name(table))
}
