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

/// A reference and a column that are new while the table is not.
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
