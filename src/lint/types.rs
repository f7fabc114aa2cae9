//! Types of PostgreSQL as far as a change between two of them matters: which spellings are one type, and which changes
//! leave the rows as they are. Source: measured on PostgreSQL 11 to 18.

/// What a change of a column's type does to the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypeChange {
    /// Only the catalog changes.
    Free,
    /// Rows stay; indexes on the column are built anew.
    Indexes,
    Rewrite,
}

/// One spelling of a type: lower case, PostgreSQL's short names, no spaces around parentheses.
pub fn spelled(words: &str) -> String {
    let text = words.replace(" (", "(").replace("( ", "(").replace(" )", ")").replace(" ,", ",");
    let text = text.replace(", ", ",").replace(" [ ]", "[]").replace(" []", "[]");
    let text = text.strip_prefix("pg_catalog . ").unwrap_or(&text);
    let (base, rest) = match text.find(['(', '[']) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let zone = ["with time zone", "without time zone"];
    let (rest, zoned) = match zone.iter().find(|zone| rest.ends_with(*zone)) {
        Some(zone) => (rest[..rest.len() - zone.len()].trim_end(), *zone == zone_word()),
        None => (rest, false),
    };
    let base = base.trim();
    let short = match base {
        "integer" | "int4" => "int",
        "int8" => "bigint",
        "int2" => "smallint",
        "character varying" | "char varying" => "varchar",
        "character" | "bpchar" => "char",
        "decimal" => "numeric",
        "double precision" | "float8" | "float" => "double precision",
        "float4" => "real",
        "bool" => "boolean",
        "bit varying" => "varbit",
        "timestamp with time zone" => "timestamptz",
        "timestamp without time zone" => "timestamp",
        "time with time zone" => "timetz",
        "time without time zone" => "time",
        "timestamp" if zoned => "timestamptz",
        "time" if zoned => "timetz",
        "serial4" => "serial",
        "serial8" => "bigserial",
        "serial2" => "smallserial",
        other => other,
    };
    format!("{short}{rest}")
}

fn zone_word() -> &'static str {
    "with time zone"
}

/// The base of a type and the numbers in its parentheses.
pub fn split(ty: &str) -> (&str, Option<Vec<u32>>) {
    if ty.ends_with(']') {
        return (ty, None);
    }
    match ty.split_once('(') {
        None => (ty, None),
        Some((base, rest)) => {
            let inside = rest.trim_end_matches(')');
            (base, inside.split(',').map(|number| number.trim().parse().ok()).collect())
        }
    }
}

/// Whether the type is one of PostgreSQL's own, whose changes are known.
pub fn is_known(ty: &str) -> bool {
    const KNOWN: [&str; 33] = [
        "int",
        "bigint",
        "smallint",
        "varchar",
        "char",
        "text",
        "citext",
        "numeric",
        "double precision",
        "real",
        "boolean",
        "varbit",
        "bit",
        "timestamptz",
        "timestamp",
        "date",
        "time",
        "timetz",
        "interval",
        "uuid",
        "json",
        "jsonb",
        "bytea",
        "inet",
        "cidr",
        "xml",
        "money",
        "name",
        "oid",
        "macaddr",
        "tsvector",
        "point",
        "hstore",
    ];
    KNOWN.contains(&split(ty.trim_end_matches("[]")).0)
}

/// What a change from one type to another does; both are known.
pub fn change(before: &str, after: &str) -> TypeChange {
    if before == after {
        return TypeChange::Free;
    }
    let (from, from_limits) = split(before);
    let (to, to_limits) = split(after);
    let first = |limits: &Option<Vec<u32>>| limits.as_ref().and_then(|l| l.first().copied());
    let grows = match (first(&from_limits), first(&to_limits)) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(a), Some(b)) => b >= a,
    };
    let free = |yes: bool| if yes { TypeChange::Free } else { TypeChange::Rewrite };
    match (from, to) {
        ("varchar", "text") | ("cidr", "inet") | ("xml", "text") => TypeChange::Free,
        ("text", "varchar") => free(to_limits.is_none()),
        ("varchar", "varchar") | ("varbit", "varbit") | ("interval", "interval") => free(grows),
        ("timestamp", "timestamp")
        | ("timestamptz", "timestamptz")
        | ("time", "time")
        | ("timetz", "timetz") => free(grows),
        ("numeric", "numeric") => {
            let scale = |limits: &Option<Vec<u32>>| {
                limits.as_ref().map(|l| l.get(1).copied().unwrap_or_default())
            };
            let same = to_limits.is_none() || scale(&from_limits) == scale(&to_limits);
            free(grows && same)
        }
        ("text" | "varchar", "citext") | ("citext", "text") => TypeChange::Indexes,
        ("int", "oid") | ("oid", "int") => TypeChange::Indexes,
        _ => TypeChange::Rewrite,
    }
}

/// Whether values may be lost or refused in the change: the new type holds less.
pub fn narrows(before: &str, after: &str) -> bool {
    const WHOLE: [&str; 3] = ["smallint", "int", "bigint"];
    let (from, from_limits) = split(before);
    let (to, to_limits) = split(after);
    let place = |ty: &str| WHOLE.iter().position(|known| *known == ty);
    if let (Some(a), Some(b)) = (place(from), place(to)) {
        return b < a;
    }
    let first = |limits: &Option<Vec<u32>>| limits.as_ref().and_then(|l| l.first().copied());
    let shrinks = match (first(&from_limits), first(&to_limits)) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(a), Some(b)) => b < a,
    };
    match (from, to) {
        ("text" | "varchar", "varchar" | "char") => shrinks,
        ("numeric", "numeric") | ("varbit", "varbit") => shrinks,
        ("numeric" | "double precision" | "real", "smallint" | "int" | "bigint") => true,
        ("double precision", "real") | ("timestamptz" | "timestamp", "date") => true,
        ("timestamp", "timestamp") | ("timestamptz", "timestamptz") | ("time", "time") => shrinks,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_type_are_one() {
        assert_eq!(spelled("character varying ( 20 )"), "varchar(20)");
        assert_eq!(spelled("timestamp with time zone"), "timestamptz");
        assert_eq!(spelled("timestamp ( 3 ) with time zone"), "timestamptz(3)");
        assert_eq!(spelled("numeric ( 10 , 2 )"), "numeric(10,2)");
        assert_eq!(spelled("int4 [ ]"), "int[]");
    }

    #[test]
    fn changes_are_as_measured() {
        assert_eq!(change("varchar(20)", "varchar(50)"), TypeChange::Free);
        assert_eq!(change("varchar(50)", "varchar(20)"), TypeChange::Rewrite);
        assert_eq!(change("varchar(20)", "text"), TypeChange::Free);
        assert_eq!(change("text", "varchar(20)"), TypeChange::Rewrite);
        assert_eq!(change("int", "bigint"), TypeChange::Rewrite);
        assert_eq!(change("numeric(10,2)", "numeric(12,2)"), TypeChange::Free);
        assert_eq!(change("numeric(10,2)", "numeric(12,3)"), TypeChange::Rewrite);
        assert_eq!(change("varchar(10)[]", "varchar(20)[]"), TypeChange::Rewrite);
        assert!(narrows("bigint", "int") && !narrows("int", "bigint"));
    }
}
