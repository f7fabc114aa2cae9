//! As much Markdown as the tests of the documents need.

use migrate::text::Dialect;

/// A fenced block.
#[derive(Debug)]
pub struct Block {
    pub language: String,
    /// Line of the opening fence, from 0.
    pub fence: usize,
    pub lines: Vec<String>,
    pub holds: Holds,
}

/// Where a block holds, as the comment above it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    Everywhere,
    On(Dialect),
    Nowhere,
}

impl Holds {
    pub fn on(self, dialect: Dialect) -> bool {
        match self {
            Holds::Everywhere => true,
            Holds::On(only) => only == dialect,
            Holds::Nowhere => false,
        }
    }
}

/// All fenced blocks, in order.
pub fn blocks(text: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut open: Option<Block> = None;
    let mut holds = Holds::Everywhere;
    for (number, line) in text.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (Some(_), Some(_)) => found.extend(open.take()),
            (Some(block), None) => block.lines.push(line.to_owned()),
            (None, Some(language)) => {
                let language = language.trim().to_owned();
                open = Some(Block { language, fence: number, lines: Vec::new(), holds });
                holds = Holds::Everywhere;
            }
            (None, None) => {
                holds = match line.trim() {
                    "<!-- sqlite -->" => Holds::On(Dialect::Sqlite),
                    "<!-- postgres -->" => Holds::On(Dialect::Postgres),
                    "<!-- not run -->" => Holds::Nowhere,
                    "" => holds,
                    _ => Holds::Everywhere,
                };
            }
        }
    }
    assert!(open.is_none(), "a block is not closed");
    found
}

fn settings(text: &str) -> &str {
    text.lines()
        .find_map(|line| line.strip_prefix("<!-- document: ")?.strip_suffix(" -->"))
        .unwrap_or("sqlite")
}

/// The engines a document is run on.
pub fn engines(text: &str) -> Vec<Dialect> {
    [Dialect::Sqlite, Dialect::Postgres]
        .into_iter()
        .filter(|dialect| settings(text).contains(dialect.name()))
        .collect()
}

/// Whether the music shop is there from the start.
pub fn wants_database(text: &str) -> bool {
    settings(text).contains("database")
}

/// Targets of relative links outside of blocks.
pub fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with("```") {
            inside = !inside;
        }
        let pieces = if inside { "" } else { line };
        for piece in pieces.split("](").skip(1) {
            let target = piece.split(')').next().unwrap_or_default();
            if !target.contains("://") && !target.starts_with("mailto:") {
                found.push(target.to_owned());
            }
        }
    }
    found
}

/// The anchors of a document's headings.
pub fn anchors(text: &str) -> Vec<String> {
    text.lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            title
                .chars()
                .filter(|c| c.is_alphanumeric() || *c == ' ' || *c == '-' || *c == '_')
                .map(|c| if c == ' ' { '-' } else { c })
                .collect()
        })
        .collect()
}
