//! SQL that a person or a dump program wrote, as statements that an engine can run one after the other.

use super::{Sql, dump};
use crate::text::diagnostic::{Diagnostic, Span};
use crate::text::token::{self, Token};
use crate::text::{Dialect, Ident};

/// A script, read.
#[derive(Clone, Debug, Default)]
pub struct Script {
    pub statements: Vec<Statement>,
    /// What was left out and why, for people.
    pub notes: Vec<Diagnostic>,
}

/// One statement and its place in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    pub sql: Sql,
    /// From the first character of the statement's own text, comments before it included.
    pub span: Span,
    pub kind: StatementKind,
}

/// What a replay has to know about a statement before it runs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatementKind {
    Plain,
    /// Needs these roles: `OWNER TO`, `GRANT`, `REVOKE`, `CREATE POLICY … TO`.
    NeedsRoles(Vec<Ident>),
    /// Makes or changes a role, which outlives the database it is run in.
    ClusterWide,
}

/// The statements of a text, in order. Use [`script`] for their places and for dumps.
pub fn statements(text: &str, dialect: Dialect) -> Vec<Sql> {
    token::split_statements(text, dialect)
        .into_iter()
        .map(|span| Sql::new(&text[span.start..span.end]))
        .collect()
}

/// The statement of SQLite, if it is one, that reaches beyond the database it is run in: it would be run against another
/// file, of which there is no copy, whenever a schema is read or a migration is tried.
///
/// Source: sqlite.org/lang_attach.html, lang_vacuum.html.
pub fn reaches_another_file(statement: &Sql, dialect: Dialect) -> Option<&'static str> {
    if dialect != Dialect::Sqlite {
        return None;
    }
    let tokens = token::tokenize(statement.as_str(), dialect);
    other_file(&tokens.iter().filter(|token| token.is_code()).collect::<Vec<_>>())
}

/// As [`reaches_another_file`], for the tokens of a statement of SQLite.
fn other_file(code: &[&Token<'_>]) -> Option<&'static str> {
    let (first, rest) = code.split_first()?;
    if first.is_word("attach") {
        return Some("ATTACH");
    }
    if first.is_word("detach") {
        return Some("DETACH");
    }
    // The name of a schema may stand between.
    (first.is_word("vacuum") && rest.iter().take(2).any(|token| token.is_word("into")))
        .then_some("VACUUM INTO")
}

/// Reads a script or a plain dump: psql meta-commands and rows of `COPY … FROM stdin` are left out, as are
/// statements about whole databases.
///
/// # Errors
/// Meta-commands that change what the script says (`\i`, `\if`, `\gexec`), SQLite shell commands, and statements of
/// SQLite that reach into another file.
pub fn script(text: &str, dialect: Dialect) -> Result<Script, Vec<Diagnostic>> {
    let (cleaned, mut notes, databases) = match dialect {
        Dialect::Postgres => {
            let cleaned = dump::without_client_parts(text)?;
            (cleaned.text, cleaned.notes, cleaned.databases)
        }
        Dialect::Sqlite => (refuse_shell_commands(text)?, Vec::new(), Vec::new()),
    };
    let (mut statements, mut errors) = (Vec::new(), Vec::new());
    for span in token::split_statements(&cleaned, dialect) {
        let sql = &cleaned[span.start..span.end];
        let tokens = token::tokenize(sql, dialect);
        let code: Vec<&Token<'_>> = tokens.iter().filter(|token| token.is_code()).collect();
        let head = code
            .first()
            .map_or(span, |first| Span { start: span.start + first.span.start, end: span.end });
        errors.extend(reaching_out(&code, span, dialect));
        match classify(&code, dialect) {
            Some(kind) => statements.push(Statement { sql: Sql::new(sql), span, kind }),
            None => notes.push(Diagnostic::warning(
                head,
                format!("left out `{}`, which is not about a schema", excerpt(&cleaned, head)),
            )),
        }
    }
    refuse_several_databases(&databases, &statements)?;
    if !errors.is_empty() {
        return Err(errors);
    }
    notes.sort_by_key(|note| note.span.start);
    Ok(Script { statements, notes })
}

/// A dump of a whole server holds several databases; one schema cannot be made of them.
fn refuse_several_databases(
    databases: &[(Span, String)],
    statements: &[Statement],
) -> Result<(), Vec<Diagnostic>> {
    let mut full: Option<&str> = None;
    for (at, (span, name)) in databases.iter().enumerate() {
        let end = databases.get(at + 1).map_or(usize::MAX, |(next, _)| next.start);
        let mut own = statements.iter().filter(|statement| {
            (span.end..end).contains(&statement.span.start)
                && statement.kind != StatementKind::ClusterWide
        });
        if !own.any(|statement| makes_something(&statement.sql)) {
            continue;
        }
        match full {
            Some(other) if other != name => {
                let message =
                    format!("`{other}` and `{name}` are two databases, and this is one source");
                let error = Diagnostic::error(*span, message);
                return Err(vec![error.help("give the dump of one database: `pg_dump -s NAME`")]);
            }
            Some(_) | None => full = Some(name),
        }
    }
    Ok(())
}

/// Why a statement must not run even in a scratch database: it reaches other databases.
fn reaching_out(code: &[&Token<'_>], span: Span, dialect: Dialect) -> Option<Diagnostic> {
    let word = |at: usize, text: &str| code.get(at).is_some_and(|token| token.is_word(text));
    let (message, help) = match dialect {
        Dialect::Sqlite => {
            let word = other_file(code)?;
            (
                format!("`{word}` reaches into another database file, and this is one schema"),
                "take it out; give what the other file holds as a source of its own",
            )
        }
        Dialect::Postgres if word(0, "create") && word(1, "subscription") => (
            "a subscription cannot be carried, and making it would connect to its publisher"
                .to_owned(),
            "take it out of the source, and make it on the server itself",
        ),
        Dialect::Postgres => return None,
    };
    Some(Diagnostic::error(span, message).help(help))
}

fn makes_something(sql: &Sql) -> bool {
    let tokens = token::tokenize(sql.as_str(), Dialect::Postgres);
    let first = tokens.iter().find(|token| token.is_code());
    first.is_some_and(|token| token.is_word("create") || token.is_word("alter"))
}

/// The roles that a statement names and needs.
pub fn roles_of(statement: &Sql) -> Vec<Ident> {
    let tokens = token::tokenize(statement.as_str(), Dialect::Postgres);
    let code: Vec<&Token<'_>> = tokens.iter().filter(|token| token.is_code()).collect();
    roles(&code)
}

/// Several statements as one text. Each ends on a line of its own: its last line may be a comment.
pub fn joined(statements: &[Sql]) -> Sql {
    let texts: Vec<&str> = statements.iter().map(Sql::as_str).collect();
    Sql::new(texts.join("\n;\n"))
}

/// The beginning of a statement on one line, for messages.
pub fn excerpt_of(statement: &Sql) -> String {
    let text = statement.as_str();
    excerpt(text, Span { start: 0, end: text.len() })
}

/// The beginning of a part of a text on one line, for messages.
pub fn excerpt(text: &str, span: Span) -> String {
    let words: Vec<&str> = text[span.start..span.end].split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(72) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// `None` for a statement that says nothing about the schema.
fn classify(code: &[&Token<'_>], dialect: Dialect) -> Option<StatementKind> {
    if dialect == Dialect::Sqlite {
        return Some(StatementKind::Plain);
    }
    let word = |at: usize, text: &str| code.get(at).is_some_and(|token| token.is_word(text));
    let any = |at: usize, texts: &[&str]| texts.iter().any(|text| word(at, text));
    if any(0, &["create", "drop", "alter"]) && word(1, "database") {
        return None;
    }
    // The scratch database has another name.
    let on_database =
        code.windows(2).any(|pair| pair[0].is_word("on") && pair[1].is_word("database"));
    if any(0, &["comment", "grant", "revoke", "security"]) && on_database {
        return None;
    }
    if any(0, &["create", "drop", "alter"]) && any(1, &["role", "user", "group"]) {
        let mapping = word(1, "user") && word(2, "mapping");
        return Some(if mapping { StatementKind::Plain } else { StatementKind::ClusterWide });
    }
    // Membership: roles outlive the database.
    let about_objects = code.iter().any(|token| token.is_word("on"));
    if any(0, &["grant", "revoke"]) && !about_objects {
        return Some(StatementKind::ClusterWide);
    }
    // It changes the server, and not only the scratch database.
    if word(0, "alter") && word(1, "system") {
        return None;
    }
    // Settings of newer servers that pg_dump writes; they say nothing about the schema.
    if word(0, "set") && word(1, "transaction_timeout") {
        return None;
    }
    // `pg_dump` of 18 and later writes what the planner knows of the rows.
    let statistics = ["pg_restore_relation_stats", "pg_restore_attribute_stats"];
    if word(0, "select") && (1..8).any(|at| any(at, &statistics)) {
        return None;
    }
    // The rows are left out already; what is left is the command.
    if word(0, "copy") {
        return None;
    }
    let roles = roles(code);
    Some(if roles.is_empty() { StatementKind::Plain } else { StatementKind::NeedsRoles(roles) })
}

/// Roles a statement names: after `OWNER TO`, and after `TO`/`FROM` of GRANT, REVOKE and policies.
fn roles(code: &[&Token<'_>]) -> Vec<Ident> {
    let first = |word: &str| code.first().is_some_and(|token| token.is_word(word));
    let policy = (first("create") || first("alter"))
        && code.get(1).is_some_and(|token| token.is_word("policy"));
    let default_privileges =
        first("alter") && code.get(1).is_some_and(|token| token.is_word("default"));
    let grants = first("grant") || first("revoke") || policy || default_privileges;
    let mut names = Vec::new();
    // The expressions of a policy come after its roles, and hold FROM of their own.
    let is_over = |token: &&&Token<'_>| policy && (token.is_word("using") || token.is_word("with"));
    let end = code.iter().position(|token| is_over(&token)).unwrap_or(code.len());
    let code = &code[..end];
    for (at, token) in code.iter().enumerate() {
        // `CREATE SCHEMA … AUTHORIZATION`, which pg_dump also writes as a setting of the session.
        let authorization = token.is_word("authorization") && (first("create") || first("set"));
        let owner = token.is_word("to") && at > 0 && code[at - 1].is_word("owner");
        let grantee = grants
            && (token.is_word("to") || token.is_word("from"))
            && !(at > 0 && code[at - 1].is_word("rename"));
        let for_role = default_privileges
            && (token.is_word("role") || token.is_word("user"))
            && at > 0
            && code[at - 1].is_word("for");
        if owner || grantee || for_role || authorization {
            names.extend(role_list(&code[at + 1..]));
        }
    }
    names.sort();
    names.dedup();
    names
}

/// The names of `a, "B", GROUP c` that the tokens begin with, without those that stand for whoever it is.
fn role_list(code: &[&Token<'_>]) -> Vec<Ident> {
    const NOT_A_ROLE: [&str; 5] =
        ["public", "default", "current_user", "session_user", "current_role"];
    let mut names = Vec::new();
    let mut rest = code.iter().peekable();
    loop {
        rest.next_if(|token| token.is_word("group"));
        let Some(token) = rest.next() else { break };
        let Some(name) = token.name() else { break };
        if token.kind == token::Kind::Word {
            let folded = name.to_lowercase();
            if !NOT_A_ROLE.contains(&folded.as_str()) {
                names.push(Ident::new(folded));
            }
        } else {
            names.push(Ident::new(name));
        }
        if rest.next_if(|token| token.is_mark(",")).is_none() {
            break;
        }
    }
    names
}

/// A line that starts with a dot where a statement may start is a command of the `sqlite3` shell.
fn refuse_shell_commands(text: &str) -> Result<String, Vec<Diagnostic>> {
    let mut errors = Vec::new();
    for span in token::split_statements(text, Dialect::Sqlite) {
        let statement = &text[span.start..span.end];
        let tokens = token::tokenize(statement, Dialect::Sqlite);
        let Some(first) = tokens.iter().find(|token| token.is_code()) else { continue };
        if first.is_mark(".") {
            let at = Span { start: span.start + first.span.start, end: span.end };
            let line = text[at.start..at.end].lines().next().unwrap_or_default();
            errors.push(
                Diagnostic::error(
                    Span { start: at.start, end: at.start + line.len() },
                    format!("`{line}` is a command of the sqlite3 shell, not SQL"),
                )
                .help("write the SQL itself; the output of `.schema` or `.dump` will do"),
            );
        }
    }
    if errors.is_empty() { Ok(text.to_owned()) } else { Err(errors) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(script: &Script) -> Vec<&str> {
        script.statements.iter().map(|statement| statement.sql.as_str()).collect()
    }

    #[test]
    fn a_dump_is_reduced_to_its_schema() {
        let text = "\\restrict x'y\nSET transaction_timeout = 0;\nCREATE DATABASE d;\n\\c d\nCOMMENT ON DATABASE d IS 'x';\n\
                    CREATE TABLE t (a int);\nCOPY public.t (a) FROM stdin;\n1\n';\n\\.\nSELECT 1;\n\\unrestrict x'y\n";
        let script = script(text, Dialect::Postgres).unwrap();
        assert_eq!(texts(&script), ["CREATE TABLE t (a int)", "SELECT 1"]);
        let select = script.statements[1].span;
        assert_eq!(&text[select.start..select.end], "SELECT 1", "places stay those of the file");
    }

    #[test]
    fn a_dump_of_a_whole_server_is_refused_and_one_of_one_database_is_not() {
        let one = "\\connect template1\nSET x = 1;\n\\connect -reuse-previous=on \"dbname='app'\"\nCREATE TABLE t (a int);\n";
        assert_eq!(texts(&script(one, Dialect::Postgres).unwrap()).len(), 2);
        let two = format!("{one}\\connect other\nCREATE TABLE t (a int);\n");
        let errors = script(&two, Dialect::Postgres).unwrap_err();
        assert!(errors[0].message.contains("`app` and `other`"), "{errors:?}");
    }

    #[test]
    fn nothing_runs_behind_quit() {
        let script = script("SELECT 1;\n\\q\nSELECT 2;\n", Dialect::Postgres).unwrap();
        assert_eq!(texts(&script), ["SELECT 1"]);
    }

    #[test]
    fn roles_are_found() {
        let text = "ALTER TABLE t OWNER TO \"App\"; GRANT SELECT ON t TO reader, public; SELECT 1 FROM x;\
                    CREATE POLICY p ON t TO writer USING (true); CREATE ROLE r";
        let script = script(text, Dialect::Postgres).unwrap();
        let kinds: Vec<_> = script.statements.iter().map(|s| s.kind.clone()).collect();
        assert_eq!(
            kinds,
            [
                StatementKind::NeedsRoles(vec!["App".into()]),
                StatementKind::NeedsRoles(vec!["reader".into()]),
                StatementKind::Plain,
                StatementKind::NeedsRoles(vec!["writer".into()]),
                StatementKind::ClusterWide,
            ]
        );
    }

    #[test]
    fn commands_of_the_sqlite_shell_are_refused() {
        let errors = script("CREATE TABLE t(a);\n.read more.sql\n", Dialect::Sqlite).unwrap_err();
        assert!(errors[0].message.contains(".read more.sql"), "{errors:?}");
    }

    #[test]
    fn other_files_are_not_reached() {
        let texts = ["ATTACH 'x.db' AS x", "/* a */ detach x", "VACUUM main INTO 'y.db'"];
        for text in texts {
            assert!(script(text, Dialect::Sqlite).is_err(), "{text}");
        }
        assert!(script("VACUUM; CREATE TABLE attach (into_ text)", Dialect::Sqlite).is_ok());
    }

    #[test]
    fn the_server_and_other_servers_are_left_alone() {
        let left_out = script("ALTER SYSTEM SET work_mem = '1GB'", Dialect::Postgres).unwrap();
        assert_eq!((texts(&left_out).len(), left_out.notes.len()), (0, 1));
        let subscribes = "CREATE SUBSCRIPTION s CONNECTION 'host=h' PUBLICATION p";
        let errors = script(subscribes, Dialect::Postgres).unwrap_err();
        assert!(errors[0].message.contains("publisher"), "{errors:?}");
    }

    #[test]
    fn including_another_file_is_refused() {
        let errors = script("\\i other.sql\n", Dialect::Postgres).unwrap_err();
        assert!(errors[0].message.contains("\\i other.sql"), "{errors:?}");
    }
}
