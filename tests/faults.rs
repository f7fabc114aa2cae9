//! What goes wrong around a migration: each fault gives a message that names the cause and what to do, its exit code,
//! and a database that is as it was. No output holds a password.

mod faults_support;
mod journey;
mod support;

use std::fs;
use std::time::{Duration, Instant};

use faults_support::{FIRST, Shop, ends, on_each_engine, server_that_refuses};
use journey::migrate;
use migrate::db::lock::Claim;
use migrate::text::Dialect;

#[test]
fn a_broken_model_is_shown_with_its_place() {
    let faults = [
        ("model: 1\nname: shop\nentities:\n  - broken: [\n", "the YAML cannot be read", ":4:"),
        (&FIRST.replace("type: text", "type: txet"), "unknown type `txet`", "did you mean `text`"),
        (
            &format!("{FIRST}    rules: {{ r: nmae = 1 }}\n"),
            "no field `nmae`",
            "did you mean `name`",
        ),
    ];
    for (model, cause, more) in faults {
        let shop = Shop::applied(Dialect::Sqlite).expect("SQLite is always there");
        let before = shop.dump();
        shop.write("model.yaml", model);
        for command in [&["plan", "next"][..], &["check"]] {
            ends(&shop.run(command), 1, &[cause, more, "model.yaml"]);
        }
        assert_eq!(shop.dump(), before);
        assert_eq!(shop.versions(), ["0001_first"], "nothing was sealed");
    }
}

#[test]
fn a_missing_file_is_named() {
    let shop = Shop::applied(Dialect::Sqlite).expect("SQLite is always there");
    fs::remove_file(shop.path("model.yaml")).expect("removed");
    ends(&shop.run(&["plan", "next"]), 1, &["model.yaml` does not exist", "help: "]);
    ends(&shop.run(&["verify", "--model", "absent.yaml"]), 1, &["absent.yaml` does not exist"]);
    let absent = ["status", "-u", "sqlite:absent.db"];
    ends(&shop.run(&absent), 1, &["absent.db` does not exist", "check the path"]);
    assert!(!shop.path("absent.db").exists(), "looking makes no file");
    let nowhere = tempfile::tempdir().expect("a folder");
    let ran = journey::ran(migrate(nowhere.path()).args(["status", "-u", "sqlite:x.db"]));
    ends(&ran, 1, &["x.db` does not exist"]);
    let ran = journey::ran(migrate(nowhere.path()).args(["apply", "-u", "sqlite:x.db"]));
    ends(&ran, 1, &["no `migrate.toml`", "`migrate init`"]);
}

#[test]
fn a_file_that_is_no_database_is_left_alone() {
    let shop = Shop::applied(Dialect::Sqlite).expect("SQLite is always there");
    let text =
        "this is no database, and longer than its header of a hundred bytes would be. ".repeat(3);
    shop.write("no.db", &text);
    for command in ["status", "apply", "verify"] {
        let ran = shop.run(&[command, "-u", "sqlite:no.db"]);
        ends(&ran, 1, &["no.db` is not a SQLite database", "help: check the path"]);
    }
    assert_eq!(fs::read_to_string(shop.path("no.db")).expect("it is there"), text);
}

#[test]
fn an_unreachable_server_is_named_without_the_password() {
    let shop = Shop::applied(Dialect::Sqlite).expect("SQLite is always there");
    let url = "postgres://app:pa55word@127.0.0.1:1/shop";
    for command in ["status", "apply", "verify", "check"] {
        let ran = shop.run(&[command, "-u", url]);
        ends(&ran, 1, &["cannot reach postgres://app@127.0.0.1:1/shop", "check host and port"]);
    }
}

#[test]
fn a_wrong_password_is_said_and_not_shown() {
    let shop = Shop::applied(Dialect::Sqlite).expect("SQLite is always there");
    let port = server_that_refuses();
    let url = format!("postgres://app:pa55word@127.0.0.1:{port}/shop?sslmode=disable");
    let ran = shop.run(&["status", "-u", &url]);
    ends(&ran, 1, &["password authentication failed for user \"app\"", "help: "]);
    let ran = shop.run(&["plan", "--from", "empty", "--to", &url]);
    ends(&ran, 1, &["password authentication failed"]);
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_be_written_stays_as_it_is() {
    let shop = Shop::pending(Dialect::Sqlite).expect("SQLite is always there");
    let bytes = fs::read(shop.path("shop.db")).expect("the database");
    let Some(ran) = shop.run_without_rights(&["apply", "--no-rehearsal"]) else {
        eprintln!("skipped: the binary cannot be run as another user here");
        return;
    };
    ends(&ran, 1, &["shop.db", "help: give yourself the right to write"]);
    assert_eq!(fs::read(shop.path("shop.db")).expect("the database"), bytes);
}

#[test]
fn a_user_who_may_only_read_changes_nothing() {
    let Some(shop) = Shop::pending(Dialect::Postgres) else { return };
    let before = shop.dump();
    shop.sql(
        "CREATE ROLE migrate_test_reader LOGIN; GRANT pg_read_all_data TO migrate_test_reader",
    );
    let url = shop.url_as("migrate_test_reader");
    let ran = shop.run(&["apply", "--no-rehearsal", "-u", &url]);
    ends(&ran, 1, &["must be owner of table customer", "everything was rolled back"]);
    assert_eq!(shop.dump(), before);
    shop.sql("DROP ROLE migrate_test_reader");
}

#[test]
fn a_damaged_history_stops_every_command_that_reads_it() {
    let shop = Shop::pending(Dialect::Sqlite).expect("SQLite is always there");
    let before = shop.dump();
    let damaged = |damage: &dyn Fn(&Shop), cause: &[&str]| {
        let whole = shop.keep_migrations();
        damage(&shop);
        for command in ["apply", "status", "check", "rehearse"] {
            ends(&shop.run(&[command]), 6, cause);
        }
        ends(&shop.run(&["plan", "next"]), 6, cause);
        shop.restore_migrations(&whole);
        assert_eq!(shop.dump(), before, "{cause:?}");
    };
    damaged(
        &|shop| shop.append("migrations/0002_email/sqlite.up.sql", "-- edited\n"),
        &[
            "version `0002_email` was edited",
            "help: restore the files from git",
            "`migrate rehash`",
        ],
    );
    damaged(
        &|shop| fs::remove_file(shop.path("migrations/0002_email/plan.json")).expect("removed"),
        &["`0002_email`", "missing or half-written", "plan.json"],
    );
    damaged(
        &|shop| fs::remove_dir_all(shop.path("migrations/0002_email")).expect("removed"),
        &["`0002_email`", "missing or half-written"],
    );
    damaged(
        &|shop| shop.prepend("migrations/chain.sum", "<<<<<<< HEAD\n"),
        &["chain.sum line 1", "git conflict marker", "help: "],
    );
    damaged(
        &|shop| fs::create_dir(shop.path("migrations/0003_stray")).expect("made"),
        &["folder `0003_stray`", "not in chain.sum"],
    );
    ends(&shop.run(&["apply", "--no-rehearsal"]), 0, &["applied 0002_email"]);
}

#[test]
fn a_draft_that_was_never_finished_is_no_version() {
    let shop = Shop::pending(Dialect::Sqlite).expect("SQLite is always there");
    fs::create_dir(shop.path("migrations/.draft-abc")).expect("made");
    ends(&shop.run(&["apply", "--no-rehearsal"]), 0, &["applied 0002_email"]);
}

#[test]
fn two_versions_with_one_parent_are_a_fork() {
    let shop = Shop::applied(Dialect::Sqlite).expect("SQLite is always there");
    let start = shop.keep_migrations();
    shop.plan("fax: text?", "fax");
    let theirs = shop.keep_migrations();
    shop.restore_migrations(&start);
    shop.plan("email: text?", "email");
    let before = shop.dump();
    shop.take_version(&theirs, "0002_fax");
    let link = fs::read_to_string(theirs.path().join("chain.sum")).expect("their chain");
    shop.append("migrations/chain.sum", &format!("{}\n", link.lines().last().unwrap_or_default()));
    for command in ["apply", "check", "status"] {
        ends(&shop.run(&[command]), 6, &["follow the same parent", "`0002_email`", "`0002_fax`"]);
    }
    assert_eq!(shop.dump(), before);
}

#[test]
fn drift_is_refused_before_anything_runs() {
    on_each_engine(Shop::pending, |shop| {
        shop.sql("ALTER TABLE customer ADD COLUMN by_hand integer");
        let before = shop.dump();
        ends(
            &shop.run(&["apply", "--no-rehearsal"]),
            6,
            &["not as version `0001_first` left it", "help: `migrate diff"],
        );
        ends(&shop.run(&["rollback"]), 6, &["somebody changed its schema"]);
        ends(&shop.run(&["status", "--exit-code"]), 6, &["drift"]);
        assert_eq!(shop.dump(), before);
    });
}

#[test]
fn a_ledger_that_was_changed_by_hand_is_not_trusted() {
    on_each_engine(Shop::pending, |shop| {
        let ledger = match shop.dialect {
            Dialect::Postgres => "migrate.ledger",
            Dialect::Sqlite => "_migrate_ledger",
        };
        shop.sql(&format!("UPDATE {ledger} SET actor = 'somebody else'"));
        let before = shop.dump();
        for command in [&["apply", "--no-rehearsal"][..], &["rollback"], &["status"]] {
            ends(&shop.run(command), 6, &["row 1 of the ledger", "changed by hand", "help: "]);
        }
        ends(&shop.run(&["log", "--verify"]), 6, &["row 1 of the ledger"]);
        assert_eq!(shop.dump(), before);
    });
}

#[test]
fn another_migrator_is_waited_for_and_named() {
    on_each_engine(Shop::pending, |shop| {
        let before = shop.dump();
        let mut other = shop.open();
        let held = match shop.dialect {
            Dialect::Postgres => {
                match other.try_lock(Duration::ZERO).expect("the lock is asked for") {
                    Claim::Held(guard) => Some(guard),
                    Claim::Busy(holder) => panic!("{holder}"),
                }
            }
            Dialect::Sqlite => {
                other.begin(migrate::db::Mode::Write).expect("the write lock");
                None
            }
        };
        let start = Instant::now();
        let ran = shop.run(&["apply", "--no-rehearsal", "--wait", "1"]);
        ends(&ran, 9, &["another", "help: "]);
        assert!(start.elapsed() < Duration::from_secs(60), "every wait is bounded");
        drop(held);
        if shop.dialect == Dialect::Sqlite {
            other.rollback().expect("the lock is free again");
        }
        drop(other);
        assert_eq!(shop.dump(), before);
        ends(&shop.run(&["apply", "--no-rehearsal"]), 0, &["applied 0002_email"]);
    });
}

#[test]
fn rows_that_break_a_new_rule_are_shown_and_nothing_is_applied() {
    on_each_engine(Shop::applied, |shop| {
        shop.write("model.yaml", &FIRST.replace("max: 200", "max: 4"));
        ends(&shop.run(&["plan", "short"]), 0, &["customer"]);
        let before = shop.dump();
        let ran = shop.run(&["apply", "--no-rehearsal"]);
        ends(&ran, 5, &["rows break rules", "Barbara", "help: repair those rows"]);
        assert_eq!(shop.dump(), before);
    });
}

#[test]
fn a_drop_that_nobody_wrote_down_is_refused() {
    on_each_engine(Shop::pending, |shop| {
        ends(&shop.run(&["apply", "--no-rehearsal"]), 0, &["applied"]);
        shop.write("model.yaml", FIRST);
        let before = shop.dump();
        let ran = shop.run(&["plan", "without"]);
        ends(&ran, 7, &["question", "customer.email", "drop"]);
        assert_eq!(shop.dump(), before);
        assert_eq!(shop.versions(), ["0001_first", "0002_email"]);
    });
}

#[test]
fn the_other_codes_are_as_documented() {
    let shop = Shop::pending(Dialect::Sqlite).expect("SQLite is always there");
    ends(&shop.run(&["frobnicate"]), 2, &["unrecognized subcommand"]);
    ends(&shop.run(&["apply", "--plan"]), 2, &["a value is required"]);
    ends(&shop.run(&["status", "--exit-code"]), 3, &["0002_email"]);
    ends(&shop.run(&["status"]), 0, &["0002_email"]);
    let spaced = FIRST.replace("name: {", "name:   {");
    shop.write("model.yaml", &spaced);
    ends(&shop.run(&["fmt", "--check"]), 4, &["model.yaml"]);
}
