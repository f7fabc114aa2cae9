//! Kept data thrown away for good: what is chosen, what is refused, who is waited for, what a rollback can do after it.

mod faults_support;
mod journey;
mod support;

use faults_support::{FIRST, Shop, ends, on_each_engine};
use migrate::apply::kept::{Rows, kept_counted};
use migrate::db::lock::Claim;
use migrate::text::Dialect;
use std::time::Duration;

/// The second version adds two columns, the third and the fourth drop one each.
fn shop(dialect: Dialect) -> Option<Shop> {
    let shop = Shop::applied(dialect)?;
    let evolve = |name: &str, fields: &str, drops: &[&str]| {
        let drops =
            drops.iter().map(|name| format!("  - drop: Customer.{name}\n    reason: test\n"));
        let drops: String = std::iter::once("changes:\n".to_owned()).chain(drops).collect();
        let drops = if drops.contains("drop") { drops } else { String::new() };
        shop.write("model.yaml", &format!("{FIRST}{fields}{drops}"));
        ends(&shop.run(&["plan", name]), 0, &[]);
        ends(&shop.run(&["apply", "--no-rehearsal"]), 0, &["applied"]);
    };
    evolve("columns", "      fax: text?\n      price: decimal(12,4)?\n", &[]);
    shop.sql("UPDATE customer SET fax = 'fax ' || id, price = 1.2345");
    evolve("no_fax", "      price: decimal(12,4)?\n", &["fax"]);
    evolve("no_price", "", &["fax", "price"]);
    Some(shop)
}

fn kept(shop: &Shop) -> usize {
    journey::kept(&mut shop.open()).len()
}

#[test]
fn a_dry_run_throws_nothing_away_and_age_is_that_of_the_last_run() {
    on_each_engine(shop, |shop| {
        let before = shop.dump();
        let ran = shop.run(&["release", "--dry-run"]);
        ends(
            &ran,
            0,
            &[
                "would release 2 kept tables: ",
                "0003_no_fax",
                "0004_no_price",
                "  2 rows, ",
                "KiB",
                "0003_no_fax, 0004_no_price could not be rolled back after that",
            ],
        );
        assert_eq!(shop.dump(), before);
        let ran = shop.run(&["release", "--dry-run", "--json"]);
        let told: serde_json::Value = serde_json::from_str(&ran.text).expect("JSON");
        let first = &told["would_release"][0];
        assert_eq!(told["would_release"].as_array().map(Vec::len), Some(2));
        assert!(first["bytes"].as_u64().is_some_and(|bytes| bytes >= 4096), "{told}");
        assert_eq!(first["estimated"], false);
        assert_eq!(told["cannot_be_rolled_back"][0], "0003_no_fax");
        assert_eq!(told["would_release"][0]["rows"], 2, "{told}");
        ends(&shop.run(&["release", "-y", "--older-than", "1d"]), 0, &["nothing is kept"]);
        assert_eq!(kept(shop), 2);
        std::thread::sleep(Duration::from_millis(1100));
        ends(&shop.run(&["release", "-y", "--older-than", "0h"]), 0, &["released 2 kept tables"]);
        assert_eq!(kept(shop), 0);
    });
}

#[test]
fn status_says_what_kept_data_takes() {
    on_each_engine(shop, |shop| {
        let ran = shop.run(&["status"]);
        ends(
            &ran,
            0,
            &["kept: 4 rows, ", "  0003_no_fax    2 rows, ", "  0004_no_price  2 rows, "],
        );
        let ran = shop.run(&["status", "--json"]);
        let told: serde_json::Value = serde_json::from_str(&ran.text).expect("JSON");
        let kept = &told["kept"];
        assert_eq!(kept["rows"], 4, "{told}");
        assert_eq!(kept["versions"][0]["version"], "0003_no_fax");
        assert_eq!(kept["versions"][1]["rows"], 2);
        assert_eq!(kept["versions"][1]["tables"][0]["rows"], 2);
        let bytes = |of: &serde_json::Value| of["bytes"].as_u64().expect("a number");
        let versions: Vec<u64> = (0..2).map(|at| bytes(&kept["versions"][at])).collect();
        assert!(versions.iter().all(|size| *size >= 4096), "{told}");
        assert_eq!(bytes(kept), versions.iter().sum::<u64>());
        match shop.dialect {
            Dialect::Sqlite => of_sqlite(shop, bytes(kept)),
            Dialect::Postgres => of_postgres(shop, bytes(kept)),
        }
    });
}

/// Throwing away and packing makes the file that much smaller.
fn of_sqlite(shop: &Shop, kept: u64) {
    let size = || {
        shop.sql("VACUUM");
        std::fs::metadata(shop.path("shop.db")).expect("a file").len()
    };
    let before = size();
    ends(&shop.run(&["release", "-y"]), 0, &[]);
    assert_eq!(before - size(), kept);
}

/// Large tables are not counted, and who may not read them is told their size.
fn of_postgres(shop: &Shop, kept: u64) {
    let mut database = shop.open();
    let estimated = |database: &mut _| {
        kept_counted(database, 0)
            .expect("sizes")
            .iter()
            .filter_map(|it| it.rows)
            .collect::<Vec<_>>()
    };
    assert_eq!(estimated(&mut database), [Rows::Counted(2); 2], "nobody has looked yet");
    support::run(&mut database, "ANALYZE");
    assert_eq!(estimated(&mut database), [Rows::Estimated(2); 2]);
    let role = format!("onlooker_{}", std::process::id());
    shop.sql(&format!(
        "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA migrate TO {role}; \
         GRANT SELECT ON ALL TABLES IN SCHEMA migrate TO {role}"
    ));
    let ran = shop.run(&["status", "--json", "-u", &shop.url_as(&role)]);
    shop.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
    ends(&ran, 0, &[]);
    let told: serde_json::Value = serde_json::from_str(&ran.text).expect("JSON");
    assert_eq!(told["kept"]["rows"], serde_json::Value::Null, "{told}");
    assert_eq!(told["kept"]["bytes"].as_u64(), Some(kept));
}

#[test]
fn the_oldest_kept_data_goes_first() {
    on_each_engine(shop, |shop| {
        ends(
            &shop.run(&["release", "-y", "--up-to", "3"]),
            0,
            &["released 1 kept table", "0003_no_fax cannot be rolled back any more"],
        );
        assert_eq!(kept(shop), 1);
        ends(&shop.run(&["rollback", "--to", "3"]), 0, &["rolled back 0004_no_price"]);
        let price = support::rows(&mut shop.open(), "SELECT price FROM customer ORDER BY id");
        assert_eq!(price[0][0], "1.2345");
        ends(&shop.run(&["rollback"]), 7, &["was released", "nothing was rolled back"]);
        ends(&shop.run(&["status"]), 0, &["applied  0003_no_fax", "no drift"]);
        // What the rollback kept belongs to a later version than the third.
        ends(&shop.run(&["release", "-y", "--up-to", "0003_no_fax"]), 0, &["nothing is kept"]);
        ends(&shop.run(&["log", "--verify"]), 0, &["release"]);
    });
}

#[test]
fn what_an_older_version_needs_on_its_way_back_is_not_thrown_away_by_the_way() {
    on_each_engine(shop, |shop| {
        let before = shop.dump();
        for way in [&["0004_no_price"][..], &["4"], &["4", "--dry-run"]] {
            let arguments = [&["release", "-y"][..], way].concat();
            ends(
                &shop.run(&arguments),
                7,
                &[
                    "0003_no_fax is taken back after 0004_no_price",
                    "migrate release --up-to 0004_no_price",
                    "--allow loss",
                ],
            );
        }
        assert_eq!(shop.dump(), before);
        ends(&shop.run(&["release", "-y", "4", "--allow", "loss"]), 0, &["released 1 kept table"]);
        ends(&shop.run(&["rollback"]), 7, &["was released"]);
        // Out of reach already, so that nothing hangs on it.
        ends(&shop.run(&["release", "-y", "3"]), 0, &["released 1 kept table"]);
    });
}

#[test]
fn a_version_is_released_as_a_whole() {
    on_each_engine(Shop::applied, |shop| {
        let entity =
            |name: &str| format!("  {name}:\n    fields:\n      id: int\n      word: text\n");
        shop.write("model.yaml", &format!("{FIRST}{}{}", entity("Left"), entity("Right")));
        ends(&shop.run(&["plan", "two"]), 0, &[]);
        ends(&shop.run(&["apply", "--no-rehearsal"]), 0, &[]);
        shop.sql("INSERT INTO \"left\" (id, word) VALUES (1, 'a')");
        shop.sql("INSERT INTO \"right\" (id, word) VALUES (1, 'b'), (2, 'c')");
        let drops =
            "changes:\n  - drop: Left\n    reason: test\n  - drop: Right\n    reason: test\n";
        shop.write("model.yaml", &format!("{FIRST}{drops}"));
        ends(&shop.run(&["plan", "none"]), 0, &[]);
        ends(&shop.run(&["apply", "--no-rehearsal"]), 0, &[]);
        let status = shop.run(&["release", "--dry-run", "--json"]);
        let told: serde_json::Value = serde_json::from_str(&status.text).expect("JSON");
        let name = told["would_release"][0]["name"].as_str().expect("a name");
        ends(
            &shop.run(&["release", "-y", name]),
            7,
            &["0003_none is put back as a whole or not at all", "2 rows"],
        );
        ends(&shop.run(&["rollback"]), 0, &[]);
        let rows = support::rows(&mut shop.open(), "SELECT word FROM \"right\" ORDER BY id");
        assert_eq!(rows, [["b"], ["c"]]);
    });
}

fn gives_up_waiting(shop: &Shop) {
    let mut other = shop.open();
    let _guard = match shop.dialect {
        Dialect::Postgres => match other.try_lock(Duration::ZERO).expect("the lock") {
            Claim::Held(guard) => Some(guard),
            Claim::Busy(holder) => panic!("{holder} has it"),
        },
        Dialect::Sqlite => {
            other.begin(migrate::db::Mode::Write).expect("a transaction");
            None
        }
    };
    let url = match shop.dialect {
        Dialect::Postgres => String::new(),
        Dialect::Sqlite => {
            "[env.local]\nurl = \"sqlite:shop.db\"\nlock_timeout_ms = 200\n".to_owned()
        }
    };
    shop.write("migrate.toml", &url);
    let mut command = shop.command(&["release", "-y", "--wait", "0"]);
    if shop.dialect == Dialect::Sqlite {
        command.args(["-e", "local"]);
    }
    ends(&journey::ran(&mut command), 9, &[]);
    assert_eq!(kept(shop), 2);
    drop(other);
}

#[test]
fn it_waits_for_another_migrator_and_is_refused_while_a_run_is_open() {
    on_each_engine(shop, |shop| {
        gives_up_waiting(shop);
        let run = support::rows(
            &mut shop.open(),
            &match shop.dialect {
                Dialect::Sqlite => "SELECT max(number) + 1 FROM _migrate_ledger".to_owned(),
                Dialect::Postgres => "SELECT max(number) + 1 FROM migrate.ledger".to_owned(),
            },
        );
        let journal = match shop.dialect {
            Dialect::Sqlite => "_migrate_journal",
            Dialect::Postgres => "migrate.journal",
        };
        shop.sql(&format!(
            "INSERT INTO {journal} (run, version, way, plan, step, title, state, at) \
             VALUES ({}, '0004_no_price', 'down', 'x', 1, 'a step', 'done', 'now')",
            run[0][0]
        ));
        for arguments in [&["release", "-y"][..], &["release", "--dry-run"]] {
            ends(
                &shop.run(arguments),
                8,
                &["`0004_no_price` stopped half-way (rollback, after step 1)"],
            );
        }
        assert_eq!(kept(shop), 2);
    });
}

#[test]
fn a_release_hides_no_drift() {
    on_each_engine(shop, |shop| {
        shop.sql("CREATE INDEX by_hand ON customer (name)");
        ends(&shop.run(&["status"]), 0, &["drift:"]);
        ends(&shop.run(&["release", "-y"]), 0, &["released 2 kept tables"]);
        ends(&shop.run(&["status", "--exit-code"]), 6, &["drift:"]);
        ends(&shop.run(&["rollback"]), 6, &["somebody changed its schema"]);
    });
}

/// Partitions hang on the table they are of, and kept tables on each other.
#[test]
fn kept_tables_that_hang_together_go_together() {
    let Some(server) = support::postgres() else { return };
    let database = server.database();
    let folder = tempfile::tempdir().expect("a folder");
    let run = |arguments: &[&str]| {
        let mut command = journey::migrate(folder.path());
        let url = journey::typed(&database.url);
        journey::ran(command.args(arguments).args(["-u", &url, "--scratch-url", &url]))
    };
    let before = "CREATE TABLE a (id int PRIMARY KEY);
        CREATE TABLE log (id int NOT NULL, at date NOT NULL, a int REFERENCES a) PARTITION BY RANGE (at);
        CREATE TABLE a_part PARTITION OF log FOR VALUES FROM ('2026-01-01') TO ('2026-07-01');
        CREATE TABLE z_part PARTITION OF log FOR VALUES FROM ('2026-07-01') TO ('2027-01-01');";
    std::fs::write(folder.path().join("a.sql"), before).expect("a file");
    std::fs::write(folder.path().join("b.sql"), "").expect("a file");
    for statement in before.split_inclusive(';') {
        support::run(&mut database.open(), statement);
    }
    support::run(&mut database.open(), "INSERT INTO a VALUES (1)");
    support::run(
        &mut database.open(),
        "INSERT INTO log VALUES (1, '2026-02-03', 1), (2, '2026-08-03', 1)",
    );
    let planned = run(&[
        "plan",
        "--from",
        "a.sql",
        "--to",
        "b.sql",
        "--dialect",
        "postgres",
        "--out",
        "p",
        "--allow",
        "loss,ambiguous",
    ]);
    ends(&planned, 0, &[]);
    ends(&run(&["apply", "--plan", "p", "--no-rehearsal"]), 0, &["applied plan"]);
    ends(&run(&["release", "--dry-run"]), 0, &["would release 4 kept tables: 3 rows, "]);
    ends(&run(&["release", "-y"]), 0, &["released 4 kept tables: 3 rows, "]);
    let left = support::rows(
        &mut database.open(),
        "SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace \
         WHERE nspname = 'migrate_kept'",
    );
    assert!(left.is_empty(), "{left:?}");
}
