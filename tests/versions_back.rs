//! Several versions taken back at once, tried on a copy first, applied again and taken back again, on both engines: at
//! each version the rows are what they were there.

mod journey;
mod support;

use journey::{Contents, Place, Ran, contents, migrate, ran, typed};
use migrate::text::Dialect;

/// The fields of each version.
const VERSIONS: [(&str, &str); 4] = [
    (
        "first",
        "      name: text\n      price: decimal(12,4)\n      fax: { type: text, optional: true }\n",
    ),
    (
        "second",
        "      name: text\n      price: decimal(12,2)\n      fax: { type: text, optional: true }\n      note: { type: text, optional: true }\n",
    ),
    (
        "third",
        "      title: { type: text, was: name, optional: true, down: \"'unnamed'\" }\n      price: decimal(12,2)\n      note: { type: text, optional: true }\n",
    ),
    (
        "fourth",
        "      title: { type: text, was: name, optional: true, down: \"'unnamed'\" }\n      price: { type: \"decimal(12,2)\", optional: true }\n      stock: { type: int, backfill: \"7\" }\n",
    ),
];

/// What the versions before had, and these fields lack.
fn drops(fields: &str) -> String {
    let gone: Vec<&str> = match fields.contains("title") {
        true => ["fax", "note"].into_iter().filter(|name| !fields.contains(name)).collect(),
        false => Vec::new(),
    };
    let lines: String =
        gone.iter().map(|name| format!("  - drop: Item.{name}\n    reason: unused\n")).collect();
    if lines.is_empty() { lines } else { format!("changes:\n{lines}") }
}

struct Shop {
    folder: tempfile::TempDir,
    place: Place,
}

impl Shop {
    fn new(dialect: Dialect) -> Option<Shop> {
        let place = Place::new(dialect)?;
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("migrate.toml"), "").expect("a file");
        Some(Shop { folder, place })
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = migrate(self.folder.path());
        ran(command.args(arguments).args(["--url", &typed(self.place.url())]))
    }

    fn done(&self, arguments: &[&str]) -> Ran {
        let done = self.run(arguments);
        assert_eq!(done.code, 0, "{arguments:?}: {}", done.text);
        done
    }

    fn model(&self, fields: &str) {
        let text = format!(
            "model: 1\nname: shop\ntargets: [postgres >= 13, sqlite >= 3.38]\nentities:\n  Item:\n    fields:\n      id: int\n{fields}{}",
            drops(fields)
        );
        std::fs::write(self.folder.path().join("model.yaml"), text).expect("a file");
    }

    fn contents(&self) -> Contents {
        contents(&mut self.place.open())
    }

    /// What was done to the database, as `log` has it.
    fn ledger(&self) -> String {
        self.done(&["log", "--json"]).text
    }

    /// Makes and applies all versions; what the database held at each.
    fn evolve(&self) -> Vec<Contents> {
        let mut held = Vec::new();
        for (number, (name, fields)) in VERSIONS.iter().enumerate() {
            self.model(fields);
            self.done(&["plan", name]);
            self.done(&["apply", "-y"]);
            if number == 0 {
                support::run(
                    &mut self.place.open(),
                    "INSERT INTO item (id, name, price, fax) VALUES (1, 'a', 1.2345, 'x'), (2, 'b', 2.5, NULL)",
                );
            }
            if number == 1 {
                support::run(&mut self.place.open(), "UPDATE item SET note = 'kept' WHERE id = 1");
            }
            held.push(self.contents());
        }
        held
    }
}

#[test]
fn many_versions_go_back_and_forth_and_back() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let Some(shop) = Shop::new(dialect) else { continue };
        let held = shop.evolve();
        let tried = shop.done(&["rollback", "--to", "1", "--dry-run"]);
        for name in ["0004_fourth", "0003_third", "0002_second", "the database is as it was"] {
            assert!(tried.text.contains(name), "{name}: {}", tried.text);
        }
        assert_eq!(shop.contents(), held[3], "{dialect}: a dry run changes nothing");
        for round in 0..2 {
            shop.done(&["rollback", "-y", "--steps", "2"]);
            // What is kept under a version is what the version held, with what it wrote then.
            assert_eq!(shop.contents(), held[1], "{dialect}: back to the second, round {round}");
            shop.done(&["rollback", "-y", "--to", "1"]);
            assert_eq!(shop.contents(), held[0], "{dialect}: back to the first, round {round}");
            shop.done(&["apply", "-y"]);
            assert_eq!(shop.contents(), held[3], "{dialect}: forth again, round {round}");
        }
        shop.done(&["rollback", "-y", "--to", "1"]);
        assert_eq!(shop.contents(), held[0], "{dialect}: all at once");
    }
}

#[test]
fn what_would_stop_an_older_version_is_found_on_the_copy() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let Some(shop) = Shop::new(dialect) else { continue };
        shop.evolve();
        // The fourth version made the price optional, and the rest of the row can live anywhere.
        support::run(
            &mut shop.place.open(),
            "INSERT INTO item (id, title, price, stock) VALUES (3, NULL, NULL, 1)",
        );
        let before = shop.contents();
        let refused = shop.run(&["rollback", "--steps", "3", "--dry-run"]);
        assert_eq!(refused.code, 7, "{dialect}: {}", refused.text);
        assert!(refused.text.contains("price"), "{dialect}: {}", refused.text);
        assert!(refused.text.contains("id=3"), "{dialect}: {}", refused.text);
        assert_eq!(shop.contents(), before);
        support::run(&mut shop.place.open(), "UPDATE item SET price = 5 WHERE id = 3");
        shop.done(&["rollback", "--steps", "3", "--dry-run"]);
        shop.done(&["rollback", "-y", "--steps", "3"]);
        let rows = support::rows(&mut shop.place.open(), "SELECT name FROM item WHERE id = 3");
        assert_eq!(rows, [["unnamed"]], "{dialect}");
    }
}

#[test]
fn a_gate_can_ask_for_exact_or_kept() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let Some(shop) = Shop::new(dialect) else { continue };
        shop.evolve();
        shop.done(&["check", "--require", "kept"]);
        let refused = shop.run(&["check", "--require", "exact"]);
        assert_eq!(refused.code, 7, "{dialect}: {}", refused.text);
        assert!(refused.text.contains("0004_fourth"), "{dialect}: {}", refused.text);
        assert!(refused.text.contains("is kept"), "{dialect}: {}", refused.text);
    }
}

#[test]
fn a_version_that_cannot_be_taken_back_stops_all_before_the_first_is_touched() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let Some(shop) = Shop::new(dialect) else { continue };
        shop.evolve();
        // What the third version kept is thrown away.
        shop.done(&["release", "0003_third", "--yes", "--allow", "loss"]);
        let (before, ledger) = (shop.contents(), shop.ledger());
        for arguments in
            [vec!["rollback", "-y", "--steps", "3"], vec!["rollback", "-y", "--to", "0"]]
        {
            let refused = shop.run(&arguments);
            assert_eq!(refused.code, 7, "{dialect}: {}", refused.text);
            assert!(refused.text.contains("before `0003_third`"), "{dialect}: {}", refused.text);
            assert!(
                refused.text.contains("nothing was rolled back"),
                "{dialect}: {}",
                refused.text
            );
            assert!(
                !refused.text.contains("copied"),
                "no copy is needed to see that: {}",
                refused.text
            );
            assert_eq!(shop.contents(), before, "{dialect}");
            assert_eq!(shop.ledger(), ledger, "{dialect}");
        }
        shop.done(&["rollback", "-y"]);
    }
}

#[test]
fn rows_that_an_older_version_refuses_stop_all_before_the_first_is_touched() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let Some(shop) = Shop::new(dialect) else { continue };
        shop.evolve();
        let (_, fourth) = VERSIONS[3];
        shop.model(&format!("{fourth}      color: {{ type: text, optional: true }}\n"));
        shop.done(&["plan", "fifth"]);
        shop.done(&["apply", "-y"]);
        support::run(
            &mut shop.place.open(),
            "INSERT INTO item (id, title, price, stock) VALUES (3, 'c', NULL, 1)",
        );
        let (before, ledger) = (shop.contents(), shop.ledger());
        let refused = shop.run(&["rollback", "-y", "--steps", "2"]);
        assert_eq!(refused.code, 7, "{dialect}: {}", refused.text);
        let told =
            "rows cannot live in the old shape before `0004_fourth`; nothing was rolled back";
        assert!(refused.text.contains(told), "{dialect}: {}", refused.text);
        assert!(refused.text.contains("id=3"), "{dialect}: {}", refused.text);
        assert!(refused.text.contains("tried on a copy"), "{dialect}: {}", refused.text);
        assert_eq!(shop.contents(), before, "{dialect}");
        assert_eq!(shop.ledger(), ledger, "{dialect}");
        // Without a copy first, what was done before is told.
        let partly = shop.run(&["rollback", "-y", "--steps", "2", "--no-rehearsal"]);
        assert_eq!(partly.code, 7, "{dialect}: {}", partly.text);
        let told = "before `0004_fourth`; `0005_fifth` was rolled back, and no other";
        assert!(partly.text.contains(told), "{dialect}: {}", partly.text);
        support::run(&mut shop.place.open(), "UPDATE item SET price = 5 WHERE id = 3");
        shop.done(&["rollback", "-y", "--steps", "2"]);
    }
}

#[test]
fn rules_of_later_versions_are_not_asked_of_rows_that_a_rehearsal_wrote() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let Some(shop) = Shop::new(dialect) else { continue };
        let name = |more: &str| format!("      name: {{ type: text, optional: true{more} }}\n");
        for (version, more) in
            [("first", ""), ("second", ", max: 20"), ("third", ", min: 2, max: 3")]
        {
            shop.model(&name(more));
            shop.done(&["plan", version]);
        }
        // The database is empty: no row breaks anything.
        shop.done(&["apply", "-y"]);
        assert_eq!(support::rows(&mut shop.place.open(), "SELECT id FROM item"), [[""; 1]; 0]);
    }
}

#[test]
fn versions_on_the_way_of_an_unrehearsed_run_are_read_with_the_last() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let Some(shop) = Shop::new(dialect) else { continue };
        let name = |more: &str| format!("      name: {{ type: text, optional: true{more} }}\n");
        for (version, fields) in [
            ("first", name("")),
            ("second", format!("{}      note: text?\n", name(""))),
            ("third", format!("{}      note: text?\n", name(", min: 2"))),
        ] {
            shop.model(&fields);
            shop.done(&["plan", version]);
        }
        shop.done(&["apply", "-y", "--to", "1"]);
        support::run(&mut shop.place.open(), "INSERT INTO item (id, name) VALUES (1, 'a')");
        let held = shop.contents();
        let unrehearsed = ["apply", "-y", "--no-rehearsal", "--reason", "test"];
        let refused = shop.run(&unrehearsed);
        assert_eq!(refused.code, 5, "{dialect}: {}", refused.text);
        // The second is applied, and nobody has looked at what it led to. SQLite prints what a model promises as it is.
        let status = shop.done(&["status"]).text;
        let told = match dialect {
            Dialect::Sqlite => "no drift",
            Dialect::Postgres => "before it read the schema",
        };
        assert!(status.contains(told), "{dialect}: {status}");
        support::run(&mut shop.place.open(), "UPDATE item SET name = 'ab'");
        shop.done(&["apply", "-y"]);
        let status = shop.done(&["status"]).text;
        assert!(status.contains("no drift"), "{dialect}: {status}");
        shop.done(&["rollback", "-y", "--to", "1"]);
        support::run(&mut shop.place.open(), "UPDATE item SET name = 'a'");
        assert_eq!(shop.contents(), held, "{dialect}");
        support::run(&mut shop.place.open(), "UPDATE item SET name = 'ab'");
        shop.done(&unrehearsed);
        // What changed by other hands is seen as ever.
        support::run(&mut shop.place.open(), "ALTER TABLE item ADD COLUMN alien text");
        let refused = shop.run(&["rollback", "-y"]);
        assert_eq!(refused.code, 6, "{dialect}: {}", refused.text);
        shop.done(&["log", "--verify"]);
    }
}
