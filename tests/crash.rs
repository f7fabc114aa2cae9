//! A migrator that is killed leaves the database as it was or as it should become, and the next run goes on by itself.

#![cfg(unix)]

mod faults_support;
mod journey;
mod support;

use std::process::Stdio;
use std::time::Duration;

use faults_support::{Shop, ends, on_each_engine};
use migrate::text::Dialect;

/// Enough rows that a kill meets the run at work, whatever the machine.
const ROWS: u32 = 40_000;

fn busy(dialect: Dialect) -> Option<Shop> {
    let shop = Shop::applied(dialect)?;
    shop.plan("note: { type: text, backfill: \"name || '!'\" }", "note");
    shop.sql(&match dialect {
        Dialect::Postgres => format!(
            "INSERT INTO customer (id, name) SELECT i, 'name ' || i FROM generate_series(3, {ROWS}) AS i"
        ),
        Dialect::Sqlite => format!(
            "WITH RECURSIVE n (i) AS (SELECT 3 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS}) \
             INSERT INTO customer (id, name) SELECT i, 'name ' || i FROM n"
        ),
    });
    Some(shop)
}

#[test]
fn a_killed_apply_did_all_or_nothing_and_the_next_one_finishes() {
    on_each_engine(busy, |shop| {
        let before = shop.dump();
        for wait_ms in [1, 15, 30, 60, 90, 130, 180, 260] {
            let mut command = shop.command(&["apply", "--no-rehearsal"]);
            command.stdout(Stdio::null()).stderr(Stdio::null());
            let mut child = command.spawn().expect("the binary runs");
            std::thread::sleep(Duration::from_millis(wait_ms));
            // Sends SIGKILL; a child that has ended already is no error worth telling.
            let _ = child.kill();
            child.wait().expect("it ended");
            let after = shop.dump();
            if after != before {
                ends(&shop.run(&["status"]), 0, &["applied  0002_note", "no drift"]);
                break;
            }
            ends(&shop.run(&["status"]), 0, &["pending  0002_note", "no drift"]);
        }
        let ran = shop.run(&["apply", "--no-rehearsal"]);
        ends(&ran, 0, &[]);
        ends(&shop.run(&["status"]), 0, &["applied  0002_note", "no drift"]);
        ends(&shop.run(&["rollback"]), 0, &["rolled back 0002_note"]);
        let (rows, schema, _) = shop.dump();
        assert_eq!((rows, schema), (before.0, before.1), "every value is back");
    });
}
