//! Moves rows from a database to a copy that holds the schema: whole tables where they fit, else samples that are closed
//! under foreign keys and hold the extremes of every column.

use std::collections::{BTreeMap, BTreeSet};

use super::ShadowError;
use super::extent::{RowCount, Share, TableExtent};
use super::options::{Amount, SAMPLE_ROWS, Scope, SnapshotOptions};
use super::survey::{Facts, Link, facts, links, spread, together, with_heirs};
use crate::catalog::Catalog;
use crate::db::postgres::{PostgresDb, stream};
use crate::db::{DbError, Row};
use crate::dialect::sampling::{
    self, CopiedColumn, KEYS_A_QUERY, KEYS_AT_ONCE, RowsOf, SCAN_LIMIT, Sent, ValueKind,
};
use crate::dialect::{Sql, check, masking, mention, session};
use crate::text::{Dialect, Ident, QName};

/// After so many rounds of rows that refer to further rows, the tables that still grow are copied whole.
const ROUNDS: usize = 200;
/// Tables of up to 32 MB are counted.
const COUNTED_PAGES: u64 = 4096;

/// The copying of one database.
pub(super) struct Copying<'a> {
    source: &'a mut PostgresDb,
    catalog: &'a Catalog,
    options: &'a SnapshotOptions,
    facts: BTreeMap<QName, Facts>,
    links: Vec<Link>,
    shares: BTreeMap<QName, Share>,
    copied: BTreeMap<QName, u64>,
    /// Rows of the source, where they were counted.
    counted: BTreeMap<QName, u64>,
    /// Columns that are masked: those asked for, and those that refer to them or that they refer to.
    masked: BTreeMap<QName, BTreeSet<Ident>>,
    /// Both databases hold texts as bytes, which need be no text.
    moves_bytes: bool,
    pub(super) warnings: Vec<String>,
}

impl<'a> Copying<'a> {
    /// Reads sizes and columns; decides what is copied of each table.
    ///
    /// # Errors
    /// What the source says; a column that cannot be masked.
    pub(super) fn plan(
        source: &'a mut PostgresDb,
        catalog: &'a Catalog,
        options: &'a SnapshotOptions,
    ) -> Result<Self, ShadowError> {
        let facts = facts(source)?;
        let mut links = links(catalog);
        let together = match &options.scope {
            Scope::Statements(statements) => together(statements, catalog, &links),
            Scope::Everything | Scope::Tables(_) => together(&[], catalog, &links),
        };
        links.extend(together.links);
        let mut copying = Copying {
            source,
            catalog,
            options,
            facts,
            masked: spread(&options.mask, &links),
            links,
            moves_bytes: false,
            shares: BTreeMap::new(),
            copied: BTreeMap::new(),
            counted: BTreeMap::new(),
            warnings: Vec::new(),
        };
        copying.refuse_unmaskable()?;
        copying.share(&with_heirs(together.whole, catalog));
        Ok(copying)
    }

    /// About how many bytes the copy will take.
    pub(super) fn bytes(&self) -> u64 {
        let part = |name: &QName| match self.shares.get(name) {
            Some(Share::Whole) => self.facts[name].bytes,
            Some(Share::Sample) => self.facts[name].bytes.min(64 << 20),
            Some(Share::Referenced | Share::LeftOut) | None => 0,
        };
        self.facts.keys().map(part).sum()
    }

    /// Copies; tables and schema must be there, and neither foreign keys nor triggers yet.
    ///
    /// # Errors
    /// Names the table that cannot be read or written.
    pub(super) fn run(&mut self, target: &mut PostgresDb) -> Result<(), ShadowError> {
        self.source.execute(&sampling::from_the_first_page())?;
        target.execute(&sampling::from_the_first_page())?;
        let holds_bytes = |database: &mut PostgresDb| -> Result<bool, ShadowError> {
            let mut values = database.rows(&sampling::encoding())?.into_iter().flatten().flatten();
            Ok(values.next().as_deref() == Some(sampling::OF_BYTES))
        };
        self.moves_bytes = holds_bytes(self.source)? && holds_bytes(target)?;
        let plan: Vec<(QName, Share)> =
            self.shares.iter().map(|(name, share)| (name.clone(), *share)).collect();
        for (name, share) in &plan {
            match share {
                Share::Whole => self.copy(target, name, &RowsOf::All)?,
                Share::Sample => {
                    let places = self.places(name)?;
                    self.copy(target, name, &RowsOf::At(&places))?
                }
                Share::Referenced | Share::LeftOut => 0,
            };
        }
        self.source.execute(&sampling::one_process())?;
        self.copy_children(target)?;
        self.close(target)?;
        self.count()
    }

    /// Counts small tables of which a part was copied: often the part is all there is.
    fn count(&mut self) -> Result<(), ShadowError> {
        let is_part = |name: &&QName| {
            matches!(self.shares.get(name), Some(Share::Sample | Share::Referenced))
                && self.facts[*name].pages <= COUNTED_PAGES
        };
        let names: Vec<QName> = self.facts.keys().filter(is_part).cloned().collect();
        for name in names {
            let query = session::count_rows(Dialect::Postgres, &name);
            let rows = self.source.rows(&query).map_err(|error| unreadable(&name, error))?;
            let counted = rows.into_iter().flatten().flatten().next();
            let Some(counted) = counted.and_then(|text| text.parse::<u64>().ok()) else { continue };
            if self.copied.get(&name).copied().unwrap_or_default() == counted {
                self.shares.insert(name.clone(), Share::Whole);
            }
            self.counted.insert(name, counted);
        }
        Ok(())
    }

    /// What was copied of each table of the catalog.
    pub(super) fn extents(&self) -> Vec<TableExtent> {
        let names = self.catalog.tables.keys().filter(|name| self.facts.contains_key(name));
        names
            .map(|name| {
                let rows = self.copied.get(name).copied().unwrap_or_default();
                let share = self.shares.get(name).copied().unwrap_or(Share::LeftOut);
                let of = match share {
                    Share::Whole => RowCount::Exactly(rows),
                    Share::Sample | Share::Referenced if self.counted.contains_key(name) => {
                        RowCount::Exactly(self.counted[name])
                    }
                    Share::Sample | Share::Referenced | Share::LeftOut => {
                        RowCount::About(self.facts[name].rows())
                    }
                };
                let masked = self.masked.get(name).into_iter().flatten();
                let columns = &self.facts[name].columns;
                let there = |name: &&Ident| columns.iter().any(|column| column.name == **name);
                let masked = masked.filter(there).cloned().collect();
                TableExtent { table: name.clone(), rows, of, share, masked }
            })
            .collect()
    }

    fn share(&mut self, whole: &BTreeSet<QName>) {
        let options = self.options;
        let everything = options.amount == Amount::Whole || options.scope == Scope::Everything;
        let touched = if everything {
            self.catalog.tables.keys().cloned().collect()
        } else {
            with_heirs(options.scope.tables(self.catalog), self.catalog)
        };
        let is_ours = |name: &QName| match name.schema.as_str() {
            "migrate" => true,
            "migrate_kept" => everything || is_named(&options.scope, name),
            _ => false,
        };
        let mut names: Vec<&QName> = self.facts.keys().collect();
        names.sort_by_key(|name| (self.facts[*name].bytes, (*name).clone()));
        let mut room = options.size_limit;
        for name in names {
            let facts = &self.facts[name];
            let known = self.catalog.tables.contains_key(name);
            if !(known || matches!(name.schema.as_str(), "migrate" | "migrate_kept")) {
                continue;
            }
            let share = if facts.pages == 0 || is_ours(name) {
                Share::Whole
            } else if !touched.contains(name) {
                Share::LeftOut
            } else {
                match options.amount {
                    Amount::Fitting | Amount::Sample(_) if whole.contains(name) => {
                        room = room.saturating_sub(facts.bytes);
                        if facts.bytes > options.size_limit {
                            self.warnings.push(format!(
                                "`{name}` is copied whole although it is large: the plan reads it together with rows \
                                 that no foreign key leads to"
                            ));
                        }
                        Share::Whole
                    }
                    Amount::Whole => Share::Whole,
                    Amount::Sample(rows) if facts.rows() <= 2 * rows => Share::Whole,
                    Amount::Sample(_) => Share::Sample,
                    Amount::Fitting if facts.bytes <= room => {
                        room -= facts.bytes;
                        Share::Whole
                    }
                    Amount::Fitting => Share::Sample,
                }
            };
            self.shares.insert(name.clone(), share);
        }
        self.whole_parents_of_masked_keys();
    }

    /// A key that is masked cannot be looked up in the source: the rows that it may mean are all copied.
    fn whole_parents_of_masked_keys(&mut self) {
        loop {
            let is_masked = |link: &&Link| {
                let masked = self.masked.get(&link.child);
                let copied =
                    |name: &QName| !matches!(self.shares.get(name), Some(Share::LeftOut) | None);
                masked.is_some_and(|set| link.key.columns.iter().any(|it| set.contains(it)))
                    && (copied(&link.child) || self.leaves(&link.child).iter().any(copied))
            };
            let parents: BTreeSet<QName> = self
                .links
                .iter()
                .filter(is_masked)
                .flat_map(|link| self.leaves(&link.key.references))
                .filter(|name| self.shares.get(name) != Some(&Share::Whole))
                .collect();
            if parents.is_empty() {
                return;
            }
            for name in parents {
                self.shares.insert(name, Share::Whole);
            }
        }
    }

    fn rows_wanted(&self) -> u64 {
        match self.options.amount {
            Amount::Sample(rows) => rows,
            Amount::Fitting | Amount::Whole => SAMPLE_ROWS,
        }
    }

    /// Where the rows of a sample are: some at random, the newest, the extremes, the rarest, those that break a rule.
    fn places(&mut self, name: &QName) -> Result<BTreeSet<String>, ShadowError> {
        let wanted = self.rows_wanted();
        let facts = &self.facts[name];
        let (of, pages, bytes) = (facts.rows(), facts.pages, facts.bytes);
        let columns = facts.columns.clone();
        let mut places = BTreeSet::new();
        let random = sampling::sample(name, wanted, of, pages, self.options.seed);
        self.gather(name, &random, &mut places)?;
        if bytes > SCAN_LIMIT {
            self.warnings.push(format!(
                "`{name}` is too large to look for the extremes of its columns; its sample holds random rows and the newest"
            ));
        } else {
            for query in sampling::witnesses(name, &columns) {
                self.gather(name, &query, &mut places)?;
            }
            let few = |column: &&CopiedColumn| {
                column.kind == ValueKind::Set || (1..=1000).contains(&column.distinct)
            };
            for column in columns.iter().filter(few) {
                let query = sampling::rarest(name, &column.name);
                self.gather(name, &query, &mut places)?;
            }
        }
        self.add_broken(name, &mut places)?;
        Ok(places)
    }

    fn gather(
        &mut self,
        name: &QName,
        query: &Sql,
        places: &mut BTreeSet<String>,
    ) -> Result<(), ShadowError> {
        let rows = self.source.rows(query).map_err(|error| unreadable(name, error))?;
        places.extend(rows.into_iter().flatten().flatten());
        Ok(())
    }

    /// Rows that the pending plan finds broken.
    fn add_broken(
        &mut self,
        name: &QName,
        places: &mut BTreeSet<String>,
    ) -> Result<(), ShadowError> {
        let (options, catalog) = (self.options, self.catalog);
        for rule in &options.checks {
            let root = catalog.tables.keys().find(|table| table.to_string() == rule.table);
            let Some(root) = root.filter(|root| self.leaves(root).contains(name)) else { continue };
            let keys: Vec<Ident> = rule.keys.iter().map(|key| Ident::new(key.as_str())).collect();
            let Some(types) = self.types(root, name, &keys) else { continue };
            // A rule that cannot be asked of the rows as they are says so when the plan is checked.
            self.source.execute(&session::savepoint())?;
            let found = self.source.rows(&check::breaking(rule));
            self.source.execute(&session::rollback_to_savepoint())?;
            let Ok(rows) = found else { continue };
            let values = by_column(rows, keys.len());
            if values.first().is_some_and(|first| !first.is_empty()) {
                let query = sampling::places_of(name, &keys, &types, &values);
                self.gather(name, &query, places)?;
            }
        }
        Ok(())
    }

    /// The types of key columns; `None` where there is no key or the table lacks a column.
    fn types(&self, root: &QName, leaf: &QName, keys: &[Ident]) -> Option<Vec<String>> {
        let columns = &self.facts.get(leaf).or_else(|| self.facts.get(root))?.columns;
        let of = |key: &Ident| {
            columns.iter().find(|column| column.name == *key).map(|it| it.data_type.clone())
        };
        let types: Option<Vec<String>> = keys.iter().map(of).collect();
        types.filter(|types| !types.is_empty())
    }

    fn copy(
        &mut self,
        target: &mut PostgresDb,
        name: &QName,
        rows: &RowsOf<'_>,
    ) -> Result<u64, ShadowError> {
        let facts = &self.facts[name];
        if facts.pages == 0 {
            return Ok(0);
        }
        let masked = self.masked.get(name);
        let sent: Vec<Sent<'_>> = facts
            .columns
            .iter()
            .map(|column| Sent {
                column,
                masked: masked
                    .filter(|set| set.contains(&column.name))
                    .and_then(|_| masking::masked(column, &self.options.seed.to_be_bytes())),
            })
            .collect();
        let (out, into) = (sampling::copy_out(name, &sent, rows), sampling::copy_in(name, &sent));
        if self.moves_bytes {
            self.source.execute(&sampling::as_bytes())?;
            target.execute(&sampling::as_bytes())?;
        }
        let count = stream(self.source, &out, target, &into).map_err(|error| {
            error.side(|error| unreadable(name, error), |error| unwritable(name, error))
        })?;
        if self.moves_bytes {
            self.source.execute(&sampling::as_text())?;
            target.execute(&sampling::as_text())?;
        }
        *self.copied.entry(name.clone()).or_default() += count;
        Ok(count)
    }

    /// Rows that refer to those of a touched table, where the plan deletes rows or changes what is referred to.
    fn copy_children(&mut self, target: &mut PostgresDb) -> Result<(), ShadowError> {
        let options = self.options;
        let Scope::Statements(statements) = &options.scope else { return Ok(()) };
        let links: Vec<Link> = self.links.clone();
        for link in links {
            let parent = &link.key.references;
            let needed = statements.iter().any(|statement| {
                mention::touches_key(statement, parent, &link.key.referenced_columns, self.catalog)
            });
            let is_masked = self
                .masked
                .get(parent)
                .is_some_and(|set| link.key.referenced_columns.iter().any(|it| set.contains(it)));
            let leaves: Vec<QName> = self
                .leaves(&link.child)
                .into_iter()
                .filter(|leaf| self.shares.get(leaf) == Some(&Share::LeftOut))
                .collect();
            if !needed || is_masked || leaves.is_empty() {
                continue;
            }
            let held =
                sampling::keys_held(parent, &link.key.referenced_columns, KEYS_A_QUERY as u64);
            let values = by_column(target.rows(&held)?, link.key.columns.len());
            for leaf in leaves {
                let Some(types) = self.types(&link.child, &leaf, &link.key.columns) else {
                    continue;
                };
                let limit = self.rows_wanted();
                let query = sampling::places_of_children(&leaf, &link.key, &types, &values, limit);
                let rows = self.source.rows(&query).map_err(|error| unreadable(&leaf, error))?;
                let places: BTreeSet<String> = rows.into_iter().flatten().flatten().collect();
                self.shares.insert(leaf.clone(), Share::Sample);
                self.copy(target, &leaf, &RowsOf::At(&places))?;
            }
        }
        Ok(())
    }

    /// Fetches rows that copied rows refer to, until none is missing. Only rows that are absent are fetched, so circles
    /// end.
    fn close(&mut self, target: &mut PostgresDb) -> Result<(), ShadowError> {
        let mut grown: BTreeSet<QName> = self.copied.keys().cloned().collect();
        for round in 0.. {
            let mut next = BTreeSet::new();
            for link in self.links.clone() {
                let children = self.leaves(&link.child);
                if children.iter().any(|leaf| grown.contains(leaf)) {
                    next.extend(self.fetch(target, &link)?);
                }
            }
            if next.is_empty() {
                return Ok(());
            }
            if round == ROUNDS {
                self.take_whole(target, &next)?;
            }
            grown = next;
        }
        Ok(())
    }

    /// Fetches the rows that one foreign key lacks; the tables that grew.
    fn fetch(
        &mut self,
        target: &mut PostgresDb,
        link: &Link,
    ) -> Result<BTreeSet<QName>, ShadowError> {
        let parent = &link.key.references;
        let leaves: Vec<QName> = self
            .leaves(parent)
            .into_iter()
            .filter(|leaf| self.shares.get(leaf) != Some(&Share::Whole))
            .collect();
        let mut grown = BTreeSet::new();
        if leaves.is_empty() {
            return Ok(grown);
        }
        loop {
            let missing = target.rows(&sampling::missing_keys(&link.child, parent, &link.key))?;
            let more = self.fetch_keys(target, link, &leaves, &missing)?;
            // Keys that point at nothing in the source stay missing.
            let is_done = more.is_empty() || missing.len() < KEYS_AT_ONCE;
            grown.extend(more);
            if is_done {
                return Ok(grown);
            }
        }
    }

    fn fetch_keys(
        &mut self,
        target: &mut PostgresDb,
        link: &Link,
        leaves: &[QName],
        missing: &[Row],
    ) -> Result<BTreeSet<QName>, ShadowError> {
        let parent = &link.key.references;
        let mut grown = BTreeSet::new();
        for part in missing.chunks(KEYS_A_QUERY) {
            let keys = &link.key.referenced_columns;
            let values = by_column(part.to_vec(), keys.len());
            for leaf in leaves {
                let Some(types) = self.types(parent, leaf, keys) else { continue };
                let rows = RowsOf::Keyed(keys, &types, &values);
                if self.copy(target, leaf, &rows)? > 0 {
                    if self.shares.get(leaf) == Some(&Share::LeftOut) {
                        self.shares.insert(leaf.clone(), Share::Referenced);
                    }
                    grown.insert(leaf.clone());
                }
            }
        }
        Ok(grown)
    }

    /// Tables whose rows form long chains.
    fn take_whole(
        &mut self,
        target: &mut PostgresDb,
        names: &BTreeSet<QName>,
    ) -> Result<(), ShadowError> {
        for name in names {
            self.warnings.push(format!(
                "`{name}` is copied whole: its rows refer to each other in chains of more than {ROUNDS}"
            ));
            target.execute(&session::delete_all(name))?;
            self.copied.insert(name.clone(), 0);
            self.shares.insert(name.clone(), Share::Whole);
            self.copy(target, name, &RowsOf::All)?;
        }
        Ok(())
    }

    /// The tables that hold the rows of a table: its partitions, or itself.
    fn leaves(&self, name: &QName) -> Vec<QName> {
        if self.facts.contains_key(name) {
            return vec![name.clone()];
        }
        let partitions =
            self.catalog.tables.values().filter(|table| {
                table.options.of_postgres().is_some_and(|it| it.is_partition_of(name))
            });
        partitions.flat_map(|table| self.leaves(&table.name)).collect()
    }

    fn refuse_unmaskable(&self) -> Result<(), ShadowError> {
        for (name, columns) in &self.masked {
            let Some(facts) = self.facts.get(name) else { continue };
            for column in facts.columns.iter().filter(|it| columns.contains(&it.name)) {
                if masking::masked(column, &[]).is_none() {
                    return Err(ShadowError::Unmaskable {
                        column: format!("{name}.{}", column.name),
                        data_type: column.data_type.clone(),
                    });
                }
            }
        }
        Ok(())
    }
}

fn is_named(scope: &Scope, name: &QName) -> bool {
    match scope {
        Scope::Everything => true,
        Scope::Tables(names) => names.contains(name),
        Scope::Statements(statements) => {
            statements.iter().any(|statement| statement.as_str().contains(name.name.as_str()))
        }
    }
}

/// The first values of rows, by column.
fn by_column(rows: Vec<Row>, count: usize) -> Vec<Vec<String>> {
    let mut columns = vec![Vec::with_capacity(rows.len()); count];
    for row in rows {
        if row.iter().take(count).any(Option::is_none) {
            continue;
        }
        for (column, value) in columns.iter_mut().zip(row.into_iter().flatten()) {
            column.push(value);
        }
    }
    columns
}

/// A table that cannot be read. Source of the codes: PostgreSQL manual, appendix A.
pub(super) fn unreadable(name: &QName, mut error: DbError) -> ShadowError {
    match error.sqlstate.as_deref() {
        Some("42P01" | "42703" | "XX000") => {
            error.hint = Some(format!(
                "`{name}` was dropped or changed while it was copied; run the command again when nobody else \
                 changes the schema"
            ));
        }
        Some("42501") => {
            error.hint = Some(format!(
                "a rehearsal reads the rows that the plan meets: `GRANT SELECT ON {name} TO …`, or connect as a \
                 role that may read all of them (row level security hides none from its owner or from BYPASSRLS)"
            ));
        }
        _ => {}
    }
    ShadowError::Unreadable { table: name.to_string(), error }
}

fn unwritable(name: &QName, mut error: DbError) -> ShadowError {
    if error.sqlstate.as_deref() == Some("53100") {
        error.hint = Some("make room there, or copy less: `--sample ROWS`".to_owned());
    }
    ShadowError::Unwritable { table: name.to_string(), error }
}
