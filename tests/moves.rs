//! Values that move to another table and back, on both engines: what stops it is told with keys before anything is touched,
//! and renames go along.

mod journey;
mod support;

use journey::shop::{HEAD, Shop, done, refused};
use journey::{Place, migrate, ran, typed};
use migrate::text::Dialect;

const ORDERS: [&str; 2] = [
    "  Customer:
    fields:
      id: int
      name: text
  Order:
    fields:
      id: int
      customer: { ref: Customer, optional: true }
      email: text?
",
    "  Customer:
    fields:
      id: int
      name: text
      email: text?
  Order:
    fields:
      id: int
      customer: { ref: Customer, optional: true }
changes:
  - { move: Order.email, to: Customer.email }
",
];

#[test]
fn rows_that_do_not_agree_stop_a_move_before_it_begins() {
    let rows = "INSERT INTO customer (id, name) VALUES (1, 'Ada'), (2, 'Bob');
        INSERT INTO \"order\" (id, customer_id, email)
          VALUES (1, 1, 'a@x'), (2, 1, 'a@x'), (3, 2, 'b@x'), (4, 2, 'B@x'), (5, 2, NULL)";
    for shop in Shop::on_both_engines("yaml", ORDERS, rows) {
        refused(&shop, Shop::up, 5, &["customer.email", "must agree", "2"]);
        shop.write("UPDATE \"order\" SET email = 'b@x' WHERE id = 4");
        done(shop.up());
        assert!(shop.page().contains("b@x | 2 | Bob"), "{}", shop.page());
    }
}

#[test]
fn rows_that_no_longer_agree_stop_a_rollback_before_it_begins() {
    let rows = "INSERT INTO customer (id, name, email) VALUES (1, 'Ada', 'a@x'), (2, 'Bob', 'b@x');
        INSERT INTO \"order\" (id, customer_id) VALUES (1, 1), (2, 1), (3, 2), (4, 2)";
    let back = [
        &ORDERS[1][..ORDERS[1].find("changes:").expect("there")],
        &format!("{}changes:\n  - {{ move: Customer.email, to: Order.email }}\n", ORDERS[0]),
    ];
    for shop in Shop::on_both_engines("yaml", back, rows) {
        done(shop.up());
        shop.write("UPDATE \"order\" SET email = 'other@x' WHERE id = 4");
        refused(&shop, Shop::down, 7, &["customer.email", "must agree", "2"]);
        shop.write("UPDATE \"order\" SET email = 'other@x' WHERE id = 3");
        done(shop.down());
        assert!(shop.page().contains("other@x | 2 | Bob"), "{}", shop.page());
    }
}

#[test]
fn a_computed_value_that_the_old_column_does_not_take_stops_a_rollback() {
    let postgres = [
        "CREATE TABLE person (id integer PRIMARY KEY, name varchar(9) NOT NULL, age smallint);",
        "-- migrate:down name first || ' ' || last
         -- migrate:down age days / 365
         CREATE TABLE person (
           id integer PRIMARY KEY,
           -- migrate:backfill split_part(\"t\".name, ' ', 1)
           first text NOT NULL,
           -- migrate:backfill split_part(\"t\".name, ' ', 2)
           last text NOT NULL,
           -- migrate:backfill age * 365
           days integer
         );",
    ];
    let sqlite = [
        "CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT NOT NULL, age INTEGER) STRICT;",
        "-- migrate:down name first || ' ' || last
         -- migrate:down age CASE WHEN days > 999 THEN 'many' ELSE days / 365 END
         CREATE TABLE person (
           id INTEGER PRIMARY KEY,
           -- migrate:backfill substr(\"t\".name, 1, instr(\"t\".name, ' ') - 1)
           first TEXT NOT NULL,
           -- migrate:backfill substr(\"t\".name, instr(\"t\".name, ' ') + 1)
           last TEXT NOT NULL,
           -- migrate:backfill age * 365
           days INTEGER
         ) STRICT;",
    ];
    for (dialect, schemas) in [(Dialect::Sqlite, sqlite), (Dialect::Postgres, postgres)] {
        let rows =
            "INSERT INTO person (id, name, age) VALUES (1, 'Ada  Byron', 2), (2, 'Bob Ray', NULL)"
                .replace("Ada  ", if dialect == Dialect::Postgres { "Ad " } else { "Ada  " });
        let Some(shop) = Shop::new(dialect, "sql", schemas, &rows) else { continue };
        let before = shop.contents();
        done(shop.up());
        match dialect {
            Dialect::Postgres => {
                shop.write("UPDATE person SET last = 'Ray-Bradbury' WHERE id = 2");
                refused(&shop, Shop::down, 7, &["person.name", "character varying(9)", "2"]);
                shop.write("UPDATE person SET last = 'Ray', days = 20000000 WHERE id = 2");
                refused(&shop, Shop::down, 7, &["person.age", "smallint", "2"]);
            }
            Dialect::Sqlite => {
                shop.write("UPDATE person SET days = 20000000 WHERE id = 2");
                refused(&shop, Shop::down, 7, &["person.age", "INTEGER", "2"]);
            }
        }
        shop.write("UPDATE person SET days = NULL WHERE id = 2");
        done(shop.down());
        assert_eq!(shop.contents(), before);
    }
}

#[test]
fn a_text_that_is_no_value_of_the_old_type_stops_a_rollback() {
    let schemas = [
        "CREATE TYPE kind AS ENUM ('retail', 'trade');
         CREATE TABLE customer (id integer PRIMARY KEY, code varchar(3));
         CREATE TABLE orders (id integer PRIMARY KEY, customer_id integer REFERENCES customer (id), kind kind, size integer);",
        "CREATE TABLE customer (
           id integer PRIMARY KEY,
           -- migrate:moved orders.kind
           kind text,
           -- migrate:moved orders.size
           size text
         );
         CREATE TABLE orders (
           id integer PRIMARY KEY,
           customer_id integer REFERENCES customer (id),
           -- migrate:moved customer.code
           code text
         );",
    ];
    let rows = "INSERT INTO customer VALUES (1, 'abc'), (2, NULL);
        INSERT INTO orders VALUES (1, 1, 'trade', 7), (2, 2, NULL, NULL)";
    let Some(shop) = Shop::new(Dialect::Postgres, "sql", schemas, rows) else { return };
    let before = shop.contents();
    done(shop.up());
    shop.write("UPDATE customer SET kind = 'other' WHERE id = 2");
    refused(&shop, Shop::down, 7, &["orders.kind", "1 of 2 rows", "2"]);
    shop.write("UPDATE customer SET kind = NULL, size = 'many' WHERE id = 2");
    refused(&shop, Shop::down, 7, &["orders.size", "integer", "2"]);
    shop.write("UPDATE customer SET size = NULL; UPDATE orders SET code = 'abcdef' WHERE id = 1");
    // What is too long is refused and not cut.
    refused(&shop, Shop::down, 7, &["customer.code", "character varying(3)", "1"]);
    shop.write(
        "UPDATE customer SET size = '7' WHERE id = 1; UPDATE orders SET code = 'abc' WHERE id = 1",
    );
    done(shop.down());
    assert_eq!(shop.contents(), before);
}

#[test]
fn texts_do_not_become_rows_of_numbers() {
    let schemas = [
        "CREATE TABLE orders (id integer PRIMARY KEY, size text);",
        "CREATE TABLE sizes (
           id integer PRIMARY KEY,
           -- migrate:moved orders.size
           size integer
         );
         CREATE TABLE orders (id integer PRIMARY KEY, size_id integer REFERENCES sizes (id));",
    ];
    let Some(place) = Place::new(Dialect::Postgres) else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (file, text) in ["before.sql", "after.sql"].iter().zip(schemas) {
        std::fs::write(folder.path().join(file), text).expect("a file");
    }
    let mut command = migrate(folder.path());
    command.args(["plan", "--from", "before.sql", "--to", "after.sql", "--dialect", "postgres"]);
    let refused = ran(command.args(["--out", "plan", "--scratch-url", &typed(place.url())]));
    assert_ne!(refused.code, 0, "{}", refused.text);
    for word in ["orders/size", "make the column integer in a version before"] {
        assert!(refused.text.replace('.', "/").contains(word), "no `{word}` in\n{}", refused.text);
    }
    assert!(!refused.text.contains("fault of this program"), "{}", refused.text);
}

#[test]
fn renames_go_along_with_a_move() {
    let schemas = [
        "  Client:
    fields:
      id: int
      name: text
  Order:
    fields:
      id: int
      client: { ref: Client, optional: true }
      mail: text?
",
        "  Customer:
    was: Client
    fields:
      id: int
      name: text
      email: text?
  Purchase:
    was: Order
    fields:
      id: int
      customer: { ref: Customer, optional: true, was: client }
changes:
  - { move: Purchase.mail, to: Customer.email }
",
    ];
    let rows = "INSERT INTO client (id, name) VALUES (1, 'Ada'), (2, 'Bob');
            INSERT INTO \"order\" (id, client_id, mail) VALUES (1, 1, 'a@x'), (2, 1, NULL), (3, NULL, 'c@x')";
    for shop in Shop::on_both_engines("yaml", schemas, rows) {
        let before = shop.contents();
        done(shop.up());
        assert!(shop.page().contains("a@x | 1 | Ada"), "{}", shop.page());
        let after = shop.contents();
        done(shop.down());
        assert_eq!(shop.contents(), before);
        done(shop.up());
        assert_eq!(shop.contents(), after);
        shop.write("UPDATE customer SET email = 'new@x' WHERE id = 1; INSERT INTO purchase (id, customer_id) VALUES (9, 1)");
        done(shop.down());
        assert!(shop.page().contains("1 | 9 | new@x"), "{}", shop.page());
    }
}

#[test]
fn values_change_places_between_two_tables_on_postgres() {
    let schemas = [
        "  Customer:
    fields:
      id: int
      city: text?
  Order:
    fields:
      id: int
      customer: { ref: Customer, optional: true }
      email: text?
",
        "  Customer:
    fields:
      id: int
      email: text?
  Order:
    fields:
      id: int
      customer: { ref: Customer, optional: true }
      city: text?
changes:
  - { move: Order.email, to: Customer.email }
  - { move: Customer.city, to: Order.city }
",
    ];
    let rows = "INSERT INTO customer (id, city) VALUES (1, 'Ulm'), (2, 'Bonn');
            INSERT INTO \"order\" (id, customer_id, email) VALUES (1, 1, 'a@x'), (2, 1, NULL), (3, NULL, 'c@x')";
    let Some(shop) = Shop::new(Dialect::Postgres, "yaml", schemas, rows) else { return };
    let before = shop.contents();
    done(shop.up());
    assert!(shop.page().contains("a@x | 1"), "{}", shop.page());
    assert!(shop.page().contains("Ulm | 1 | 1"), "{}", shop.page());
    done(shop.down());
    assert_eq!(shop.contents(), before);

    // SQLite makes each of the two tables anew at once, and each would have to wait for the other.
    let mut command = migrate(shop.folder.path());
    command.args(["plan", "--from", "before.yaml", "--to", "after.yaml", "--dialect", "sqlite"]);
    let refused = ran(command.args(["--out", "other"]));
    assert_ne!(refused.code, 0, "{}", refused.text);
    assert!(refused.text.contains("wait for each other"), "{}", refused.text);
}

/// A reference that is new while the table is not.
const NOWHERE: [&str; 2] = [
    "  Customer:
    fields:
      id: int
      town: text?
  Address:
    fields:
      id: int
",
    "  Customer:
    fields:
      id: int
      home: { ref: Address, optional: true }
  Address:
    fields:
      id: int
      town: text?
changes:
  - { move: Customer.town, to: Address.town }
",
];

#[test]
fn a_move_that_would_arrive_nowhere_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (file, text) in ["before.yaml", "after.yaml"].iter().zip(NOWHERE) {
        std::fs::write(folder.path().join(file), format!("{HEAD}{text}")).expect("a file");
    }
    for dialect in ["sqlite", "postgres"] {
        let mut command = migrate(folder.path());
        command.args(["plan", "--from", "before.yaml", "--to", "after.yaml"]);
        let refused = ran(command.args(["--dialect", dialect, "--out", dialect]));
        assert_eq!(refused.code, 7, "{}", refused.text);
        assert!(refused.text.contains("nothing would arrive"), "{}", refused.text);
    }
}

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
