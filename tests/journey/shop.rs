//! A database between two schemas, with rows, and the binary that goes there and back.

use migrate::text::Dialect;

use super::{Contents, Place, Ran, contents, migrate, page, ran, typed};
use crate::support;

/// How every model of these tests begins.
pub const HEAD: &str =
    "model: 1\nname: shop\ntargets: [postgres >= 13, sqlite >= 3.38]\nentities:\n";

/// A database, and a folder with the two schemas that a plan goes between.
pub struct Shop {
    pub folder: tempfile::TempDir,
    pub place: Place,
}

impl Shop {
    /// A database of the first schema with rows, and a plan to the second. `kind` is how the schema files end.
    pub fn new(dialect: Dialect, kind: &str, schemas: [&str; 2], rows: &str) -> Option<Shop> {
        let shop = Shop {
            folder: tempfile::tempdir().expect("a temporary folder"),
            place: Place::new(dialect)?,
        };
        let name = dialect.name();
        let head = if kind == "yaml" { HEAD } else { "" };
        for (file, text) in ["before", "after"].iter().zip(schemas) {
            let path = shop.folder.path().join(format!("{file}.{kind}"));
            std::fs::write(path, format!("{head}{text}")).expect("a file");
        }
        let (before, after) = (format!("before.{kind}"), format!("after.{kind}"));
        for (from, to, out) in [("empty", &before, "first"), (before.as_str(), &after, "plan")] {
            let mut command = migrate(shop.folder.path());
            command.args(["plan", "--from", from, "--to", to, "--out", out, "--dialect", name]);
            if dialect == Dialect::Postgres {
                command.args(["--scratch-url", &typed(shop.place.url())]);
            }
            let made = ran(&mut command);
            assert_eq!(made.code, 0, "{}", made.text);
        }
        let made = shop.run(&["apply", "--plan", "first", "--no-rehearsal", "--yes"]);
        assert_eq!(made.code, 0, "{}", made.text);
        shop.write(rows);
        Some(shop)
    }

    /// One on each engine; on SQLite alone where there is no server.
    pub fn on_both_engines(
        kind: &str,
        schemas: [&str; 2],
        rows: &str,
    ) -> impl Iterator<Item = Shop> {
        [Dialect::Sqlite, Dialect::Postgres]
            .into_iter()
            .filter_map(move |dialect| Shop::new(dialect, kind, schemas, rows))
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = migrate(self.folder.path());
        ran(command.args(arguments).args(["--url", &typed(self.place.url())]))
    }

    pub fn up(&self) -> Ran {
        self.run(&["apply", "--plan", "plan", "--yes"])
    }

    pub fn down(&self) -> Ran {
        self.run(&["rollback", "--plan", "plan", "--yes"])
    }

    pub fn write(&self, rows: &str) {
        support::run(&mut self.place.open(), rows);
    }

    pub fn contents(&self) -> Contents {
        contents(&mut self.place.open())
    }

    pub fn page(&self) -> String {
        page(&self.contents()).replace('\'', "")
    }
}

/// A run that ends well.
pub fn done(ran: Ran) {
    assert_eq!(ran.code, 0, "{}", ran.text);
}

/// A run that ends with this code, says all these words, and leaves every row as it was.
pub fn refused(shop: &Shop, run: impl Fn(&Shop) -> Ran, code: i32, words: &[&str]) {
    let held = shop.contents();
    let ended = run(shop);
    assert_eq!(ended.code, code, "{}", ended.text);
    for word in words {
        assert!(ended.text.contains(word), "no `{word}` in\n{}", ended.text);
    }
    assert_eq!(shop.contents(), held);
}
