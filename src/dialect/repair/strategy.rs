//! What people choose: how the rows that break a rule are repaired, as one writes it behind `--repair RULE=`.

use std::fmt;

/// A way to repair rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// The column's default, or this value.
    Default(Option<String>),
    Null,
    /// White space at both ends goes.
    Trim,
    Lower,
    Upper,
    /// The nearest value that the bounds allow; a text is cut.
    Clamp,
    /// Old value, new value.
    Map(Vec<(String, String)>),
    /// What cannot be read as the new type becomes NULL, or this value.
    Cast(Option<String>),
    /// Of rows with the same key one stays.
    Dedupe(Stays),
    /// The rows are moved to a table of their own.
    Quarantine,
}

/// Which of several rows with the same key stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stays {
    Newest,
    Oldest,
}

/// A strategy, and the column that it is meant for where one was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    pub strategy: Strategy,
    pub column: Option<String>,
}

/// All forms, for people.
pub const FORMS: &str = "default, default:VALUE, null, trim, lower, upper, clamp, map:OLD=NEW,…, cast, cast:VALUE, \
                         dedupe:newest, dedupe:oldest, quarantine; a column is named as in null@COLUMN";

impl Chosen {
    /// Reads `WORD[@COLUMN][:ARGUMENT]`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Chosen, String> {
        let (head, argument) = match text.split_once(':') {
            Some((head, argument)) => (head, Some(argument)),
            None => (text, None),
        };
        let (word, column) = match head.split_once('@') {
            Some((word, column)) => (word, Some(column.to_owned())),
            None => (head, None),
        };
        let value = argument.map(str::to_owned);
        let strategy = match (word, argument) {
            ("default", _) => Strategy::Default(value),
            ("cast", _) => Strategy::Cast(value),
            ("null", None) => Strategy::Null,
            ("trim", None) => Strategy::Trim,
            ("lower", None) => Strategy::Lower,
            ("upper", None) => Strategy::Upper,
            ("clamp", None) => Strategy::Clamp,
            ("quarantine", None) => Strategy::Quarantine,
            ("dedupe", Some("newest")) => Strategy::Dedupe(Stays::Newest),
            ("dedupe", Some("oldest")) => Strategy::Dedupe(Stays::Oldest),
            ("dedupe", _) => {
                return Err("which row stays? `dedupe:newest` or `dedupe:oldest`".to_owned());
            }
            ("map", Some(pairs)) => Strategy::Map(map(pairs)?),
            ("map", None) => return Err("a map is written `map:OLD=NEW,OLD=NEW`".to_owned()),
            (word, Some(_)) if FORMS.split([',', ':', ' ']).any(|known| known == word) => {
                return Err(format!("`{word}` takes no value"));
            }
            (word, _) => return Err(format!("`{word}` is no strategy; there are: {FORMS}")),
        };
        Ok(Chosen { strategy, column })
    }
}

fn map(pairs: &str) -> Result<Vec<(String, String)>, String> {
    let each = pairs.split(',').map(|pair| {
        let (old, new) = pair.split_once('=').ok_or_else(|| {
            format!("`{pair}` is no pair; a map is written `map:OLD=NEW,OLD=NEW`")
        })?;
        Ok((old.to_owned(), new.to_owned()))
    });
    each.collect()
}

impl fmt::Display for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, argument) = match &self.strategy {
            Strategy::Default(value) => ("default", value.clone()),
            Strategy::Null => ("null", None),
            Strategy::Trim => ("trim", None),
            Strategy::Lower => ("lower", None),
            Strategy::Upper => ("upper", None),
            Strategy::Clamp => ("clamp", None),
            Strategy::Cast(value) => ("cast", value.clone()),
            Strategy::Dedupe(Stays::Newest) => ("dedupe", Some("newest".to_owned())),
            Strategy::Dedupe(Stays::Oldest) => ("dedupe", Some("oldest".to_owned())),
            Strategy::Quarantine => ("quarantine", None),
            Strategy::Map(pairs) => {
                let pairs: Vec<String> =
                    pairs.iter().map(|(old, new)| format!("{old}={new}")).collect();
                ("map", Some(pairs.join(",")))
            }
        };
        f.write_str(word)?;
        if let Some(column) = &self.column {
            write!(f, "@{column}")?;
        }
        if let Some(argument) = argument {
            write!(f, ":{argument}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_printed() {
        let forms = [
            "default",
            "default:EUR",
            "default@a:x:y",
            "null@b",
            "trim",
            "clamp",
            "map:a=b,c=d",
            "cast",
            "cast:0",
            "dedupe:newest",
            "dedupe@seen:oldest",
            "quarantine",
        ];
        for form in forms {
            assert_eq!(Chosen::parse(form).map(|it| it.to_string()).as_deref(), Ok(form));
        }
        for wrong in ["", "dedupe", "map", "map:a", "trim:x", "erase"] {
            assert!(Chosen::parse(wrong).is_err(), "{wrong}");
        }
    }
}
