//! Columns, and the checks that their types and limits bring.

use super::{Draft, Work, names};
use crate::catalog::rule::{Enforce, Requirement};
use crate::catalog::{Column, Generated, GeneratedStorage, Identity, IdentityKind, Sequence};
use crate::dialect::{postgres, sqlite};
use crate::expr::{BinaryOp, Case, Expr, Function, Polarity, ValueType};
use crate::model::{
    ConstraintName, DefaultValue, Entity, Facets, Field, FieldKind, Format, Override,
};
use crate::text::{Dialect, Ident, QName};

/// What a field is in the end: its own words, and those of its named type.
struct Effective {
    value_type: ValueType,
    facets: Vec<Facets>,
    own: Override,
}

impl<'m> Work<'m> {
    pub(super) fn column(&mut self, draft: &mut Draft<'m>, field: &Field) {
        let Some(name) = field.column_name() else { return };
        let effective = self.effective(field);
        let own = &effective.own;
        let data_type = self.data_type(field, &effective);
        let mut column = Column::plain(name, data_type);
        column.not_null = own.not_null.unwrap_or(self.is_required(draft, field));
        column.generated = self.generated(draft.entity, field, own);
        if column.generated.is_none() {
            column.default = self.default(field, &effective);
        }
        column.collation = own.collate.clone();
        if self.dialect == Dialect::Postgres {
            column.comment = field.comment.clone();
            sequences(&draft.name, &mut column, own);
        } else if own.identity.is_some() || own.serial.is_some() {
            let message = "SQLite has neither identity columns nor sequences";
            self.error(own.place.span, message, "an `int` key counts by itself there");
        }
        if column.not_null {
            let rule = format!("{}.{} required", draft.entity.name, field.name);
            let requirement = Requirement::Required { column: column.name.clone() };
            self.rule(&draft.name, rule, requirement, Enforce::Database, field.place);
        }
        self.strict_type(draft.entity, field, &column);
        let column_name = column.name.clone();
        draft.columns.push(column);
        self.value_checks(draft, field, &column_name, &effective);
    }

    /// STRICT tables take six types only. Source: sqlite.org/stricttables.html.
    fn strict_type(&mut self, entity: &Entity, field: &Field, column: &Column) {
        const STRICT: [&str; 6] = ["int", "integer", "real", "text", "blob", "any"];
        let strict = self.dialect == Dialect::Sqlite && entity.sqlite.strict == Some(true);
        if strict && !STRICT.iter().any(|word| column.data_type.eq_ignore_ascii_case(word)) {
            let message = format!("a STRICT table has no type `{}`", column.data_type);
            let help = "write `sqlite: { type: INTEGER, scale: 2 }` for a decimal, or one of \
                        INT, INTEGER, REAL, TEXT, BLOB, ANY";
            self.error(field.place.span, message, help);
        }
    }

    /// Key columns are required on PostgreSQL; SQLite's row id needs no NOT NULL.
    fn is_required(&self, draft: &Draft<'_>, field: &Field) -> bool {
        let is_key = draft.entity.key_fields().contains(&field.name);
        let inline = draft.constraints.iter().any(sqlite::realize::is_inline_key);
        match (is_key, self.dialect) {
            (true, Dialect::Postgres) => true,
            (true, Dialect::Sqlite) if inline && self.is_row_id(draft.entity) => false,
            (true | false, _) => !field.optional,
        }
    }

    /// Whether the entity's key is SQLite's row id: one column of type INTEGER.
    pub(super) fn is_row_id(&self, entity: &Entity) -> bool {
        let keys = entity.key_fields();
        let [name] = keys.as_slice() else { return false };
        let fields = entity.all_fields();
        let Some(field) = fields.iter().find(|field| field.name == *name) else { return false };
        let effective = self.effective(field);
        !entity.sqlite.without_rowid.unwrap_or(false)
            && self.data_type(field, &effective).eq_ignore_ascii_case("integer")
    }

    fn effective(&self, field: &Field) -> Effective {
        let own = field.override_for(self.dialect).clone();
        match &field.kind {
            FieldKind::Value { value_type, text } => {
                let mut facets = vec![field.facets.clone()];
                let mut merged = own;
                if let Some(named) = self.model.named_type(text) {
                    facets.push(named.facets.clone());
                    let of_type = match self.dialect {
                        Dialect::Postgres => &named.postgres,
                        Dialect::Sqlite => &named.sqlite,
                    };
                    merged = merge(merged, of_type);
                }
                Effective { value_type: value_type.clone(), facets, own: merged }
            }
            FieldKind::Enum { values, .. } | FieldKind::States { values, .. } => {
                Effective { value_type: ValueType::Enum(values.clone()), facets: Vec::new(), own }
            }
            FieldKind::Ref { .. } | FieldKind::Many { .. } => {
                let target = self.referred(field, 0);
                let value_type =
                    target.map_or(ValueType::Int, |(_, key)| self.effective(key).value_type);
                Effective { value_type, facets: Vec::new(), own }
            }
        }
    }

    /// The key field at the end of a reference, over keys that are references themselves.
    fn referred(&self, field: &Field, depth: usize) -> Option<(&'m Entity, &'m Field)> {
        let FieldKind::Ref { entity, .. } = &field.kind else { return None };
        let entity = self.model.entity(entity)?;
        let key = entity.field(entity.key_fields().first()?)?;
        match &key.kind {
            FieldKind::Ref { .. } if depth < 8 => self.referred(key, depth + 1),
            FieldKind::Ref { .. }
            | FieldKind::Value { .. }
            | FieldKind::Enum { .. }
            | FieldKind::States { .. }
            | FieldKind::Many { .. } => Some((entity, key)),
        }
    }

    fn data_type(&self, field: &Field, effective: &Effective) -> String {
        if let Some(written) = &effective.own.data_type {
            return if written == "none" { String::new() } else { written.clone() };
        }
        if let Some((_, key)) = self.referred(field, 0) {
            let target = self.effective(key);
            return self.data_type(key, &target);
        }
        match self.dialect {
            Dialect::Postgres => postgres::realize::type_name(&effective.value_type),
            Dialect::Sqlite => sqlite::realize::type_name(&effective.value_type),
        }
    }

    /// The physical type of the only key column of an entity.
    pub(super) fn key_type(&self, entity: &Entity) -> String {
        let keys = entity.key_fields();
        let field = keys.first().and_then(|name| entity.field(name));
        field.map_or(String::new(), |field| {
            let effective = self.effective(field);
            self.data_type(field, &effective)
        })
    }

    fn generated(&mut self, entity: &Entity, field: &Field, own: &Override) -> Option<Generated> {
        let storage = match field.stored {
            Some(false) => GeneratedStorage::Virtual,
            Some(true) | None => GeneratedStorage::Stored,
        };
        if let Some(expression) = &own.generated {
            return Some(Generated { expression: expression.clone(), storage });
        }
        let condition = field.generated.as_ref()?;
        let expr = condition.expr.as_ref()?;
        match self.in_ddl(entity, expr) {
            Ok(expression) => Some(Generated { expression, storage }),
            Err(error) => {
                let help = format!("write `{}: {{ generated: … }}`", self.dialect);
                self.error(condition.place.span, error.to_string(), help);
                None
            }
        }
    }

    fn default(&mut self, field: &Field, effective: &Effective) -> Option<String> {
        match effective.own.default.as_deref() {
            Some("none") => return None,
            Some(written) => return Some(written.to_owned()),
            None => {}
        }
        let initial = match &field.kind {
            FieldKind::States { initial, .. } => initial.clone().map(DefaultValue::Text),
            FieldKind::Value { .. }
            | FieldKind::Enum { .. }
            | FieldKind::Ref { .. }
            | FieldKind::Many { .. } => None,
        };
        let default = initial.or_else(|| field.default.clone())?;
        let default = match (&default, effective.own.scale) {
            (DefaultValue::Number(number), Some(scale)) => {
                DefaultValue::Number(self.scaled(number, scale, field))
            }
            (_, Some(_) | None) => default,
        };
        match self.dialect {
            Dialect::Postgres => postgres::realize::default(&default, &effective.value_type),
            Dialect::Sqlite => sqlite::realize::default(&default, &effective.value_type),
        }
    }

    /// `1.5` with scale 2 is 150.
    fn scaled(&mut self, number: &str, scale: u32, field: &Field) -> String {
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let scale = scale as usize;
        if fraction.len() > scale {
            let message = format!("`{number}` has more digits than the scale {scale}");
            self.error(field.place.span, message, "write fewer digits, or raise the scale");
        }
        let digits = format!("{whole}{fraction:0<scale$}");
        let (sign, digits) = match digits.strip_prefix('-') {
            Some(digits) => ("-", digits.to_owned()),
            None => ("", digits),
        };
        let trimmed = digits.trim_start_matches('0');
        if trimmed.is_empty() { "0".to_owned() } else { format!("{sign}{trimmed}") }
    }

    /// Checks that come with a type, its limits and its value list.
    fn value_checks(
        &mut self,
        draft: &mut Draft<'m>,
        field: &Field,
        column: &Ident,
        effective: &Effective,
    ) {
        let values = match &field.kind {
            FieldKind::Enum { values, constraint, .. }
            | FieldKind::States { values, constraint, .. } => Some((values, constraint)),
            FieldKind::Value { .. } | FieldKind::Ref { .. } | FieldKind::Many { .. } => None,
        };
        if let Some((values, constraint)) = values {
            let (text, rule) = match self.dialect {
                Dialect::Postgres => postgres::realize::value_set(column, values),
                Dialect::Sqlite => sqlite::realize::value_set(column, values),
            };
            let derived = format!("{}_{}_check", draft.name.name, column);
            self.value_check(draft, field, constraint, derived, text, rule);
            return;
        }
        let own_type = effective.own.data_type.is_some();
        if self.dialect == Dialect::Sqlite
            && !own_type
            && matches!(field.kind, FieldKind::Value { .. })
            && let Some(text) = sqlite::realize::type_check(column, &effective.value_type)
        {
            let derived = format!("{}_{}_type", draft.name.name, column);
            self.value_check(draft, field, &ConstraintName::Derived, derived, text.clone(), text);
        }
        for facets in effective.facets.clone() {
            self.facet_checks(draft, field, column, effective, &facets);
        }
    }

    fn value_check(
        &mut self,
        draft: &mut Draft<'m>,
        field: &Field,
        written: &ConstraintName,
        derived: String,
        text: String,
        rule: String,
    ) {
        let label = derived.strip_prefix(&format!("{}_", draft.name.name)).unwrap_or(&derived);
        let title = format!("{}.{label}", draft.entity.name);
        let name = names::constraint(written, derived.clone(), self.model, self.dialect);
        draft.constraints.push(self.check_constraint(name, text));
        let requirement = Requirement::Holds { expression: rule };
        self.rule(&draft.name, title, requirement, Enforce::Database, field.place);
    }

    fn facet_checks(
        &mut self,
        draft: &mut Draft<'m>,
        field: &Field,
        column: &Ident,
        effective: &Effective,
        facets: &Facets,
    ) {
        let path = Expr::Field(vec![field.name.clone()]);
        let is_text = effective.value_type == ValueType::Text;
        let measured =
            if is_text { Expr::Call(Function::Length, vec![path.clone()]) } else { path.clone() };
        let mut checks: Vec<(&str, Expr)> = Vec::new();
        for (kind, limit, op) in [
            ("min", &facets.min, BinaryOp::GreaterOrEqual),
            ("max", &facets.max, BinaryOp::LessOrEqual),
        ] {
            let Some(limit) = limit else { continue };
            let literal = match (&effective.value_type, effective.own.scale) {
                (ValueType::Date, _) => {
                    Expr::Cast(Box::new(Expr::Text(limit.clone())), ValueType::Date)
                }
                (ValueType::Decimal { .. }, Some(scale)) => {
                    Expr::Number(self.scaled(limit, scale, field))
                }
                (_, Some(_) | None) => Expr::Number(limit.clone()),
            };
            checks.push((kind, binary(measured.clone(), op, literal)));
        }
        if let Some(length) = facets.length {
            let expr = binary(measured, BinaryOp::Equal, Expr::Number(length.to_string()));
            checks.push(("length", expr));
        }
        if let Some(pattern) = &facets.pattern {
            checks.push(("match", matches(path.clone(), pattern, Polarity::Positive)));
        }
        if let Some(format) = facets.format {
            checks.push(("format", format_expr(format, &path)));
        }
        for (kind, expr) in checks {
            let title = format!("{}.{}_{kind}", draft.entity.name, field.name);
            let derived = format!("{}_{column}_{kind}", draft.name.name);
            self.condition(draft, &ConstraintName::Derived, derived, title, &expr, field.place);
        }
    }
}

/// The field's own words, and those of its type where it says nothing.
fn merge(own: Override, of_type: &Override) -> Override {
    Override {
        data_type: own.data_type.or_else(|| of_type.data_type.clone()),
        default: own.default.or_else(|| of_type.default.clone()),
        collate: own.collate.or_else(|| of_type.collate.clone()),
        identity: own.identity.or_else(|| of_type.identity.clone()),
        serial: own.serial.or_else(|| of_type.serial.clone()),
        sequence: if own.sequence.is_empty() { of_type.sequence.clone() } else { own.sequence },
        generated: own.generated.or_else(|| of_type.generated.clone()),
        not_null: own.not_null.or(of_type.not_null),
        enum_values: own.enum_values,
        scale: own.scale.or(of_type.scale),
        place: own.place,
    }
}

/// Identity columns and owned sequences, with the engine's defaults where the model is silent.
/// Source: PostgreSQL manual, CREATE SEQUENCE.
fn sequences(table: &QName, column: &mut Column, own: &Override) {
    let option = |key: &str| own.sequence.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str());
    let number =
        |key: &str, default: i64| option(key).and_then(|text| text.parse().ok()).unwrap_or(default);
    let data_type = option("type").unwrap_or(match column.data_type.as_str() {
        kind @ ("smallint" | "integer" | "bigint") => kind,
        _ => "bigint",
    });
    let increment = number("increment", 1);
    let largest = match data_type {
        "smallint" => i64::from(i16::MAX),
        "integer" => i64::from(i32::MAX),
        _ => i64::MAX,
    };
    let derived = format!("{}_{}_seq", table.name, column.name);
    let name = own.serial.as_deref().or(option("name")).unwrap_or(&derived);
    let name = match name.split_once('.') {
        Some((schema, name)) => QName::new(schema, name),
        None => QName { schema: table.schema.clone(), name: Ident::new(name) },
    };
    let (low, high) = if increment < 0 { (-largest - 1, -1) } else { (1, largest) };
    let (min, max) = (number("min", low), number("max", high));
    let sequence = Sequence {
        name,
        data_type: data_type.to_owned(),
        start: number("start", if increment < 0 { max } else { min }),
        increment,
        min,
        max,
        cache: number("cache", 1),
        cycle: option("cycle") == Some("true"),
        unlogged: None,
    };
    match own.identity.as_deref() {
        Some("always") => {
            column.identity = Some(Identity { kind: IdentityKind::Always, sequence });
        }
        Some(_) => column.identity = Some(Identity { kind: IdentityKind::ByDefault, sequence }),
        None if own.serial.is_some() => {
            let name = postgres::realize::qualified(&sequence.name);
            if own.default.is_none() {
                column.default = Some(format!("nextval('{name}'::regclass)"));
            }
            column.owned_sequence = Some(sequence);
        }
        None => {}
    }
}

fn binary(left: Expr, op: BinaryOp, right: Expr) -> Expr {
    Expr::Binary(Box::new(left), op, Box::new(right))
}

fn matches(operand: Expr, pattern: &str, polarity: Polarity) -> Expr {
    let pattern = pattern.to_owned();
    Expr::Match { operand: Box::new(operand), pattern, case: Case::Sensitive, polarity }
}

/// A format as a condition that both engines can hold: patterns without repetition of classes, and LIKE.
fn format_expr(format: Format, path: &Expr) -> Expr {
    let like = |pattern: &str, polarity| Expr::Like {
        operand: Box::new(path.clone()),
        pattern: pattern.to_owned(),
        case: Case::Sensitive,
        polarity,
    };
    let all = |parts: Vec<Expr>| {
        parts.into_iter().reduce(|left, right| binary(left, BinaryOp::And, right))
    };
    let no = Polarity::Negative;
    let yes = Polarity::Positive;
    let parts = match format {
        Format::Email => vec![like("_%@_%", yes), like("%@%@%", no), like("% %", no)],
        Format::Url => vec![
            binary(like("http://_%", yes), BinaryOp::Or, like("https://_%", yes)),
            like("% %", no),
        ],
        Format::Slug => vec![
            like("_%", yes),
            matches(path.clone(), "[^a-z0-9-]", no),
            like("-%", no),
            like("%-", no),
            like("%--%", no),
        ],
        Format::Currency => vec![matches(path.clone(), "^[A-Z][A-Z][A-Z]$", yes)],
        Format::Country => vec![matches(path.clone(), "^[A-Z][A-Z]$", yes)],
        Format::Phone => vec![
            matches(path.clone(), "^[+][1-9][0-9][0-9][0-9][0-9][0-9][0-9]", yes),
            like("%_+%", no),
            matches(path.clone(), "[^+0-9]", no),
            binary(
                Expr::Call(Function::Length, vec![path.clone()]),
                BinaryOp::LessOrEqual,
                Expr::Number("16".to_owned()),
            ),
        ],
    };
    all(parts).unwrap_or(Expr::Bool(true))
}
