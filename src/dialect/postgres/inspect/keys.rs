//! Rows about constraints and indexes.

use super::record::Record;
use super::tables::{Relation, Relations};
use super::{CONSTRAINTS, INDEXES, Results, texts};
use crate::catalog::postgres_table::{Inherited, NotNull, Origin};
use crate::catalog::{Action, Constraint, ConstraintKind, ForeignKey, Index, IndexKey};
use crate::dialect::InspectError;
use crate::text::token::{Token, tokenize};
use crate::text::{Dialect, Ident};

/// The constraints and indexes of tables.
pub(super) fn read(results: &Results, relations: &mut Relations) -> Result<(), InspectError> {
    for row in texts(results, CONSTRAINTS)? {
        let mut row = Record::of(CONSTRAINTS, row)?;
        let number = row.number()?;
        let Some(relation) = relations.get(&number) else { continue };
        let found = constraint(&mut row, relation, relations)?;
        if let Some(relation) = relations.get_mut(&number) {
            found.add(relation);
        }
    }
    for row in texts(results, INDEXES)? {
        let mut row = Record::of(INDEXES, row)?;
        if let Some(relation) = relations.get_mut(&row.number()?) {
            index(&mut row, relation)?;
        }
    }
    Ok(())
}

/// A constraint and what its table says of it.
enum Found {
    /// NOT NULL, by its column.
    NotNull(Ident, NotNull),
    Constraint {
        constraint: Constraint,
        name: Ident,
        inherited: Option<Inherited>,
        /// Not every partition has it.
        is_incomplete: bool,
    },
}

impl Found {
    fn add(self, relation: &mut Relation) {
        match self {
            Found::NotNull(column, not_null) => {
                if let Some(options) = relation.options() {
                    options.not_nulls.insert(column, not_null);
                }
            }
            Found::Constraint { constraint, name, inherited, is_incomplete } => {
                if let Some(options) = relation.options() {
                    if let Some(inherited) = inherited {
                        options.inherited.insert(name.clone(), inherited);
                    }
                    if is_incomplete {
                        options.incomplete.insert(name);
                    }
                }
                relation.table.constraints.push(constraint);
            }
        }
    }
}

fn constraint(
    row: &mut Record<'_>,
    relation: &Relation,
    relations: &Relations,
) -> Result<Found, InspectError> {
    let name = row.name()?;
    let letter = row.text()?;
    let definition = row.owned()?;
    let columns: Vec<i16> = row.numbers()?;
    let (kind, plain) = match &*letter {
        "f" => foreign_key(row, relation, relations, &name, &columns)?,
        _ => {
            // Target, its columns, and two actions.
            row.skip(4)?;
            key(row, &letter, relation, &columns, definition.as_deref())?
        }
    };
    let parent = row.optional()?.map(Ident::new);
    let origin = if row.flag()? { Origin::Both } else { Origin::Inherited };
    let is_inherited = row.flag()?;
    let no_inherit = row.flag()?;
    let not_valid = !row.flag()?;
    let is_incomplete = row.optional()?.is_some_and(|flag| flag == "t");
    let Some(kind) = kind else {
        let column = columns.first().and_then(|number| relation.column(*number));
        let column = column.ok_or_else(|| row.unexpected("a column that is there"))?.clone();
        let origin = is_inherited.then_some(origin);
        return Ok(Found::NotNull(column, NotNull { name, no_inherit, not_valid, origin }));
    };
    let constraint =
        Constraint { name: Some(name.clone()), kind, definition: definition.unwrap_or(plain) };
    let inherited = parent.map(|parent| Inherited { parent, origin });
    Ok(Found::Constraint { constraint, name, inherited, is_incomplete })
}

/// What a constraint that is no foreign key says, and its definition where it says nothing else; no kind for NOT NULL.
fn key(
    row: &Record<'_>,
    letter: &str,
    relation: &Relation,
    numbers: &[i16],
    definition: Option<&str>,
) -> Result<(Option<ConstraintKind>, String), InspectError> {
    let named = |numbers| relation.names(numbers).zip(relation.list(numbers));
    let named = || named(numbers).ok_or_else(|| row.unexpected("columns that are there"));
    match letter {
        "n" => Ok((None, String::new())),
        "p" => {
            let (columns, list) = named()?;
            Ok((Some(ConstraintKind::PrimaryKey { columns }), format!("PRIMARY KEY ({list})")))
        }
        "u" => {
            let (columns, list) = named()?;
            Ok((Some(ConstraintKind::Unique { columns }), format!("UNIQUE ({list})")))
        }
        "c" => {
            let definition = definition.ok_or_else(|| row.unexpected("a check's definition"))?;
            let tokens = tokenize(definition, Dialect::Postgres);
            let group = group(&tokens, 0).ok_or_else(|| row.unexpected("CHECK (…)"))?;
            let expression = text_of(definition, &tokens[group.0 + 1..group.1]);
            let expression = without_parentheses(expression).to_owned();
            Ok((Some(ConstraintKind::Check { expression }), String::new()))
        }
        "x" => Ok((Some(ConstraintKind::Exclusion), String::new())),
        _ => Err(row.unexpected("contype p, u, c, f, x or n")),
    }
}

/// A foreign key, and its definition where it says nothing else.
fn foreign_key(
    row: &mut Record<'_>,
    relation: &Relation,
    relations: &Relations,
    name: &Ident,
    columns: &[i16],
) -> Result<(Option<ConstraintKind>, String), InspectError> {
    let references: u32 = row.number()?;
    let referenced: Vec<i16> = row.numbers()?;
    let (on_delete, on_update) = (action(row)?, action(row)?);
    let Some(target) = relations.get(&references) else {
        let key = format!("foreign key `{name}` of `{}`", relation.table.name);
        return Err(InspectError::Unsupported(vec![format!(
            "{key}, which points at a table that is not of this schema"
        )]));
    };
    let lists = relation.list(columns).zip(target.list(&referenced));
    let names = relation.names(columns).zip(target.names(&referenced));
    let (Some((list, referenced_list)), Some((columns, referenced_columns))) = (lists, names)
    else {
        return Err(row.unexpected("columns that are there"));
    };
    let mut plain =
        format!("FOREIGN KEY ({list}) REFERENCES {}({referenced_list})", target.printed);
    for (when, action) in [(" ON UPDATE ", on_update), (" ON DELETE ", on_delete)] {
        if action != Action::NoAction {
            plain.push_str(when);
            plain.push_str(printed(action));
        }
    }
    let references = target.table.name.clone();
    let key = ForeignKey { columns, references, referenced_columns, on_delete, on_update };
    Ok((Some(ConstraintKind::ForeignKey(key)), plain))
}

fn action(row: &mut Record<'_>) -> Result<Action, InspectError> {
    match &*row.text()? {
        "a" => Ok(Action::NoAction),
        "r" => Ok(Action::Restrict),
        "c" => Ok(Action::Cascade),
        "n" => Ok(Action::SetNull),
        "d" => Ok(Action::SetDefault),
        _ => Err(row.unexpected("a referential action")),
    }
}

fn printed(action: Action) -> &'static str {
    match action {
        Action::NoAction => "NO ACTION",
        Action::Restrict => "RESTRICT",
        Action::Cascade => "CASCADE",
        Action::SetNull => "SET NULL",
        Action::SetDefault => "SET DEFAULT",
    }
}

fn index(row: &mut Record<'_>, relation: &mut Relation) -> Result<(), InspectError> {
    let name = row.name()?;
    let printed = row.text()?;
    let unique = row.flag()?;
    let numbers: Vec<i16> = row.numbers()?;
    let numbers = &numbers[..numbers.len().min(row.number()?)];
    let orders: Vec<i16> = row.numbers()?;
    let (keys, predicate, definition) = match row.owned()? {
        Some(definition) => {
            let (keys, predicate) = parts(&definition, relation, numbers)
                .ok_or_else(|| row.unexpected("an index's definition"))?;
            (keys, predicate, definition)
        }
        None => {
            let missing = || row.unexpected("columns that are there");
            let columns = relation.names(numbers).ok_or_else(missing)?;
            let ordered = numbers.iter().zip(&orders).map(|(number, order)| {
                Some(format!("{}{}", relation.printed(*number)?, printed_order(*order)))
            });
            let list: Option<Vec<String>> = ordered.collect();
            let definition = format!(
                "CREATE {}INDEX {printed} ON {} USING btree ({})",
                if unique { "UNIQUE " } else { "" },
                relation.printed,
                list.ok_or_else(missing)?.join(", ")
            );
            (columns.into_iter().map(IndexKey::Column).collect(), None, definition)
        }
    };
    if let (Some(parent), Some(options)) = (row.optional()?, relation.options()) {
        let inherited = Inherited { parent: Ident::new(parent), origin: Origin::Inherited };
        options.inherited.insert(name.clone(), inherited);
    }
    relation.table.indexes.push(Index { name, unique, keys, predicate, definition });
    Ok(())
}

/// Source: PostgreSQL `INDOPTION_DESC` and `INDOPTION_NULLS_FIRST` in `pg_index.h`.
fn printed_order(bits: i16) -> &'static str {
    match bits & 3 {
        0 => "",
        1 => " DESC NULLS LAST",
        2 => " NULLS FIRST",
        _ => " DESC",
    }
}

/// The keys of an index and its predicate, from `… USING method (key, …) … WHERE predicate`.
fn parts(
    definition: &str,
    relation: &Relation,
    numbers: &[i16],
) -> Option<(Vec<IndexKey>, Option<String>)> {
    let tokens: Vec<Token<'_>> =
        tokenize(definition, Dialect::Postgres).into_iter().filter(Token::is_code).collect();
    let using = tokens.iter().position(|token| token.is_word("USING"))?;
    let (open, close) = group(&tokens, using)?;
    let mut keys = Vec::new();
    let mut from = open + 1;
    for number in numbers {
        keys.push(match *number {
            // A call, or anything else in parentheses; what follows it is no part of it.
            0 => IndexKey::Expression(
                text_of(definition, &tokens[from..=group(&tokens, from)?.1]).to_owned(),
            ),
            number => IndexKey::Column(relation.column(number)?.clone()),
        });
        while !tokens.get(from)?.is_mark(",") && from < close {
            from = if tokens[from].is_mark("(") { group(&tokens, from)?.1 } else { from } + 1;
        }
        from += 1;
    }
    let mut at = close + 1;
    while let Some(token) = tokens.get(at) {
        if token.is_word("WHERE") {
            return Some((keys, Some(text_of(definition, &tokens[at + 1..]).to_owned())));
        }
        at = if token.is_mark("(") { group(&tokens, at)?.1 } else { at } + 1;
    }
    Some((keys, None))
}

/// The places of the first opening parenthesis from here on and of the one that closes it.
fn group(tokens: &[Token<'_>], from: usize) -> Option<(usize, usize)> {
    let open = from + tokens.get(from..)?.iter().position(|token| token.is_mark("("))?;
    let mut depth = 0_i64;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        if token.is_mark("(") {
            depth += 1;
        } else if token.is_mark(")") {
            depth -= 1;
            if depth == 0 {
                return Some((open, at));
            }
        }
    }
    None
}

/// The text from the first token to the last.
fn text_of<'a>(text: &'a str, tokens: &[Token<'_>]) -> &'a str {
    match (tokens.first(), tokens.last()) {
        (Some(first), Some(last)) => text.get(first.span.start..last.span.end).unwrap_or_default(),
        (_, _) => "",
    }
}

/// `pg_get_expr` wraps an operator expression in one pair of parentheses.
fn without_parentheses(expression: &str) -> &str {
    let Some(inner) = expression.strip_prefix('(').and_then(|text| text.strip_suffix(')')) else {
        return expression;
    };
    let tokens = crate::text::token::tokenize(inner, Dialect::Postgres);
    let mut depth = 0_i64;
    for token in &tokens {
        if token.is_mark("(") {
            depth += 1;
        } else if token.is_mark(")") {
            depth -= 1;
            if depth < 0 {
                return expression;
            }
        }
    }
    inner
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_enclosing_pair_of_parentheses_goes() {
        assert_eq!(without_parentheses("(a > 0)"), "a > 0");
        assert_eq!(without_parentheses("(a > 0) OR (b > 0)"), "(a > 0) OR (b > 0)");
        assert_eq!(without_parentheses("((a)::text = ')'::text)"), "(a)::text = ')'::text");
    }
}
