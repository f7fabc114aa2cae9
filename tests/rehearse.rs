//! Faults planted in plans, each of which a rehearsal must name: object, column and key. On both engines, with rows.

mod journey;
mod support;

use std::path::Path;
use std::process::Command;

use journey::{Place, Ran, migrate, ran, typed};
use migrate::db::DatabaseUrl;
use migrate::db::url::PostgresUrl;
use migrate::text::{Dialect, hash};

const BEFORE: &str = "CREATE TABLE invoice (id integer PRIMARY KEY, number text NOT NULL, total numeric(12,2) NOT NULL, \
     status text NOT NULL, legacy varchar(40));
     CREATE TABLE line (invoice_id integer NOT NULL REFERENCES invoice (id), line integer NOT NULL, amount integer, \
     PRIMARY KEY (invoice_id, line));";
const AFTER: &str = "CREATE TABLE invoice (id integer PRIMARY KEY, number text NOT NULL, total numeric(12,2) NOT NULL, \
     status text NOT NULL CHECK (status <> ''), currency text NOT NULL DEFAULT 'EUR');
     CREATE TABLE line (invoice_id integer NOT NULL REFERENCES invoice (id), line integer NOT NULL, amount integer, \
     PRIMARY KEY (invoice_id, line));";
const ROWS: &str =
    "INSERT INTO invoice VALUES (1, 'A-1', 10.50, 'draft', 'x'), (2, 'A-2', 20.25, 'paid', NULL), \
     (3, 'A-3', 30.75, 'paid', 'z'), (4, 'A-4', 0, 'draft', NULL);
     INSERT INTO line VALUES (1, 1, 7), (1, 2, NULL), (3, 1, 9);";

/// The binary in a folder; scratch databases and copies are made on the server of the tests, which is up already.
fn on(folder: &Path, place: &Place) -> Command {
    let mut command = migrate(folder);
    if let Place::Server(database) = place {
        // The server's own database: a copy may not go into the database that it is made from.
        let DatabaseUrl::Postgres(url) = &database.url else { return command };
        let server = PostgresUrl { database: "postgres".to_owned(), ..(**url).clone() };
        command.env("MIGRATE_SCRATCH_URL", typed(&DatabaseUrl::Postgres(Box::new(server))));
    }
    command
}

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
        let mut command = on(folder.path(), &place);
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
        let sealed =
            plan.replace(&hash::sha256(before.as_bytes()), &hash::sha256(after.as_bytes()));
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
        let mut command = on(self.folder.path(), &self.place);
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
        // A SQLite file is copied whole; of a server's database, what the plan touches.
        let rows = if dialect == Dialect::Sqlite { 7 } else { 4 };
        let said = format!("rehearsed up, down and up again on {rows} rows in 2 tables");
        assert!(found.text.contains(&said), "{}", found.text);
        let folder = scene.folder.path().join("plan/evidence");
        assert!(exists(&folder));
        let file = std::fs::read_dir(&folder).expect("a folder").next().expect("a file");
        let text = std::fs::read_to_string(file.expect("a file").path()).expect("a file");
        let evidence: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        println!("{text}");
        assert_eq!(evidence["rows"], rows);
        let snapshot = if dialect == Dialect::Sqlite { "whole" } else { "part" };
        assert_eq!(evidence["snapshot"], snapshot);
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
        let swap =
            "UPDATE line SET amount = CASE invoice_id WHEN 1 THEN 9 ELSE 7 END WHERE line = 1";
        scene.add("down", swap);
        scene.caught(&["`line.amount`", "2 of 3 rows", "invoice_id 1 line 1, invoice_id 3 line 1"]);
    });
}

#[test]
fn rows_that_are_lost_or_made_are_named() {
    scenes(|_, scene| {
        scene.add(
            "down",
            "DELETE FROM line WHERE amount IS NULL; INSERT INTO line VALUES (4, 1, 0)",
        );
        scene.caught(&[
            "`line` lacks 1 row",
            "invoice_id 1 line 2",
            "1 row more",
            "invoice_id 4 line 1",
        ]);
    });
}

#[test]
fn a_lossy_cast_is_named() {
    scenes(|_, scene| {
        let cast = "UPDATE invoice SET total = CAST(total AS integer)";
        scene.add("up", cast);
        scene.caught(&[
            "`invoice.total`, which the plan does not change",
            "3 of 4 rows",
            "id 1, id 2, id 3",
        ]);
    });
}

#[test]
fn a_change_that_up_hides_and_down_undoes_is_named() {
    scenes(|_, scene| {
        scene.add("up", "UPDATE invoice SET number = number || '!' WHERE id = 3");
        let undo = "UPDATE invoice SET number = substr(number, 1, length(number) - 1) WHERE number LIKE '%!'";
        scene.plant("down", |text| {
            let step =
                "-- step 0: planted | tx=shared lock=ACCESS EXCLUSIVE work=rewrite undo=exact";
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

#[test]
fn rows_that_are_written_after_up_and_lost_by_down_are_named() {
    scenes(|_, scene| {
        scene.add("down", "DELETE FROM invoice WHERE id NOT IN (1, 2, 3, 4)");
        scene.caught(&["`invoice`: a row written after up is gone after down: id "]);
    });
    scenes(|_, scene| {
        scene.add("down", "UPDATE invoice SET number = 'lost' WHERE id NOT IN (1, 2, 3, 4)");
        scene.caught(&[
            "`invoice.number`: a row written after up holds another value after down: id ",
        ]);
    });
}

#[test]
fn rows_written_after_up_that_stop_down_are_told_of() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let Some(scene) = Scene::new(dialect, BEFORE, AFTER, ROWS) else { continue };
        let key = if dialect == Dialect::Postgres { "((id > 4))" } else { "(id > 4)" };
        let planted = format!(
            "CREATE UNIQUE INDEX planted ON invoice {key} WHERE id > 4; DROP INDEX planted"
        );
        scene.add("down", &planted);
        let found = scene.run(&["rehearse"]);
        assert_eq!(found.code, 0, "{}", found.text);
        assert!(found.text.contains("a row such as `invoice` id "), "{}", found.text);
        assert!(found.text.contains("would stop a rollback"), "{}", found.text);
    }
}

#[test]
fn rows_that_cannot_live_in_the_old_shape_are_named_beforehand() {
    let before = "CREATE TABLE item (id integer PRIMARY KEY, code varchar(3) NOT NULL CHECK (code <> 'a'), price integer);";
    let after = "CREATE TABLE item (id integer PRIMARY KEY, code varchar(3), price integer);";
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let rows = "INSERT INTO item VALUES (1, 'x', 1), (2, 'y', 2)";
        let Some(scene) = Scene::new(dialect, before, after, rows) else { continue };
        let found = scene.run(&["rehearse", "--json"]);
        assert_eq!(found.code, 0, "{}", found.text);
        let report: serde_json::Value = serde_json::from_str(&found.text).expect("JSON");
        let written = &report["evidence"][0]["written"];
        let refused = written["refused"].as_array().expect("a list");
        assert!(!refused.is_empty(), "{}", found.text);
        assert!(refused.iter().all(|row| row["table"] == "item"), "{}", found.text);
        assert!(
            refused.iter().all(|row| row["key"].as_str().is_some_and(|key| key.starts_with("id ")))
        );
    }
}

#[test]
fn a_new_enum_value_that_the_old_type_lacks_is_refused_before_anything_is_touched() {
    let rest = "CREATE TABLE pet (id integer PRIMARY KEY, mood mood NOT NULL, moods mood[]);";
    let before = format!("CREATE TYPE mood AS ENUM ('sad', 'ok'); {rest}");
    let after = format!("CREATE TYPE mood AS ENUM ('sad', 'ok', 'wild'); {rest}");
    let rows = "INSERT INTO pet VALUES (1, 'sad', '{ok}'), (2, 'ok', NULL)";
    let Some(scene) = Scene::new(Dialect::Postgres, &before, &after, rows) else { return };
    let found = scene.run(&["rehearse"]);
    assert_eq!(found.code, 0, "{}", found.text);
    assert!(!found.text.contains("would stop a rollback"), "{}", found.text);
    assert_eq!(scene.run(&["apply", "-y"]).code, 0);
    let written = "INSERT INTO pet VALUES (3, 'wild', NULL), (4, 'ok', '{ok,wild}')";
    support::run(&mut scene.place.open(), written);
    let there = journey::contents(&mut scene.place.open());
    let refused = |texts: &[&str]| {
        let refused = scene.run(&["rollback", "-y"]);
        assert_eq!(refused.code, 7, "{}", refused.text);
        for text in texts {
            assert!(refused.text.contains(text), "`{text}` in\n{}", refused.text);
        }
    };
    refused(&["`mood` must be one of sad, ok", "id=3  mood=wild"]);
    assert_eq!(there, journey::contents(&mut scene.place.open()));
    support::run(&mut scene.place.open(), "DELETE FROM pet WHERE id = 3");
    refused(&["`moods` must be one of sad, ok", "id=4  moods={ok,wild}"]);
    support::run(&mut scene.place.open(), "DELETE FROM pet WHERE id > 2");
    let back = scene.run(&["rollback", "-y"]);
    assert_eq!(back.code, 0, "{}", back.text);
}

#[test]
fn a_new_enum_value_inside_other_types_is_refused_before_anything_is_touched() {
    let rest = "CREATE DOMAIN state AS mood CHECK (value <> 'ok'); CREATE TYPE pair AS (n integer, m mood);
        CREATE DOMAIN couple AS pair; CREATE TYPE span AS RANGE (subtype = mood);
        CREATE TABLE pet (id integer PRIMARY KEY, s state, p pair, q pair[], c couple, r span, t state[]);
        CREATE TABLE other (id integer PRIMARY KEY, s state);";
    let before = format!("CREATE TYPE mood AS ENUM ('sad', 'ok'); {rest}");
    let after = format!("CREATE TYPE mood AS ENUM ('sad', 'ok', 'wild'); {rest}");
    let rows = "INSERT INTO pet VALUES (1, 'sad', (1, 'ok'), ARRAY[(1, 'sad')::pair], (1, 'ok'), '[sad,ok]', '{sad}')";
    let Some(scene) = Scene::new(Dialect::Postgres, &before, &after, rows) else { return };
    let found = scene.run(&["rehearse"]);
    assert_eq!(found.code, 0, "{}", found.text);
    assert!(!found.text.contains("would stop a rollback"), "{}", found.text);
    assert_eq!(scene.run(&["apply", "-y"]).code, 0);
    for (column, value) in [
        ("s", "'wild'"),
        ("p", "(2, 'wild')"),
        ("q", "ARRAY[(1, 'sad')::pair, (2, 'wild')::pair]"),
        ("c", "(2, 'wild')"),
        ("r", "'[sad,wild)'"),
        ("t", "'{sad,wild}'"),
    ] {
        let row = format!("INSERT INTO pet (id, {column}) VALUES (7, {value})");
        support::run(&mut scene.place.open(), &row);
        let there = journey::contents(&mut scene.place.open());
        let refused = scene.run(&["rollback", "-y"]);
        assert_eq!(refused.code, 7, "{column}: {}", refused.text);
        let told = format!("`{column}` must be one of sad, ok");
        assert!(refused.text.contains(&told), "{column}: {}", refused.text);
        assert!(refused.text.contains("id=7"), "{column}: {}", refused.text);
        assert_eq!(there, journey::contents(&mut scene.place.open()));
        support::run(&mut scene.place.open(), "DELETE FROM pet WHERE id = 7");
    }
    let back = scene.run(&["rollback", "-y"]);
    assert_eq!(back.code, 0, "{}", back.text);
}

#[test]
fn rows_in_a_new_partition_that_the_old_table_has_no_place_for_are_refused() {
    let head = "CREATE TABLE event (id integer, at date, note text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
        CREATE TABLE event_23 PARTITION OF event FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');";
    let new = "CREATE TABLE event_24 PARTITION OF event FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');";
    let rest = "CREATE TABLE event_rest PARTITION OF event DEFAULT;";
    let rows = "INSERT INTO event VALUES (1, '2023-05-05', 'x')";
    let written = "INSERT INTO event VALUES (2, '2024-05-05', 'y')";
    let scene = Scene::new(Dialect::Postgres, head, &format!("{head}{new}"), rows);
    let Some(scene) = scene else { return };
    let found = scene.run(&["rehearse"]);
    assert_eq!(found.code, 0, "{}", found.text);
    assert_eq!(scene.run(&["apply", "-y"]).code, 0);
    support::run(&mut scene.place.open(), written);
    let there = journey::contents(&mut scene.place.open());
    let refused = scene.run(&["rollback", "-y"]);
    assert_eq!(refused.code, 7, "{}", refused.text);
    assert!(refused.text.contains("has no partition for its rows"), "{}", refused.text);
    assert!(refused.text.contains("id=2"), "{}", refused.text);
    assert_eq!(there, journey::contents(&mut scene.place.open()));
    // Where that is wanted they go aside with their partition, and come back with it.
    let back = scene.run(&["rollback", "-y", "--allow", "loss"]);
    assert_eq!(back.code, 0, "{}", back.text);
    assert_eq!(scene.run(&["apply", "-y"]).code, 0);
    assert_eq!(there, journey::contents(&mut scene.place.open()));

    // The default partition takes them.
    let (before, after) = (format!("{head}{rest}"), format!("{head}{new}{rest}"));
    let scene = Scene::new(Dialect::Postgres, &before, &after, rows).expect("there is a server");
    assert_eq!(scene.run(&["apply", "-y"]).code, 0);
    support::run(&mut scene.place.open(), written);
    let back = scene.run(&["rollback", "-y"]);
    assert_eq!(back.code, 0, "{}", back.text);
    let all = support::rows(&mut scene.place.open(), "SELECT id FROM event ORDER BY 1");
    assert_eq!(all, [["1"], ["2"]]);
}

#[test]
fn rows_of_a_table_that_becomes_a_partition_which_does_not_take_them_are_named() {
    let columns = "id integer PRIMARY KEY, at date NOT NULL, kind text";
    let tree = "CREATE TABLE event (id integer, at date NOT NULL, kind text) PARTITION BY RANGE (at);
        CREATE TABLE event_23 PARTITION OF event FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
        CREATE TABLE event_24 PARTITION OF event FOR VALUES FROM ('2024-01-01') TO ('2025-01-01') PARTITION BY LIST (kind);";
    let before = format!("{tree} CREATE TABLE own ({columns});");
    let rows = "INSERT INTO own VALUES (1, '2024-05-05', 'a'), (2, '2023-05-05', 'a'), (3, '2024-05-05', 'x'), (4, '2021-01-01', NULL)";
    for (becomes, bad, good) in [
        ("PARTITION OF event_24 FOR VALUES IN ('a', 'b')", vec![2, 3, 4], "(5, '2024-06-06', 'b')"),
        ("PARTITION OF event_24 DEFAULT", vec![2, 4], "(5, '2024-06-06', 'z')"),
        ("PARTITION OF event DEFAULT", vec![1, 2, 3], "(5, '2019-06-06', 'z')"),
        (
            "PARTITION OF event FOR VALUES FROM (MINVALUE) TO ('2022-01-01')",
            vec![1, 2, 3],
            "(5, '2019-06-06', 'z')",
        ),
    ] {
        let after =
            format!("{tree} CREATE TABLE own {becomes}; ALTER TABLE own ADD PRIMARY KEY (id);");
        let Some(scene) = Scene::new(Dialect::Postgres, &before, &after, rows) else { return };
        for words in [&["rehearse"][..], &["apply", "-y"]] {
            let refused = scene.run(words);
            assert_eq!(refused.code, 5, "{becomes}: {}", refused.text);
            let count = format!("{} of 4 rows in `own`", bad.len());
            assert!(refused.text.contains(&count), "{becomes}: {}", refused.text);
            let keys = bad.iter().map(|id| format!("  id={id}"));
            assert!(keys.into_iter().all(|key| refused.text.contains(&key)), "{}", refused.text);
        }
        let ids: Vec<String> = bad.iter().map(ToString::to_string).collect();
        let mend = format!("DELETE FROM own WHERE id IN ({})", ids.join(", "));
        support::run(&mut scene.place.open(), &mend);
        support::run(&mut scene.place.open(), &format!("INSERT INTO own VALUES {good}"));
        let applied = scene.run(&["apply", "-y"]);
        assert_eq!(applied.code, 0, "{becomes}: {}", applied.text);
    }
}

#[test]
fn rows_that_a_tree_built_anew_has_no_place_for_are_refused_before_anything_is_touched() {
    let columns = "id integer, at date, note text, PRIMARY KEY (id, at)";
    let by_range = format!(
        "CREATE TABLE event ({columns}) PARTITION BY RANGE (at);
        CREATE TABLE event_23 PARTITION OF event FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');"
    );
    let narrow = by_range.replace("'2023-01-01'", "'2023-05-01'");
    let by_list = format!(
        "CREATE TABLE event ({columns}) PARTITION BY LIST (at);
        CREATE TABLE event_23 PARTITION OF event FOR VALUES IN ('2023-05-05');"
    );
    let rest = "CREATE TABLE event_rest PARTITION OF event DEFAULT;";
    let plain = format!("CREATE TABLE event ({columns});");
    let row = "INSERT INTO event VALUES (1, '2023-05-05', 'x')";
    let lists = format!("{by_list}{rest}");
    for (before, after) in [(&by_range, &lists), (&by_range, &plain), (&narrow, &by_range)] {
        let Some(scene) = Scene::new(Dialect::Postgres, before, after, row) else { return };
        assert_eq!(scene.run(&["rehearse"]).code, 0);
        assert_eq!(scene.run(&["apply", "-y"]).code, 0);
        let new = if after == &by_range { "2023-02-02" } else { "2029-05-05" };
        let written = format!("INSERT INTO event VALUES (2, '{new}', 'y')");
        support::run(&mut scene.place.open(), &written);
        let there = journey::contents(&mut scene.place.open());
        let refused = scene.run(&["rollback", "-y"]);
        assert_eq!(refused.code, 7, "{}", refused.text);
        assert!(refused.text.contains("1 of 2 rows in `event`"), "{}", refused.text);
        let told = "no partition that `event` will have takes it";
        assert!(refused.text.contains(told), "{}", refused.text);
        assert!(refused.text.contains(&format!("id=2  at={new}")), "{}", refused.text);
        assert_eq!(there, journey::contents(&mut scene.place.open()));
        support::run(&mut scene.place.open(), "DELETE FROM event WHERE id = 2");
        let back = scene.run(&["rollback", "-y"]);
        assert_eq!(back.code, 0, "{}", back.text);
    }
    // The same on the way up; what leaves the tree with its rows is not asked.
    let stays = format!("{by_range}CREATE TABLE event_29 (LIKE event_23);")
        .replace("LIKE event_23", "id integer NOT NULL, at date NOT NULL, note text");
    let key = "ALTER TABLE event_29 ADD CONSTRAINT event_29_pkey PRIMARY KEY (id, at);";
    let attached = "ALTER TABLE event ATTACH PARTITION event_29 FOR VALUES FROM ('2029-01-01') TO ('2030-01-01');";
    let (whole, parted) = (format!("{stays}{key}{attached}"), format!("{narrow}{key}"));
    let parted = parted.replace(key, &format!("{}{key}", &stays[by_range.len()..]));
    let rows = "INSERT INTO event VALUES (1, '2023-03-03', 'x'), (2, '2029-03-03', 'y')";
    for (before, after, rows, of) in [
        (&by_range, &by_list, "INSERT INTO event VALUES (1, '2023-03-03', 'x')", "1 row"),
        (&plain, &by_list, "INSERT INTO event VALUES (1, '2023-03-03', 'x')", "1 row"),
        (&whole, &parted, rows, "1 row"),
    ] {
        let scene = Scene::new(Dialect::Postgres, before, after, rows).expect("there is a server");
        let there = journey::contents(&mut scene.place.open());
        let refused =
            scene.run(&["apply", "-y", "--no-rehearsal", "--reason", "to see the checks"]);
        assert_eq!(refused.code, 5, "{}", refused.text);
        assert!(refused.text.contains(&format!("1 of {of} in `event`")), "{}", refused.text);
        assert!(refused.text.contains("id=1  at=2023-03-03"), "{}", refused.text);
        assert_eq!(there, journey::contents(&mut scene.place.open()));
        support::run(&mut scene.place.open(), "UPDATE event SET at = '2023-05-05' WHERE id = 1");
        let applied = scene.run(&["apply", "-y"]);
        assert_eq!(applied.code, 0, "{}", applied.text);
    }
}

#[test]
fn faults_in_tables_without_a_key_are_named_and_new_rows_are_written_there() {
    let before = "CREATE TABLE note (a integer, b text);";
    let after = "CREATE TABLE note (a integer, b text, c integer DEFAULT 5);";
    let rows = "INSERT INTO note VALUES (1, 'x'), (1, 'x'), (2, NULL)";
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let Some(scene) = Scene::new(dialect, before, after, rows) else { continue };
        let found = scene.run(&["rehearse", "--json"]);
        assert_eq!(found.code, 0, "{}", found.text);
        let report: serde_json::Value = serde_json::from_str(&found.text).expect("JSON");
        let survived = report["evidence"][0]["written"]["survived"].as_u64();
        assert!(survived.is_some_and(|rows| rows > 0), "{}", found.text);
        let lost = match dialect {
            Dialect::Sqlite => "DELETE FROM note WHERE rowid > 3",
            Dialect::Postgres => "DELETE FROM note WHERE a NOT IN (1, 2)",
        };
        std::fs::remove_dir_all(scene.folder.path().join("plan/evidence")).expect("evidence");
        scene.add("down", lost);
        scene.caught(&["`note`: a row written after up is gone after down"]);
    }
}

#[test]
fn evidence_is_used_until_the_plan_or_the_schema_moves() {
    scenes(|_, scene| {
        assert_eq!(scene.run(&["rehearse"]).code, 0);
        scene.plant("down", |text| format!("{text}-- a remark\n"));
        let stale = scene.run(&["apply"]);
        assert_eq!(stale.code, 6, "{}", stale.text);
        assert!(stale.text.contains("its SQL was edited or planned anew"), "{}", stale.text);
        assert!(stale.text.contains("`migrate rehearse` again"), "{}", stale.text);
        assert_eq!(scene.run(&["rehearse"]).code, 0);
        support::run(&mut scene.place.open(), "CREATE INDEX moved ON line (amount)");
        let moved = scene.run(&["apply"]);
        assert_eq!(moved.code, 6, "{}", moved.text);
        support::run(&mut scene.place.open(), "DROP INDEX moved");
        let applied = scene.run(&["apply"]);
        assert_eq!(applied.code, 0, "{}", applied.text);
        assert!(!applied.text.contains("rehearsed"), "the evidence is used: {}", applied.text);
    });
}

#[test]
fn a_plan_that_was_not_rehearsed_says_so_in_the_ledger() {
    scenes(|_, scene| {
        let applied = scene.run(&["apply", "--no-rehearsal", "--reason", "the shop is closed"]);
        assert_eq!(applied.code, 0, "{}", applied.text);
        let mut database = scene.place.open();
        let ledger = match database.dialect() {
            Dialect::Postgres => "migrate.ledger",
            Dialect::Sqlite => "_migrate_ledger",
        };
        let reasons = support::rows(&mut database, &format!("SELECT reason FROM {ledger}"));
        assert_eq!(reasons, [["not rehearsed: the shop is closed"]]);
    });
}

/// Every kind of change that cases are about must pass: what is found here is a fault of a plan, or a false alarm.
#[test]
fn a_copy_of_more_than_one_version_is_rehearsed_in_order() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let Some(place) = Place::new(dialect) else { continue };
        let folder = tempfile::tempdir().expect("a temporary folder");
        let run = |arguments: &[&str]| {
            let mut command = on(folder.path(), &place);
            ran(command.args(arguments).args(["--url", &typed(place.url())]))
        };
        let target = match dialect {
            Dialect::Postgres => "postgres >= 13",
            Dialect::Sqlite => "sqlite >= 3.38",
        };
        let model = |fields: &str| {
            let text = format!(
                "model: 1\nname: shop\ntargets: [{target}]\nentities:\n  Item:\n    fields:\n      id: uuid = uuid()\n{fields}"
            );
            std::fs::write(folder.path().join("model.yaml"), text).expect("a file");
        };
        std::fs::write(folder.path().join("migrate.toml"), "").expect("a file");
        model("      name: text\n");
        assert_eq!(run(&["plan", "first"]).code, 0);
        model("      name: text\n      price: { type: int, min: 0, backfill: \"7\" }\n");
        let planned = run(&["plan", "price"]);
        assert_eq!(planned.code, 0, "{}", planned.text);
        let found = run(&["rehearse"]);
        assert_eq!(found.code, 0, "{}", found.text);
        assert_eq!(found.text.matches("rehearsed").count(), 2, "{}", found.text);
        let applied = run(&["apply"]);
        assert_eq!(applied.code, 0, "{}", applied.text);
        assert!(!applied.text.contains("rehearsed"), "{}", applied.text);
    }
}

#[test]
fn a_column_that_down_fills_may_hold_another_value_then() {
    let before = "CREATE TABLE track (id integer PRIMARY KEY, composer text NOT NULL);";
    let after = "CREATE TABLE track (id integer PRIMARY KEY,\n  -- migrate:down 'unknown'\n  composer text);";
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let rows = "INSERT INTO track VALUES (1, 'Bach'), (2, '')";
        let Some(scene) = Scene::new(dialect, before, after, rows) else { continue };
        let plan: serde_json::Value = serde_json::from_str(&scene.file("plan.json")).expect("JSON");
        assert_eq!(plan["carries"]["tables"][0]["changed_back"], serde_json::json!(["composer"]));
        let found = scene.run(&["rehearse"]);
        assert_eq!(found.code, 0, "{}", found.text);
    }
}
