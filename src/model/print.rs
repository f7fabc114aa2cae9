//! The canonical text of a model: what a version folder holds. Reading it back gives the same model.

use super::tree::{Document, Entry, Tree};
use super::{
    ChangeNote, ConstraintName, DefaultValue, Entity, Facets, Field, FieldKind, FieldName,
    ForeignKey, Index, IndexOverride, KeepNote, Key, Model, NamedType, NamelessByDefault, Order,
    Override, Part, PartText, PickNote, Raw, RawText, Rule, SqlObject, SqlText, Transition, Unique,
    emit,
};
use crate::catalog::Action;
use crate::catalog::rule::Enforce;
use crate::text::Dialect;

/// Whether `was`, `backfill`, `down` and `changes` are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hints {
    Keep,
    /// They say how to come here, not what is here: left out of snapshots and hashes.
    Drop,
}

/// Prints a model.
pub fn print(model: &Model, hints: Hints) -> String {
    emit::emit(&document(model, hints))
}

/// The model as a tree without comments.
pub(super) fn document(model: &Model, hints: Hints) -> Document {
    let mut out = Out::default();
    out.put("model", Tree::plain("1"));
    out.text("name", Some(&model.name).filter(|name| !name.is_empty()));
    let targets = model.targets.iter().map(|target| match &target.minimum {
        Some(minimum) => Tree::text(format!("{} >= {minimum}", target.dialect)),
        None => Tree::text(target.dialect.name()),
    });
    out.list("targets", targets.collect());
    if model.sqlite_constraint_names == NamelessByDefault::Nameless {
        out.put("sqlite", Tree::map(vec![Entry::new("constraint_names", Tree::plain("false"))]));
    }
    carried(&mut out, &model.carried, &["roles", "actor"]);
    out.map("types", model.types.iter().map(|t| Entry::new(&t.name, named_type(t))).collect());
    let entities = model.entities.iter().map(|e| Entry::new(&e.name, entity(e, hints)));
    out.map("entities", entities.collect());
    out.map("sql", model.sql.iter().map(|o| Entry::new(&o.name, sql_object(o))).collect());
    if hints == Hints::Keep {
        out.list("changes", model.changes.iter().map(change).collect());
    }
    Document { root: Tree::map(out.0), below: Vec::new() }
}

/// Entries under construction; what is absent is left out.
#[derive(Default)]
struct Out(Vec<Entry>);

impl Out {
    fn put(&mut self, key: &str, tree: Tree) {
        self.0.push(Entry::new(key, tree));
    }

    fn text(&mut self, key: &str, text: Option<&String>) {
        if let Some(text) = text {
            self.put(key, Tree::text(text));
        }
    }

    fn plain(&mut self, key: &str, text: Option<impl ToString>) {
        if let Some(text) = text {
            self.put(key, Tree::plain(text.to_string()));
        }
    }

    fn list(&mut self, key: &str, items: Vec<Tree>) {
        if !items.is_empty() {
            self.put(key, Tree::list(items));
        }
    }

    fn map(&mut self, key: &str, entries: Vec<Entry>) {
        if !entries.is_empty() {
            self.put(key, Tree::map(entries));
        }
    }

    /// One text as it is, several as a list.
    fn one_or_more(&mut self, key: &str, texts: &[String]) {
        match texts {
            [] => {}
            [one] => self.put(key, Tree::text(one)),
            several => self.put(key, texts_of(several)),
        }
    }

    fn name(&mut self, name: &ConstraintName) {
        match name {
            ConstraintName::Derived => {}
            ConstraintName::None => self.put("name", Tree::plain("none")),
            ConstraintName::Given(name) => self.put("name", Tree::text(name)),
        }
    }

    fn raw(&mut self, raw: &Raw) {
        self.text("postgres", raw.postgres.as_ref());
        self.text("sqlite", raw.sqlite.as_ref());
    }
}

fn texts_of(texts: &[String]) -> Tree {
    Tree::list(texts.iter().map(Tree::text).collect())
}

fn carried(out: &mut Out, all: &[super::Carried], keys: &[&str]) {
    for key in keys {
        if let Some(carried) = all.iter().find(|carried| carried.key == *key) {
            out.put(key, without_places(&carried.value));
        }
    }
}

/// A carried tree as it is written, without its comments (those are given back by `fmt`).
fn without_places(tree: &Tree) -> Tree {
    use super::tree::Value;
    match &tree.value {
        Value::Scalar { text, style } => Tree {
            value: Value::Scalar { text: text.clone(), style: *style },
            span: Default::default(),
        },
        Value::List(items) => Tree::list(items.iter().map(without_places).collect()),
        Value::Map(entries) => Tree::map(
            entries.iter().map(|e| Entry::new(&e.key, without_places(&e.value))).collect(),
        ),
    }
}

fn named_type(named: &NamedType) -> Tree {
    let mut out = Out::default();
    out.plain("base", Some(&named.base_text));
    facets(&mut out, &named.facets);
    carried(&mut out, &named.carried, &["pii"]);
    overrides(&mut out, &named.postgres, &named.sqlite);
    Tree::map(out.0)
}

fn entity(entity: &Entity, hints: Hints) -> Tree {
    let mut out = Out::default();
    if hints == Hints::Keep {
        out.one_or_more("was", &entity.was);
    }
    out.text("table", entity.table.as_ref());
    out.text("comment", entity.comment.as_ref());
    carried(&mut out, &entity.carried, &["tenant"]);
    if let Some(written) = &entity.key {
        out.put("key", key(written));
    }
    let fields = entity.fields.iter().map(|f| Entry::new(&f.name, field(f, hints)));
    out.put("fields", Tree::map(fields.collect()));
    out.map("unique", entity.unique.iter().map(|u| Entry::new(&u.name, unique(u))).collect());
    out.map("indexes", entity.indexes.iter().map(|i| Entry::new(&i.name, index(i))).collect());
    let keys = entity.foreign_keys.iter().map(|k| Entry::new(&k.name, foreign_key(k)));
    out.map("foreign_keys", keys.collect());
    out.map("rules", entity.rules.iter().map(|r| Entry::new(&r.name, rule(r))).collect());
    out.map("checks", entity.checks.iter().map(|c| Entry::new(&c.name, raw_text(c))).collect());
    let raw = entity.constraints.iter().map(|c| Entry::new(&c.name, raw_text(c)));
    out.map("constraints", raw.collect());
    carried(&mut out, &entity.carried, &["permissions", "audit"]);
    let mut postgres = Out::default();
    postgres.text("schema", entity.postgres.schema.as_ref());
    postgres.plain("unlogged", entity.postgres.unlogged);
    out.map("postgres", postgres.0);
    let mut sqlite = Out::default();
    sqlite.plain("strict", entity.sqlite.strict);
    sqlite.plain("without_rowid", entity.sqlite.without_rowid);
    sqlite.plain("autoincrement", entity.sqlite.autoincrement);
    out.map("sqlite", sqlite.0);
    Tree::map(out.0)
}

fn key(key: &Key) -> Tree {
    if key.constraint == ConstraintName::Derived && key.raw.is_empty() {
        return texts_of(&key.fields);
    }
    let mut out = Out::default();
    out.put("fields", texts_of(&key.fields));
    out.name(&key.constraint);
    out.raw(&key.raw);
    Tree::map(out.0)
}

/// A field in the short form where that says it all.
fn field(field: &Field, hints: Hints) -> Tree {
    let long = long_field(field, hints);
    match short_field(field, &long) {
        Some(text) => Tree::plain(text),
        None => Tree::map(long),
    }
}

fn short_field(field: &Field, long: &[Entry]) -> Option<String> {
    let FieldKind::Value { text, .. } = &field.kind else { return None };
    let plain = long.iter().all(|e| ["type", "optional", "default"].contains(&e.key.as_str()));
    if !plain || text.contains(['?', '=']) {
        return None;
    }
    let optional = if field.optional { "?" } else { "" };
    let default = match &field.default {
        None => return Some(format!("{text}{optional}")),
        Some(DefaultValue::Text(value)) if value.chars().any(char::is_control) => return None,
        Some(DefaultValue::Text(value)) => format!("'{}'", value.replace('\'', "''")),
        Some(other) => default_word(other)?,
    };
    Some(format!("{text}{optional} = {default}"))
}

fn default_word(default: &DefaultValue) -> Option<String> {
    Some(match default {
        DefaultValue::Null => "null".to_owned(),
        DefaultValue::Bool(flag) => flag.to_string(),
        DefaultValue::Number(number) => number.clone(),
        DefaultValue::Now => "now()".to_owned(),
        DefaultValue::Today => "today()".to_owned(),
        DefaultValue::Uuid => "uuid()".to_owned(),
        DefaultValue::Text(_) => return None,
    })
}

fn long_field(field: &Field, hints: Hints) -> Vec<Entry> {
    let mut out = Out::default();
    kind(&mut out, &field.kind);
    out.plain("optional", field.optional.then_some(true));
    match &field.default {
        None => {}
        Some(DefaultValue::Text(text)) => out.put("default", Tree::text(text)),
        Some(other) => out.plain("default", default_word(other)),
    }
    facets(&mut out, &field.facets);
    out.plain("generated", field.generated.as_ref().map(|condition| &condition.text));
    out.plain("stored", field.stored);
    if hints == Hints::Keep {
        out.one_or_more("was", &field.was);
        let pairs = field.values.iter().map(|(old, new)| Entry::new(old, Tree::text(new)));
        out.map("was", pairs.collect());
        out.plain("backfill", field.backfill.as_ref().map(|condition| &condition.text));
        out.plain("down", field.down.as_ref().map(|condition| &condition.text));
    }
    // In snapshots too: the next version sees by it what has been converted already.
    out.plain("using", field.using.as_ref().map(|condition| &condition.text));
    out.text("from", field.from.as_ref().map(|(_, text)| text));
    out.text("column", field.column.as_ref());
    match &field.kind {
        FieldKind::Enum { constraint, .. }
        | FieldKind::States { constraint, .. }
        | FieldKind::Ref { constraint, .. } => out.name(constraint),
        FieldKind::Value { .. } | FieldKind::Many { .. } => {}
    }
    out.text("comment", field.comment.as_ref());
    carried(&mut out, &field.carried, &["pii"]);
    overrides(&mut out, &field.postgres, &field.sqlite);
    out.0
}

fn kind(out: &mut Out, kind: &FieldKind) {
    match kind {
        FieldKind::Value { text, .. } => out.put("type", Tree::plain(text)),
        FieldKind::Enum { from_roles: true, .. } => out.put("enum", Tree::plain("roles")),
        FieldKind::Enum { values, .. } => out.put("enum", texts_of(values)),
        FieldKind::States { values, initial, transitions, enforce, .. } => {
            out.put("states", texts_of(values));
            out.text("initial", initial.as_ref());
            let entries = transitions.iter().map(|t| Entry::new(&t.name, transition(t)));
            out.map("transitions", entries.collect());
            out.plain("enforce", enforce.map(enforce_word));
        }
        FieldKind::Ref { entity, on_delete, on_update, .. } => {
            out.put("ref", Tree::text(entity));
            out.plain("on_delete", on_delete.map(action_word));
            out.plain("on_update", on_update.map(action_word));
        }
        FieldKind::Many { entity, inverse, through, .. } => {
            out.put("many", Tree::text(entity));
            out.text("inverse", inverse.as_ref());
            out.text("through", through.as_ref());
        }
    }
}

fn transition(transition: &Transition) -> Tree {
    let mut out = Out::default();
    out.one_or_more("from", &transition.from);
    out.text("to", Some(&transition.to));
    out.list("by", transition.by.iter().map(Tree::text).collect());
    out.plain("when", transition.when.as_ref().map(|condition| &condition.text));
    Tree::map(out.0)
}

fn enforce_word(enforce: Enforce) -> &'static str {
    match enforce {
        Enforce::Database => "database",
        Enforce::Verify => "verify",
        Enforce::Warn => "warn",
    }
}

fn action_word(action: Action) -> &'static str {
    match action {
        Action::NoAction => "no_action",
        Action::Restrict => "restrict",
        Action::Cascade => "cascade",
        Action::SetNull => "set_null",
        Action::SetDefault => "set_default",
    }
}

fn facets(out: &mut Out, facets: &Facets) {
    out.plain("min", facets.min.as_ref());
    out.plain("max", facets.max.as_ref());
    out.plain("length", facets.length);
    out.text("match", facets.pattern.as_ref());
    out.plain("format", facets.format.map(|format| format.name()));
}

fn overrides(out: &mut Out, postgres: &Override, sqlite: &Override) {
    for dialect in [Dialect::Postgres, Dialect::Sqlite] {
        let written = match dialect {
            Dialect::Postgres => postgres,
            Dialect::Sqlite => sqlite,
        };
        let mut inner = Out::default();
        inner.plain("type", written.data_type.as_ref());
        inner.plain("default", written.default.as_ref());
        inner.plain("not_null", written.not_null);
        inner.text("collate", written.collate.as_ref());
        inner.plain("identity", written.identity.as_ref());
        inner.text("serial", written.serial.as_ref());
        let options = written.sequence.iter().map(|(k, v)| Entry::new(k, Tree::plain(v)));
        inner.map("sequence", options.collect());
        inner.plain("generated", written.generated.as_ref());
        inner.list("enum", written.enum_values.iter().map(Tree::text).collect());
        inner.plain("scale", written.scale);
        out.map(dialect.name(), inner.0);
    }
}

fn part(part: &Part) -> Tree {
    let text = match &part.text {
        PartText::Field(name) => name,
        PartText::Expression(condition) => &condition.text,
    };
    match part.order {
        Order::Ascending => Tree::plain(text),
        Order::Descending => Tree::plain(format!("{text} desc")),
    }
}

fn parts(parts: &[Part]) -> Tree {
    Tree::list(parts.iter().map(part).collect())
}

fn unique(unique: &Unique) -> Tree {
    let plain = unique.constraint == ConstraintName::Derived
        && unique.condition.is_none()
        && unique.raw.is_empty();
    if plain {
        return parts(&unique.parts);
    }
    let mut out = Out::default();
    out.put("fields", parts(&unique.parts));
    out.plain("where", unique.condition.as_ref().map(|condition| &condition.text));
    out.name(&unique.constraint);
    out.raw(&unique.raw);
    Tree::map(out.0)
}

fn index(index: &Index) -> Tree {
    let mut out = Out::default();
    if !index.parts.is_empty() {
        out.put("fields", parts(&index.parts));
    }
    out.plain("where", index.condition.as_ref().map(|condition| &condition.text));
    out.plain("unique", index.unique.then_some(true));
    out.text("name", index.physical.as_ref());
    for (key, written) in [("postgres", &index.postgres), ("sqlite", &index.sqlite)] {
        match written {
            IndexOverride::Same => {}
            IndexOverride::Skip => out.put(key, Tree::plain("skip")),
            IndexOverride::Using(method) => {
                out.put(key, Tree::map(vec![Entry::new("using", Tree::text(method))]));
            }
            IndexOverride::Raw(create) => {
                out.put(key, Tree::map(vec![Entry::new("create", Tree::text(create))]));
            }
        }
    }
    match out.0.as_slice() {
        [fields] if fields.key == "fields" => fields.value.clone(),
        _ => Tree::map(out.0),
    }
}

fn foreign_key(key: &ForeignKey) -> Tree {
    let mut out = Out::default();
    out.put("fields", texts_of(&key.fields));
    out.text("ref", Some(&key.entity));
    out.list("to", key.to.iter().map(Tree::text).collect());
    out.plain("on_delete", key.on_delete.map(action_word));
    out.plain("on_update", key.on_update.map(action_word));
    out.name(&key.constraint);
    out.raw(&key.raw);
    Tree::map(out.0)
}

fn rule(rule: &Rule) -> Tree {
    let mut out = Out::default();
    out.plain("check", Some(&rule.check.text));
    out.plain("where", rule.condition.as_ref().map(|condition| &condition.text));
    out.plain("enforce", rule.enforce.map(enforce_word));
    out.text("message", rule.message.as_ref());
    out.name(&rule.constraint);
    match out.0.as_slice() {
        [check] => check.value.clone(),
        _ => Tree::map(out.0),
    }
}

fn raw_text(text: &RawText) -> Tree {
    let mut out = Out::default();
    out.name(&text.constraint);
    out.raw(&text.raw);
    Tree::map(out.0)
}

fn sql_object(object: &SqlObject) -> Tree {
    let mut out = Out::default();
    out.plain("kind", Some(object.kind.word()));
    out.list("after", object.after.iter().map(Tree::text).collect());
    out.text("table", object.on.as_ref());
    out.text("signature", object.signature.as_ref());
    out.text("schema", object.schema.as_ref());
    out.text("name", object.physical.as_ref());
    for (key, text) in
        [("any", &object.any), ("postgres", &object.postgres), ("sqlite", &object.sqlite)]
    {
        if let Some(text) = text {
            out.put(key, sql_text(text));
        }
    }
    Tree::map(out.0)
}

fn sql_text(text: &SqlText) -> Tree {
    if let (SqlText { down: None, .. }, [one]) = (text, text.up.as_slice()) {
        return Tree::text(one);
    }
    let mut out = Out::default();
    out.one_or_more("up", &text.up);
    out.text("down", text.down.as_ref());
    Tree::map(out.0)
}

fn change(change: &ChangeNote) -> Tree {
    let mut out = Out::default();
    match &change.moved {
        None => out.text("drop", Some(&change.drop)),
        Some(moved) => {
            let name = |field: &FieldName| format!("{}.{}", field.entity, field.field);
            out.text("move", Some(&change.drop));
            out.text("to", Some(&name(&moved.to)));
            out.text("by", moved.by.as_ref().map(name).as_ref());
            let pick = match &moved.pick {
                PickNote::Agreed => None,
                PickNote::Least => Some("min".to_owned()),
                PickNote::Greatest => Some("max".to_owned()),
                PickNote::First(field) => Some(format!("first by {field}")),
                PickNote::Last(field) => Some(format!("last by {field}")),
            };
            out.text("pick", pick.as_ref());
        }
    }
    out.plain("down", change.down.as_ref().map(|condition| &condition.text));
    out.text("type", change.value_type.as_ref().map(|(_, text)| text));
    out.text("reason", change.reason.as_ref());
    match change.keep {
        KeepNote::Kept => {}
        KeepNote::Discarded => out.put("keep", Tree::plain("none")),
        KeepNote::Copied => out.put("keep", Tree::plain("copy")),
        KeepNote::Hidden => out.put("keep", Tree::plain("hide")),
    }
    Tree::map(out.0)
}
