//! State machines on real engines: each change of state is tried and is possible exactly where a transition says so; what a
//! database holds is what a model gets back; and plans go past the triggers.

mod journey;
mod support;

use journey::shop::{HEAD, Shop, done};
use migrate::catalog::Catalog;
use migrate::change::Intent;
use migrate::change::access::differences;
use migrate::change::machines::described;
use migrate::db::Database;
use migrate::dialect::lift::lift;
use migrate::dialect::realize::realize;
use migrate::diff::diff;
use migrate::model::{Hints, Model, parse, print};
use migrate::plan::create_steps;
use migrate::text::Dialect;
use migrate::text::diagnostic::{Colour, render};

fn read(text: &str) -> Model {
    let (model, issues) = parse(text);
    model.unwrap_or_else(|| panic!("{}", render("model.yaml", text, &issues, Colour::Plain)))
}

fn catalog(text: &str, dialect: Dialect) -> Catalog {
    realize(&read(text), dialect).unwrap_or_else(|issues| panic!("{issues:?}\n{text}")).catalog
}

/// Makes the schema of a model in an empty database.
fn make(database: &mut Database, text: &str) {
    for step in create_steps(&catalog(text, database.dialect())).expect("planned") {
        for statement in &step.statements {
            database.execute(statement).unwrap_or_else(|error| panic!("{error}\n{statement}"));
        }
    }
}

/// What the engine says to a statement.
fn tried(database: &mut Database, sql: &str) -> Result<(), String> {
    let statement = support::statement(sql, database.dialect());
    database.execute(&statement).map(|_| ()).map_err(|error| error.to_string())
}

fn refused(database: &mut Database, sql: &str, message: &str) {
    let said = tried(database, sql).expect_err(sql);
    assert!(said.contains(message), "no `{message}` in `{said}` for {sql}");
}

const INVOICES: &str = "model: 1
name: billing
roles: [member, admin, approver]
entities:
  Customer:
    fields:
      id: int
      locked: bool = false
  Invoice:
    table: invoices
    fields:
      id: int
      customer: { ref: Customer, optional: true }
      total: decimal(12,2) = 0
      status:
        states: [draft, submitted, 'all right', void]
        initial: draft
        column: Zustand
        transitions:
          submit: { from: draft, to: submitted, by: [member, admin], when: total > 0 }
          approve: { from: submitted, to: 'all right', by: [approver], when: customer.locked = false }
          take: { from: submitted, to: 'all right', by: [admin], when: \"total < 10\" }
          reject: { from: [submitted, 'all right'], to: draft }
          cancel: { from: [draft, submitted], to: void }
      review:
        states: [asked, open, done]
        initial: asked
        optional: true
        transitions:
          begin: { from: asked, to: open }
          finish: { from: open, to: done }
      mood:
        states: [sad, glad]
        optional: true
        transitions:
          cheer: { from: sad, to: glad }
";

#[test]
fn every_change_of_state_is_possible_exactly_where_a_transition_says_so() {
    support::on_both_engines(|database| {
        make(database, INVOICES);
        support::run(database, "INSERT INTO customer (id, locked) VALUES (1, false), (2, true)");
        let states = ["draft", "submitted", "all right", "void"];
        let possible = [
            ("draft", "submitted"),
            ("submitted", "all right"),
            ("submitted", "draft"),
            ("all right", "draft"),
            ("draft", "void"),
            ("submitted", "void"),
        ];
        // The shortest way to each state.
        let ways: [&[&str]; 4] = [&[], &["submitted"], &["submitted", "all right"], &["void"]];
        let mut id = 0;
        for (from, way) in states.iter().zip(ways) {
            for to in states {
                id += 1;
                support::run(
                    database,
                    &format!("INSERT INTO invoices (id, customer_id, total) VALUES ({id}, 1, 50)"),
                );
                for state in way {
                    support::run(
                        database,
                        &format!("UPDATE invoices SET \"Zustand\" = '{state}' WHERE id = {id}"),
                    );
                }
                let change = format!("UPDATE invoices SET \"Zustand\" = '{to}' WHERE id = {id}");
                if *from == to || possible.contains(&(from, to)) {
                    assert_eq!(tried(database, &change), Ok(()), "{from} > {to}");
                } else {
                    let message = format!("Invoice.status: no transition from {from} to {to}");
                    refused(database, &change, &message);
                }
                let found = support::rows(
                    database,
                    &format!("SELECT \"Zustand\" FROM invoices WHERE id = {id}"),
                );
                let stays = *from != to && !possible.contains(&(from, to));
                assert_eq!(found, [[if stays { *from } else { to }.to_owned()]]);
            }
        }
        for state in states.iter().skip(1) {
            let insert = format!("INSERT INTO invoices (id, \"Zustand\") VALUES (99, '{state}')");
            let message = format!("Invoice.status: a new row begins as draft, not as {state}");
            refused(database, &insert, &message);
        }
        refused(
            database,
            "UPDATE invoices SET \"Zustand\" = 'lost' WHERE id = 1",
            "invoices_Zustand_check",
        );
    });
}

#[test]
fn a_transition_asks_the_new_row_and_what_it_refers_to() {
    support::on_both_engines(|database| {
        make(database, INVOICES);
        support::run(
            database,
            "INSERT INTO customer (id, locked) VALUES (1, false), (2, true);
             INSERT INTO invoices (id, customer_id) VALUES (1, 1), (2, 2), (3, NULL)",
        );
        refused(
            database,
            "UPDATE invoices SET \"Zustand\" = 'submitted' WHERE id = 1",
            "Invoice.status: transition submit from draft to submitted needs total > 0",
        );
        // The row as it becomes, not as it was.
        support::run(database, "UPDATE invoices SET \"Zustand\" = 'submitted', total = 50");
        support::run(database, "UPDATE invoices SET \"Zustand\" = 'all right' WHERE id = 1");
        let both = "transition approve from submitted to all right needs customer.locked = false; \
                    transition take from submitted to all right needs total < 10";
        refused(database, "UPDATE invoices SET \"Zustand\" = 'all right' WHERE id = 2", both);
        // What is not known to be true is not allowed.
        refused(database, "UPDATE invoices SET \"Zustand\" = 'all right' WHERE id = 3", both);
        support::run(
            database,
            "UPDATE invoices SET \"Zustand\" = 'all right', total = 9 WHERE id IN (2, 3)",
        );
    });
}

#[test]
fn an_optional_state_begins_and_never_ends_as_nothing() {
    support::on_both_engines(|database| {
        make(database, INVOICES);
        support::run(
            database,
            "INSERT INTO invoices (id, review, mood) VALUES (1, NULL, NULL), (2, 'asked', 'glad')",
        );
        let message = "Invoice.review: no transition from NULL to open";
        refused(database, "UPDATE invoices SET review = 'open' WHERE id = 1", message);
        support::run(database, "UPDATE invoices SET review = 'asked', mood = 'glad' WHERE id = 1");
        let message = "Invoice.review: no transition from asked to NULL";
        refused(database, "UPDATE invoices SET review = NULL WHERE id = 1", message);
        let message = "Invoice.mood: no transition from glad to sad";
        refused(database, "UPDATE invoices SET mood = 'sad'", message);
    });
}

#[test]
fn an_insert_that_becomes_an_update_is_one() {
    support::on_both_engines(|database| {
        make(database, INVOICES);
        support::run(database, "INSERT INTO invoices (id, total) VALUES (1, 5)");
        let upsert = |state: &str| {
            format!(
                "INSERT INTO invoices (id, \"Zustand\") VALUES (1, '{state}') \
                 ON CONFLICT (id) DO UPDATE SET \"Zustand\" = excluded.\"Zustand\""
            )
        };
        assert_eq!(tried(database, &upsert("submitted")), Ok(()));
        assert_eq!(tried(database, &upsert("submitted")), Ok(()));
        assert_eq!(tried(database, &upsert("all right")), Ok(()));
        let message = "Invoice.status: no transition from all right to void";
        refused(database, &upsert("void"), message);
    });
}

#[test]
fn a_database_gives_its_states_back_to_a_model() {
    support::on_both_engines(|database| {
        make(database, INVOICES);
        let found = database.inspect().expect("inspected");
        let lifted = lift(&found, "billing");
        let text = print(&lifted.model, Hints::Keep);
        assert_eq!(lifted.notes, Vec::<String>::new(), "{text}");
        assert_eq!(lifted.model.sql, [], "{text}");
        let own = read(INVOICES);
        let (own, lifted) = (own.entity("Invoice"), lifted.model.entity("Invoice"));
        let (own, lifted) = (own.expect("there"), lifted.expect("named as it was"));
        for field in ["status", "review", "mood"] {
            assert_eq!(own.field(field), lifted.field(field), "{text}");
        }
        let again = catalog(&text, database.dialect());
        assert_eq!(again.normalized(), found.normalized(), "{text}");
    });
}

#[test]
fn triggers_that_hold_something_else_than_they_tell_stay_sql() {
    support::on_both_engines(|database| {
        make(database, INVOICES);
        // The comment says what it said; the trigger is gone, or another.
        let changed = match database.dialect() {
            Dialect::Sqlite => "DROP TRIGGER \"invoices_review_initial\"",
            Dialect::Postgres => "ALTER TABLE invoices DISABLE TRIGGER invoices_review_initial",
        };
        support::run(database, changed);
        let lifted = lift(&database.inspect().expect("inspected"), "billing");
        let text = print(&lifted.model, Hints::Keep);
        assert!(text.contains("review: { enum: [asked, open, done]"), "{text}");
        assert!(text.contains("  invoices_review_transition:"), "{text}");
        assert!(!text.contains("  invoices_Zustand_transition:"), "{text}");
        let again = catalog(&text, database.dialect());
        let found = database.inspect().expect("inspected");
        assert_eq!(again.normalized().opaques, found.normalized().opaques, "{text}");
    });
}

/// Two models whose only entity has these states, and what is said of the difference on both engines.
fn said(before: &str, after: &str) -> String {
    let model = |states: &str| {
        let head = "model: 1\nname: m\nroles: [clerk, boss]\nentities:\n  Order:\n    fields:\n      id: int\n";
        format!("{head}      paid: int?\n      state:\n{states}")
    };
    let mut texts = Vec::new();
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let (before, after) = (model(before), model(after));
        let access = differences(&read(&before), &read(&after));
        let (before, after) = (catalog(&before, dialect), catalog(&after, dialect));
        let (found, _) = diff(&before, &after, &Intent::default());
        let mut lines = described(&found);
        lines.extend(
            access
                .into_iter()
                .map(|it| it.line)
                .filter(|it| !lines.contains(it))
                .collect::<Vec<_>>(),
        );
        texts.push(lines.join("\n"));
    }
    // On SQLite who may take a transition is told by the models alone, and so at the end.
    let sorted =
        |text: &str| text.lines().map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
    assert_eq!(sorted(&texts[0]), sorted(&texts[1]));
    texts.reverse();
    texts.remove(0)
}

const OPEN: &str = "        states: [new, sent, paid, void]
        initial: new
        transitions:
          send: { from: new, to: sent }
          pay: { from: sent, to: paid, when: paid > 0 }
          cancel: { from: [new, sent], to: void, by: clerk }
";

#[test]
fn changes_are_told_in_the_words_of_the_domain() {
    let free = "        states: [new, sent, paid, void]\n        initial: new\n";
    assert_eq!(
        said(free, OPEN),
        "+ Order.state begins as new\n\
         + Order.state: transition send from new to sent\n\
         + Order.state: transition pay from sent to paid when paid > 0\n\
         + Order.state: transition cancel from new, sent to void by clerk"
    );
    assert_eq!(said(OPEN, free), "- Order.state: its state may change freely");
    let after = "        states: [new, sent, paid, void]
        initial: new
        transitions:
          send: { from: new, to: paid }
          pay: { from: [new, sent], to: paid, when: paid > 1 }
          cancel: { from: sent, to: void, by: [clerk, boss] }
          reopen: { from: void, to: new }
          post: { from: new, to: sent }
";
    assert_eq!(
        said(OPEN, after),
        "~ Order.state: transition send leads to paid, not to sent\n\
         ~ Order.state: transition pay may now start from new\n\
         ~ Order.state: transition pay needs paid > 1, not paid > 0\n\
         ~ Order.state: transition cancel may no longer start from new\n\
         ~ Order.state: transition cancel may now be taken by boss\n\
         + Order.state: transition reopen from void to new\n\
         + Order.state: transition post from new to sent"
    );
}

#[test]
fn a_version_with_states_is_rehearsed_applied_and_taken_back() {
    let states = |name: &str, more: &str| {
        format!(
            "  Order:\n    fields:\n      id: int\n      paid: int?\n{more}      {name}:\n{OPEN}"
        )
        .replace("by: clerk ", "")
        .replace(", by: clerk", "")
    };
    let more = "      label: { type: text, backfill: \"CAST(state AS text) || '!'\" }\n";
    let schemas = [states("state", ""), states("state", more)];
    let rows = "INSERT INTO \"order\" (id, paid) VALUES (1, NULL), (2, 3), (3, 4);
                UPDATE \"order\" SET state = 'sent' WHERE id > 1;
                UPDATE \"order\" SET state = 'paid' WHERE id = 3";
    let shops = Shop::on_both_engines("yaml", [&schemas[0], &schemas[1]], rows);
    for shop in shops {
        let before = shop.page();
        done(shop.up());
        assert!(shop.page().contains("3 | paid! | 4 | paid"), "{}", shop.page());
        let mut database = shop.place.open();
        refused(
            &mut database,
            "UPDATE \"order\" SET state = 'new' WHERE id = 3",
            "Order.state: no transition from paid to new",
        );
        drop(database);
        done(shop.down());
        assert_eq!(shop.page(), before);
    }
}

#[test]
fn rows_in_states_that_nothing_leads_to_are_told() {
    let free = "  Order:\n    fields:\n      id: int\n      state: { states: [new, old, done], initial: new }\n";
    let held = "  Order:\n    fields:\n      id: int\n      state:\n        states: [new, old, done]\n        \
                initial: new\n        transitions:\n          finish: { from: [new, old], to: done }\n";
    let rows = "INSERT INTO \"order\" VALUES (1, 'new'), (2, 'old'), (3, 'old'), (4, 'done')";
    for shop in Shop::on_both_engines("yaml", [free, held], rows) {
        let verified = shop.run(&["verify", "--model", "after.yaml"]);
        assert_eq!(verified.code, 0, "{}", verified.text);
        for word in ["Order.state reached", "no transition leads to old", "2"] {
            assert!(verified.text.contains(word), "no `{word}` in\n{}", verified.text);
        }
    }
    let (_, issues) = parse(&format!("{HEAD}{held}"));
    let said: Vec<&str> = issues.iter().map(|issue| issue.message.as_str()).collect();
    assert_eq!(said, ["`Order.state`: no transition leads to `old`"]);
}

#[test]
fn the_reference_refuses_what_it_says_it_refuses() {
    let page = include_str!("../docs/reference/model.md");
    let (_, section) = page.split_once("## States and transitions\n").expect("a section");
    let block = |kind: &str| {
        let (_, rest) = section.split_once(&format!("```{kind}\n")).expect("a block");
        rest.split_once("```").expect("it ends").0
    };
    let model = format!("model: 1\nname: billing\n{}", block("yaml"));
    let messages: Vec<&str> = block("text").lines().collect();
    support::on_both_engines(|database| {
        make(database, &model);
        support::run(database, "INSERT INTO invoice (id) VALUES (1)");
        let tries = [
            "INSERT INTO invoice (id, status) VALUES (2, 'approved')",
            "UPDATE invoice SET status = 'approved'",
            "UPDATE invoice SET status = 'submitted'",
        ];
        for (sql, message) in tries.iter().zip(&messages) {
            refused(database, sql, message);
        }
        assert_eq!(tries.len(), messages.len());
    });
}
