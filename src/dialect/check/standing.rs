//! Every rule on the rows as they are: those of a model, and those of the database's own constraints.
//!
//! What the engine holds all rows to is trusted and said to be. What cannot be asked is said too, with its reason.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::cast::{self, Cast};
use super::kept::Others;
use super::query::check;
use super::reading::Source;
use super::rows::{Heirs, Names, Rows, keys_of, only, row_id, shown};
use super::same::{is_same_condition, spelled};
use super::sample::{Sample, picks};
use super::{Check, Fault, all_in_order, domain, mentioned, qualified, quote, sequence, storage};
use crate::catalog::rule::{Held, Requirement, Rule, own_rules};
use crate::catalog::{Catalog, Column, ObjectId, OpaqueKind, Table, TableOptions};
use crate::dialect::Sql;
use crate::text::suggest::did_you_mean;
use crate::text::token::{canonical_name, tokenize};
use crate::text::{Dialect, Ident, QName};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// What the engine does not vouch for.
    Unproven,
    /// Everything.
    All,
}

/// A model that rows are held against.
#[derive(Clone, Debug, Default)]
pub struct Wanted<'a> {
    pub rules: &'a [Rule],
    /// The schema that the model means.
    pub catalog: Option<&'a Catalog>,
    /// Columns whose values are not shown.
    pub personal: BTreeMap<QName, BTreeSet<Ident>>,
    /// Tables of which only some rows are looked at by rules that look at rows one by one.
    pub samples: BTreeMap<QName, Sample>,
    /// Line and column (1-based) of the field of each column in the model file.
    pub places: BTreeMap<QName, BTreeMap<Ident, (usize, usize)>>,
}

/// Constraints and indexes that the engine does not hold rows to although the schema has them: table, name, why.
pub type Doubts = BTreeMap<(QName, Ident), String>;

/// A rule that nobody needs to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trusted {
    pub rule: String,
    pub table: String,
}

/// A rule that cannot be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unaskable {
    pub rule: String,
    pub table: String,
    /// Line and column (1-based) in the model file.
    pub origin: Option<(usize, usize)>,
    pub reason: String,
}

/// All that there is to ask, and what is not asked.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    pub checks: Vec<Check>,
    pub trusted: Vec<Trusted>,
    pub unaskable: Vec<Unaskable>,
    /// What nobody can tell before a change runs, and its reason.
    pub untold: Vec<Unaskable>,
}

/// What is to be asked of the rows of a database as they are.
pub fn standing(
    catalog: &Catalog,
    wanted: &Wanted<'_>,
    doubts: &Doubts,
    extent: Extent,
) -> Standing {
    let mut work = Work { catalog, wanted, doubts, extent, found: Standing::default() };
    let mut stated: BTreeMap<QName, Vec<&Rule>> = BTreeMap::new();
    for rule in wanted.rules {
        stated.entry(work.actual(&rule.table)).or_default().push(rule);
    }
    let tables = catalog.tables.keys().chain(stated.keys()).cloned().collect::<BTreeSet<_>>();
    for name in tables {
        let mine = stated.remove(&name).unwrap_or_default();
        match work.relation(&name) {
            Some(relation) => work.table(&relation, &mine),
            None => work.missing(&name, &mine),
        }
    }
    work.found
}

/// Something that has rows.
struct Relation {
    table: Table,
    /// Whether it is a table of the engine, which has its own names for rows.
    is_table: bool,
    /// Whether its columns are known.
    told: bool,
}

struct Work<'a> {
    catalog: &'a Catalog,
    wanted: &'a Wanted<'a>,
    doubts: &'a Doubts,
    extent: Extent,
    found: Standing,
}

impl Work<'_> {
    /// The name as the database has it: SQLite's names ignore case.
    fn actual(&self, name: &QName) -> QName {
        let opaques = self.catalog.opaques.keys().map(|id| &id.name);
        let same = |other: &&QName| {
            self.same_name(&other.schema, &name.schema) && self.same_name(&other.name, &name.name)
        };
        self.catalog.tables.keys().chain(opaques).find(same).unwrap_or(name).clone()
    }

    fn same_name(&self, left: &Ident, right: &Ident) -> bool {
        match self.catalog.dialect {
            Dialect::Postgres => left == right,
            Dialect::Sqlite => left.as_str().eq_ignore_ascii_case(right.as_str()),
        }
    }

    /// The table or view of that name; a view has the key that the model gives it.
    fn relation(&self, name: &QName) -> Option<Relation> {
        if let Some(table) = self.catalog.tables.get(name) {
            return Some(Relation { table: table.clone(), is_table: true, told: true });
        }
        let has_rows = |id: &&ObjectId| {
            id.name == *name
                && matches!(
                    id.kind,
                    OpaqueKind::View
                        | OpaqueKind::MaterializedView
                        | OpaqueKind::ForeignTable
                        | OpaqueKind::VirtualTable
                )
        };
        let id = self.catalog.opaques.keys().find(has_rows)?;
        let columns = self.catalog.opaques.get(id).map(|view| view.columns.as_slice());
        let columns = columns.unwrap_or_default();
        let modelled = self.modelled(name);
        let told = !columns.is_empty();
        let columns: Vec<Column> = match (told, modelled) {
            (true, _) => columns
                .iter()
                .map(|column| Column::plain(column.name.as_str(), column.data_type.as_str()))
                .collect(),
            (false, Some(table)) => table.columns.clone(),
            (false, None) => Vec::new(),
        };
        let options = match self.catalog.dialect {
            Dialect::Postgres => TableOptions::postgres(),
            Dialect::Sqlite => TableOptions::Sqlite {
                strict: true,
                without_rowid: true,
                autoincrement: false,
                rest: Vec::new(),
                create: String::new(),
            },
        };
        let table = Table {
            name: name.clone(),
            columns,
            constraints: Vec::new(),
            indexes: Vec::new(),
            options,
            comment: None,
        };
        Some(Relation { table, is_table: false, told })
    }

    fn modelled(&self, name: &QName) -> Option<&Table> {
        let catalog = self.wanted.catalog?;
        catalog.tables.values().find(|table| {
            self.same_name(&table.name.schema, &name.schema)
                && self.same_name(&table.name.name, &name.name)
        })
    }

    fn missing(&mut self, name: &QName, stated: &[&Rule]) {
        let known = self.catalog.tables.keys().map(|table| table.name.as_str());
        let hint = did_you_mean(name.name.as_str(), known);
        for rule in stated {
            self.unaskable(rule, format!("the database has no table `{name}`{hint}"));
        }
    }

    fn unaskable(&mut self, rule: &Rule, reason: String) {
        self.found.unaskable.push(Unaskable {
            rule: rule.name.clone(),
            table: rule.table.to_string(),
            origin: rule.origin,
            reason,
        });
    }

    fn table(&mut self, relation: &Relation, stated: &[&Rule]) {
        let (asked, open) = self.merged(relation, stated);
        let casts = self.casts(relation);
        let mut checks = Vec::new();
        for rule in &asked {
            if let Some(reason) = self.lacking(relation, rule) {
                self.unaskable(rule, reason);
                continue;
            }
            let heirs = match &rule.requirement {
                Requirement::Unique { .. } | Requirement::References { .. } => Heirs::LeftOut,
                Requirement::Required { .. }
                | Requirement::Holds { .. }
                | Requirement::Across { .. }
                | Requirement::Excludes { .. }
                | Requirement::OnlyEngine { .. } => Heirs::Asked,
            };
            let is_sampled = !matches!(
                rule.requirement,
                Requirement::Unique { .. } | Requirement::Excludes { .. }
            );
            let sample = if is_sampled { self.sample(relation) } else { None };
            let rows = self.rows(relation, &casts, heirs, sample);
            let columns = mentioned(&rule.requirement, &relation.table, self.catalog.dialect);
            match check(rule, &rows, &columns, &Others::none(), self.catalog, &Names::default()) {
                Some(check) => {
                    let validates = open.get(&rule.name).filter(|_| sample.is_none()).cloned();
                    // Where values are read as another type, what breaks the rule is not what is stored.
                    let is_read = |cast: &Cast| columns.contains(&cast.column);
                    let bad = check.bad.clone().filter(|_| !casts.iter().any(is_read));
                    let fault = match validates {
                        Some(_) => Fault::NotValidated,
                        None => check.fault,
                    };
                    let check = Check { validates, bad, fault, ..check };
                    checks.push(self.masked(check, relation));
                }
                None => self.unaskable(rule, self.unsaid(relation, rule)),
            }
        }
        if relation.is_table && self.catalog.dialect == Dialect::Postgres {
            let own =
                sequence::behind(&relation.table, &self.rows(relation, &[], Heirs::LeftOut, None));
            checks.extend(own.into_iter().map(|check| self.masked(check, relation)));
        }
        let rows = self.rows(relation, &casts, Heirs::Asked, self.sample(relation));
        for (at, cast) in casts.iter().enumerate() {
            checks.push(self.masked(cast.check(at, &rows), relation));
        }
        self.found.checks.extend(all_in_order(checks));
    }

    /// The rules of a table that are to be asked: its own, under the model's name where the model states the same, and
    /// those that only the model states. Also the statements that make the engine hold all rows to a rule.
    fn merged(
        &mut self,
        relation: &Relation,
        stated: &[&Rule],
    ) -> (Vec<Rule>, BTreeMap<String, Sql>) {
        let mut open: Vec<&Rule> = stated.to_vec();
        let mut asked = Vec::new();
        let mut validating = BTreeMap::new();
        let own = if relation.is_table { own_rules(&relation.table) } else { Vec::new() };
        for own in own {
            let same = open.iter().position(|rule| self.is_same(rule, &own.requirement));
            let mut rule = match same {
                Some(at) => Rule { table: own.table.clone(), ..open.remove(at).clone() },
                None => own.rule(),
            };
            let doubt = self.doubts.get(&(own.table.clone(), Ident::new(own.name.as_str())));
            if self.extent == Extent::Unproven && doubt.is_none() && self.vouched(&own) {
                let trusted = Trusted { rule: rule.name, table: own.table.to_string() };
                self.found.trusted.push(trusted);
                continue;
            }
            // The table that it comes from asks the rows of this one too.
            let options = relation.table.options.of_postgres();
            let is_inherited =
                options.is_some_and(|it| it.inherited.contains_key(&Ident::new(own.name.as_str())));
            if is_inherited && same.is_none() {
                continue;
            }
            let is_named = !matches!(own.requirement, Requirement::Required { .. });
            if own.held == Held::NewRows && is_named {
                let name = quote(&Ident::new(own.name.as_str()));
                let table = qualified(&own.table);
                let statement = format!("ALTER TABLE {table} VALIDATE CONSTRAINT {name}");
                validating.insert(rule.name.clone(), Sql::new(statement));
            }
            let state = match (own.held, doubt) {
                (_, Some(doubt)) => Some(doubt.as_str()),
                (Held::NewRows, None) => Some("NOT VALID: old rows were never asked"),
                (Held::Never, None) => Some("NOT ENFORCED"),
                (Held::Always, None) => None,
            };
            if let (Some(state), None) = (state, &rule.message) {
                rule.message = Some(format!("{} ({state})", super::message(&rule)));
            }
            asked.push(rule);
        }
        if self.catalog.dialect == Dialect::Sqlite && relation.is_table {
            asked.extend(storage::rules(&relation.table));
        }
        for open in domain::open(&relation.table, self.catalog) {
            validating.extend(open.validates.map(|sql| (open.rule.name.clone(), sql)));
            asked.push(open.rule);
        }
        let table = relation.table.name.clone();
        asked.extend(open.into_iter().map(|rule| Rule { table: table.clone(), ..rule.clone() }));
        (asked, validating)
    }

    /// Whether the engine holds every row to the constraint. SQLite can be told to store rows that break a CHECK or point
    /// nowhere (`PRAGMA ignore_check_constraints`, `foreign_keys`, `writable_schema`); its keys are its indexes.
    fn vouched(&self, own: &crate::catalog::rule::OwnRule) -> bool {
        let by_index = matches!(own.requirement, Requirement::Unique { .. });
        own.held == Held::Always && (self.catalog.dialect == Dialect::Postgres || by_index)
    }

    fn is_same(&self, rule: &Rule, own: &Requirement) -> bool {
        match (&rule.requirement, own) {
            (
                Requirement::Unique { keys, predicate, nulls },
                Requirement::Unique { keys: own, predicate: own_predicate, nulls: own_nulls },
            ) => {
                // Which key comes first is about the index.
                let sorted = |keys: &[String]| {
                    let mut keys: Vec<String> = keys.iter().map(|key| self.folded(key)).collect();
                    keys.sort();
                    keys
                };
                nulls == own_nulls
                    && sorted(keys) == sorted(own)
                    && self.same_predicate(predicate.as_deref(), own_predicate.as_deref())
            }
            (
                Requirement::References { columns, table, referenced_columns, matching },
                Requirement::References {
                    columns: own,
                    table: own_table,
                    referenced_columns: own_referenced,
                    matching: own_matching,
                },
            ) => {
                let all_same = |left: &[Ident], right: &[Ident]| {
                    left.len() == right.len()
                        && left.iter().zip(right).all(|(l, r)| self.same_name(l, r))
                };
                let parent = self.catalog.tables.get(&self.actual(own_table));
                let key = parent.map(Table::primary_key).unwrap_or_default();
                let full = |columns: &[Ident]| -> Vec<Ident> {
                    if columns.is_empty() { key.to_vec() } else { columns.to_vec() }
                };
                self.actual(table) == self.actual(own_table)
                    && all_same(columns, own)
                    && all_same(&full(referenced_columns), &full(own_referenced))
                    && matching == own_matching
            }
            (Requirement::Required { column }, Requirement::Required { column: own }) => {
                self.same_name(column, own)
            }
            (Requirement::Holds { expression }, Requirement::Holds { expression: own }) => {
                match self.catalog.dialect {
                    Dialect::Postgres => is_same_condition(expression, own),
                    Dialect::Sqlite => expression == own,
                }
            }
            (left, right) => left == right,
        }
    }

    fn same_predicate(&self, left: Option<&str>, right: Option<&str>) -> bool {
        match (left, right, self.catalog.dialect) {
            (Some(left), Some(right), Dialect::Postgres) => is_same_condition(left, right),
            (left, right, _) => {
                left.map(|text| self.folded(text)) == right.map(|text| self.folded(text))
            }
        }
    }

    fn folded(&self, text: &str) -> String {
        match self.catalog.dialect {
            Dialect::Postgres => spelled(text),
            Dialect::Sqlite => text.to_ascii_lowercase(),
        }
    }

    /// Why a rule cannot be asked of this table: a column that is not there.
    fn lacking(&self, relation: &Relation, rule: &Rule) -> Option<String> {
        if let Requirement::Across { joins, .. } = &rule.requirement {
            for (table, columns) in joins.iter().flat_map(|join| &join.needs) {
                let name = self.actual(table);
                let Some(other) = self.relation(&name) else {
                    return Some(format!("the database has no table `{table}`"));
                };
                if let Some(reason) = self.lacking_columns(&other, columns) {
                    return Some(reason);
                }
            }
        }
        let names = match self.modelled(&relation.table.name) {
            Some(table) => mentioned(&rule.requirement, table, self.catalog.dialect),
            None => mentioned_names(&rule.requirement),
        };
        self.lacking_columns(relation, &names)
    }

    fn lacking_columns(&self, relation: &Relation, names: &[Ident]) -> Option<String> {
        if !relation.told {
            return None;
        }
        let has = |name: &Ident| {
            relation.table.columns.iter().any(|column| self.same_name(&column.name, name))
        };
        let missing = names.iter().find(|name| !has(name))?;
        let known = relation.table.columns.iter().map(|column| column.name.as_str());
        let hint = did_you_mean(missing.as_str(), known);
        Some(format!("`{}` has no column `{missing}`{hint}", relation.table.name))
    }

    /// Why no query says the same as a rule.
    fn unsaid(&self, relation: &Relation, rule: &Rule) -> String {
        match &rule.requirement {
            Requirement::References { table, .. } => {
                format!("`{table}` does not have the columns that are referred to")
            }
            Requirement::Excludes { .. } => {
                format!("the rows of `{}` have no key to tell them apart", relation.table.name)
            }
            Requirement::OnlyEngine { definition } => format!(
                "no query says the same as `{definition}`; `ALTER TABLE … VALIDATE CONSTRAINT` asks the engine"
            ),
            Requirement::Required { .. }
            | Requirement::Holds { .. }
            | Requirement::Across { .. }
            | Requirement::Unique { .. } => "it speaks of a column that is not there".to_owned(),
        }
    }

    /// Columns that have another type in the database than in the model, where values may not fit.
    fn casts(&mut self, relation: &Relation) -> Vec<Cast> {
        let (Some(modelled), Some(model)) =
            (self.modelled(&relation.table.name).cloned(), self.wanted.catalog)
        else {
            return Vec::new();
        };
        if self.catalog.dialect != Dialect::Postgres {
            return Vec::new();
        }
        let places = self.wanted.places.get(&modelled.name);
        let origin = |column: &Ident| places.and_then(|places| places.get(column)).copied();
        let (casts, untold) =
            cast::casts(&relation.table, &modelled, (self.catalog, model), &origin);
        let table = relation.table.name.to_string();
        self.found.untold.extend(untold.into_iter().map(|(column, reason)| Unaskable {
            rule: format!("{table}.{column}"),
            table: table.clone(),
            origin: origin(&column),
            reason,
        }));
        casts
    }

    fn sample(&self, relation: &Relation) -> Option<Sample> {
        let found = self.wanted.samples.get(&relation.table.name).copied();
        found.filter(|_| relation.is_table)
    }

    fn rows(
        &self,
        relation: &Relation,
        casts: &[Cast],
        heirs: Heirs,
        sample: Option<Sample>,
    ) -> Rows {
        let table = &relation.table;
        let keys = match (relation.is_table, self.modelled(&table.name)) {
            (true, _) => keys_of(table, &|column| table.column(column).is_some()),
            (false, Some(modelled)) => keys_of(modelled, &|column| table.column(column).is_some()),
            (false, None) => Vec::new(),
        };
        let row_id = if relation.is_table { row_name(table, &keys, heirs) } else { None };
        let only = match heirs {
            Heirs::LeftOut if relation.is_table => only(table),
            Heirs::LeftOut | Heirs::Asked => "",
        };
        let place = qualified(&table.name);
        let mut list: Vec<String> = match casts {
            [] => vec!["\"t\".*".to_owned()],
            casts => {
                let each = table.columns.iter().map(|column| Cast::of(casts, column));
                each.chain(Cast::beside(casts)).collect()
            }
        };
        list.extend(row_id.clone());
        let list = list.join(", ");
        let sample = sample.and_then(|sample| picks(sample, table)).unwrap_or_default();
        let from = match (&row_id, casts, sample.as_str()) {
            (None, [], "") => format!("{only}{place}"),
            (_, _, _) => format!("(SELECT {list} FROM {only}{place} AS \"t\"{sample})"),
        };
        let is_streamed = relation.is_table && self.catalog.dialect == Dialect::Postgres;
        let becomes = |column: &Column| {
            let at = casts.iter().position(|cast| cast.column == column.name)?;
            let (was, _) = Cast::names(at);
            Some((casts[at].given_as.clone()?, Ident::new(was)))
        };
        let source = is_streamed
            .then(|| Arc::new(Source::of(self.catalog, table, &becomes, (list, sample), heirs)));
        let keys = match row_id {
            Some(_) => vec!["row id".to_owned()],
            None => shown(keys),
        };
        let came = arrival(table);
        let dialect = self.catalog.dialect;
        let (table, untold) = (table.name.clone(), Vec::new());
        Rows { dialect, table, from, keys, untold, came, heirs, source }
    }

    /// The check with its personal values marked.
    fn masked(&self, mut check: Check, relation: &Relation) -> Check {
        let dialect = self.catalog.dialect;
        let hidden: BTreeSet<String> = self
            .wanted
            .personal
            .iter()
            .filter(|(table, _)| self.actual(table) == relation.table.name)
            .flat_map(|(_, columns)| columns)
            .map(|column| canonical_name(column.as_str(), dialect))
            .collect();
        let speaks = |text: &str| {
            hidden.contains(&canonical_name(text, dialect))
                || tokenize(text, dialect)
                    .iter()
                    .filter_map(|token| token.name())
                    .any(|name| hidden.contains(&canonical_name(&name, dialect)))
        };
        check.personal =
            check.keys.iter().chain(&check.values).filter(|text| speaks(text)).cloned().collect();
        check
    }
}

/// The engine's own name for a row, for tables without a primary key. Rows of several partitions may share a `ctid`.
fn row_name(table: &Table, keys: &[Ident], heirs: Heirs) -> Option<String> {
    match table.options.of_postgres() {
        Some(options)
            if keys.is_empty() && (heirs == Heirs::Asked || options.partition_by.is_some()) =>
        {
            Some(match options.partition_by {
                Some(_) => {
                    "\"t\".tableoid::regclass::text || ' ' || \"t\".ctid::text AS \"row id\"".into()
                }
                None => "\"t\".ctid::text AS \"row id\"".to_owned(),
            })
        }
        Some(_) | None => row_id(table, keys),
    }
}

/// The column that says when a row came: that of `audit: timestamps`, under the names that people give it.
pub(in crate::dialect) fn arrival(table: &Table) -> Option<Ident> {
    let names = ["created_at", "createdat", "created_on", "inserted_at", "created"];
    let is_time = |column: &&Column| {
        let data_type = column.data_type.to_ascii_lowercase();
        ["timestamp", "date", "text"].iter().any(|word| data_type.starts_with(word))
    };
    names.iter().find_map(|name| {
        let named = |column: &&Column| column.name.as_str().eq_ignore_ascii_case(name);
        table.columns.iter().filter(is_time).find(named).map(|column| column.name.clone())
    })
}

/// Columns that a requirement names outright.
fn mentioned_names(requirement: &Requirement) -> Vec<Ident> {
    match requirement {
        Requirement::Required { column } => vec![column.clone()],
        Requirement::References { columns, .. } | Requirement::Across { columns, .. } => {
            columns.clone()
        }
        Requirement::Holds { .. }
        | Requirement::Unique { .. }
        | Requirement::Excludes { .. }
        | Requirement::OnlyEngine { .. } => Vec::new(),
    }
}
