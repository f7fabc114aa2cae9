//! `audit:` on real engines: what is written of each change, who is said to have made it, and that plans and rehearsals go
//! past it.

mod journey;
mod support;

use journey::shop::{Shop, done};
use migrate::db::Database;
use migrate::dialect::realize::realize;
use migrate::model::parse;
use migrate::plan::create_steps;
use migrate::text::Dialect;

const MODEL: &str = "model: 1
name: billing
actor: { entity: User }
entities:
  User:
    fields:
      id: int
  Invoice:
    fields:
      id: int
      total: \"decimal(12,2) = 0\"
      paid: bool = false
      photo: bytes?
      meta: json?
      \"odd name's\": text?
    audit: [timestamps, actor, history]
";

fn make(database: &mut Database, text: &str) {
    let (model, issues) = parse(text);
    let model = model.unwrap_or_else(|| panic!("{issues:?}"));
    let catalog = realize(&model, database.dialect()).expect("realizable").catalog;
    for step in create_steps(&catalog).expect("planned") {
        for statement in &step.statements {
            database.execute(statement).unwrap_or_else(|error| panic!("{error}\n{statement}"));
        }
    }
}

#[test]
fn each_change_of_a_row_is_written_down_once() {
    support::on_both_engines(|database| {
        make(database, MODEL);
        let blob = match database.dialect() {
            Dialect::Postgres => "'\\x00ff'",
            Dialect::Sqlite => "x'00ff'",
        };
        support::run(
            database,
            &format!(
                "INSERT INTO \"user\" VALUES (7);
                 INSERT INTO invoice (id, total, photo, meta, created_by, \"odd name's\")
                   VALUES (1, 10.5, {blob}, '{{\"a\": [1]}}', 7, 'it''s');
                 UPDATE invoice SET total = total;
                 UPDATE invoice SET total = 11, updated_by = 7;
                 DELETE FROM invoice"
            ),
        );
        let found = support::rows(
            database,
            "SELECT operation, row_before ->> 'total', row_after ->> 'total',
                    coalesce(row_after ->> 'odd name''s', '-'), coalesce(row_after ->> 'created_by', '-')
             FROM invoice_history ORDER BY id",
        );
        let expected = match database.dialect() {
            Dialect::Postgres => [
                ["insert", "NULL", "10.50", "it's", "7"],
                ["update", "10.50", "11.00", "it's", "7"],
                ["delete", "11.00", "NULL", "-", "-"],
            ],
            Dialect::Sqlite => [
                ["insert", "NULL", "10.5", "it's", "7"],
                ["update", "10.5", "11", "it's", "7"],
                ["delete", "11", "NULL", "-", "-"],
            ],
        };
        assert_eq!(found, expected.map(|row| row.map(str::to_owned).to_vec()));
        // A user who goes leaves the rows, and what history says.
        support::run(
            database,
            "INSERT INTO invoice (id, created_by) VALUES (2, 7); DELETE FROM \"user\"",
        );
        let who = support::rows(database, "SELECT coalesce(created_by, 0) FROM invoice");
        let expected = match database.dialect() {
            Dialect::Postgres => "0",
            // Foreign keys are off unless an application switches them on.
            Dialect::Sqlite => &who[0][0].clone(),
        };
        assert_eq!(who, [[expected]]);
    });
}

#[test]
fn who_acts_is_what_the_application_says() {
    support::on_both_engines(|database| {
        make(database, MODEL);
        support::run(database, "INSERT INTO \"user\" VALUES (7), (8)");
        match database.dialect() {
            Dialect::Postgres => support::run(
                database,
                "INSERT INTO invoice (id) VALUES (1); SET app.actor = 'ann'; UPDATE invoice SET paid = true",
            ),
            Dialect::Sqlite => support::run(
                database,
                "INSERT INTO invoice (id) VALUES (1); UPDATE invoice SET paid = 1, updated_by = 8",
            ),
        }
        let found = support::rows(
            database,
            "SELECT CASE WHEN changed_by IS NULL THEN '-' ELSE changed_by END FROM invoice_history ORDER BY id",
        );
        match database.dialect() {
            Dialect::Postgres => {
                let role = support::rows(database, "SELECT current_user")[0][0].clone();
                assert_eq!(found, [[role], ["ann".to_owned()]]);
            }
            Dialect::Sqlite => assert_eq!(found, [["-"], ["8"]]),
        }
    });
}

#[test]
fn a_version_is_rehearsed_applied_and_taken_back_beside_a_history() {
    let schemas = ["", "      note: { type: text, backfill: \"'n'\" }\n"].map(|more| {
        format!(
            "  Order:\n    fields:\n      id: int\n      total: int\n{more}      state:\n        \
             states: [new, sent, paid]\n        initial: new\n        transitions:\n          \
             send: {{ from: new, to: sent }}\n          pay: {{ from: sent, to: paid }}\n    \
             audit: [timestamps, history]\n"
        )
    });
    let rows = "INSERT INTO \"order\" (id, total) VALUES (1, 1), (2, 2);
                UPDATE \"order\" SET state = 'sent' WHERE id = 2;
                UPDATE \"order\" SET state = 'paid' WHERE id = 2";
    for shop in Shop::on_both_engines("yaml", [&schemas[0], &schemas[1]], rows) {
        let count = |shop: &Shop| {
            support::rows(&mut shop.place.open(), "SELECT count(*) FROM order_history")[0][0]
                .clone()
        };
        let orders = |shop: &Shop| {
            support::rows(
                &mut shop.place.open(),
                "SELECT id, total, state FROM \"order\" ORDER BY id",
            )
        };
        let before = orders(&shop);
        assert_eq!(count(&shop), "4");
        done(shop.up());
        // The backfill is the plan's own work, and no change of anybody's.
        assert_eq!(count(&shop), "4");
        shop.write("UPDATE \"order\" SET note = 'm' WHERE id = 1");
        assert_eq!(count(&shop), "5");
        done(shop.down());
        assert_eq!(count(&shop), "5");
        assert_eq!(orders(&shop), before);
    }
}

#[test]
fn what_history_recorded_is_held_against_the_transitions_of_today() {
    let order = |transitions: &str| {
        format!(
            "  Order:\n    fields:\n      id: int\n      state:\n        states: [new, sent, paid]\n        \
             initial: new\n        transitions:\n{transitions}    audit: history\n"
        )
    };
    let before = order(
        "          pay: { from: [new, sent], to: paid }\n          send: { from: new, to: sent }\n",
    );
    let after =
        order("          pay: { from: sent, to: paid }\n          send: { from: new, to: sent }\n");
    let rows = "INSERT INTO \"order\" (id) VALUES (1), (2);
                UPDATE \"order\" SET state = 'sent' WHERE id = 1;
                UPDATE \"order\" SET state = 'paid'";
    for shop in Shop::on_both_engines("yaml", [&before, &after], rows) {
        let verified = shop.run(&["verify", "--model", "after.yaml"]);
        assert_eq!(verified.code, 0, "{}", verified.text);
        for word in ["Order.state as recorded", "that no transition makes any more", "1 of 5"] {
            assert!(verified.text.contains(word), "no `{word}` in\n{}", verified.text);
        }
    }
}
