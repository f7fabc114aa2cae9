//! The table rebuild: everything that `ALTER TABLE` of SQLite cannot say.
//!
//! Order: keep what is lost, create the new table under a temporary name from its own text, copy, count, drop the
//! old one, rename the new one, make indexes and triggers again. The runner has set `foreign_keys = OFF` before the
//! transaction (inside it is a no-op, and DROP TABLE would delete rows of other tables by ON DELETE CASCADE) and
//! `legacy_alter_table = ON` (the last rename would otherwise fail where a view mentions the table, and rewrite
//! what other tables say). Source: sqlite.org/lang_altertable.html#otheralter.

use super::alter::drop_index;
use super::ddl::CreateTable;
use super::facts::{facts, statements, whole};
use super::kept::{
    AFTER, BEFORE, Computed, Kept, Scope, VALUE, WRITTEN, keep_column, move_position,
    note_computed, restore_step,
};
use super::lower::name_of;
use super::opaque::triggers_that_stay;
use super::quote::{literal, quote};
use super::table::{RowKey, Shape, Witnesses, row_key};
use super::values::{self, Altered, Source};
use crate::catalog::{Column, Index};
use crate::change::{TableChange, Target};
use crate::dialect::moving;
use crate::dialect::reach::Reach;
use crate::dialect::{Absence, LowerError, Order, Resource, Step, Undo, Work, hide};
use crate::text::token::{Kind, Token, tokenize};
use crate::text::{Dialect, Ident};

/// The steps of a rebuild: the rebuild itself and, on the way there, putting back what a rollback kept.
///
/// # Errors
/// A table whose text cannot be read, or whose rows cannot be told apart where values must be kept.
pub(super) fn steps(change: &TableChange, scope: &Scope<'_>) -> Result<Vec<Step>, LowerError> {
    let before = Shape::of(&change.before)?;
    let after = Shape::of(&change.after)?;
    let sources = values::sources(change, &before, &after, scope);
    let rebuild = Rebuild { change, before, after, sources, scope };
    let mut steps = rebuild.steps()?;
    steps.extend(rebuild.note_steps()?);
    steps.extend(rebuild.restore_steps()?);
    Ok(steps)
}

struct Rebuild<'a> {
    change: &'a TableChange,
    before: Shape<'a>,
    after: Shape<'a>,
    sources: Vec<Source<'a>>,
    scope: &'a Scope<'a>,
}

fn index_names(shape: &Shape<'_>) -> Vec<Resource> {
    shape.table.indexes.iter().map(|index| name_of(&index.name)).collect()
}

/// The name under which the AUTOINCREMENT position of a table is kept; a column cannot have it in practice.
const POSITION: &str = "sqlite_sequence";

impl Rebuild<'_> {
    fn steps(&self) -> Result<Vec<Step>, LowerError> {
        let read = self.kept_to_read();
        let table = &self.after.table.name;
        let mut texts = self.keep_dropped()?;
        let temporary = match mentions_itself(&self.after) {
            // A text that says `table.column` of itself cannot be created under another name.
            true => self.copy_through_holding(&mut texts)?,
            false => self.copy(&mut texts)?,
        };
        texts.extend(self.keep_position());
        texts.extend(self.finish(&temporary));
        let mut read = read.into_iter();
        let first = read.next();
        if let Some(kept) = &first {
            texts.push(kept.drop());
        }
        let (undo, reason) = self.undo();
        let mut steps = self.clear_names();
        steps.push(Step {
            title: format!("rebuild table {table}: {}", self.summary()),
            statements: statements(texts),
            facts: facts(Work::Rewrite, undo, reason),
            reads_kept: first.map(|kept| kept.usage(Absence::Refuse)),
            order: self.order(),
        });
        // A step reads one kept table by its fact; the others are read above and let go here.
        steps.extend(read.map(|kept| Step {
            title: format!("let go of kept data {} (restored into {table})", kept.name),
            statements: statements(vec![kept.drop()]),
            facts: facts(Work::Catalog, Undo::Exact, "its values are back in the table"),
            reads_kept: Some(kept.usage(Absence::Refuse)),
            order: Order {
                needs: [Resource::Table(table.clone())].into_iter().collect(),
                ..Order::default()
            },
        }));
        Ok(steps)
    }

    fn key(&self) -> Result<RowKey, LowerError> {
        row_key(&self.before, &self.after, self.scope)
    }

    /// Stored columns that are gone afterwards.
    fn dropped(&self) -> Vec<&Column> {
        let stays = |column: &Column| {
            self.after.column(&column.name).is_some_and(|after| after.generated.is_none())
        };
        self.before.stored().filter(|column| !stays(column)).collect()
    }

    fn keep_dropped(&self) -> Result<Vec<String>, LowerError> {
        let mut texts = Vec::new();
        for column in self.dropped() {
            if !self.scope.is_discarded(&self.after.table.name, Some(&column.name)) {
                let kept = self.scope.kept_here(&self.after.table.name, Some(&column.name));
                let computed = match self.change.computed_back(&column.name) {
                    Some(_) => Computed::Back,
                    None => Computed::Never,
                };
                let key = self.key()?;
                texts.extend(keep_column(&kept, &key, &self.before, &column.name, computed));
            }
        }
        Ok(texts)
    }

    /// Once all rows are in place: of the values that go, only those stay kept that the way back does not compute.
    fn note_steps(&self) -> Result<Vec<Step>, LowerError> {
        let table = &self.after.table.name;
        let mut steps = Vec::new();
        for column in self.dropped() {
            let Some(computed) = self.change.computed_back(&column.name) else { continue };
            if self.scope.is_discarded(table, Some(&column.name)) {
                continue;
            }
            let kept = self.scope.kept_here(table, Some(&column.name));
            let texts = note_computed(&kept, &self.key()?, &self.after, computed);
            let reach = Reach::of(computed, Dialect::Sqlite);
            let (before, after) = (&self.scope.renamed(), &self.scope.diff.after);
            let own = self.after.table.columns.iter();
            let own = own.map(|column| Resource::Values(table.clone(), column.name.clone()));
            steps.push(Step {
                title: format!("keep of {table}.{} what the way back cannot compute", column.name),
                statements: statements(texts),
                facts: facts(Work::Write, Undo::Exact, "the values are kept already"),
                reads_kept: None,
                order: Order {
                    needs: own
                        .chain([Resource::Table(table.clone())])
                        .chain(reach.comes(before, after))
                        .collect(),
                    frees: reach.goes(table, before, after).into_iter().collect(),
                    ..Order::default()
                },
            });
        }
        Ok(steps)
    }

    /// Tables that fills read: they change, or go, after.
    fn reads(&self) -> Vec<Resource> {
        let own = &self.after.table.name;
        let before = self.scope.renamed();
        let fills = self.sources.iter().filter_map(|source| source.source.fill.as_deref());
        let tables = fills.flat_map(|fill| Reach::of(fill, Dialect::Sqlite).others(own, &before));
        tables.map(Resource::Table).collect()
    }

    /// Rows of new tables that fills read.
    fn arrivals(&self) -> Vec<Resource> {
        let fills = self.sources.iter().filter_map(|source| source.source.fill.as_deref());
        fills.flat_map(|fill| moving::read_by(fill, self.scope.diff)).collect()
    }

    /// Creates the new table under its temporary name and fills it.
    fn copy(&self, texts: &mut Vec<String>) -> Result<String, LowerError> {
        let temporary = format!("_migrate_new_{}", self.after.name());
        let name = self.after.text.name_span;
        let create = self.after.create;
        texts.push(whole(&format!(
            "{}{}{}",
            &create[..name.start],
            quote(&temporary),
            &create[name.end..]
        )));
        texts.push(self.insert(&temporary, self.before.name())?);
        texts.extend(same_count(self.before.name(), &temporary));
        texts.extend(self.keep_altered(&temporary)?);
        if self.after.text.autoincrement() && self.before.text.autoincrement() {
            texts.extend(move_position(self.before.name(), &temporary));
        }
        texts.extend(self.restore_position(&temporary));
        Ok(temporary)
    }

    /// Copies the old rows aside as they are, into columns without a type, and from there into the new table under its
    /// own name.
    fn copy_through_holding(&self, texts: &mut Vec<String>) -> Result<String, LowerError> {
        let holding = self.holding();
        let held = quote(&holding);
        let names: Vec<String> = self.before.stored().map(|c| quote(c.name.as_str())).collect();
        texts.push(format!("CREATE TABLE {held} ({})", names.join(", ")));
        let mut names = names;
        names.extend(self.before.hidden_rowid().map(str::to_owned));
        let names = names.join(", ");
        let own = quote(self.before.name());
        texts.push(format!("INSERT INTO {held} ({names}) SELECT {names} FROM {own}"));
        texts.extend(same_count(self.before.name(), &holding));
        if self.before.text.autoincrement() {
            texts.extend(move_position(self.before.name(), &holding));
        }
        texts.push(format!("DROP TABLE {own}"));
        texts.push(whole(self.after.create));
        texts.push(self.insert(self.after.name(), &holding)?);
        texts.extend(same_count(&holding, self.after.name()));
        texts.extend(self.keep_altered_between(&holding, self.after.name())?);
        if self.after.text.autoincrement() && self.before.text.autoincrement() {
            texts.extend(move_position(&holding, self.after.name()));
        }
        texts.extend(self.restore_position(self.after.name()));
        Ok(holding)
    }

    fn holding(&self) -> String {
        format!("_migrate_old_{}", self.before.name())
    }

    fn insert(&self, target: &str, source: &str) -> Result<String, LowerError> {
        let mut columns = Vec::new();
        let mut expressions = Vec::new();
        for column in &self.sources {
            columns.push(quote(column.after.name.as_str()));
            expressions.push(match self.kept_of(column) {
                Some(kept) => {
                    let key = (&self.key()?, source);
                    values::restored_value(column, &self.before, &self.after, &kept, key)
                }
                None => values::plain_value(column, &self.before, &self.after),
            });
        }
        if let (Some(row), Some(old)) = (self.after.hidden_rowid(), self.before.rowid()) {
            columns.push(row.to_owned());
            expressions.push(format!("\"t\".{old}"));
        }
        // OR ABORT: an ON CONFLICT clause of the new table must not skip or replace rows.
        Ok(format!(
            "INSERT OR ABORT INTO {} ({}) SELECT {} FROM {} AS \"t\"",
            quote(target),
            columns.join(", "),
            expressions.join(", "),
            quote(source)
        ))
    }

    fn keep_altered(&self, temporary: &str) -> Result<Vec<String>, LowerError> {
        self.keep_altered_between(self.before.name(), temporary)
    }

    fn keep_altered_between(&self, old: &str, new: &str) -> Result<Vec<String>, LowerError> {
        let mut texts = Vec::new();
        for source in self.sources.iter().filter(|source| source.altered == Altered::Kept) {
            if let Some(column) = source.before {
                let name = &source.after.name;
                let kept = self.scope.kept_here(&self.after.table.name, Some(name));
                let sides = values::Sides { before: &self.before, after: &self.after, old, new };
                texts.extend(values::keep_altered(
                    &kept,
                    &self.key()?,
                    source,
                    &sides,
                    &column.name,
                ));
            }
        }
        Ok(texts)
    }

    /// Where the other direction kept values of the column that the copy puts back: on the way back only.
    fn kept_of(&self, source: &Source<'_>) -> Option<Kept> {
        let wanted = self.scope.absence() == Absence::Refuse && self.has_kept_values(source);
        wanted.then(|| self.scope.kept_there(&self.after.table.name, Some(&source.after.name)))
    }

    fn has_kept_values(&self, source: &Source<'_>) -> bool {
        let table = &self.after.table.name;
        match source.held() {
            None => !self.scope.is_discarded(table, Some(&source.after.name)),
            Some(_) => source.altered == Altered::Kept,
        }
    }

    fn kept_to_read(&self) -> Vec<Kept> {
        let position = self.position_returns().then(|| self.position_there());
        let position = position.filter(|_| self.scope.absence() == Absence::Refuse);
        self.sources.iter().filter_map(|source| self.kept_of(source)).chain(position).collect()
    }

    fn position_goes(&self) -> bool {
        self.before.text.autoincrement() && !self.after.text.autoincrement()
    }

    fn position_returns(&self) -> bool {
        !self.before.text.autoincrement() && self.after.text.autoincrement()
    }

    fn position_there(&self) -> Kept {
        self.scope.kept_there(&self.after.table.name, Some(&Ident::new(POSITION)))
    }

    /// AUTOINCREMENT goes: its position is the only trace of ids that were deleted.
    fn keep_position(&self) -> Vec<String> {
        if !self.position_goes() {
            return Vec::new();
        }
        let kept = self.scope.kept_here(&self.after.table.name, Some(&Ident::new(POSITION)));
        let holder = match mentions_itself(&self.after) {
            true => self.holding(),
            false => self.before.name().to_owned(),
        };
        vec![
            format!("CREATE TABLE {} ({VALUE})", kept.quoted()),
            format!(
                "INSERT INTO {} SELECT \"seq\" FROM \"sqlite_sequence\" WHERE \"name\" = {}",
                kept.quoted(),
                literal(&holder)
            ),
        ]
    }

    fn restore_position(&self, target: &str) -> Vec<String> {
        match self.position_returns() && self.scope.absence() == Absence::Refuse {
            true => raise_position(&self.position_there(), target),
            false => Vec::new(),
        }
    }

    /// Drops what is left of the old table and makes what hung on it again.
    fn finish(&self, temporary: &str) -> Vec<String> {
        let mut texts = match mentions_itself(&self.after) {
            true => {
                let mut texts = vec![format!("DROP TABLE {}", quote(temporary))];
                if self.before.text.autoincrement() {
                    texts.push(format!(
                        "DELETE FROM \"sqlite_sequence\" WHERE \"name\" = {}",
                        literal(temporary)
                    ));
                }
                texts
            }
            false => vec![
                format!("DROP TABLE {}", quote(self.before.name())),
                format!("ALTER TABLE {} RENAME TO {}", quote(temporary), quote(self.after.name())),
            ],
        };
        texts.extend(self.after.table.indexes.iter().map(|index| whole(&index.definition)));
        let name = &self.after.table.name;
        texts.extend(
            triggers_that_stay(self.scope.diff, name)
                .iter()
                .flat_map(|trigger| &trigger.create)
                .map(|text| whole(text)),
        );
        texts
    }

    fn undo(&self) -> (Undo, String) {
        let name = &self.after.table.name;
        let lost: Vec<String> = self
            .dropped()
            .iter()
            .filter(|column| self.scope.is_discarded(name, Some(&column.name)))
            .map(|column| Target::column(name, &column.name).to_string())
            .collect();
        if !lost.is_empty() {
            return (Undo::Lossy, format!("values of {} are not kept", lost.join(", ")));
        }
        let keeps = !self.dropped().is_empty()
            || self.position_goes()
            || self.sources.iter().any(|source| source.altered == Altered::Kept);
        match keeps {
            true => {
                let columns = self.dropped().into_iter().map(|column| &column.name);
                let reason = "dropped and altered values are kept by row";
                (Undo::Kept, hide::copied(reason, name, columns, &self.scope.diff.intent))
            }
            false => (Undo::Exact, "every value is copied as it is".to_owned()),
        }
    }

    /// Indexes whose name something else is to have: two tables may swap them.
    fn indexes_in_the_way(&self) -> impl Iterator<Item = &Index> {
        let own = &self.after.table.name;
        let indexes = self.before.table.indexes.iter();
        indexes.filter(move |index| self.scope.taken.by_others(own, &index.name))
    }

    fn clear_names(&self) -> Vec<Step> {
        let table = &self.after.table.name;
        self.indexes_in_the_way().map(|index| drop_index(table, index)).collect()
    }

    fn order(&self) -> Order {
        let table = &self.after.table.name;
        let own = Resource::Table(table.clone());
        let mut order = Order::default();
        order.frees.extend(self.reads());
        order.needs.extend(self.arrivals());
        order.takes.insert(own.clone());
        order.makes.insert(own);
        order.makes.extend(
            self.after
                .table
                .columns
                .iter()
                .map(|column| Resource::Column(table.clone(), column.name.clone())),
        );
        let (gone, made) = (index_names(&self.before), index_names(&self.after));
        let cleared: Vec<Resource> =
            self.indexes_in_the_way().map(|index| name_of(&index.name)).collect();
        let gone = gone.into_iter().filter(|name| !cleared.contains(name));
        let gone: Vec<Resource> = gone.collect();
        order.takes.extend(gone.iter().filter(|name| !made.contains(name)).cloned());
        order.makes.extend(made.into_iter().filter(|name| !gone.contains(name)));
        order
    }

    fn summary(&self) -> String {
        let added = self.sources.iter().filter(|source| source.before.is_none());
        let mut parts: Vec<String> =
            added.map(|source| format!("+ {}", source.after.name)).collect();
        parts.extend(self.dropped().iter().map(|column| format!("- {}", column.name)));
        let altered = self.sources.iter().filter(|source| source.altered == Altered::Kept);
        parts.extend(altered.map(|source| format!("~ {}", source.after.name)));
        match parts.is_empty() {
            true => "new definition".to_owned(),
            false => parts.join(", "),
        }
    }

    /// On the way there: puts back what a rollback kept, where there was one.
    fn restore_steps(&self) -> Result<Vec<Step>, LowerError> {
        if self.scope.absence() == Absence::Refuse {
            return Ok(Vec::new());
        }
        let mut steps = Vec::new();
        for source in self.sources.iter().filter(|source| self.has_kept_values(source)) {
            steps.push(restore_column(self, source)?);
        }
        if self.position_returns() {
            let kept = self.position_there();
            let table = &self.after.table.name;
            let mut texts = raise_position(&kept, self.after.name());
            texts.push(kept.drop());
            steps.push(restore_step(
                format!("restore the numbering of {table}"),
                &kept,
                texts,
                vec![Resource::Table(table.clone())],
                Resource::Values(table.clone(), Ident::new(POSITION)),
            ));
        }
        Ok(steps)
    }
}

fn restore_column(rebuild: &Rebuild<'_>, source: &Source<'_>) -> Result<Step, LowerError> {
    let (scope, after, key) = (rebuild.scope, &rebuild.after, rebuild.key()?);
    let column = &source.after.name;
    if source.held().is_none() {
        // Where something else is computed by now, the row was changed since: that stands.
        let own = format!("\"t\".{}", quote(column.as_str()));
        let by_default = match source.after.default {
            Some(_) => format!(" OR \"k\".{WRITTEN} IS NULL"),
            None => String::new(),
        };
        let unchanged = format!("({own} IS \"k\".{WRITTEN}{by_default})");
        let condition = source.source.computed(Dialect::Sqlite).map(|_| unchanged.as_str());
        return Ok(restore_values(scope, after, &key, column, VALUE, condition));
    }
    let here = scope.kept_here(&after.table.name, Some(column)).quoted();
    let there = scope.kept_there(&after.table.name, Some(column)).quoted();
    let same_key = |left: &str, right: &str| {
        let pair = |name: &String| format!("\"{left}\".{name} IS \"{right}\".{name}");
        key.names().iter().map(pair).collect::<Vec<_>>().join(" AND ")
    };
    // The row held what the rollback left there: it is now what that becomes, or was just kept as that.
    let is_what_it_becomes = values::is_what_kept_becomes(source, &rebuild.before, after);
    let condition = format!(
        "({is_what_it_becomes} OR EXISTS (SELECT 1 FROM {here} AS \"h\" WHERE {} \
         AND \"h\".{BEFORE} IS \"k\".{AFTER}))",
        same_key("h", "k")
    );
    let mut step = restore_values(scope, after, &key, column, BEFORE, Some(&condition));
    // What was kept on this way stands for the values that are there now.
    let follow = format!(
        "UPDATE {here} AS \"k\" SET {AFTER} = (SELECT \"t\".{} FROM {} AS \"t\" WHERE {}) \
         WHERE EXISTS (SELECT 1 FROM {there} AS \"d\" WHERE {})",
        quote(column.as_str()),
        quote(after.name()),
        key.matches(after, "\"t\""),
        same_key("d", "k")
    );
    let last = step.statements.len().saturating_sub(1);
    step.statements.splice(last..last, statements(vec![follow]));
    Ok(step)
}

/// A step that writes kept values of one column back, with the table's triggers out of the way. The `condition` knows
/// the row as `"t"` and the kept one as `"k"`, whatever the table itself is called.
pub(super) fn restore_values(
    scope: &Scope<'_>,
    after: &Shape<'_>,
    key: &RowKey,
    column: &Ident,
    value: &str,
    condition: Option<&str>,
) -> Step {
    let table = &after.table.name;
    let kept = scope.kept_there(table, Some(column));
    let own = quote(after.name());
    let condition = condition.map(|text| format!(" AND {text}")).unwrap_or_default();
    let among = Witnesses { kept: &kept.quoted(), table: after.name() };
    let found = key.matches_among(after, "\"t\"", &among);
    let from = format!("FROM {} AS \"k\" WHERE {found}{condition}", kept.quoted());
    let triggers = triggers_that_stay(scope.diff, table);
    let mut texts: Vec<String> = triggers
        .iter()
        .map(|trigger| format!("DROP TRIGGER {}", quote(trigger.id.name.name.as_str())))
        .collect();
    texts.push(format!(
        "UPDATE {own} AS \"t\" SET {} = (SELECT \"k\".{value} {from}) WHERE EXISTS (SELECT 1 {from})",
        quote(column.as_str())
    ));
    texts.extend(triggers.iter().flat_map(|trigger| &trigger.create).map(|text| whole(text)));
    texts.push(kept.drop());
    restore_step(
        format!("restore {table}.{column} as it was before the rollback"),
        &kept,
        texts,
        vec![Resource::Table(table.clone()), Resource::Column(table.clone(), column.clone())],
        Resource::Values(table.clone(), column.clone()),
    )
}

/// Statements that fail unless both tables have the same number of rows.
fn same_count(before: &str, after: &str) -> Vec<String> {
    let guard = quote("_migrate_guard");
    vec![
        format!(
            "CREATE TABLE {guard} (\"same\" INTEGER CONSTRAINT \"every row was copied\" CHECK (\"same\"))"
        ),
        format!(
            "INSERT INTO {guard} SELECT 0 WHERE (SELECT count(*) FROM {}) <> (SELECT count(*) FROM {})",
            quote(before),
            quote(after)
        ),
        format!("DROP TABLE {guard}"),
    ]
}

/// Sets the position of `target` to the kept one, or leaves it where it is higher by now.
fn raise_position(kept: &Kept, target: &str) -> Vec<String> {
    let name = literal(target);
    let current = format!(
        "coalesce((SELECT max(\"seq\") FROM \"sqlite_sequence\" WHERE \"name\" = {name}), 0)"
    );
    vec![
        format!(
            "INSERT INTO \"sqlite_sequence\" (\"name\", \"seq\") \
             SELECT {name}, max({VALUE}, {current}) FROM {}",
            kept.quoted()
        ),
        format!(
            "DELETE FROM \"sqlite_sequence\" WHERE \"name\" = {name} AND \"rowid\" <> \
             (SELECT \"rowid\" FROM \"sqlite_sequence\" WHERE \"name\" = {name} \
             ORDER BY \"seq\" DESC, \"rowid\" DESC LIMIT 1)"
        ),
        // An empty table that was never numbered has no position.
        format!(
            "DELETE FROM \"sqlite_sequence\" WHERE \"name\" = {name} \
             AND NOT EXISTS (SELECT 1 FROM {}) AND NOT EXISTS (SELECT 1 FROM {})",
            kept.quoted(),
            quote(target)
        ),
    ]
}

/// Whether the text qualifies a name with the table's own: `CHECK (orders.total > 0)`.
fn mentions_itself(shape: &Shape<'_>) -> bool {
    let body = &shape.create[shape.text.body.start..shape.text.body.end];
    let tokens: Vec<Token<'_>> =
        tokenize(body, Dialect::Sqlite).into_iter().filter(Token::is_code).collect();
    tokens.windows(2).any(|pair| is_own_name(&pair[0], &shape.text) && pair[1].is_mark("."))
}

fn is_own_name(token: &Token<'_>, table: &CreateTable) -> bool {
    matches!(token.kind, Kind::Word | Kind::Quoted)
        && token.name().is_some_and(|name| name.eq_ignore_ascii_case(&table.name))
}
