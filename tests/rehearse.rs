//! Faults planted in plans, each of which a rehearsal must name: object, column and key. On both engines, with rows.

mod journey;
mod support;

use std::path::Path;

use journey::{Place, Ran, migrate, ran, typed};
use migrate::text::{Dialect, hash};

const BEFORE: &str = "CREATE TABLE invoice (id integer PRIMARY KEY, number text NOT NULL, total numeric(12,2) NOT NULL, \
     status text NOT NULL, legacy varchar(40));
     CREATE TABLE line (invoice_id integer NOT NULL REFERENCES invoice (id), line integer NOT NULL, amount integer, \
     PRIMARY KEY (invoice_id, line));";
const AFTER: &str = "CREATE TABLE invoice (id integer PRIMARY KEY, number text NOT NULL, total numeric(12,2) NOT NULL, \
     status text NOT NULL CHECK (status <> ''), currency text NOT NULL DEFAULT 'EUR');
     CREATE TABLE line (invoice_id integer NOT NULL REFERENCES invoice (id), line integer NOT NULL, amount integer, \
     PRIMARY KEY (invoice_id, line));";
const ROWS: &str = "INSERT INTO invoice VALUES (1, 'A-1', 10.50, 'draft', 'x'), (2, 'A-2', 20.25, 'paid', NULL), \
     (3, 'A-3', 30.75, 'paid', 'z'), (4, 'A-4', 0, 'draft', NULL);
     INSERT INTO line VALUES (1, 1, 7), (1, 2, NULL), (3, 1, 9);";

/// A plan between two schemas, and a database that holds the first with rows.
struct Scene {
    place: Place,
    folder: tempfile::TempDir,
}

impl Scene {
    fn new(dialect: Dialect, before: &str, after: &str, rows: &str) -> Option<Scene> {
        let place = Place::new(dialect)?;
        support::run(&mut place.open(), before);
        support::run(&mut place.open(), rows);
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("a.sql"), before).expect("a file");
        std::fs::write(folder.path().join("b.sql"), after).expect("a file");
        let mut command = migrate(folder.path());
        command.args(["plan", "--from", "a.sql", "--to", "b.sql", "--out", "plan"]);
        let made = ran(command.args(["--dialect", dialect.name()]));
        assert_eq!(made.code, 0, "{}", made.text);
        Some(Scene { place, folder })
    }

    fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join("plan").join(name)).expect("a plan's file")
    }

    /// Edits a script of the plan, and seals it as `plan` would have.
    fn plant(&self, way: &str, edit: impl Fn(&str) -> String) {
        let name = format!("{way}.sql");
        let before = self.file(&name);
        let after = edit(&before);
        assert_ne!(before, after, "the edit changes something");
        let plan = self.file("plan.json");
        let sealed = plan.replace(&hash::sha256(before.as_bytes()), &hash::sha256(after.as_bytes()));
        assert_ne!(plan, sealed);
        let folder = self.folder.path().join("plan");
        std::fs::write(folder.join(&name), after).expect("a file");
        std::fs::write(folder.join("plan.json"), sealed).expect("a file");
    }

    /// Adds a step at the end of a script.
    fn add(&self, way: &str, sql: &str) {
        self.plant(way, |text| {
            format!("{text}\n-- step 99: planted | tx=shared lock=ACCESS EXCLUSIVE work=rewrite undo=exact\n{sql};\n")
        });
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = migrate(self.folder.path());
        command.args(arguments).args(["--plan", "plan", "--url", &typed(self.place.url())]);
        ran(&mut command)
    }

    /// Rehearses, expects a failure and every text in the message; the rows must be as they were.
    fn caught(&self, texts: &[&str]) {
        let before = journey::contents(&mut self.place.open());
        let found = self.run(&["rehearse"]);
        assert_eq!(found.code, 1, "{}", found.text);
        for text in texts {
            assert!(found.text.contains(text), "`{text}` in\n{}", found.text);
        }
        let refused = self.run(&["apply"]);
        assert_eq!(refused.code, 1, "{}", refused.text);
        assert_eq!(before, journey::contents(&mut self.place.open()), "nothing was written");
    }
}

fn scenes(test: impl Fn(Dialect, Scene)) {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        if let Some(scene) = Scene::new(dialect, BEFORE, AFTER, ROWS) {
            test(dialect, scene);
        }
    }
}

fn exists(folder: &Path) -> bool {
    folder.exists()
}

#[test]
fn a_sound_plan_passes_and_leaves_evidence() {
    scenes(|dialect, scene| {
        let found = scene.run(&["rehearse"]);
        assert_eq!(found.code, 0, "{}", found.text);
        println!("{}", found.text);
        assert!(found.text.contains("rehearsed up, down and up again on 7 rows in 2 tables"));
        let folder = scene.folder.path().join("plan/evidence");
        assert!(exists(&folder));
        let file = std::fs::read_dir(&folder).expect("a folder").next().expect("a file");
        let text = std::fs::read_to_string(file.expect("a file").path()).expect("a file");
        let evidence: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        println!("{text}");
        assert_eq!(evidence["rows"], 7);
        assert_eq!(evidence["snapshot"], "whole");
        let steps = evidence["steps"].as_array().expect("steps");
        assert!(!steps.is_empty());
        if dialect == Dialect::Postgres {
            let strongest = steps.iter().filter(|step| step["seen"] == "ACCESS EXCLUSIVE");
            assert!(strongest.count() > 0, "{text}");
            assert!(steps.iter().all(|step| step["log_bytes"].is_u64()), "{text}");
        }
    });
}

#[test]
fn a_wrong_default_on_the_way_back_is_named() {
    scenes(|_, scene| {
        scene.add("down", "UPDATE invoice SET legacy = 'unknown' WHERE legacy IS NULL");
        scene.caught(&["`invoice.legacy`", "2 of 4 rows", "id 2, id 4"]);
    });
}

#[test]
fn a_lost_column_is_named() {
    scenes(|_, scene| {
        scene.add("down", "UPDATE invoice SET legacy = NULL");
        scene.caught(&["`invoice.legacy`", "2 of 4 rows", "id 1, id 3"]);
    });
    scenes(|_, scene| {
        scene.add("down", "ALTER TABLE invoice DROP COLUMN legacy");
        scene.caught(&["schema after down differs", "legacy"]);
    });
}

#[test]
fn values_that_swapped_their_rows_are_named() {
    scenes(|_, scene| {
        let swap = "UPDATE line SET amount = CASE invoice_id WHEN 1 THEN 9 ELSE 7 END WHERE line = 1";
        scene.add("down", swap);
        scene.caught(&["`line.amount`", "2 of 3 rows", "invoice_id 1 line 1, invoice_id 3 line 1"]);
    });
}

#[test]
fn rows_that_are_lost_or_made_are_named() {
    scenes(|_, scene| {
        scene.add("down", "DELETE FROM line WHERE amount IS NULL; INSERT INTO line VALUES (4, 1, 0)");
        scene.caught(&["`line` lacks 1 row", "invoice_id 1 line 2", "1 row more", "invoice_id 4 line 1"]);
    });
}

#[test]
fn a_lossy_cast_is_named() {
    scenes(|_, scene| {
        let cast = "UPDATE invoice SET total = CAST(total AS integer)";
        scene.add("up", cast);
        scene.caught(&["`invoice.total`, which the plan does not change", "3 of 4 rows", "id 1, id 2, id 3"]);
    });
}

#[test]
fn a_change_that_up_hides_and_down_undoes_is_named() {
    scenes(|_, scene| {
        scene.add("up", "UPDATE invoice SET number = number || '!' WHERE id = 3");
        let undo = "UPDATE invoice SET number = substr(number, 1, length(number) - 1) WHERE number LIKE '%!'";
        scene.plant("down", |text| {
            let step = "-- step 0: planted | tx=shared lock=ACCESS EXCLUSIVE work=rewrite undo=exact";
            text.replacen("\n-- step 1:", &format!("\n{step}\n{undo};\n\n-- step 1:"), 1)
        });
        scene.caught(&["`invoice.number`, which the plan does not change", "1 of 4 rows", "id 3"]);
    });
}

#[test]
fn a_lock_that_is_stronger_than_claimed_is_named() {
    let Some(scene) = Scene::new(Dialect::Postgres, BEFORE, AFTER, ROWS) else { return };
    scene.plant("up", |text| text.replace("lock=ACCESS EXCLUSIVE", "lock=SHARE ROW EXCLUSIVE"));
    scene.caught(&["takes ACCESS EXCLUSIVE on `invoice`, and the plan claims SHARE ROW EXCLUSIVE"]);
    let Some(scene) = Scene::new(Dialect::Postgres, BEFORE, AFTER, ROWS) else { return };
    scene.plant("down", |text| text.replace("lock=ACCESS EXCLUSIVE", "lock=none"));
    scene.caught(&["takes ACCESS EXCLUSIVE on `invoice`, and the plan claims none"]);
}
