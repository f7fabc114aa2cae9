//! Entities that become fields, rows of others or join tables, and come back, on both engines: what cannot live in the other
//! shape is told with keys before anything is touched, and what cannot be planned with what to write instead.

mod journey;
mod support;

use journey::shop::{HEAD, Shop, done, refused};
use journey::{migrate, ran};

const LOOKUP: [&str; 2] = [
    "  Order:
    fields:
      id: int
      status: { ref: Status }
  Status:
    fields:
      id: int
      name: text?
",
    "  Order:
    fields:
      id: int
      status: { enum: [open, paid], optional: true }
changes:
  - { move: Status.name, to: Order.status }
",
];

#[test]
fn a_row_of_a_lookup_table_that_is_no_value_of_the_enum_stops_a_run_before_it_begins() {
    let rows = "INSERT INTO status (id, name) VALUES (1, 'open'), (2, 'odd'), (3, 'even');
        INSERT INTO \"order\" (id, status_id) VALUES (7, 1), (8, 2)";
    for shop in Shop::on_both_engines("yaml", LOOKUP, rows) {
        refused(&shop, Shop::up, 5, &["status_check", "1 of 2 rows", "id=8"]);
        shop.write("UPDATE status SET name = 'paid' WHERE id = 2");
        let before = shop.contents();
        done(shop.up());
        done(shop.down());
        assert_eq!(shop.contents(), before);
    }
}

#[test]
fn a_row_that_says_nothing_stops_a_rollback_to_a_required_reference() {
    let rows = "INSERT INTO status (id, name) VALUES (1, 'open'), (2, NULL);
        INSERT INTO \"order\" (id, status_id) VALUES (7, 1), (8, 2)";
    for shop in Shop::on_both_engines("yaml", LOOKUP, rows) {
        let before = shop.contents();
        done(shop.up());
        shop.write("INSERT INTO \"order\" (id) VALUES (9)");
        refused(
            &shop,
            Shop::down,
            7,
            &["order.status_id", "refers to no `status`", "1 of 3 rows", "9"],
        );
        shop.write("UPDATE \"order\" SET status = 'paid' WHERE id = 9");
        done(shop.down());
        assert!(shop.page().contains("9 | 3"), "{}", shop.page());
        shop.write("DELETE FROM \"order\" WHERE id = 9; DELETE FROM status WHERE id = 3");
        assert_eq!(shop.contents(), before);
    }
}

#[test]
fn a_rollback_is_refused_once_the_rows_of_the_entity_are_released() {
    let rows = "INSERT INTO status (id, name) VALUES (1, 'open'), (2, 'paid');
        INSERT INTO \"order\" (id, status_id) VALUES (7, 1)";
    for shop in Shop::on_both_engines("yaml", LOOKUP, rows) {
        done(shop.up());
        done(shop.run(&["release", "-y", "--allow", "loss"]));
        refused(&shop, Shop::down, 7, &["released"]);
    }
}

/// Entities that cannot become fields again: the two schemas, what is refused, and what to write.
const REFUSED: [(&str, &str, &str, &str); 8] = [
    (
        "  Profile:\n    fields: { id: int, owner: { ref: Customer }, mail: text? }\n  Customer:\n    fields: { id: int }\n",
        "  Customer:\n    fields: { id: int, mail: text? }\nchanges:\n  - { move: Profile.mail, to: Customer.mail, pick: last by made_at }\n",
        "there is no column `made_at` in `profile`",
        "name a column of the many rows",
    ),
    (
        "  Address:\n    fields: { id: int, town: text? }\n  Customer:\n    fields: { id: int, home: { ref: Address } }\n",
        "  Customer:\n    fields: { id: int, town: text? }\nchanges:\n  - { move: Adress.town, to: Customer.town }\n  - { drop: Address }\n  - { drop: Customer.home }\n",
        "`Adress.town` is to move, and is not there",
        "name a field of the schema before",
    ),
    (
        "  Address:\n    fields: { id: int, town: text? }\n  Customer:\n    fields: { id: int, home: { ref: Address }, work: { ref: Address } }\n",
        "  Customer:\n    fields: { id: int, town: text? }\nchanges:\n  - { move: Address.town, to: Customer.town }\n",
        "several references between `address` and `customer`",
        "by `customer.home_id`, or by `customer.work_id`",
    ),
    (
        "  Address:\n    fields: { id: int, town: text? }\n  Customer:\n    fields: { id: int, town: text?, home: { ref: Address } }\n",
        "  Customer:\n    fields: { id: int, town: text? }\nchanges:\n  - { move: Address.town, to: Customer.town }\n",
        "has values already",
        "write `- drop: Address.town` in place of the move",
    ),
    (
        "  Address:\n    fields: { id: int, town: text?, zip: text }\n  Customer:\n    fields: { id: int, home: { ref: Address } }\n",
        "  Customer:\n    fields: { id: int, town: text? }\nchanges:\n  - { move: Address.town, to: Customer.town }\n  - { drop: Address }\n",
        "would have no value for `zip`, which is required",
        "move `zip` to `customer` too",
    ),
    (
        "  Address:\n    fields: { id: int, town: text? }\n  Customer:\n    fields: { id: int, name: text, home: { ref: Address, optional: true } }\n",
        "  Customer:\n    fields: { id: int, name: text, town: { type: text, backfill: name } }\nchanges:\n  - { move: Address.town, to: Customer.town }\n",
        "a rollback could not tell that from a value that somebody wrote",
        "let the `backfill:` or default be a constant",
    ),
    (
        "  Address:\n    fields: { id: int, town: text?, zip: text? }\n  Customer:\n    fields: { id: int, home: { ref: Address } }\n",
        "  Customer:\n    fields: { id: int, town: text? }\nchanges:\n  - { move: Address.town, to: Customer.town }\n",
        "is dropped, and the model does not say so",
        "add `- drop: Address`",
    ),
    (
        "  Address:\n    fields: { id: int, town: text? }\n  Customer:\n    fields: { id: int, home: { ref: Address } }\n",
        "  Customer:\n    fields: { id: int, town: text? }\nchanges:\n  - { move: Address.town, to: Customer.town, pick: max }\n",
        "there is nothing to pick",
        "take `pick` out",
    ),
];

#[test]
fn an_entity_that_cannot_become_fields_again_is_refused_with_what_to_write() {
    for (before, after, what, help) in REFUSED {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (file, text) in [("before.yaml", before), ("after.yaml", after)] {
            std::fs::write(folder.path().join(file), format!("{HEAD}{text}")).expect("a file");
        }
        for dialect in ["sqlite", "postgres"] {
            let mut command = migrate(folder.path());
            command.args(["plan", "--from", "before.yaml", "--to", "after.yaml"]);
            let refused = ran(command.args(["--dialect", dialect, "--out", dialect]));
            assert_eq!(refused.code, 7, "{after}\n{}", refused.text);
            for word in [what, help] {
                assert!(refused.text.contains(word), "no `{word}` in\n{}", refused.text);
            }
        }
    }
}

#[test]
fn what_moved_long_ago_and_new_databases_ask_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [before, after] = LOOKUP;
    let later = after.replace("      id: int\n", "      id: int\n      note: text?\n");
    for (file, text) in [("before", before), ("after", after), ("later", later.as_str())] {
        let path = folder.path().join(format!("{file}.yaml"));
        std::fs::write(path, format!("{HEAD}{text}")).expect("a file");
    }
    for (from, to) in
        [("after.yaml", "later.yaml"), ("empty", "after.yaml"), ("empty", "later.yaml")]
    {
        for dialect in ["sqlite", "postgres"] {
            let mut command = migrate(folder.path());
            command.args(["plan", "--from", from, "--to", to, "--dialect", dialect]);
            let made = ran(command.args(["--out", &format!("{from}-{to}-{dialect}")]));
            assert_eq!(made.code, 0, "{}", made.text);
        }
    }
}

const TAGS: [&str; 2] = [
    "  Order:
    fields:
      id: int
      tag: { ref: Tag }
  Tag:
    fields:
      id: int
",
    "  Order:
    fields:
      id: int
      tags: { many: Tag, through: order_tags }
  Tag:
    fields:
      id: int
",
];

const TAG_ROWS: &str = "INSERT INTO tag (id) VALUES (1), (2), (3)";

#[test]
fn rows_with_several_partners_stop_a_rollback_to_one() {
    let after = format!("{}changes:\n  - {{ move: Order.tag, to: Order.tags }}\n", TAGS[1]);
    let rows = format!("{TAG_ROWS}; INSERT INTO \"order\" (id, tag_id) VALUES (7, 1), (8, 2)");
    for shop in Shop::on_both_engines("yaml", [TAGS[0], &after], &rows) {
        let before = shop.contents();
        done(shop.up());
        shop.write("INSERT INTO order_tags (order_id, tag_id) VALUES (8, 3)");
        refused(&shop, Shop::down, 7, &["order.tag_id", "must agree", "8"]);
        shop.write("DELETE FROM order_tags WHERE order_id = 8");
        refused(&shop, Shop::down, 7, &["order.tag_id", "is required", "8"]);
        shop.write("INSERT INTO order_tags (order_id, tag_id) VALUES (8, 2)");
        done(shop.down());
        assert_eq!(shop.contents(), before);
    }
}

#[test]
fn rows_with_several_partners_stop_an_apply_to_one() {
    let after = format!("{}changes:\n  - {{ move: order_tags.tag, to: Order.tag }}\n", TAGS[0]);
    let rows = format!(
        "{TAG_ROWS}; INSERT INTO \"order\" (id) VALUES (7), (8);
         INSERT INTO order_tags (order_id, tag_id) VALUES (7, 1), (7, 2), (8, 3)"
    );
    for shop in Shop::on_both_engines("yaml", [TAGS[1], &after], &rows) {
        refused(&shop, Shop::up, 5, &["order.tag_id", "must agree", "7"]);
        shop.write("DELETE FROM order_tags WHERE order_id = 7 AND tag_id = 2");
        let before = shop.contents();
        done(shop.up());
        done(shop.down());
        assert_eq!(shop.contents(), before);
    }
}

#[test]
fn a_row_that_holds_more_than_what_moved_is_not_thrown_away() {
    let schemas = [
        "CREATE TABLE person (id integer PRIMARY KEY);
         CREATE TABLE profile (person_id integer PRIMARY KEY REFERENCES person (id), mail text NOT NULL, photo text);",
        "CREATE TABLE person (
           id integer PRIMARY KEY,
           -- migrate:moved profile.mail
           mail text
         );",
    ];
    let rows =
        "INSERT INTO person VALUES (1), (2); INSERT INTO profile VALUES (1, 'a@x', 'ada.png')";
    for shop in Shop::on_both_engines("sql", schemas, rows) {
        done(shop.up());
        shop.write(
            "UPDATE person SET mail = NULL WHERE id = 1; INSERT INTO person (id) VALUES (3)",
        );
        refused(&shop, Shop::down, 7, &["person.mail", "`profile` says more", "1 of 3 rows", "1"]);
        shop.write("UPDATE person SET mail = 'ada@x' WHERE id = 1");
        done(shop.down());
        assert!(shop.page().contains("ada@x | 1 | ada.png"), "{}", shop.page());
    }
}

#[test]
fn a_row_that_lacks_what_its_new_table_needs_stops_a_run() {
    let schemas = [
        "CREATE TABLE person (id integer PRIMARY KEY, mail text, phone text);",
        "CREATE TABLE person (id integer PRIMARY KEY);
         CREATE TABLE profile (
           person_id integer PRIMARY KEY REFERENCES person (id),
           -- migrate:moved person.mail
           mail text NOT NULL,
           -- migrate:moved person.phone
           phone text
         );",
    ];
    let rows = "INSERT INTO person VALUES (1, 'a@x', NULL), (2, NULL, '2'), (3, NULL, NULL)";
    for shop in Shop::on_both_engines("sql", schemas, rows) {
        refused(&shop, Shop::up, 5, &["person.mail", "1 of 3 rows", "2"]);
        shop.write("UPDATE person SET mail = 'b@x' WHERE id = 2");
        let before = shop.contents();
        done(shop.up());
        done(shop.down());
        assert_eq!(shop.contents(), before);
    }
}

const KINDS: [&str; 2] = [
    "  Order:
    fields:
      id: int
      kind: text?
  Kind:
    fields:
      id: int
      name: text
",
    "  Order:
    fields:
      id: int
      kind: { ref: Kind, optional: true }
  Kind:
    fields:
      id: int
      name: text
changes:
  - { move: Order.kind, to: Kind.name }
",
];

#[test]
fn a_value_that_no_row_of_the_lookup_table_says_stops_a_run_before_it_begins() {
    let rows = "INSERT INTO kind (id, name) VALUES (3, 'retail'), (4, 'trade');
        INSERT INTO \"order\" (id, kind) VALUES (1, 'trade'), (2, 'odd'), (5, NULL)";
    for shop in Shop::on_both_engines("yaml", KINDS, rows) {
        refused(
            &shop,
            Shop::up,
            5,
            &["order.kind_id", "no row of `kind` says the same", "1 of 3 rows", "odd"],
        );
        shop.write("INSERT INTO kind (id, name) VALUES (9, 'odd')");
        let before = shop.contents();
        done(shop.up());
        done(shop.down());
        assert_eq!(shop.contents(), before);
    }
}
