//! The password file. Source: PostgreSQL manual 34.16 "The Password File".

use std::path::Path;

use super::url::{Host, Secret};

/// The password of the first line that fits; none if the file is absent or others may read it (libpq ignores such a
/// file too).
pub(in crate::db) fn look_up(
    file: &Path,
    host: &Host,
    database: &str,
    user: &str,
) -> Option<Secret> {
    if !is_private(file) {
        return None;
    }
    let text = std::fs::read_to_string(file).ok()?;
    let name = if host.is_socket() { "localhost" } else { host.name.as_str() };
    find(&text, [name, &host.port.to_string(), database, user]).map(Secret::new)
}

#[cfg(unix)]
fn is_private(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|facts| facts.is_file() && facts.permissions().mode() & 0o077 == 0)
}

#[cfg(not(unix))]
fn is_private(file: &Path) -> bool {
    file.is_file()
}

fn find(text: &str, wanted: [&str; 4]) -> Option<String> {
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let fields = fields(line);
        let fits = fields.len() == 5
            && fields.iter().zip(wanted).all(|(field, value)| field == "*" || field == value);
        if fits { fields.into_iter().nth(4) } else { None }
    })
}

/// Five fields with colons between; a backslash takes the next character as it is.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => fields.last_mut().into_iter().for_each(|field| field.extend(characters.next())),
            ':' if fields.len() < 5 => fields.push(String::new()),
            _ => fields.last_mut().into_iter().for_each(|field| field.push(c)),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# comment\nother:5432:*:ann:no\n*:*:shop:ann:a\\:b\\\\c\n*:*:*:*:last\n";

    #[test]
    fn the_first_line_that_fits_wins() {
        assert_eq!(find(FILE, ["h", "5432", "shop", "ann"]).as_deref(), Some("a:b\\c"));
        assert_eq!(find(FILE, ["other", "5432", "x", "ann"]).as_deref(), Some("no"));
        assert_eq!(find(FILE, ["h", "1", "x", "y"]).as_deref(), Some("last"));
    }

    #[test]
    fn a_short_line_fits_nothing() {
        assert_eq!(find("h:1:d:u\n", ["h", "1", "d", "u"]), None);
    }
}
