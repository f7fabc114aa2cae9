//! Patterns that mean the same on every engine: `LIKE`, and regular expressions in a portable subset.

use regex_syntax::ast::{self, Ast};

use super::Case;

/// PostgreSQL's largest repeat count (`DUPMAX`, src/include/regex/regex.h).
const REPEAT_MAX: u32 = 255;

/// Checks a regular expression against the subset in which PostgreSQL and Rust's `regex` agree.
///
/// # Errors
/// What is not portable, and what to write instead.
pub fn check(pattern: &str) -> Result<(), String> {
    if let Some(message) = differs_in_syntax(pattern) {
        return Err(message);
    }
    let tree = ast::parse::Parser::new().parse(pattern).map_err(|error| refusal(&error))?;
    visit(&tree)?;
    regex_syntax::Parser::new()
        .parse(pattern)
        .map(|_| ())
        .map_err(|error| format!("cannot read the pattern: {}", first_line(&error.to_string())))
}

/// The pattern for Rust's `regex`: as on PostgreSQL, `.` and negated classes match line breaks.
pub fn to_regex(pattern: &str, case: Case) -> String {
    match case {
        Case::Sensitive => format!("(?s){pattern}"),
        Case::Insensitive => format!("(?si){pattern}"),
    }
}

/// Checks a `LIKE` pattern: a backslash escapes the character after it.
///
/// # Errors
/// The pattern ends in a backslash, which PostgreSQL refuses when it runs.
pub fn check_like(pattern: &str) -> Result<(), String> {
    like_parts(pattern).map(|_| ()).ok_or_else(|| {
        "the pattern ends in a backslash; write two for a backslash itself".to_owned()
    })
}

/// One part of a `LIKE` pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LikePart {
    /// `_`.
    AnyOne,
    /// `%`.
    AnyMany,
    Character(char),
}

/// The parts of a `LIKE` pattern; `None` where it ends in its escape character.
pub fn like_parts(pattern: &str) -> Option<Vec<LikePart>> {
    let mut parts = Vec::new();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        parts.push(match character {
            '_' => LikePart::AnyOne,
            '%' => LikePart::AnyMany,
            '\\' => LikePart::Character(characters.next()?),
            other => LikePart::Character(other),
        });
    }
    Some(parts)
}

/// Spellings that one engine reads as an operator and another as text.
fn differs_in_syntax(pattern: &str) -> Option<String> {
    let mut rest = pattern;
    while let Some(at) = rest.find('{') {
        let escaped = rest[..at].chars().rev().take_while(|one| *one == '\\').count() % 2 == 1;
        let inside = &rest[at + 1..];
        let bounds = inside.split('}').next().unwrap_or(inside);
        let plain = !bounds.is_empty()
            && bounds.bytes().all(|byte| byte.is_ascii_digit() || byte == b',')
            && !bounds.starts_with(',');
        if !escaped && !plain && !inside_class(&pattern[..pattern.len() - rest.len() + at]) {
            return Some(
                "write repeats as {2}, {2,} or {2,5}, and the character itself as \\{".into(),
            );
        }
        rest = inside;
    }
    pattern.contains('\0').then(|| "a zero byte cannot be stored as text".to_owned())
}

/// Whether the text ends inside a bracketed class.
fn inside_class(before: &str) -> bool {
    let mut inside = false;
    let mut characters = before.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => {
                characters.next();
            }
            '[' => inside = true,
            ']' => inside = false,
            _ => {}
        }
    }
    inside
}

fn first_line(text: &str) -> &str {
    text.rsplit('\n').next().unwrap_or(text)
}

fn refusal(error: &ast::Error) -> String {
    use ast::ErrorKind as Kind;
    match error.kind() {
        Kind::UnsupportedLookAround => "look-around is not supported; write two rules".into(),
        Kind::UnsupportedBackreference => {
            "back references are not supported; SQLite and fast matchers have none".into()
        }
        Kind::EscapeUnrecognized => {
            "this escape is not portable; write the character itself".into()
        }
        kind => format!("cannot read the pattern: {kind}"),
    }
}

fn visit(tree: &Ast) -> Result<(), String> {
    match tree {
        Ast::Empty(_) | Ast::Dot(_) => Ok(()),
        Ast::Flags(_) => Err("flags are not portable; write ~* to ignore case".into()),
        Ast::Literal(literal) => visit_literal(literal),
        Ast::Assertion(assertion) => match assertion.kind {
            ast::AssertionKind::StartLine | ast::AssertionKind::EndLine => Ok(()),
            _ => Err("only ^ and $ are portable as anchors".into()),
        },
        Ast::ClassUnicode(_) => {
            Err("\\p{} classes are not portable; write the class out, e.g. [A-Za-z]".into())
        }
        Ast::ClassPerl(class) => Err(perl(class)),
        Ast::ClassBracketed(class) => match &class.kind {
            ast::ClassSet::Item(item) => visit_item(item),
            ast::ClassSet::BinaryOp(_) => {
                Err("&&, -- and ~~ within [ ] are not portable; write the class out".into())
            }
        },
        Ast::Repetition(repetition) => visit_repetition(repetition),
        Ast::Group(group) => match &group.kind {
            ast::GroupKind::CaptureIndex(_) => visit(&group.ast),
            ast::GroupKind::CaptureName { .. } => {
                Err("named groups are not portable; write ( )".into())
            }
            ast::GroupKind::NonCapturing(flags) if flags.items.is_empty() => visit(&group.ast),
            ast::GroupKind::NonCapturing(_) => {
                Err("flags are not portable; write ~* to ignore case".into())
            }
        },
        Ast::Alternation(alternation) => alternation.asts.iter().try_for_each(visit),
        Ast::Concat(concat) => concat.asts.iter().try_for_each(visit),
    }
}

fn visit_literal(literal: &ast::Literal) -> Result<(), String> {
    match literal.kind {
        ast::LiteralKind::Verbatim | ast::LiteralKind::Meta => Ok(()),
        ast::LiteralKind::Superfluous => Ok(()),
        ast::LiteralKind::Special(
            ast::SpecialLiteralKind::Tab
            | ast::SpecialLiteralKind::LineFeed
            | ast::SpecialLiteralKind::CarriageReturn,
        ) => Ok(()),
        ast::LiteralKind::Special(_)
        | ast::LiteralKind::Octal
        | ast::LiteralKind::HexFixed(_)
        | ast::LiteralKind::HexBrace(_) => {
            Err("character codes are not portable; write the character itself".into())
        }
    }
}

fn visit_item(item: &ast::ClassSetItem) -> Result<(), String> {
    match item {
        ast::ClassSetItem::Empty(_) => Ok(()),
        // An unescaped `[` is text to PostgreSQL and a nested class to others.
        ast::ClassSetItem::Literal(literal) => visit_literal(literal),
        ast::ClassSetItem::Range(range) => {
            visit_literal(&range.start)?;
            visit_literal(&range.end)
        }
        ast::ClassSetItem::Ascii(_) => Err(
            "[:name:] classes depend on the database locale; write the class out, e.g. [A-Za-z]"
                .into(),
        ),
        ast::ClassSetItem::Unicode(_) => {
            Err("\\p{} classes are not portable; write the class out, e.g. [A-Za-z]".into())
        }
        ast::ClassSetItem::Perl(class) => Err(perl(class)),
        ast::ClassSetItem::Bracketed(_) => {
            Err("a class within a class is not portable; write \\[ for the bracket itself".into())
        }
        ast::ClassSetItem::Union(union) => union.items.iter().try_for_each(visit_item),
    }
}

fn perl(class: &ast::ClassPerl) -> String {
    let (letter, example) = match class.kind {
        ast::ClassPerlKind::Digit => ('d', "[0-9]"),
        ast::ClassPerlKind::Space => ('s', "[ ]"),
        ast::ClassPerlKind::Word => ('w', "[A-Za-z0-9_]"),
    };
    let (letter, example) = match class.negated {
        false => (letter, example.to_owned()),
        true => (letter.to_ascii_uppercase(), example.replace('[', "[^")),
    };
    format!("\\{letter} depends on the database locale; write the class out, e.g. {example}")
}

fn visit_repetition(repetition: &ast::Repetition) -> Result<(), String> {
    if matches!(&*repetition.ast, Ast::Assertion(_) | Ast::Repetition(_) | Ast::Empty(_)) {
        return Err("a repeat must follow a character, a class or a group".into());
    }
    let bound = match &repetition.op.kind {
        ast::RepetitionKind::Range(
            ast::RepetitionRange::Exactly(bound)
            | ast::RepetitionRange::AtLeast(bound)
            | ast::RepetitionRange::Bounded(_, bound),
        ) => *bound,
        ast::RepetitionKind::ZeroOrOne
        | ast::RepetitionKind::ZeroOrMore
        | ast::RepetitionKind::OneOrMore => 0,
    };
    if bound > REPEAT_MAX {
        return Err(format!("a repeat may count up to {REPEAT_MAX}; use `max` for lengths"));
    }
    visit(&repetition.ast)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_both_engines_read_alike() {
        for pattern in [
            "^[A-Z][A-Z][A-Z]$",
            "^[^@ ]+@[^@ ]+\\.[^@ ]+$",
            "a{2,5}|(b|c)*",
            "^(?:x|y)?$",
            "[]a]",
            "[a\\-z{]",
            "\\{x\\}",
            "é+",
            "",
        ] {
            assert_eq!(check(pattern), Ok(()), "{pattern}");
        }
    }

    #[test]
    fn refuses_what_engines_read_differently() {
        let cases = [
            ("\\d+", "\\d depends on the database locale; write the class out, e.g. [0-9]"),
            ("[\\W]", "write the class out, e.g. [^A-Za-z0-9_]"),
            ("(?=x)a", "look-around"),
            ("(a)\\1", "back references"),
            ("\\bx", "only ^ and $"),
            ("\\Ax\\z", "only ^ and $"),
            ("(?i)a", "flags"),
            ("(?i:a)", "flags"),
            ("\\pL", "\\p{}"),
            ("(?P<n>a)", "named groups"),
            ("[[:alpha:]]", "locale"),
            ("[a&&b]", "not portable"),
            ("[a[b]]", "within a class"),
            ("\\x41", "character itself"),
            ("a**", "repeat"),
            ("^*", "repeat"),
            ("a{300}", "255"),
            ("a{,3}", "{2,5}"),
            ("a{ 3 }", "{2,5}"),
            ("(a", "cannot read"),
        ];
        for (pattern, wanted) in cases {
            let message = check(pattern).expect_err(pattern);
            assert!(message.contains(wanted), "{pattern}: {message}");
        }
    }

    #[test]
    fn a_like_pattern_may_not_end_in_its_escape() {
        assert!(check_like("a\\%").is_ok());
        assert!(check_like("a\\").is_err());
        assert_eq!(like_parts("%\\_"), Some(vec![LikePart::AnyMany, LikePart::Character('_')]));
    }
}
