//! A live schema that somebody changed by hand: told in lines, as a diff, and as SQL that leads there and back, on both engines.

mod journey;
mod support;

use journey::{Place, Ran, migrate, ran, typed};
use migrate::text::Dialect;

struct Shop {
    folder: tempfile::TempDir,
    place: Place,
}

const MODEL: &str = "model: 1\nname: shop\ntargets: [postgres >= 13, sqlite >= 3.38]\nentities:\n  Item:\n    fields:\n      \
                     id: int\n      name: text?\n    key: id\n";

impl Shop {
    /// A shop at its first version, with a row.
    fn new(dialect: Dialect) -> Option<Shop> {
        let place = Place::new(dialect)?;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let shop = Shop { folder, place };
        shop.write("migrate.toml", "");
        shop.write("model.yaml", MODEL);
        shop.must(0, &["plan", "first"]);
        shop.must(0, &["apply", "-y"]);
        shop.sql("INSERT INTO item VALUES (1, 'pen')");
        Some(shop)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).expect("a file");
    }

    fn must(&self, code: i32, arguments: &[&str]) -> String {
        let mut command = migrate(self.folder.path());
        let Ran { code: found, text } =
            ran(command.args(arguments).args(["--url", &typed(self.place.url())]));
        assert_eq!(found, code, "{arguments:?}: {text}");
        text
    }

    fn sql(&self, statements: &str) {
        support::run(&mut self.place.open(), statements);
    }
}

#[test]
fn drift_is_shown_in_lines_as_a_diff_and_as_sql_both_ways() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let Some(shop) = Shop::new(dialect) else { continue };
        shop.must(0, &["status", "--drift"]);
        shop.sql("CREATE INDEX item_by_name ON item (name)");
        shop.sql("CREATE TABLE extra (id integer PRIMARY KEY)");
        for command in ["status", "check"] {
            let said = shop.must(if command == "check" { 6 } else { 0 }, &[command]);
            assert!(said.contains("+ table extra") && said.contains("item_by_name"), "{said}");
        }
        let said = shop.must(6, &["status", "--drift"]);
        let table = match dialect {
            Dialect::Sqlite => "+CREATE TABLE extra",
            Dialect::Postgres => "+CREATE TABLE \"public\".\"extra\"",
        };
        for part in [table, "--- 0001_first", "to keep it", "to undo it"] {
            assert!(said.contains(part), "{dialect}: `{part}` is missing in\n{said}");
        }
        assert!(!said.contains("-CREATE TABLE"), "{said}");
        let json = shop.must(6, &["status", "--drift", "--json"]);
        let found: serde_json::Value = serde_json::from_str(&json).expect("a document");
        assert_eq!(found["drift"]["since"], "0001_first");
        // SQL that keeps it makes what is there; the way back is the other.
        let keep = found["drift"]["keep"].as_str().expect("SQL");
        assert!(keep.contains("CREATE INDEX") && !keep.contains("DROP"), "{keep}");
        let undo = found["drift"]["undo"].as_str().expect("SQL");
        assert!(undo.contains("item_by_name") && undo.contains("extra"), "{undo}");
        assert!(!keep.contains("_migrate_kept") && !keep.contains("migrate_kept"), "{keep}");
        shop.sql(undo);
        shop.must(0, &["status", "--drift"]);
        let rows = support::rows(&mut shop.place.open(), "SELECT name FROM item");
        assert_eq!(rows, [["pen"]], "{dialect}");
    }
}

#[test]
fn what_somebody_took_away_is_told_too() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let Some(shop) = Shop::new(dialect) else { continue };
        shop.sql("ALTER TABLE item DROP COLUMN name");
        let said = shop.must(6, &["status", "--drift"]);
        assert!(said.contains("~ table item: - column name"), "{dialect}: {said}");
        // What was rolled back is not expected any more.
        shop.sql("ALTER TABLE item ADD COLUMN name text");
        shop.must(0, &["status", "--drift"]);
        shop.must(0, &["rollback", "-y"]);
        shop.sql("CREATE TABLE extra (id integer PRIMARY KEY)");
        let said = shop.must(6, &["status", "--drift"]);
        assert!(said.contains("--- an empty database") && said.contains("+ table extra"), "{said}");
    }
}
