//! `ALTER TABLE`, action by action.

use super::column::{column, constraint, starts_constraint, type_of};
use super::cursor::{Cursor, Stop, parts};
use crate::lint::statement::{Act, Action, Deed, Online};
use crate::text::Dialect;
use crate::text::token::Token;

/// What follows `ALTER TABLE`.
pub(super) fn alter_table(cursor: &mut Cursor<'_, '_>) -> Result<Deed, Stop> {
    cursor.takes("if exists");
    cursor.takes("only");
    let table = cursor.name("the name of a table")?;
    cursor.takes_mark("*");
    if cursor.is_done() {
        return cursor.stop("what is altered");
    }
    let actions: Result<Vec<Action>, Stop> = parts(&cursor.tokens[cursor.at..])
        .into_iter()
        .map(|part| {
            let mut inner = Cursor::new(part, cursor.dialect);
            let act = action(&mut inner)?;
            inner.at = part.len();
            Ok(Action { span: inner.span_from(0), act })
        })
        .collect();
    Ok(Deed::AlterTable { table, actions: actions? })
}

fn action(cursor: &mut Cursor<'_, '_>) -> Result<Act, Stop> {
    if cursor.takes("add") {
        return add(cursor);
    }
    if cursor.takes("drop") {
        if cursor.takes("constraint") {
            return Ok(Act::DropConstraint);
        }
        cursor.takes("column");
        cursor.takes("if exists");
        return Ok(Act::DropColumn(cursor.ident("the name of a column")?.0));
    }
    if cursor.takes("rename") {
        return rename(cursor);
    }
    if cursor.takes("alter constraint") {
        return Ok(Act::Other);
    }
    if cursor.takes("alter") {
        cursor.takes("column");
        let (name, _) = cursor.ident("the name of a column")?;
        return alter_column(cursor, name);
    }
    if cursor.takes("validate constraint") {
        return Ok(Act::Validate(cursor.ident("the name of a constraint")?.0));
    }
    if cursor.takes("attach partition") {
        return Ok(Act::Attach(cursor.name("the partition")?));
    }
    if cursor.takes("detach partition") {
        cursor.name("the partition")?;
        let concurrently = cursor.takes("concurrently") || cursor.takes("finalize");
        let online = if concurrently { Online::Concurrently } else { Online::Blocking };
        return Ok(Act::Detach { online });
    }
    rest(cursor)
}

/// Actions on the table as a whole.
fn rest(cursor: &mut Cursor<'_, '_>) -> Result<Act, Stop> {
    for (words, name) in [
        ("set logged", "SET LOGGED"),
        ("set unlogged", "SET UNLOGGED"),
        ("set access method", "SET ACCESS METHOD"),
    ] {
        if cursor.takes(words) {
            return Ok(Act::Rewrite(name));
        }
    }
    if cursor.takes("set schema") {
        return Ok(Act::SetSchema);
    }
    if cursor.takes("disable row level security") || cursor.takes("no force row level security") {
        return Ok(Act::RowSecurityOff);
    }
    if cursor.takes("replica identity") {
        return Ok(Act::ReplicaIdentity);
    }
    if cursor.sees("set") || cursor.sees("reset") || cursor.sees("cluster") {
        return Ok(Act::Setting);
    }
    let known = ["enable", "disable", "force", "no", "not", "owner", "inherit", "of", "options"];
    if cursor.sees_any(&known) {
        return Ok(Act::Other);
    }
    cursor.stop("an action of ALTER TABLE")
}

fn add(cursor: &mut Cursor<'_, '_>) -> Result<Act, Stop> {
    if starts_constraint(cursor) {
        return Ok(Act::AddConstraint(constraint(cursor)?));
    }
    cursor.takes("column");
    cursor.takes("if not exists");
    Ok(Act::AddColumn(column(rest_of(cursor), cursor)?))
}

fn rest_of<'t, 'a>(cursor: &Cursor<'t, 'a>) -> &'t [Token<'a>] {
    &cursor.tokens[cursor.at.min(cursor.tokens.len())..]
}

fn rename(cursor: &mut Cursor<'_, '_>) -> Result<Act, Stop> {
    if cursor.takes("to") {
        return Ok(Act::RenameTable(cursor.ident("the new name")?.0));
    }
    if cursor.takes("constraint") {
        return Ok(Act::RenameConstraint);
    }
    cursor.takes("column");
    let (before, _) = cursor.ident("the name of a column")?;
    if !cursor.takes("to") {
        return cursor.stop("`TO`");
    }
    Ok(Act::RenameColumn { before, after: cursor.ident("the new name")?.0 })
}

fn alter_column(cursor: &mut Cursor<'_, '_>, column: String) -> Result<Act, Stop> {
    if cursor.dialect == Dialect::Sqlite {
        let known = cursor.sees("set") || cursor.sees("drop");
        let null = cursor.tokens.get(cursor.at + 1).is_some_and(|token| token.is_word("not"));
        return Ok(match known && null {
            true => Act::Other,
            false => Act::OtherColumn,
        });
    }
    if cursor.takes("set data type") || cursor.takes("type") {
        let (ty, _) = type_of(cursor);
        if cursor.takes("collate") {
            cursor.name("a collation")?;
        }
        return Ok(Act::SetType { column, ty, converts: cursor.takes("using") });
    }
    if cursor.takes("set not null") {
        return Ok(Act::SetNotNull(column));
    }
    if cursor.takes("drop not null") {
        return Ok(Act::DropNotNull(column));
    }
    if cursor.takes("set default") || cursor.takes("drop default") {
        return Ok(Act::SetDefault(column));
    }
    if cursor.takes("set expression") {
        return Ok(Act::Rewrite("SET EXPRESSION"));
    }
    if cursor.takes("set statistics") || cursor.takes("reset") {
        return Ok(Act::Setting);
    }
    if cursor.sees_any(&["set", "drop", "add", "restart"]) {
        return Ok(Act::Other);
    }
    cursor.stop("an action of ALTER COLUMN")
}
