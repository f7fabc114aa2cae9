//! How wide text is, before any font is known: an upper bound over the sans-serif fonts that systems have.

/// The width of a text of a size, in pixels. Widths are those of DejaVu Sans, the widest of the usual ones, rounded up.
pub fn width(text: &str, size: f64, weight: Weight) -> f64 {
    let ems: f64 = text.chars().map(ems).sum();
    let factor = match weight {
        Weight::Plain => 1.0,
        Weight::Bold => 1.14,
    };
    (ems * size * factor).ceil()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    Plain,
    Bold,
}

fn ems(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | ' ' => 0.34,
        'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '/' | '-' | '\\' | '"' => 0.46,
        'm' | 'M' | 'W' | '@' | '%' | '…' | '→' | '←' => 1.0,
        'w' | '+' | '~' | '=' | '<' | '>' | '#' | '−' | '&' => 0.84,
        'A'..='Z' => 0.79,
        ' '..='~' => 0.65,
        // Chinese, Japanese, Korean, emoji: a whole square; other scripts are narrower than that.
        '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{ffff}' | '\u{10000}'.. => 1.1,
        _ => 0.85,
    }
}

/// The text, cut off with `…` where it is wider than so many pixels.
pub fn fitted(text: &str, size: f64, weight: Weight, room: f64) -> String {
    if width(text, size, weight) <= room {
        return text.to_owned();
    }
    let mut cut: String = text.to_owned();
    while !cut.is_empty() && width(&cut, size, weight) + size > room {
        cut.pop();
    }
    format!("{}…", cut.trim_end())
}

/// The text in lines of at most so many pixels, broken at spaces.
pub fn wrapped(text: &str, size: f64, room: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(&format!("{line} {word}"), size, Weight::Plain) <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(fitted(word, size, Weight::Plain, room)),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_fitted_fits() {
        let text = "a_rather_long_name_of_a_column";
        assert_eq!(fitted(text, 12.0, Weight::Plain, 1000.0), text);
        let cut = fitted(text, 12.0, Weight::Plain, 80.0);
        assert!(width(&cut, 12.0, Weight::Plain) <= 80.0 && cut.ends_with('…'), "{cut}");
        for line in wrapped("due_on >= issued_on and more words than fit", 12.0, 120.0) {
            assert!(width(&line, 12.0, Weight::Plain) <= 120.0, "{line}");
        }
    }
}
