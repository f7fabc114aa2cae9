//! Printed type names taken apart, and which of them convert into which.
//! Source: PostgreSQL manual 8 "Data Types"; `pg_cast` of a fresh database.

/// A type as `format_type` prints it, in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PgType {
    /// Without modifier and brackets: `timestamp without time zone`.
    pub base: String,
    /// What stands in parentheses, else empty.
    pub modifier: String,
    pub array: bool,
}

/// Types between whose members PostgreSQL has assignment casts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Number,
    Text,
    /// Points in time, times of day and spans.
    Time,
    Json,
    Bits,
    Network,
    Other,
}

/// Takes a printed type apart: `character varying(10)[]`, `timestamp(3) without time zone`.
pub fn parse(printed: &str) -> PgType {
    let array = printed.ends_with("[]");
    let element = printed.trim_end_matches("[]");
    let (base, modifier) = match (element.find('('), element.find(')')) {
        (Some(open), Some(close)) if open < close => (
            format!("{}{}", &element[..open], &element[close + 1..]),
            element[open + 1..close].to_owned(),
        ),
        (_, _) => (element.to_owned(), String::new()),
    };
    PgType { base, modifier, array }
}

impl PgType {
    /// The family of the element type.
    pub fn family(&self) -> Family {
        match self.base.as_str() {
            "smallint" | "integer" | "bigint" | "numeric" | "real" | "double precision" => {
                Family::Number
            }
            "text" | "character varying" | "character" | "name" | "\"char\"" => Family::Text,
            "timestamp without time zone"
            | "timestamp with time zone"
            | "date"
            | "time without time zone"
            | "time with time zone"
            | "interval" => Family::Time,
            "json" | "jsonb" => Family::Json,
            "bit" | "bit varying" => Family::Bits,
            "inet" | "cidr" => Family::Network,
            _ => Family::Other,
        }
    }
}

/// Whether a type is one of the system's own (a type of the user or of an extension is printed with its schema).
pub fn is_builtin(printed: &str) -> bool {
    !printed.contains('.')
}

/// How a value of one type becomes one of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conversion {
    /// By assignment: nothing to write, and a value that does not fit is an error, not cut.
    Assignment,
    /// By `::type`.
    Explicit,
    /// By `::text::type`: there is no cast.
    ThroughText,
}

/// The conversion from one printed type to another.
pub fn conversion(before: &str, after: &str) -> Conversion {
    let (old, new) = (parse(before), parse(after));
    let (old_family, new_family) = (old.family(), new.family());
    if old.array != new.array {
        return if new_family == Family::Text && !new.array {
            Conversion::Assignment
        } else {
            Conversion::ThroughText
        };
    }
    if new_family == Family::Text && (!old.array || old_family == Family::Text) {
        return Conversion::Assignment;
    }
    if old_family == Family::Text {
        return Conversion::Explicit;
    }
    let same_family = old_family == new_family && old_family != Family::Other;
    match (old.base.as_str(), new.base.as_str()) {
        (range, set) if is_set_of(set, range) => Conversion::Explicit,
        (left, right) if left == right && left != "bit" => Conversion::Assignment,
        (left, right)
            if same_family && assigns_time(left, right) && left != "bit" && right != "bit" =>
        {
            Conversion::Assignment
        }
        ("bit" | "bit varying", "bit" | "bit varying") => Conversion::Explicit,
        ("integer", "boolean") | ("boolean", "integer") => Conversion::Explicit,
        ("integer" | "bigint" | "smallint", "oid") | ("oid", "integer" | "bigint") => {
            Conversion::Assignment
        }
        ("money", "numeric") | ("numeric" | "integer" | "bigint", "money") => {
            Conversion::Assignment
        }
        (_, _) => Conversion::ThroughText,
    }
}

/// Whether every value that a conversion from `after` to `before` can give converts back, whatever it was: what is not
/// listed may be refused by the engine. Source: PostgreSQL manual 8; measured.
pub(super) fn always_converts(before: &str, after: &str) -> bool {
    let (old, new) = (parse(before), parse(after));
    if before == after || matches!(after, "text" | "character varying") {
        return true;
    }
    if old.array || new.array {
        return false;
    }
    let same_base = old.base == new.base && old.base != "character";
    if same_base && new.modifier.is_empty() && old.family() != Family::Other {
        return true;
    }
    let is_point = |name: &str| name.starts_with("timestamp") || name == "date";
    let is_day_time = |name: &str| name.starts_with("time ");
    match (old.base.as_str(), new.base.as_str()) {
        ("smallint", "integer" | "bigint") | ("integer", "bigint") => true,
        ("smallint" | "integer" | "bigint" | "numeric" | "real", "double precision") => true,
        ("smallint" | "integer" | "bigint" | "real" | "double precision" | "money", "numeric") => {
            new.modifier.is_empty() && old.base != "real" && old.base != "double precision"
        }
        ("json", "jsonb") | ("jsonb", "json") => false,
        ("integer", "boolean") | ("boolean", "integer") => true,
        ("inet", "cidr") | ("cidr", "inet") => true,
        ("bit" | "bit varying", "bit" | "bit varying") => true,
        (left, right) if is_point(left) && is_point(right) => true,
        (left, right) if is_day_time(left) && is_day_time(right) => true,
        (left, "interval") if is_day_time(left) => true,
        ("interval", "time without time zone") => true,
        (_, _) => is_set_of(before, after) || is_set_of(after, before),
    }
}

/// Whether two types hold numbers that can be compared exactly.
pub(super) fn are_exact_numbers(before: &str, after: &str) -> bool {
    [before, after].into_iter().map(parse).all(|kind| {
        !kind.array && ["smallint", "integer", "bigint", "numeric"].contains(&kind.base.as_str())
    })
}

/// Whether a printed type holds text as it is written.
pub(super) fn is_text(printed: &str) -> bool {
    let kind = parse(printed);
    kind.family() == Family::Text && !kind.array
}

/// Whether a type is the multirange of a built-in range.
pub(super) fn is_set_of(set: &str, range: &str) -> bool {
    range.ends_with("range")
        && !range.ends_with("multirange")
        && set.strip_suffix("multirange") == range.strip_suffix("range")
}

/// Within the time types not every pair has a cast.
fn assigns_time(before: &str, after: &str) -> bool {
    let is_point = |name: &str| name.starts_with("timestamp") || name == "date";
    let is_day_time = |name: &str| name.starts_with("time ");
    if is_point(before) {
        return is_point(after) || before != "date" && is_day_time(after);
    }
    if is_day_time(before) {
        return is_day_time(after) || before == "time without time zone" && after == "interval";
    }
    before != "interval" || after == "time without time zone"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_types_come_apart() {
        let kind = parse("timestamp(3) without time zone[]");
        assert_eq!(
            (kind.base.as_str(), kind.modifier.as_str(), kind.array),
            ("timestamp without time zone", "3", true)
        );
    }

    #[test]
    fn a_cut_is_never_silent() {
        assert_eq!(conversion("text", "character varying(5)"), Conversion::Assignment);
        assert_eq!(conversion("text", "integer"), Conversion::Explicit);
        assert_eq!(conversion("date", "integer"), Conversion::ThroughText);
        assert_eq!(conversion("public.mood", "public.mood2"), Conversion::ThroughText);
    }
}
