//! Repairs that move whole rows: out of the way (quarantine), or all but one of those with the same key. They are kept
//! as they are and return on the way back; rows of other tables that refer to them are pointed at the row that stays, or
//! stop the repair before it begins.

use super::moving::{Moving, Ways};
use super::strategy::{Chosen, Stays};
use super::target::{Inbound, Target};
use super::text::ident;
use super::values::is_same;
use super::{Mended, Naming, Subject, Touched, bad, kept, kept_place, plan_check};
use crate::catalog::rule::{Nulls, Requirement};
use crate::catalog::{Catalog, Column};
use crate::dialect::Sql;
use crate::dialect::aside::{Key, table_name};
use crate::dialect::check::standing::arrival;
use crate::dialect::check::{About, Check, SAMPLE};
use crate::dialect::postgres::types::is_builtin;
use crate::text::{Dialect, Ident};

/// The repair of a rule by moving the rows that break it to a table of their own.
///
/// # Errors
/// Why it is none.
pub(super) fn quarantine(
    subject: Subject<'_>,
    chosen: &Chosen,
    naming: Naming<'_>,
) -> Result<Mended, String> {
    let target = movable(subject)?;
    if matches!(&subject.check.about, Some(About::Rule(Requirement::Unique { .. }))) {
        return Err("it would take all rows with the same key; `dedupe:newest` or `dedupe:oldest` leaves one".to_owned());
    }
    let dialect = target.dialect();
    let bad = bad(subject, &target)?.text().to_owned();
    let inbound = target.inbound();
    let moving = Moving { name: kept(naming, target.name(), None, dialect), target: &target };
    let (place, kept) = (target.place(), moving.kept());
    let free: String = inbound.iter().map(|it| format!(" AND NOT {}", referred(it, "r"))).collect();
    let which = format!("({bad}){free}{}", target.has_key("r"));
    let mut statements = lock_of(&target, &inbound);
    statements.push(moving.made_empty());
    statements.extend(match dialect {
        Dialect::Postgres => vec![format!(
            "WITH \"gone\" AS (DELETE FROM {place} AS r WHERE {which} RETURNING r.*) INSERT INTO {kept} ({}) \
             SELECT {} FROM \"gone\"",
            moving.names().join(", "),
            moving.values("\"gone\"").join(", ")
        )],
        Dialect::Sqlite => vec![
            format!(
                "INSERT INTO {kept} SELECT {} FROM {place} AS r WHERE {which}",
                moving.values("r").join(", ")
            ),
            moving.removed(),
        ],
    });
    let checks = inbound.iter().map(|it| {
        let message = format!("refers to rows of `{}` that the repair moves", target.name());
        let found = format!(
            "EXISTS (SELECT 1 FROM {place} AS r WHERE {} AND ({bad}))",
            it.matches("r", "c")
        );
        stands_in_the_way(it, subject.check, &found, message)
    });
    let up_checks: Vec<Check> = checks.collect();
    let keys = target.key_of("r");
    let all = format!("FROM {place} AS r WHERE ({bad})");
    let title = format!("rows of {} ({}: {chosen})", target.name(), subject.check.rule);
    Ok(Mended {
        says: "the rows are moved to a table of their own, and come back on rollback".to_owned(),
        count: Sql::new(format!("SELECT count(*), count(*) {all}")),
        sample: sample(&keys, &all),
        up_checks,
        down_checks: moving.down_checks(subject.check),
        ..moving.mended(
            subject,
            chosen,
            Ways { title, verb: "move", inner: statements, back: Vec::new(), repointed: &[] },
        )
    })
}

/// The repair of a unique rule by leaving one of the rows with the same key.
///
/// # Errors
/// Why it is none.
pub(super) fn dedupe(
    subject: Subject<'_>,
    chosen: &Chosen,
    stays: Stays,
    naming: Naming<'_>,
) -> Result<Mended, String> {
    let target = movable(subject)?;
    let Some(About::Rule(Requirement::Unique { keys, predicate, nulls })) = &subject.check.about
    else {
        return Err("the rule is not that something is unique".to_owned());
    };
    let dialect = target.dialect();
    let order = order(&target, chosen, stays)?;
    let (repointed, fixed): (Vec<_>, Vec<_>) =
        target.inbound().into_iter().partition(|it| can_follow(it, subject.catalog));
    let twins = Twins {
        target: &target,
        keys: keys.join(", "),
        condition: condition(keys, predicate.as_deref(), *nulls),
        order,
        stays: repointed.iter().flat_map(|it| it.referenced.clone()).collect(),
    };
    let moving = Moving { name: kept(naming, target.name(), None, dialect), target: &target };
    let (place, kept_rows) = (target.place(), moving.kept());
    let guards: String = fixed.iter().map(|it| format!(" AND NOT {}", referred(it, "x"))).collect();
    let all: Vec<&Inbound<'_>> = repointed.iter().chain(&fixed).collect();
    let mut statements = match dialect {
        Dialect::Postgres => vec![lock_statement(&target, all.iter().copied())],
        Dialect::Sqlite => Vec::new(),
    };
    statements.push(format!(
        "CREATE TABLE {kept_rows} AS SELECT {} FROM {} WHERE x.\"migrate_n\" > 1{guards}",
        moving.named_values("x").into_iter().chain(twins.carried()).collect::<Vec<_>>().join(", "),
        twins.rows()
    ));
    let mut back = Vec::new();
    let mut touched = Vec::new();
    for (at, it) in repointed.iter().enumerate() {
        let child = Target::table(it.child, subject.catalog)?;
        let name = kept(naming, child.name(), Some(at + 1), dialect);
        let follow = Follow { inbound: it, child: &child, name: kept_place(&name, dialect) };
        statements.extend(follow.there(&moving));
        back.extend(follow.back());
        touched.push(Touched::Columns(child.name().clone(), it.columns.to_vec()));
    }
    statements.push(match dialect {
        Dialect::Postgres => format!(
            "DELETE FROM {place} AS \"t\" USING {kept_rows} AS \"k\" WHERE \"t\".tableoid = \"k\".\"migrate_of\" \
             AND \"t\".ctid = \"k\".\"migrate_at\""
        ),
        Dialect::Sqlite => moving.removed(),
    });
    let checks = fixed.iter().map(|it| {
        let message = format!(
            "refers to a row of `{}` that the repair removes, and cannot be pointed at the one that stays",
            target.name()
        );
        let found = format!(
            "EXISTS (SELECT 1 FROM {} WHERE x.\"migrate_n\" > 1 AND {})",
            twins.rows(),
            it.matches("x", "c")
        );
        stands_in_the_way(it, subject.check, &found, message)
    });
    let up_checks: Vec<Check> = checks.collect();
    let all = format!("FROM {} WHERE x.\"migrate_n\" > 1", twins.rows());
    let follow = match repointed.as_slice() {
        [] => String::new(),
        [..] => {
            let names: Vec<String> =
                repointed.iter().map(|it| format!("`{}`", it.child.name)).collect();
            format!("; rows of {} that refer to a removed row refer to it then", names.join(", "))
        }
    };
    let word = match stays {
        Stays::Newest => "newest",
        Stays::Oldest => "oldest",
    };
    let title = format!("rows of {} ({}: {chosen})", target.name(), subject.check.rule);
    let mut mended = moving.mended(
        subject,
        chosen,
        Ways { title, verb: "remove", inner: statements, back, repointed: &repointed },
    );
    mended.touched.extend(touched);
    Ok(Mended {
        says: format!("of rows with the same key the {word} stays{follow}"),
        count: Sql::new(format!(
            "SELECT count(CASE WHEN x.\"migrate_many\" > 1 THEN 1 END), count(CASE WHEN x.\"migrate_n\" > 1 THEN 1 END) \
             FROM {}",
            twins.rows()
        )),
        sample: sample(&moving.keys("x"), &all),
        up_checks,
        down_checks: moving.down_checks(subject.check),
        ..mended
    })
}

/// The table, if its rows can go and come back.
fn movable<'c>(subject: Subject<'c>) -> Result<Target<'c>, String> {
    let target = Target::of(subject.check, subject.catalog)?;
    if target.dialect() == Dialect::Sqlite && target.key == Key::Nothing {
        return Err(format!("rows of `{}` have no key that names them", target.name()));
    }
    Ok(target)
}

/// Which row comes first: the one that stays.
fn order(target: &Target<'_>, chosen: &Chosen, stays: Stays) -> Result<String, String> {
    let named = match &chosen.column {
        Some(name) => Some(
            target
                .column(name)
                .ok_or_else(|| format!("`{}` has no column `{name}`", target.name()))?
                .name
                .clone(),
        ),
        None => arrival(target.table).or_else(|| counted(target)),
    };
    let Some(column) = named else {
        return Err(format!(
            "nothing in `{}` says which row is older; name a column, as in `dedupe@COLUMN:newest`",
            target.name()
        ));
    };
    let way = match stays {
        Stays::Newest => "DESC",
        Stays::Oldest => "ASC",
    };
    let mut list = vec![format!("r.{} {way} NULLS LAST", ident(&column))];
    let ties = match &target.key {
        Key::Nothing => vec!["r.ctid".to_owned()],
        Key::Columns(_) | Key::Rowid => target.key_of("r"),
    };
    list.extend(ties.into_iter().map(|tie| format!("{tie} {way}")));
    Ok(list.join(", "))
}

/// A key that counts rows as they come.
fn counted(target: &Target<'_>) -> Option<Ident> {
    let Key::Columns(columns) = &target.key else { return None };
    let [only] = columns.as_slice() else { return None };
    let column = target.table.column(only)?;
    let data_type = column.data_type.to_ascii_lowercase();
    data_type.contains("int").then(|| only.clone())
}

fn condition(keys: &[String], predicate: Option<&str>, nulls: Nulls) -> String {
    let mut parts: Vec<String> = match nulls {
        Nulls::Distinct => keys.iter().map(|key| format!("({key}) IS NOT NULL")).collect(),
        Nulls::Equal => Vec::new(),
    };
    parts.extend(predicate.map(|predicate| format!("({predicate})")));
    if parts.is_empty() { "TRUE".to_owned() } else { parts.join(" AND ") }
}

/// Whether rows that refer can be pointed at another row: what refers is not what tells them apart.
pub(super) fn can_follow(inbound: &Inbound<'_>, catalog: &Catalog) -> bool {
    let of = |name: &Ident| inbound.child.column(name);
    let is_free =
        inbound.columns.iter().all(|name| of(name).is_some_and(|it| it.generated.is_none()));
    let Ok(child) = Target::table(inbound.child, catalog) else { return false };
    let key = match child.key {
        Key::Columns(columns) => !columns.iter().any(|name| inbound.columns.contains(name)),
        Key::Rowid => true,
        Key::Nothing => false,
    };
    is_free && key
}

impl Inbound<'_> {
    /// Whether the row `child` refers to the row `parent`.
    fn matches(&self, parent: &str, child: &str) -> String {
        let pairs = self.columns.iter().zip(&self.referenced);
        let pairs: Vec<String> = pairs
            .map(|(own, other)| format!("{parent}.{} = {child}.{}", ident(other), ident(own)))
            .collect();
        pairs.join(" AND ")
    }
}

/// Whether some row refers to the row `alias`.
fn referred(inbound: &Inbound<'_>, alias: &str) -> String {
    let child = table_name(&inbound.child.name);
    format!("EXISTS (SELECT 1 FROM {child} AS c WHERE {})", inbound.matches(alias, "c"))
}

/// Rows of another table that keep a repair from being done.
fn stands_in_the_way(inbound: &Inbound<'_>, check: &Check, found: &str, message: String) -> Check {
    let child = &inbound.child.name;
    let place = table_name(child);
    let count =
        format!("SELECT count(*), (SELECT count(*) FROM {place}) FROM {place} AS c WHERE {found}");
    let names: Vec<Ident> = match crate::dialect::aside::key_of(inbound.child) {
        Key::Columns(columns) => columns,
        Key::Rowid | Key::Nothing => inbound.columns.to_vec(),
    };
    let list: Vec<String> = names.iter().map(|name| format!("c.{}", ident(name))).collect();
    let list = list.join(", ");
    let sample = format!("SELECT {list} FROM {place} AS c WHERE {found} ORDER BY {list}");
    let keys = names.iter().map(Ident::to_string).collect();
    plan_check(
        format!("{} (repair of {})", child, check.rule),
        child,
        message,
        (count, sample),
        keys,
    )
}

fn lock_of(target: &Target<'_>, inbound: &[Inbound<'_>]) -> Vec<String> {
    match target.dialect() {
        Dialect::Postgres if !inbound.is_empty() => vec![lock_statement(target, inbound)],
        Dialect::Postgres | Dialect::Sqlite => Vec::new(),
    }
}

/// Nobody may write rows that refer while it is decided which go.
fn lock_statement<'i, 'c: 'i>(
    target: &Target<'c>,
    inbound: impl IntoIterator<Item = &'i Inbound<'c>>,
) -> String {
    let mut places = vec![target.place()];
    for it in inbound {
        let place = table_name(&it.child.name);
        if !places.contains(&place) {
            places.push(place);
        }
    }
    format!("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE", places.join(", "))
}

fn sample(keys: &[String], rows: &str) -> Sql {
    let list = if keys.is_empty() { "1".to_owned() } else { keys.join(", ") };
    Sql::new(format!("SELECT {list} {rows} ORDER BY {list} LIMIT {SAMPLE}"))
}

/// Rows with the same key, numbered: the first stays.
struct Twins<'a, 'c> {
    target: &'a Target<'c>,
    keys: String,
    condition: String,
    order: String,
    /// Columns of the row that stays that others refer to.
    stays: Vec<Ident>,
}

impl Twins<'_, '_> {
    /// The rows as `x`.
    fn rows(&self) -> String {
        let mut list = vec!["r.*".to_owned()];
        if self.target.dialect() == Dialect::Postgres {
            list.push("r.tableoid AS \"migrate_of\", r.ctid AS \"migrate_at\"".to_owned());
        } else if self.target.has_row_number() {
            list.push("r.rowid AS \"migrate_row\"".to_owned());
        }
        let group = format!("PARTITION BY {}", self.keys);
        let window = format!("OVER ({group} ORDER BY {})", self.order);
        list.push(format!("row_number() {window} AS \"migrate_n\""));
        list.push(format!("count(*) OVER ({group}) AS \"migrate_many\""));
        let stays = self.stays.iter().enumerate();
        list.extend(stays.map(|(at, name)| {
            format!("first_value(r.{}) {window} AS \"migrate_stays_{}\"", ident(name), at + 1)
        }));
        format!(
            "(SELECT {} FROM {} AS r WHERE {}{}) AS x",
            list.join(", "),
            self.target.place(),
            self.condition,
            self.target.has_key("r")
        )
    }

    /// What is kept of a removed row beside its columns.
    fn carried(&self) -> Vec<String> {
        let mut list = match self.target.dialect() {
            Dialect::Postgres => vec!["x.\"migrate_of\", x.\"migrate_at\"".to_owned()],
            Dialect::Sqlite => Vec::new(),
        };
        let stays = self.stays.iter().enumerate();
        list.extend(stays.map(|(at, name)| {
            let own = format!("x.\"migrate_stays_{}\"", at + 1);
            let data_type = self.target.table.column(name).map(|it| it.data_type.as_str());
            let portable = match self.target.dialect() {
                Dialect::Postgres if !data_type.is_some_and(is_builtin) => format!("{own}::text"),
                Dialect::Postgres | Dialect::Sqlite => own,
            };
            format!("{portable} AS \"migrate_stays_{}\"", at + 1)
        }));
        list
    }
}

/// Rows of another table that refer to removed rows.
struct Follow<'a, 'c> {
    inbound: &'a Inbound<'c>,
    child: &'a Target<'c>,
    name: String,
}

impl Follow<'_, '_> {
    fn column(&self, name: &Ident) -> Option<&Column> {
        self.inbound.child.column(name)
    }

    /// Points them at the row that stays, and keeps what they pointed at.
    fn there(&self, moving: &Moving<'_, '_>) -> Vec<String> {
        let dialect = self.child.dialect();
        let keys = self.child.kept_key_of("r");
        let mut list: Vec<String> = keys
            .iter()
            .enumerate()
            .map(|(at, key)| format!("{key} AS \"key_{}\"", at + 1))
            .collect();
        let parent = moving.target;
        let mut on = Vec::new();
        for (at, (own, other)) in
            self.inbound.columns.iter().zip(&self.inbound.referenced).enumerate()
        {
            let before = format!("r.{}", ident(own));
            // Where several keys lead to the same column, the row that stays is told once for each.
            let stays = format!("\"k\".\"migrate_stays_{}\"", moving.stays_at(self.inbound, at));
            let text = if dialect == Dialect::Postgres { "::text" } else { "" };
            list.push(format!(
                "{before}{text} AS \"before_{}\", {stays}{text} AS \"after_{}\"",
                at + 1,
                at + 1
            ));
            let made = parent.table.column(other).is_some_and(|it| !is_builtin(&it.data_type));
            let cast = if dialect == Dialect::Postgres && made { "::text" } else { "" };
            on.push(format!("{before}{cast} = \"k\".{}", ident(other)));
        }
        let is_self = self.inbound.child.name == *parent.name();
        let apart =
            if is_self { format!(" WHERE NOT {}", moving.is_moved("r")) } else { String::new() };
        let set = self.set("after");
        vec![
            format!(
                "CREATE TABLE {} AS SELECT {} FROM {} AS r JOIN {} AS \"k\" ON {}{apart}",
                self.name,
                list.join(", "),
                self.child.place(),
                moving.kept(),
                on.join(" AND ")
            ),
            format!(
                "UPDATE {} AS \"t\" SET {set} FROM {} AS \"k\" WHERE {}",
                self.child.place(),
                self.name,
                self.child.is_kept("\"t\"", "\"k\"")
            ),
        ]
    }

    /// Points them back where they still point at the row that stays.
    fn back(&self) -> Vec<String> {
        let same: Vec<String> = self
            .inbound
            .columns
            .iter()
            .enumerate()
            .map(|(at, own)| {
                let own = format!("\"t\".{}", ident(own));
                is_same(&own, &format!("\"k\".\"after_{}\"", at + 1), self.child.dialect())
            })
            .collect();
        vec![
            format!(
                "UPDATE {} AS \"t\" SET {} FROM {} AS \"k\" WHERE {} AND {}",
                self.child.place(),
                self.set("before"),
                self.name,
                self.child.is_kept("\"t\"", "\"k\""),
                same.join(" AND ")
            ),
            format!("DROP TABLE {}", self.name),
        ]
    }

    fn set(&self, which: &str) -> String {
        let each = self.inbound.columns.iter().enumerate().map(|(at, own)| {
            let data_type = self.column(own).map_or("text", |it| it.data_type.as_str());
            let value = format!("\"k\".\"{which}_{}\"", at + 1);
            match self.child.dialect() {
                Dialect::Postgres => format!("{} = {value}::{data_type}", ident(own)),
                Dialect::Sqlite => format!("{} = {value}", ident(own)),
            }
        });
        each.collect::<Vec<_>>().join(", ")
    }
}
