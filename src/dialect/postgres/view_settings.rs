//! Settings, indexes and defaults that stand in the text of a view or materialized view, changed in place.

use crate::catalog::Opaque;
use crate::text::Dialect;
use crate::text::token::{Token, tokenize};

/// The statements that turn what one text says beside the definition into what the other says; `None` where something
/// cannot be taken away in place.
pub(super) fn changes(before: &Opaque, after: &Opaque) -> Option<Vec<String>> {
    let mut statements = Vec::new();
    for text in before.create.iter().skip(1).filter(|text| !after.create.contains(text)) {
        let is_set_anew =
            |subject: &str| after.create.iter().skip(1).any(|text| text.starts_with(subject));
        let Undo { by, statement } = undo(text)?;
        if !is_set_anew(&by) {
            statements.push(statement);
        }
    }
    let added = after.create.iter().skip(1).filter(|text| !before.create.contains(text));
    statements.extend(added.cloned());
    Some(statements)
}

/// How a statement is taken back, unless one that begins with `by` says it anew.
struct Undo {
    by: String,
    statement: String,
}

fn undo(text: &str) -> Option<Undo> {
    let said = |by: &str, statement: String| Some(Undo { by: by.to_owned(), statement });
    if text.starts_with("CREATE ") {
        return said("\0", format!("DROP INDEX {}", index_name(text)?));
    }
    if let Some((target, _)) = text.split_once(" IS ").filter(|_| text.starts_with("COMMENT ON ")) {
        return said(target, format!("{target} IS NULL"));
    }
    for (word, reset) in [
        (" SET DEFAULT ", " DROP DEFAULT"),
        (" SET STATISTICS ", " SET STATISTICS -1"),
        (" SET COMPRESSION ", " SET COMPRESSION default"),
        (" CLUSTER ON ", " SET WITHOUT CLUSTER"),
        (" SET TABLESPACE ", " SET TABLESPACE pg_default"),
        (" SET ACCESS METHOD ", " SET ACCESS METHOD heap"),
    ] {
        if let Some((subject, _)) = text.split_once(word) {
            return said(&format!("{subject}{word}"), format!("{subject}{reset}"));
        }
    }
    if let Some((subject, option)) = text.split_once(" SET (") {
        let name = option.split_once(" = ")?.0;
        return said(&format!("{subject} SET ({name} = "), format!("{subject} RESET ({name})"));
    }
    let (subject, value) = text.split_once(" SET STORAGE ")?;
    let (_, usual) = value.split_once(" /* not ")?;
    let usual = usual.trim_end_matches(" */");
    said(&format!("{subject} SET STORAGE "), format!("{subject} SET STORAGE {usual}"))
}

/// `"schema"."index"` of a CREATE INDEX as the engine prints it.
fn index_name(text: &str) -> Option<String> {
    let tokens: Vec<Token<'_>> =
        tokenize(text, Dialect::Postgres).into_iter().filter(Token::is_code).collect();
    let at = |word: &str| tokens.iter().position(|token| token.is_word(word));
    let (index, on) = (at("index")?, at("on")?);
    let name = tokens.get(index + 1).filter(|_| index + 2 == on)?;
    // The engine qualifies the table, and the index is in its schema.
    let schema =
        tokens.get(on + 1).filter(|_| tokens.get(on + 2).is_some_and(|it| it.text == "."))?;
    Some(format!("{}.{}", schema.text, name.text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_found_in_the_schema_of_its_table() {
        let text = "CREATE UNIQUE INDEX \"On\" ON app.m USING btree (id)";
        assert_eq!(index_name(text).as_deref(), Some("app.\"On\""));
    }
}
