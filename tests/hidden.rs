//! Columns that are hidden in their tables in place of being copied: what comes back, who sees them, who may not lose them.

mod faults_support;
mod journey;
mod support;

use faults_support::{Shop as Project, ends, on_each_engine};
use journey::Ran;
use journey::shop::{Shop, done, refused};
use migrate::text::Dialect;

fn shown(shop: &Project, query: &str) -> Vec<Vec<String>> {
    support::rows(&mut shop.open(), query)
}

const HEAD: &str = "model: 1
name: shop
targets: [sqlite >= 3.38, postgres >= 13]

entities:
  Customer:
    fields:
      id: int
      name: { type: text, max: 200 }
";

/// A project whose second version adds a column with values, and whose third hides it.
fn hidden_fax(dialect: Dialect) -> Option<Project> {
    let shop = Project::applied(dialect)?;
    shop.write("model.yaml", &format!("{HEAD}      fax: text?\n"));
    ends(&shop.run(&["plan", "fax"]), 0, &[]);
    ends(&shop.run(&["apply", "--no-rehearsal"]), 0, &["applied"]);
    shop.sql("UPDATE customer SET fax = 'fax ' || id");
    shop.write(
        "model.yaml",
        &format!("{HEAD}changes:\n  - drop: Customer.fax\n    keep: hide\n    reason: test\n"),
    );
    let says = ["hide column customer.fax", "out of sight"];
    ends(&shop.run(&["plan", "no_fax"]), 0, &says);
    ends(&shop.run(&["apply"]), 0, &["rehearsed up, down and up again", "applied 0003_no_fax"]);
    Some(shop)
}

#[test]
fn a_hidden_column_is_in_no_reading_of_the_schema() {
    on_each_engine(hidden_fax, |shop| {
        let schema = shop.open().inspect().expect("the schema");
        let table = schema.tables.values().find(|it| it.name.name.as_str() == "customer");
        let columns: Vec<&str> =
            table.expect("the table").columns.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(columns, ["id", "name"]);
        ends(&shop.run(&["status", "--exit-code", "--drift"]), 0, &["no drift"]);
        let nothing = ["diff", "model.yaml", &shop.typed(), "--exit-code"];
        ends(&shop.run(&nothing), 0, &[]);
        ends(&shop.run(&["plan", "more"]), 0, &["nothing to plan"]);
        shop.sql(match shop.dialect {
            Dialect::Sqlite => "DROP TABLE _migrate_ledger; DROP TABLE _migrate_journal",
            Dialect::Postgres => "DROP SCHEMA migrate CASCADE",
        });
        let adopted = tempfile::tempdir().expect("a folder");
        let mut init = journey::migrate(adopted.path());
        let url = journey::typed(&shop.url());
        ends(&journey::ran(init.args(["init", "--from", &url])), 0, &["adopted 1 table"]);
        let model = std::fs::read_to_string(adopted.path().join("model.yaml")).expect("a model");
        assert!(!model.contains("fax") && !model.contains("_migrate"), "{model}");
    });
}

#[test]
fn values_come_back_and_rows_written_since_have_none() {
    on_each_engine(hidden_fax, |shop| {
        shop.sql(
            "INSERT INTO customer (id, name) VALUES (3, 'Carol'); DELETE FROM customer WHERE id = 2; \
             UPDATE customer SET name = 'Ada L' WHERE id = 1",
        );
        let held = shop.dump();
        ends(&shop.run(&["rollback", "--dry-run"]), 0, &["would roll back 0003_no_fax"]);
        assert_eq!(shop.dump(), held);
        ends(&shop.run(&["rollback"]), 0, &["rolled back 0003_no_fax"]);
        let rows = shown(shop, "SELECT id, name, coalesce(fax, 'none') FROM customer ORDER BY id");
        assert_eq!(rows, [["1", "Ada L", "fax 1"], ["3", "Carol", "none"]]);
        ends(&shop.run(&["status"]), 0, &["no drift"]);
        shop.sql("UPDATE customer SET fax = 'new' WHERE id = 3");
        ends(&shop.run(&["apply"]), 0, &["applied 0003_no_fax"]);
        ends(&shop.run(&["rollback"]), 0, &["rolled back 0003_no_fax"]);
        let rows = shown(shop, "SELECT id, fax FROM customer ORDER BY id");
        assert_eq!(rows, [["1", "fax 1"], ["3", "new"]]);
    });
}

#[test]
fn status_measures_it_and_release_takes_it_away() {
    on_each_engine(hidden_fax, |shop| {
        let ran = shop.run(&["status", "--json"]);
        let told: serde_json::Value = serde_json::from_str(&ran.text).expect("JSON");
        let kept = &told["kept"]["versions"][0];
        assert_eq!((&kept["version"], &kept["rows"]), (&"0003_no_fax".into(), &2.into()), "{told}");
        assert!(kept["bytes"].as_u64().is_some_and(|bytes| (10..100).contains(&bytes)), "{told}");
        let name = kept["tables"][0]["name"].as_str().expect("a name").to_owned();
        assert!(name.ends_with("_u_customer__fax"), "{name}");
        assert!(kept["tables"][0]["hidden_in"].as_str().is_some_and(|it| it.contains("customer")));
        ends(&shop.run(&["status"]), 0, &[&format!("{name} (hidden in customer)")]);
        let ran = shop.run(&["release", "--dry-run"]);
        ends(&ran, 0, &["would release 1 kept table", "0003_no_fax could not be rolled back"]);
        assert_eq!(
            shown(shop, &format!("SELECT count(_migrate_kept_{name}) FROM customer")),
            [["2"]]
        );
        ends(&shop.run(&["release", "-y", &name]), 0, &["released 1 kept table"]);
        let columns = match shop.dialect {
            Dialect::Sqlite => "SELECT count(*) FROM pragma_table_info('customer')",
            Dialect::Postgres => {
                "SELECT count(*) FROM pg_attribute WHERE attrelid = 'customer'::regclass AND attnum > 0 \
                 AND NOT attisdropped"
            }
        };
        assert_eq!(shown(shop, columns), [["2"]]);
        ends(&shop.run(&["status"]), 0, &["no drift"]);
        let held = shop.dump();
        ends(&shop.run(&["rollback"]), 7, &[&format!("kept data `{name}` was released")]);
        assert_eq!(shop.dump(), held);
    });
}

/// The next version writes the table anew (SQLite) or drops it: neither knows of the hidden column.
#[test]
fn a_later_version_cannot_lose_it() {
    on_each_engine(hidden_fax, |shop| {
        let change = match shop.dialect {
            Dialect::Sqlite => HEAD.replace("max: 200", "max: 100"),
            Dialect::Postgres => HEAD.replace(
                "  Customer:\n    fields:\n      id: int\n      name: { type: text, max: 200 }\n",
                "  Order:\n    fields:\n      id: int\nchanges:\n  - drop: Customer\n    reason: test\n",
            ),
        };
        shop.write("model.yaml", &change);
        ends(&shop.run(&["plan", "next"]), 0, &[]);
        let held = shop.dump();
        let says = [
            "`customer`",
            "customer__fax",
            "roll back the version",
            "migrate release",
            "nothing was applied",
        ];
        ends(&shop.run(&["apply"]), 7, &says);
        ends(&shop.run(&["apply", "--no-rehearsal"]), 7, &says);
        assert_eq!(shop.dump(), held);
        // Both ways on.
        let before = held.2.clone();
        ends(&shop.run(&["release", "-y", "3"]), 0, &["released 1 kept table"]);
        assert_ne!(shop.dump().2, before);
        ends(&shop.run(&["apply"]), 0, &["applied 0004_next"]);
        ends(&shop.run(&["rollback"]), 0, &["rolled back 0004_next"]);
        let rows = shown(shop, "SELECT id, name FROM customer ORDER BY id");
        assert_eq!(rows, [["1", "Ada"], ["2", "Barbara"]]);
    });
}

/// Several versions at once: what the second would lose, the first has not hidden yet.
#[test]
fn versions_that_run_together_are_refused_before_the_first() {
    on_each_engine(hidden_fax, |shop| {
        ends(&shop.run(&["rollback"]), 0, &[]);
        let change = match shop.dialect {
            Dialect::Sqlite => HEAD.replace("max: 200", "max: 100"),
            Dialect::Postgres => HEAD.replace(
                "  Customer:\n    fields:\n      id: int\n      name: { type: text, max: 200 }\n",
                "  Order:\n    fields:\n      id: int\nchanges:\n  - drop: Customer\n    reason: test\n",
            ),
        };
        shop.write("model.yaml", &change);
        ends(&shop.run(&["plan", "next"]), 0, &[]);
        let held = shop.dump();
        ends(&shop.run(&["apply"]), 7, &["`0004_next` drops the table", "nothing was applied"]);
        assert_eq!(shop.dump(), held);
        // Where there are no rows there is nothing to lose.
        shop.sql("DELETE FROM customer");
        ends(&shop.run(&["apply"]), 0, &["applied 0003_no_fax", "applied 0004_next"]);
    });
}

/// A version that was applied while there were no rows can be taken back once there are: they were written since.
#[test]
fn rows_written_since_do_not_stop_the_way_back_of_a_later_version() {
    let empty = |dialect| {
        let shop = hidden_fax(dialect)?;
        shop.sql("DELETE FROM customer");
        shop.write("model.yaml", &format!("{HEAD}      note: text?\n"));
        ends(&shop.run(&["plan", "note"]), 0, &[]);
        ends(&shop.run(&["apply"]), 0, &["applied 0004_note"]);
        shop.sql("INSERT INTO customer (id, name, note) VALUES (3, 'Carol', 'n')");
        Some(shop)
    };
    on_each_engine(empty, |shop| {
        ends(&shop.run(&["rollback"]), 0, &["rolled back 0004_note"]);
        assert_eq!(shown(shop, "SELECT id, name FROM customer"), [["3", "Carol"]]);
        let ran = shop.run(&["rollback"]);
        match shop.dialect {
            Dialect::Sqlite => ends(&ran, 7, &["customer__fax` was released"]),
            Dialect::Postgres => ends(&ran, 0, &["rolled back 0003_no_fax"]),
        }
    });
}

/// A version that leaves the table where it is goes there and back over the hidden column.
#[test]
fn other_versions_of_the_table_go_on_around_it() {
    on_each_engine(hidden_fax, |shop| {
        shop.write("model.yaml", &format!("{HEAD}      note: text?\n"));
        ends(&shop.run(&["plan", "note"]), 0, &["note"]);
        if shop.dialect == Dialect::Sqlite {
            // To take the column away again the table is written anew.
            let held = shop.dump();
            let says = ["writes it anew on its way back", "customer__fax", "nothing was applied"];
            ends(&shop.run(&["apply"]), 7, &says);
            assert_eq!(shop.dump(), held);
            return;
        }
        ends(&shop.run(&["apply"]), 0, &["applied 0004_note"]);
        shop.sql("INSERT INTO customer (id, name, note) VALUES (3, 'Carol', 'n')");
        ends(&shop.run(&["rollback", "--steps", "2"]), 0, &["0004_note", "0003_no_fax"]);
        let rows = shown(shop, "SELECT id, coalesce(fax, 'none') FROM customer ORDER BY id");
        assert_eq!(rows, [["1", "fax 1"], ["2", "fax 2"], ["3", "none"]]);
    });
}

fn down_with(shop: &Shop, values: &[&str]) -> Ran {
    let mut arguments = vec!["rollback", "--plan", "plan", "--yes"];
    values.iter().for_each(|value| arguments.extend(["--value", value]));
    shop.run(&arguments)
}

/// A row that was written since has no value of a required column: it is named, and may be given one. Triggers are not
/// told.
#[test]
fn a_required_column_stops_a_rollback_by_key_and_takes_values() {
    let schemas = [
        "CREATE TABLE log (id integer);
         CREATE TABLE item (id integer PRIMARY KEY, vat text NOT NULL, grade integer NOT NULL DEFAULT 4, note text);
         CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO log VALUES (NEW.id); RETURN NEW; END $$;
         CREATE TRIGGER told AFTER UPDATE ON item FOR EACH ROW EXECUTE FUNCTION tell();",
        "CREATE TABLE log (id integer);
         -- migrate:keep vat hide
         -- migrate:keep grade hide
         CREATE TABLE item (id integer PRIMARY KEY, note text);
         CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO log VALUES (NEW.id); RETURN NEW; END $$;
         CREATE TRIGGER told AFTER UPDATE ON item FOR EACH ROW EXECUTE FUNCTION tell();",
    ];
    let rows = "INSERT INTO item VALUES (1, 'one', 1, 'n'), (2, 'two', 2, NULL)";
    let Some(shop) = Shop::new(Dialect::Postgres, "sql", schemas, rows) else { return };
    done(shop.up());
    shop.write("INSERT INTO item VALUES (3), (4)");
    let told = ["item.vat required", "2 of 4 rows", "id=3", "--value \"item.vat=EXPRESSION\""];
    refused(&shop, Shop::down, 7, &told);
    done(down_with(&shop, &["item.vat='V-' || id"]));
    let held = |query: &str| support::rows(&mut shop.place.open(), query);
    let rows = held("SELECT id, vat, grade FROM item ORDER BY id");
    assert_eq!(rows, [["1", "one", "1"], ["2", "two", "2"], ["3", "V-3", "4"], ["4", "V-4", "4"]]);
    assert_eq!(held("SELECT count(*) FROM log"), [["0"]]);
    assert_eq!(held("SELECT tgenabled FROM pg_trigger WHERE tgname = 'told'"), [["O"]]);
    done(shop.up());
    done(shop.down());
    assert_eq!(held("SELECT id, vat, grade FROM item ORDER BY id"), rows);
}

/// Where the model says nothing, the size of the table in the database at hand decides.
#[test]
fn size_decides_where_the_model_does_not() {
    let Some(shop) = Project::applied(Dialect::Postgres) else { return };
    shop.write("migrate.toml", "[keep]\nhide_from = \"4 MiB\"\n");
    let fields = "      fax: text?\n      mail: { type: text, optional: true, pii: email }\n      tax: text?\n";
    shop.write("model.yaml", &format!("{HEAD}{fields}"));
    ends(&shop.run(&["plan", "fields"]), 0, &[]);
    ends(&shop.run(&["apply", "--no-rehearsal"]), 0, &["applied"]);
    let drops = "changes:\n  - drop: Customer.fax\n  - drop: Customer.mail\n  - drop: Customer.tax\n    keep: copy\n";
    shop.write("model.yaml", &format!("{HEAD}{drops}"));
    // Small.
    let ran = shop.run(&["plan", "drops", "--dry-run"]);
    ends(&ran, 0, &["drop column customer.fax", "copied with their row keys\n"]);
    shop.sql("INSERT INTO customer SELECT i, repeat('x', 150), 'f', 'm', 't' FROM generate_series(10, 10009) i");
    let ran = shop.run(&["plan", "drops", "--dry-run"]);
    ends(&ran, 0, &["its table has ", "MiB, and columns are hidden from 4.0 MiB on"]);
    shop.sql("INSERT INTO customer SELECT i, repeat('x', 150), 'f', 'm', 't' FROM generate_series(20000, 40000) i");
    let ran = shop.run(&["plan", "drops", "--dry-run"]);
    ends(
        &ran,
        0,
        &[
            "hide column customer.fax",
            "out of sight (its table has ",
            "drop column customer.mail",
            "but `mail` cannot be hidden: it holds personal data",
            "drop column customer.tax",
            "as `keep: copy` says; its table has ",
        ],
    );
    shop.write("migrate.toml", "[keep]\nhide_from = \"never\"\n");
    let ran = shop.run(&["plan", "drops", "--dry-run"]);
    assert!(!ran.text.contains("hide column"), "{}", ran.text);
    shop.write("migrate.toml", "[keep]\nhide_from = \"4 MB\"\n");
    ends(&shop.run(&["plan", "drops", "--dry-run"]), 1, &["`4 MB` is no size"]);
}

#[test]
fn how_values_are_kept_is_said_of_fields_that_are_dropped() {
    on_each_engine(Project::applied, |shop| {
        shop.write("model.yaml", &format!("{HEAD}changes:\n  - drop: Customer\n    keep: hide\n"));
        ends(&shop.run(&["plan", "x"]), 1, &["how values are kept is said of a field"]);
    });
}
