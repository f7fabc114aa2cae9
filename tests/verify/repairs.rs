//! Repairs on both engines: shown, applied, taken back with every value, applied again and taken back again; what users
//! wrote in between stays.

use migrate::db::{Access, Database};
use migrate::text::Dialect;

use crate::BOTH;
use crate::journey::{Contents, Ran, contents, migrate, ran, same_contents, typed};
use crate::place::Place;

const MODEL: &str = r#"model: 1
name: shop
targets: [postgres >= 13, sqlite >= 3.38]
entities:
  Customer:
    fields:
      id: int
      email: { type: text, match: '^[a-z0-9.]+@[a-z.]+$' }
      country: { type: text, match: '^[A-Z][A-Z]$' }
      name: { type: text, max: 8 }
      parent: { ref: Customer, optional: true }
      seen: int?
    unique:
      email_once: [email]
  Purchase:
    fields:
      id: int
      customer: { ref: Customer, optional: true }
      quantity: { type: int, min: 1, max: 100, default: 1 }
      status: { states: [open, paid, shipped], initial: open }
    rules:
      paid_some: { check: "status <> 'paid' OR quantity > 1", enforce: verify }
"#;

const ROWS: &str = "
  CREATE TABLE customer (id bigint PRIMARY KEY, email text NOT NULL, country text NOT NULL, name text NOT NULL,
                         parent_id bigint REFERENCES customer, seen bigint);
  CREATE TABLE purchase (id bigint PRIMARY KEY, customer_id bigint, quantity bigint, status text NOT NULL,
                         CONSTRAINT of_customer FOREIGN KEY (customer_id) REFERENCES customer);
  CREATE TABLE log (of_what text, n bigint);
  INSERT INTO customer VALUES
    (1, ' a@b.org', 'FR', 'Ann', NULL, 10), (2, 'A@B.org', 'fr', 'Bob', 1, 20), (3, 'c@d.org', 'DE', 'A very long name', NULL, 30),
    (4, 'c@d.org', 'DE', 'Dan', 3, 5), (5, 'c@d.org', 'xx', 'Eve', 4, 50);
  INSERT INTO purchase VALUES (1, 1, 0, 'open'), (2, 3, 500, 'pade'), (3, 4, NULL, 'paid'), (4, NULL, 5, 'open'), (5, 5, 1, 'paid');
";

/// Triggers that write down, or undo, what happens: repairs must not be seen by them.
fn triggers(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Postgres => {
            "CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS
               'BEGIN INSERT INTO log VALUES (TG_TABLE_NAME, 1); RETURN NULL; END';
             CREATE TRIGGER noted AFTER UPDATE OR DELETE OR INSERT ON customer FOR EACH ROW EXECUTE FUNCTION noted();
             CREATE TRIGGER noted AFTER UPDATE OR DELETE OR INSERT ON purchase FOR EACH ROW EXECUTE FUNCTION noted()"
        }
        Dialect::Sqlite => {
            "CREATE TRIGGER noted_c AFTER UPDATE ON customer BEGIN INSERT INTO log VALUES ('customer', 1); END;
             CREATE TRIGGER noted_d AFTER DELETE ON customer BEGIN INSERT INTO log VALUES ('customer', 1); END;
             CREATE TRIGGER noted_p AFTER UPDATE ON purchase BEGIN INSERT INTO log VALUES ('purchase', 1); END"
        }
    }
}

impl Place {
    fn contents(&self) -> Contents {
        let mut database = Database::open(&self.url, Access::ReadOnly).expect("it opens");
        contents(&mut database)
    }

    fn command(&self, words: &[&str]) -> Ran {
        let mut command = migrate(self.folder.path());
        ran(command.args(words).args(["--url", &typed(&self.url)]))
    }

    /// A plan folder with these repairs; what was shown.
    fn plan(&self, folder: &str, repairs: &[&str]) -> String {
        let mut words = vec!["verify", "--model", "m.yaml", "--out", folder];
        words.extend(repairs.iter().flat_map(|repair| ["--repair", repair]));
        let ran = self.command(&words);
        assert!(ran.code == 0 || ran.code == 5, "{}", ran.text);
        ran.text
    }

    fn apply(&self, folder: &str) {
        let ran = self.command(&["apply", "--plan", folder]);
        assert_eq!(ran.code, 0, "{}", ran.text);
    }

    fn rollback(&self, folder: &str) {
        let ran = self.command(&["rollback", "--plan", folder]);
        assert_eq!(ran.code, 0, "{}", ran.text);
    }

    fn broken(&self, rule: &str) -> u64 {
        let (_, verdict) = self.judged(&["--rule", rule]);
        let each = verdict["violations"].as_array().into_iter().flatten();
        each.filter_map(|it| it["rows"].as_u64()).sum()
    }
}

fn same(stage: &str, expected: &Contents, found: &Contents) {
    same_contents(stage, expected, found).unwrap_or_else(|difference| panic!("{difference}"));
}

/// Up, down, up, down.
fn there_and_back(place: &Place, repairs: &[&str]) -> Contents {
    let before = place.contents();
    place.plan("plan", repairs);
    place.apply("plan");
    let after = place.contents();
    assert_ne!(before, after, "{repairs:?} changes nothing");
    assert_eq!(before.get("log"), after.get("log"), "{repairs:?}: a trigger saw it");
    place.rollback("plan");
    same(&format!("{repairs:?} taken back"), &before, &place.contents());
    place.apply("plan");
    same(&format!("{repairs:?} again"), &after, &place.contents());
    place.rollback("plan");
    same(&format!("{repairs:?} taken back again"), &before, &place.contents());
    std::fs::remove_dir_all(place.folder.path().join("plan")).expect("a folder");
    after
}

#[test]
fn every_strategy_goes_there_and_back() {
    for dialect in BOTH {
        let Some(place) = Place::new(dialect, MODEL, ROWS) else { return };
        place.run(triggers(dialect));
        let strategies = [
            "Customer.email_match=trim",
            "Customer.email_match=lower",
            "Customer.country_match=upper",
            "Customer.country_match=default:ZZ",
            "Customer.name_max=clamp",
            "Customer.email_once=dedupe:newest",
            "Customer.email_once=dedupe@seen:oldest",
            "Purchase.quantity required=default:7",
            "Purchase.quantity required=quarantine",
            "Purchase.quantity_min=clamp",
            "Purchase.quantity_max=null",
            "Purchase.status_check=map:pade=paid,odd=open",
            "Purchase.paid_some=quarantine",
            "Purchase.paid_some=default@status:open",
        ];
        // A rehearsal on PostgreSQL takes a server of its own, so several are tried at once there.
        let at_once = if dialect == Dialect::Postgres { 3 } else { 1 };
        for repairs in strategies.chunks(at_once) {
            there_and_back(&place, repairs);
        }
        let all = [
            "Customer.email_match=trim",
            "Customer.email_match=lower",
            "Customer.country_match=upper",
            "Customer.name_max=clamp",
            "Customer.email_once=dedupe:oldest",
            "Purchase.quantity_min=clamp",
            "Purchase.quantity_max=clamp",
            "Purchase.quantity required=default:2",
            "Purchase.status_check=map:pade=open",
        ];
        there_and_back(&place, &all);
    }
}

#[test]
fn removed_twins_are_followed_and_return() {
    for dialect in BOTH {
        let Some(place) = Place::new(dialect, MODEL, ROWS) else { return };
        let shown = place.plan("plan", &["Customer.email_once=dedupe:oldest"]);
        assert!(shown.contains("2 of 3 violating rows of `customer` would go"), "{shown}");
        place.apply("plan");
        let found = place.contents();
        let text = format!("{found:?}");
        assert!(!text.contains("Dan") && text.contains("very long"), "{found:#?}");
        assert_eq!(place.broken("email_once"), 0);
        let mut database = Database::open(&place.url, Access::ReadWrite).expect("it opens");
        let of = |database: &mut Database, sql: &str| crate::support::rows(database, sql);
        let followed = of(
            &mut database,
            "SELECT id, customer_id FROM purchase WHERE id IN (3, 5) ORDER BY id",
        );
        assert_eq!(followed, [["3", "3"], ["5", "3"]], "{dialect}");
        // Somebody points one of them elsewhere: that stays.
        place.run("UPDATE purchase SET customer_id = 2 WHERE id = 5");
        place.rollback("plan");
        let back = of(
            &mut database,
            "SELECT id, customer_id FROM purchase WHERE id IN (3, 5) ORDER BY id",
        );
        assert_eq!(back, [["3", "4"], ["5", "2"]], "{dialect}");
        let parents =
            of(&mut database, "SELECT id, parent_id FROM customer WHERE id > 3 ORDER BY id");
        assert_eq!(parents, [["4", "3"], ["5", "4"]], "{dialect}");
    }
}

#[test]
fn values_that_users_wrote_since_stay() {
    for dialect in BOTH {
        let Some(place) = Place::new(dialect, MODEL, ROWS) else { return };
        place.plan("plan", &["Customer.country_match=upper", "Purchase.quantity_max=clamp"]);
        place.apply("plan");
        place.run("UPDATE customer SET country = 'IT' WHERE id = 2; INSERT INTO customer VALUES (9, 'z@z.org', 'ES', 'Zoe', NULL, 1)");
        place.rollback("plan");
        let mut database = Database::open(&place.url, Access::ReadWrite).expect("it opens");
        let sql = "SELECT id, country FROM customer WHERE id IN (2, 5, 9) ORDER BY id";
        let found = crate::support::rows(&mut database, sql);
        assert_eq!(found, [["2", "IT"], ["5", "xx"], ["9", "ES"]], "{dialect}");
    }
}

#[test]
fn a_rollback_is_refused_where_a_moved_row_cannot_return() {
    for dialect in BOTH {
        let Some(place) = Place::new(dialect, MODEL, ROWS) else { return };
        place.plan("plan", &["Purchase.quantity required=quarantine"]);
        place.apply("plan");
        place.run("INSERT INTO purchase VALUES (3, 1, 4, 'open')");
        let ran = place.command(&["rollback", "--plan", "plan"]);
        assert_eq!(ran.code, 7, "{}", ran.text);
        assert!(ran.text.contains("id=3"), "{}", ran.text);
        place.run("DELETE FROM purchase WHERE id = 3");
        place.rollback("plan");
        assert_eq!(place.broken("quantity required"), 1);
    }
}

#[test]
fn a_rollback_is_refused_where_another_key_is_taken_or_what_a_row_refers_to_is_gone() {
    for dialect in BOTH {
        let Some(place) = Place::new(dialect, MODEL, ROWS) else { return };
        place.run("ALTER TABLE purchase ADD COLUMN number text; CREATE UNIQUE INDEX numbers ON purchase (lower(number)) WHERE status <> 'shipped'");
        place.run("UPDATE purchase SET number = 'N-' || id");
        place.plan("plan", &["Purchase.quantity required=quarantine"]);
        place.apply("plan");
        place.run("INSERT INTO purchase VALUES (30, 1, 4, 'open', 'n-3')");
        let ran = place.command(&["rollback", "--plan", "plan"]);
        assert_eq!(ran.code, 7, "{dialect}: {}", ran.text);
        assert!(ran.text.contains("id=3") && ran.text.contains("numbers"), "{}", ran.text);
        place.run("UPDATE purchase SET status = 'shipped' WHERE id = 30");
        if dialect == Dialect::Postgres {
            place.run("UPDATE purchase SET customer_id = NULL WHERE customer_id = 4; UPDATE customer SET parent_id = NULL; DELETE FROM customer WHERE id = 4");
            let ran = place.command(&["rollback", "--plan", "plan"]);
            assert_eq!(ran.code, 7, "{}", ran.text);
            assert!(ran.text.contains("id=3") && ran.text.contains("of_customer"), "{}", ran.text);
            place.run("INSERT INTO customer VALUES (4, 'x@d.org', 'DE', 'Dan', 3, 5)");
        }
        place.rollback("plan");
        assert_eq!(place.broken("quantity required"), 1);
    }
}

#[test]
fn rows_that_others_refer_to_are_not_moved() {
    for dialect in BOTH {
        let Some(place) = Place::new(dialect, MODEL, ROWS) else { return };
        place.plan("plan", &["Customer.name_max=quarantine"]);
        let before = place.contents();
        let ran = place.command(&["apply", "--plan", "plan"]);
        assert_eq!(ran.code, 5, "{}", ran.text);
        assert!(
            ran.text.contains("purchase (repair of Customer.name_max): 1 of 5 rows"),
            "{}",
            ran.text
        );
        same("refused", &before, &place.contents());
    }
}

#[test]
fn what_fits_is_proposed_with_the_command_and_what_does_not_is_refused() {
    for dialect in BOTH {
        let Some(place) = Place::new(dialect, MODEL, ROWS) else { return };
        let ran = place.verify(&["--model", "m.yaml"]);
        for part in [
            "repair it: migrate verify --model m.yaml --repair Customer.email_match=trim\n    trim: ",
            "    dedupe:oldest: of rows with the same key the oldest stays",
            "--repair Purchase.quantity_min=clamp\n    clamp: `quantity` becomes at least 1",
            "--repair Customer.country_match=upper\n",
        ] {
            assert!(ran.text.contains(part), "{dialect}: `{part}` in {}", ran.text);
        }
        for (repair, reason) in [
            ("Customer.email_match=null", "`email` is required"),
            ("Customer.email_match=clamp", "states no bounds"),
            ("Customer.email_once=lower", "dedupe:newest"),
            ("Customer.email_once=dedupe", "which row stays?"),
            ("Customer.emial_match=trim", "did you mean `Customer.email_match`"),
            ("Customer.name_max=erase", "is no strategy"),
            ("Purchase.paid_some=null", "name the one that is wrong"),
            ("Customer.country_match=default@id:1", "part of the key"),
        ] {
            let ran = place.verify(&["--model", "m.yaml", "--repair", repair]);
            assert!(
                ran.code != 0 && ran.text.contains(reason),
                "{repair}: {} {}",
                ran.code,
                ran.text
            );
        }
    }
}

#[test]
fn constraints_that_are_not_valid_yet_do_not_stop_the_way_back() {
    let sql = "
      CREATE TABLE parent (id integer PRIMARY KEY);
      CREATE TABLE t (id integer PRIMARY KEY, n integer, p integer, c varchar(5));
      INSERT INTO parent VALUES (1);
      INSERT INTO t VALUES (1, -1, 9, 'a'), (2, 5, 1, 'b'), (3, -7, NULL, 'c');
      ALTER TABLE t ADD CONSTRAINT above CHECK (n > 0) NOT VALID;
      ALTER TABLE t ADD CONSTRAINT \"to parent\" FOREIGN KEY (p) REFERENCES parent NOT VALID";
    let Some(place) = Place::new(
        Dialect::Postgres,
        "model: 1\nname: x\ntargets: [postgres >= 13]\nentities: {}\n",
        sql,
    ) else {
        return;
    };
    let before = place.contents();
    place.plan("one", &["t.above=clamp"]);
    place.apply("one");
    place.plan("two", &["t.to parent=null"]);
    place.apply("two");
    let ran = place.verify(&[]);
    assert_eq!(ran.code, 0, "{}", ran.text);
    assert!(ran.text.contains("ready t.above"), "{}", ran.text);
    place.rollback("two");
    place.rollback("one");
    same("taken back", &before, &place.contents());
    let one = place.contents();
    place.plan("three", &["t.to parent=quarantine"]);
    place.apply("three");
    place.rollback("three");
    same("rows returned", &one, &place.contents());
}

#[test]
fn rows_without_a_key_are_found_again_as_a_whole() {
    let sql = "
      CREATE TABLE t (a text, n numeric(10,2));
      INSERT INTO t VALUES ('x', -1), ('x', -2), ('x', 0), ('x', -1), ('y', 5), (NULL, -3);
      ALTER TABLE t ADD CONSTRAINT above CHECK (n >= 0) NOT VALID";
    let Some(place) = Place::new(Dialect::Postgres, "", sql) else { return };
    std::fs::write(
        place.folder.path().join("m.yaml"),
        "model: 1\nname: x\ntargets: [postgres >= 13]\nentities: {}\n",
    )
    .expect("a file");
    there_and_back(&place, &["t.above=clamp"]);
    there_and_back(&place, &["t.above=quarantine"]);
}

#[test]
fn many_rows_are_repaired_in_parts_and_partitions_follow() {
    let sql = "
      CREATE TABLE t (id integer, part integer, n integer, PRIMARY KEY (id, part)) PARTITION BY LIST (part);
      CREATE TABLE t0 PARTITION OF t FOR VALUES IN (0);
      CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);
      INSERT INTO t SELECT i, i % 2, -i FROM generate_series(1, 25000) AS i;
      ALTER TABLE t ADD CONSTRAINT above CHECK (n >= 0) NOT VALID";
    let Some(place) = Place::new(Dialect::Postgres, "", sql) else { return };
    std::fs::write(
        place.folder.path().join("m.yaml"),
        "model: 1\nname: x\ntargets: [postgres >= 13]\nentities: {}\n",
    )
    .expect("a file");
    there_and_back(&place, &["t.above=clamp"]);
}

#[test]
fn what_a_repair_runs_is_as_reviewed() {
    let cases = [
        ("bounds", vec!["Purchase.quantity_max=clamp"]),
        ("twins_that_others_refer_to", vec!["Customer.email_once=dedupe:oldest"]),
        ("moved_rows", vec!["Purchase.quantity required=quarantine"]),
    ];
    for dialect in BOTH {
        let Some(place) = Place::new(dialect, MODEL, ROWS) else { return };
        place.run(triggers(dialect));
        for (name, repairs) in &cases {
            place.plan(name, repairs);
            for way in ["up", "down"] {
                let written = place.folder.path().join(name).join(format!("{way}.sql"));
                let text = std::fs::read_to_string(written).expect("a plan");
                // The tag follows from the schema, which versions of a server print in their own ways.
                let plan = place.folder.path().join(name).join("plan.json");
                let plan = std::fs::read_to_string(plan).expect("a plan");
                let plan: serde_json::Value = serde_json::from_str(&plan).expect("a plan");
                let text = text.replace(plan["tag"].as_str().unwrap_or_default(), "TAG");
                golden(&format!("fixtures/repairs/{name}/{dialect}.{way}.sql"), &text);
            }
        }
    }
}

/// Compares with a file of the repository, or writes it where that is asked for.
fn golden(path: &str, text: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, text).expect("a file");
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "{}", path.display());
}

#[test]
fn a_repair_that_stops_half_way_goes_on_where_it_stopped() {
    let sql = "
      CREATE TABLE t (id integer PRIMARY KEY, n integer);
      INSERT INTO t SELECT i, -i FROM generate_series(1, 25000) AS i;
      ALTER TABLE t ADD CONSTRAINT above CHECK (n >= 0) NOT VALID";
    let model = "model: 1\nname: x\ntargets: [postgres >= 13]\nentities: {}\n";
    let Some(place) = Place::new(Dialect::Postgres, model, sql) else { return };
    let before = place.contents();
    place.plan("plan", &["t.above=clamp"]);
    let settings = format!(
        "model = \"m.yaml\"\ndefault_env = \"it\"\n[env.it]\nurl = \"{}\"\nlock_timeout_ms = 300\n",
        typed(&place.url)
    );
    std::fs::write(place.folder.path().join("migrate.toml"), settings).expect("a file");
    let mut other = Database::open(&place.url, Access::ReadWrite).expect("it opens");
    other.begin(migrate::db::Mode::Write).expect("it begins");
    crate::support::rows(&mut other, "SELECT id FROM t WHERE id = 15000 FOR UPDATE");
    let stopped = place.command(&["apply", "--plan", "plan"]);
    assert_eq!(stopped.code, 8, "{}", stopped.text);
    let count = "SELECT count(*) FROM t WHERE n >= 0";
    assert_eq!(crate::support::rows(&mut other, count), [["10000"]], "the first part is done");
    other.rollback().expect("it ends");
    place.apply("plan");
    assert_eq!(crate::support::rows(&mut other, count), [["25000"]]);
    place.rollback("plan");
    same("taken back", &before, &place.contents());
}

#[test]
fn values_that_are_none_of_the_models_type_are_repaired_in_the_old_type() {
    let model = "model: 1\nname: x\ntargets: [postgres >= 13]\nentities:\n  T:\n    fields:\n      id: int\n      n: int?\n";
    let sql = "CREATE TABLE t (id bigint PRIMARY KEY, n text);
               INSERT INTO t VALUES (1, '5'), (2, 'x'), (3, NULL), (4, '')";
    let Some(place) = Place::new(Dialect::Postgres, model, sql) else { return };
    let shown = place.plan("plan", &["t.n as bigint=cast"]);
    assert!(shown.contains("id=2  n: x → NULL"), "{shown}");
    there_and_back(&place, &["t.n as bigint=cast:0"]);
    let after = there_and_back(&place, &["t.n as bigint=cast"]);
    assert!(!format!("{after:?}").contains("'x'"), "{after:#?}");
}
