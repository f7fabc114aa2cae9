//! What SQLite does to a value when it is stored in a column, and what storing it back would do.
//! Source: sqlite.org/datatype3.html sections 3.1 "Determination Of Column Affinity" and 3.2.

/// Type affinity of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dialect) enum Affinity {
    Integer,
    Text,
    Blob,
    Real,
    Numeric,
}

impl Affinity {
    /// The rules of section 3.1, in their order.
    pub(in crate::dialect) fn of(data_type: &str) -> Self {
        let name = data_type.to_ascii_uppercase();
        let has = |part: &str| name.contains(part);
        if has("INT") {
            Affinity::Integer
        } else if has("CHAR") || has("CLOB") || has("TEXT") {
            Affinity::Text
        } else if has("BLOB") || name.trim().is_empty() {
            Affinity::Blob
        } else if has("REAL") || has("FLOA") || has("DOUB") {
            Affinity::Real
        } else {
            Affinity::Numeric
        }
    }

    /// The same in a STRICT table, where `ANY` keeps values as they are.
    pub(in crate::dialect) fn of_strict(data_type: &str) -> Self {
        match data_type.eq_ignore_ascii_case("any") {
            true => Affinity::Blob,
            false => Affinity::of(data_type),
        }
    }

    /// A type name of this affinity that gives a column no other meaning: `INTEGER` would make a sole key the rowid.
    pub(super) fn word(self) -> &'static str {
        match self {
            Affinity::Integer => "INT",
            Affinity::Text => "TEXT",
            Affinity::Blob => "",
            Affinity::Real => "REAL",
            Affinity::Numeric => "NUMERIC",
        }
    }

    /// An expression for what storing `value` in a column of this affinity makes of it. A text is a number where it
    /// equals what it is cast to, because the comparison itself applies numeric affinity (section 4.2).
    pub(in crate::dialect) fn stored(self, value: &str) -> String {
        let whole = |value: &str| {
            format!(
                "CASE WHEN {value} = CAST({value} AS INTEGER) AND abs({value}) < 9223372036854774784.0 \
                 THEN CAST({value} AS INTEGER) ELSE {value} END"
            )
        };
        let number = |to: &str| {
            format!(
                "CASE WHEN {value} = CAST({value} AS NUMERIC) THEN CAST({value} AS {to}) ELSE {value} END"
            )
        };
        match self {
            Affinity::Blob => value.to_owned(),
            Affinity::Text => format!(
                "CAST(CASE WHEN typeof({value}) IN ('integer', 'real') THEN CAST({value} AS TEXT) \
                 ELSE {value} END AS TEXT)"
            ),
            Affinity::Integer | Affinity::Numeric => format!(
                "CASE typeof({value}) WHEN 'text' THEN {} WHEN 'real' THEN {} ELSE {value} END",
                number("NUMERIC"),
                whole(value)
            ),
            Affinity::Real => format!(
                "CASE typeof({value}) WHEN 'text' THEN {} WHEN 'integer' THEN CAST({value} AS REAL) \
                 ELSE {value} END",
                number("REAL")
            ),
        }
    }

    /// An expression for what `value` becomes when it is stored in a column of this affinity, where `before` is the
    /// value it was made from. A real at either end of the integers stays one (`sqlite3VdbeIntegerAffinity`). Exact for values that storing in some other affinity made from `before`.
    pub(super) fn stored_back(self, value: &str, before: &str) -> String {
        match self {
            Affinity::Blob => value.to_owned(),
            Affinity::Text => format!(
                "CASE WHEN typeof({value}) IN ('integer', 'real') THEN CAST({value} AS TEXT) ELSE {value} END"
            ),
            Affinity::Integer | Affinity::Numeric => format!(
                "CASE WHEN typeof({value}) = 'text' AND typeof({before}) = 'integer' \
                 THEN CAST({value} AS INTEGER) WHEN typeof({value}) = 'text' AND typeof({before}) = 'real' \
                 THEN CAST({value} AS REAL) WHEN typeof({value}) = 'real' AND typeof({before}) = 'integer' \
                 AND {value} > -9223372036854774784.0 AND {value} < 9223372036854774784.0 \
                 THEN CAST({value} AS INTEGER) ELSE {value} END"
            ),
            Affinity::Real => format!(
                "CASE WHEN typeof({value}) IN ('integer', 'text') AND typeof({before}) = 'real' \
                 THEN CAST({value} AS REAL) ELSE {value} END"
            ),
        }
    }
}
