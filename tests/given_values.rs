//! `rollback --value`: rows that were written since a required column was dropped get a value of it, on both engines.

mod journey;
mod support;

use journey::Ran;
use journey::shop::{Shop, done, refused};

fn down_with(shop: &Shop, values: &[&str]) -> Ran {
    let mut arguments = vec!["rollback", "--plan", "plan", "--yes"];
    values.iter().for_each(|value| arguments.extend(["--value", value]));
    shop.run(&arguments)
}

#[test]
fn rows_written_since_get_the_value_and_the_others_what_was_kept() {
    let schemas = [
        "CREATE TABLE item (id integer PRIMARY KEY, vat text NOT NULL, grade integer NOT NULL, note text);",
        "CREATE TABLE item (id integer PRIMARY KEY, note text);",
    ];
    let rows = "INSERT INTO item VALUES (1, 'one', 1, 'n'), (2, 'two', 2, NULL)";
    for shop in Shop::on_both_engines("sql", schemas, rows) {
        done(shop.up());
        shop.write("INSERT INTO item VALUES (3, 'new'), (4, NULL)");
        shop.write("UPDATE item SET note = 'changed' WHERE id = 2");
        let told = [
            "item.vat required",
            "id=3",
            "--value \"item.grade=EXPRESSION\" --value \"item.vat=EXPRESSION\"",
        ];
        refused(&shop, Shop::down, 7, &told);
        // One of the two is not enough.
        refused(&shop, |shop| down_with(shop, &["item.vat='x'"]), 7, &["item.grade required"]);
        // A value that is none is refused by the engine, and nothing is done.
        let none = ["item.vat=note", "item.grade=id"];
        refused(&shop, |shop| down_with(shop, &none), 5, &["the database is as it was"]);
        for (wrong, told) in [
            ("item.note='x'", "those are item.grade, item.vat"),
            ("item.vat=1; DELETE FROM item", "no SQL expression"),
            ("item.vat", "customer.company='unknown'"),
        ] {
            refused(&shop, |shop| down_with(shop, &[wrong]), 2, &[told]);
        }
        done(down_with(&shop, &["item.vat='V-' || id", "item.grade=id * 10"]));
        let held = shop.page();
        for row in ["1 | n | one", "2 | changed | two", "3 | new | V-3", "4 | NULL | V-4"] {
            let parts: Vec<&str> = row.split(" | ").collect();
            assert!(parts.iter().all(|part| held.contains(part)), "no {row} in\n{held}");
        }
        let kept = support::rows(&mut shop.place.open(), "SELECT vat, grade FROM item ORDER BY id");
        assert_eq!(kept, [["one", "1"], ["two", "2"], ["V-3", "30"], ["V-4", "40"]]);
        // What was given is a value like others from then on.
        done(shop.up());
        done(shop.down());
        let again =
            support::rows(&mut shop.place.open(), "SELECT vat, grade FROM item ORDER BY id");
        assert_eq!(again, kept);
    }
}

/// A key of two columns, one of a type of the user's on PostgreSQL; the table and a reference that was dropped.
#[test]
fn keys_references_and_names_are_followed() {
    let schemas = [
        "CREATE TABLE \"my customer\" (id integer PRIMARY KEY);
         CREATE TABLE orders (a integer NOT NULL, b text NOT NULL, total integer NOT NULL,
           \"my customer\" integer NOT NULL REFERENCES \"my customer\" (id), PRIMARY KEY (a, b));",
        "CREATE TABLE \"my customer\" (id integer PRIMARY KEY);
         -- migrate:was orders
         CREATE TABLE sales (a integer NOT NULL, b text NOT NULL, total integer NOT NULL, PRIMARY KEY (a, b));",
    ];
    let rows = "INSERT INTO \"my customer\" VALUES (1), (2); INSERT INTO orders VALUES (1, 'x', 5, 2), (1, 'y', 6, 2)";
    for shop in Shop::on_both_engines("sql", schemas, rows) {
        done(shop.up());
        shop.write("INSERT INTO sales VALUES (2, 'x', 7); DELETE FROM sales WHERE b = 'y'");
        refused(&shop, Shop::down, 7, &["--value \"orders.my customer=EXPRESSION\""]);
        // A reference to nobody is the engine's to refuse.
        let nobody = ["orders.my customer=99"];
        let held = shop.contents();
        assert_ne!(down_with(&shop, &nobody).code, 0);
        assert_eq!(shop.contents(), held);
        done(down_with(
            &shop,
            &["orders.my customer=(SELECT min(c.id) FROM \"my customer\" AS c)"],
        ));
        let held = support::rows(
            &mut shop.place.open(),
            "SELECT a, b, \"my customer\" FROM orders ORDER BY a, b",
        );
        assert_eq!(held, [["1", "x", "2"], ["2", "x", "1"]]);
    }
}

#[test]
fn rows_without_a_key_are_not_given_values() {
    let schemas =
        ["CREATE TABLE item (id integer, v text NOT NULL);", "CREATE TABLE item (id integer);"];
    for shop in Shop::on_both_engines("sql", schemas, "INSERT INTO item VALUES (1, 'one')") {
        done(shop.up());
        shop.write("INSERT INTO item VALUES (2)");
        refused(&shop, |shop| down_with(shop, &["item.v='x'"]), 2, &["its rows have no key"]);
    }
}
