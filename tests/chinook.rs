//! The main journey through the binary, as a new user goes it: adopt, lift, evolve, be refused, plan, check, apply,
//! write, roll back. On the Chinook database where it is at hand (`../shared/data/chinook`, or below `MIGRATE_SHARED`),
//! and on the music shop of `fixtures/chinook-like`; on both engines.

mod journey;
mod support;

use std::path::{Path, PathBuf};

use journey::{Contents, Place, Ran, contents, migrate, ran, same_contents, same_schema, typed};
use migrate::text::Dialect;

/// A database to adopt, and what the journey does to it.
struct Journey {
    dialect: Dialect,
    script: Script,
    /// Edits of the lifted model: a text that occurs once within an entity, and what replaces it.
    edits: Vec<(&'static str, &'static str, &'static str)>,
    /// The rule that real rows break, as one more edit.
    broken: (&'static str, &'static str, &'static str),
    /// What the refusal must say.
    refusal: Vec<&'static str>,
    /// Repairs of rows that break the other rules, before the journey starts over.
    repairs: &'static str,
    drop: &'static str,
    /// Rows of the new shape.
    written: &'static str,
    /// Questions about the new shape and their answers.
    new_shape: Vec<(&'static str, &'static str)>,
    /// Questions about rows that were written in the new shape, asked in the old one.
    old_shape: Vec<(&'static str, &'static str)>,
    /// What was written over in the new shape is back with it.
    again: Vec<(&'static str, &'static str)>,
    /// Takes the written rows away again, in the old shape.
    removed: &'static str,
}

enum Script {
    Sql(PathBuf),
    File(PathBuf),
}

/// Where the shared data is; `None`, with a note, where it is not.
fn shared(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("MIGRATE_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let path = root.join("data/chinook").join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: `{}` is not here", path.display());
    None
}

/// A database filled from the script.
fn filled(journey: &Journey) -> Option<Place> {
    let place = Place::new(journey.dialect)?;
    match &journey.script {
        Script::File(path) => {
            let file = place.url().file().expect("a SQLite database is a file").to_owned();
            std::fs::copy(path, file).expect("the database can be copied");
        }
        Script::Sql(path) => {
            let text = std::fs::read_to_string(path).expect("the script can be read");
            // Chinook's script makes its own database and connects to it, which is psql's business.
            let lines = text.lines().filter(|line| {
                !["DROP DATABASE", "CREATE DATABASE", "\\c "]
                    .iter()
                    .any(|start| line.starts_with(start))
            });
            support::run(&mut place.open(), &lines.collect::<Vec<_>>().join("\n"));
        }
    }
    Some(place)
}

/// A project folder and the database it migrates.
struct Trip<'j> {
    journey: &'j Journey,
    place: Place,
    folder: tempfile::TempDir,
}

impl Trip<'_> {
    fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = migrate(self.folder.path());
        ran(command.env("DATABASE_URL", typed(self.place.url())).args(arguments))
    }

    fn must(&self, code: i32, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, code, "migrate {}\n{}", arguments.join(" "), ran.text);
        ran.text
    }

    fn contents(&self) -> Contents {
        contents(&mut self.place.open())
    }

    fn model(&self) -> PathBuf {
        self.folder.path().join("model.yaml")
    }

    /// Writes the lifted model with edits.
    fn edit(&self, lifted: &str, edits: &[(&str, &str, &str)]) {
        let mut text = lifted.to_owned();
        for (entity, before, after) in edits {
            let start = text.find(&format!("\n  {entity}:\n")).expect("the entity is in the model");
            let end = text[start + 1..].find("\n\n").map_or(text.len(), |at| start + 1 + at);
            let part = &text[start..end];
            assert_eq!(part.matches(before).count(), 1, "`{before}` once in\n{part}");
            text.replace_range(start..end, &part.replace(before, after));
        }
        text.push_str(&format!(
            "\nchanges:\n  - drop: {}\n    reason: nobody has one\n",
            self.journey.drop
        ));
        std::fs::write(self.model(), text).expect("the model can be written");
    }

    fn answers(&self, questions: &[(&str, &str)]) {
        let mut database = self.place.open();
        for (question, answer) in questions {
            let found: Vec<String> =
                support::rows(&mut database, question).iter().map(|row| row.join("|")).collect();
            assert_eq!(found.join("\n"), *answer, "{question}");
        }
    }
}

/// The whole journey.
fn travel(journey: &Journey) {
    let Some(place) = filled(journey) else { return };
    let trip = Trip { journey, place, folder: tempfile::tempdir().expect("a folder") };
    let url = typed(trip.place.url());
    let found = trip.contents();
    let schema = trip.place.open().inspect().expect("the schema can be read");

    trip.must(0, &["init", "--from", &url]);
    let lifted = std::fs::read_to_string(trip.model()).expect("init wrote a model");
    assert_eq!(trip.must(0, &["import", &url, "--into", "again.yaml"]).matches("error").count(), 0);
    let again = trip.folder.path().join("again.yaml");
    assert_eq!(std::fs::read_to_string(again).expect("import wrote a model"), lifted);
    trip.must(0, &["check"]);
    assert!(trip.must(0, &["plan"]).contains("nothing to plan"));

    refused(&trip, &lifted, &found);
    support::run(&mut trip.place.open(), journey.repairs);
    let found = trip.contents();

    trip.edit(&lifted, &journey.edits);
    trip.must(0, &["plan", "--replace"]);
    trip.must(0, &["check"]);
    assert_eq!(trip.contents(), found, "nothing but apply writes");
    trip.must(0, &["apply"]);
    trip.must(0, &["verify"]);
    trip.answers(&journey.new_shape);

    // Back at once: every value, every type, every sequence.
    trip.must(0, &["rollback"]);
    let stage = "after rollback";
    same_contents(stage, &found, &trip.contents()).unwrap_or_else(|error| panic!("{error}"));
    let back = trip.place.open().inspect().expect("the schema can be read");
    same_schema(stage, &schema, &back).unwrap_or_else(|error| panic!("{error}"));

    // Again, with rows written in the new shape: they stay, and so does what was there.
    trip.must(0, &["apply"]);
    trip.answers(&journey.new_shape);
    support::run(&mut trip.place.open(), journey.written);
    trip.must(0, &["rollback"]);
    trip.answers(&journey.old_shape);
    support::run(&mut trip.place.open(), journey.removed);
    let stage = "without the written rows";
    same_contents(stage, &found, &trip.contents()).unwrap_or_else(|error| panic!("{error}"));

    trip.must(0, &["apply"]);
    trip.answers(&journey.again);
    trip.must(0, &["log", "--verify"]);
    let status = trip.must(0, &["status"]);
    assert!(status.contains("no drift"), "{status}");
}

/// Rows break a rule: refused with their keys, by the gate and by `apply`, and nothing is changed.
fn refused(trip: &Trip<'_>, lifted: &str, found: &Contents) {
    let mut edits = trip.journey.edits.clone();
    edits.push(trip.journey.broken);
    trip.edit(lifted, &edits);
    trip.must(0, &["plan", "evolve"]);
    for command in ["check", "apply"] {
        let text = trip.must(5, &[command]);
        for said in &trip.journey.refusal {
            assert!(text.contains(said), "`{said}` in\n{text}");
        }
    }
    same_contents("after the refusal", found, &trip.contents())
        .unwrap_or_else(|error| panic!("{error}"));
}

const STATUS: &str = "
      status:
        states: [open, paid, void]
        initial: open
        backfill: \"CASE WHEN TOTAL > 5 THEN 'paid' ELSE 'open' END\"
        transitions:
          pay: { from: open, to: paid }
          cancel: { from: open, to: void }";

/// The field with the total as its database writes it.
fn status(total: &str, field: &str) -> &'static str {
    format!("{field}{}", STATUS.replace("TOTAL", total)).leak()
}

#[test]
fn chinook_on_sqlite() {
    let Some(path) = shared("chinook.sqlite") else { return };
    travel(&Journey {
        dialect: Dialect::Sqlite,
        script: Script::File(path),
        edits: vec![
            (
                "Customer",
                "Company: nvarchar_80?",
                "Organisation: { type: nvarchar_80, optional: true, was: Company }",
            ),
            ("Customer", "Email: nvarchar_60", "Email: { type: nvarchar_60, format: email }"),
            ("Employee", "      Fax: nvarchar_24?\n", ""),
            (
                "Invoice",
                "Total: decimal(10,2)",
                status("Total", "Total: { type: \"decimal(10,2)\", min: 0 }"),
            ),
            (
                "Track",
                "Composer: nvarchar_220?",
                "Composer: { type: nvarchar_220, backfill: \"'unknown'\" }",
            ),
        ],
        broken: (
            "Playlist",
            "Name: nvarchar_120?",
            "Name: nvarchar_120?\n    unique:\n      one_name: [Name]",
        ),
        refusal: vec!["Playlist.one_name: 8 of 18 rows", "PlaylistId=1  Name=Music"],
        repairs: "",
        drop: "Employee.Fax",
        written: "INSERT INTO Invoice (InvoiceId, CustomerId, InvoiceDate, Total, status) \
                    VALUES (900, 1, '2030-01-01', 12.5, 'open');
                  INSERT INTO Customer (CustomerId, FirstName, LastName, Organisation, Email) \
                    VALUES (900, 'A', 'B', 'Org', 'a@b.c');
                  INSERT INTO Employee (EmployeeId, LastName, FirstName) VALUES (90, 'x', 'y');
                  INSERT INTO Track (TrackId, Name, MediaTypeId, Composer, Milliseconds, UnitPrice) \
                    VALUES (9000, 'n', 1, 'me', 1, 1);
                  UPDATE Invoice SET status = 'void' WHERE InvoiceId IN (1, 900)",
        new_shape: vec![
            ("SELECT status, count(*), min(Total) > 5 FROM Invoice GROUP BY 1 ORDER BY 1", "open|233|0\npaid|179|1"),
            ("SELECT count(*) FROM Track WHERE Composer = 'unknown'", "977"),
        ],
        old_shape: vec![
            ("SELECT Company, Fax, Email FROM Customer WHERE CustomerId = 900", "Org|NULL|a@b.c"),
            ("SELECT LastName, Fax FROM Employee WHERE EmployeeId = 90", "x|NULL"),
            ("SELECT Composer FROM Track WHERE TrackId = 9000", "me"),
            ("SELECT Total FROM Invoice WHERE InvoiceId = 900", "12.5"),
        ],
        again: vec![("SELECT status FROM invoice WHERE InvoiceId = 1", "void")],
        removed: "DELETE FROM Invoice WHERE InvoiceId = 900; DELETE FROM Customer WHERE CustomerId = 900;
                  DELETE FROM Employee WHERE EmployeeId = 90; DELETE FROM Track WHERE TrackId = 9000",
    });
}

#[test]
fn chinook_on_postgres() {
    let Some(path) = shared("chinook.postgres.sql") else { return };
    travel(&Journey {
        dialect: Dialect::Postgres,
        script: Script::Sql(path),
        edits: vec![
            (
                "Customer",
                "company: varchar_80?",
                "organisation: { type: varchar_80, optional: true, was: company }",
            ),
            ("Customer", "email: varchar_60", "email: { type: varchar_60, format: email }"),
            ("Employee", "      fax: varchar_24?\n", ""),
            (
                "Invoice",
                "total: decimal(10,2)",
                status("total", "total: { type: \"decimal(10,2)\", min: 0 }"),
            ),
            (
                "Track",
                "composer: varchar_220?",
                "composer: { type: varchar_220, backfill: \"'unknown'\" }",
            ),
        ],
        broken: (
            "Playlist",
            "name: varchar_120?",
            "name: varchar_120?\n    unique:\n      one_name: [name]",
        ),
        refusal: vec!["Playlist.one_name: 8 of 18 rows", "playlist_id=1  name=Music"],
        repairs: "",
        drop: "Employee.fax",
        written: "INSERT INTO invoice (invoice_id, customer_id, invoice_date, total, status) \
                    VALUES (900, 1, '2030-01-01', 12.5, 'open');
                  INSERT INTO customer (customer_id, first_name, last_name, organisation, email) \
                    VALUES (900, 'A', 'B', 'Org', 'a@b.c');
                  INSERT INTO employee (employee_id, last_name, first_name) VALUES (90, 'x', 'y');
                  INSERT INTO track (track_id, name, media_type_id, composer, milliseconds, unit_price) \
                    VALUES (9000, 'n', 1, 'me', 1, 1);
                  UPDATE invoice SET status = 'void' WHERE invoice_id IN (1, 900)",
        new_shape: vec![
            ("SELECT status, count(*), min(total) > 5 FROM invoice GROUP BY 1 ORDER BY 1", "open|233|f\npaid|179|t"),
            ("SELECT count(*) FROM track WHERE composer = 'unknown'", "977"),
        ],
        old_shape: vec![
            ("SELECT company, fax, email FROM customer WHERE customer_id = 900", "Org|NULL|a@b.c"),
            ("SELECT last_name, fax FROM employee WHERE employee_id = 90", "x|NULL"),
            ("SELECT composer FROM track WHERE track_id = 9000", "me"),
            ("SELECT total FROM invoice WHERE invoice_id = 900", "12.50"),
        ],
        again: vec![("SELECT status FROM invoice WHERE invoice_id = 1", "void")],
        removed: "DELETE FROM invoice WHERE invoice_id = 900; DELETE FROM customer WHERE customer_id = 900;
                  DELETE FROM employee WHERE employee_id = 90; DELETE FROM track WHERE track_id = 9000",
    });
}

/// The music shop: its rows break the e-mail rule and the minimum as well, so they are repaired on the way.
fn shop(dialect: Dialect) -> Journey {
    let file = format!("fixtures/chinook-like/shop.{dialect}.sql");
    let (yes, total) = match dialect {
        Dialect::Postgres => ("open|20|f\npaid|4|t", "12.50"),
        Dialect::Sqlite => ("open|20|0\npaid|4|1", "12.5"),
    };
    Journey {
        dialect,
        script: Script::Sql(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)),
        edits: vec![
            (
                "Customer",
                "company: text?",
                "organisation: { type: text, optional: true, was: company }",
            ),
            ("Customer", "email: text", "email: { type: text, format: email }"),
            ("Employee", "      fax: text?\n", ""),
            (
                "Invoice",
                "total: decimal(10,2)",
                status("total", "total: { type: \"decimal(10,2)\", min: 0 }"),
            ),
            ("Track", "composer: text?", "composer: { type: text, backfill: \"'unknown'\" }"),
        ],
        broken: ("Album", "artist: text", "artist: text\n    unique:\n      one_title: [title]"),
        refusal: vec![
            "Album.one_title: 2 of 5 rows",
            "id=1  title=Harbour Lights",
            "id=5  title=Harbour Lights",
            "2 of 8 rows in `customer`",
            "id=4  email=luca.donati(at)mail.example",
            "2 of 24 rows in `invoice`",
            "id=17  total=-1.29",
        ],
        repairs: "UPDATE customer SET email = id || '@mail.example' WHERE email NOT LIKE '%@%';
                  UPDATE invoice SET total = 5.5 WHERE total < 0",
        drop: "Employee.fax",
        written: "INSERT INTO invoice (id, customer_id, invoiced_on, total, status) \
                    VALUES (900, 1, '2030-01-01', 12.5, 'open');
                  INSERT INTO customer (id, first_name, last_name, organisation, email) \
                    VALUES (900, 'A', 'B', 'Org', 'a@b.c');
                  INSERT INTO employee (id, last_name, first_name, email) VALUES (90, 'x', 'y', 'x@y.z');
                  INSERT INTO track (id, name, album_id, composer, milliseconds, unit_price) \
                    VALUES (9000, 'n', 1, 'me', 1, 1);
                  UPDATE invoice SET status = 'void' WHERE id IN (1, 900)",
        new_shape: vec![
            ("SELECT status, count(*), min(total) > 5 FROM invoice GROUP BY 1 ORDER BY 1", yes),
            ("SELECT count(*) FROM track WHERE composer = 'unknown'", "7"),
        ],
        old_shape: vec![
            ("SELECT company, email FROM customer WHERE id = 900", "Org|a@b.c"),
            ("SELECT last_name, fax FROM employee WHERE id = 90", "x|NULL"),
            ("SELECT composer FROM track WHERE id = 9000", "me"),
            ("SELECT total FROM invoice WHERE id = 900", total),
        ],
        again: vec![("SELECT status FROM invoice WHERE id = 1", "void")],
        removed: "DELETE FROM invoice WHERE id = 900; DELETE FROM customer WHERE id = 900;
                  DELETE FROM employee WHERE id = 90; DELETE FROM track WHERE id = 9000",
    }
}

#[test]
fn the_music_shop_on_sqlite() {
    travel(&shop(Dialect::Sqlite));
}

#[test]
fn the_music_shop_on_postgres() {
    travel(&shop(Dialect::Postgres));
}
