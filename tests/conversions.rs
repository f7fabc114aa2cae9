//! `using:`, which says what becomes of values where a field's type or limit changes, over several versions of a project.

mod journey;
mod support;

use std::path::Path;

use journey::shop::{Shop, done, refused};
use journey::{migrate, ran};
use migrate::text::Dialect;

fn run(folder: &Path, arguments: &[&str], code: i32) -> String {
    let ran = ran(migrate(folder).args(arguments));
    assert_eq!(ran.code, code, "{arguments:?}: {}", ran.text);
    ran.text
}

fn model(folder: &Path, price: &str) {
    let text = format!(
        "model: 1\nname: shop\ntargets: [{}]\nentities:\n  Item:\n    fields:\n      id: int\n      price: {price}\n",
        Dialect::Sqlite
    );
    std::fs::write(folder.join("model.yaml"), text).expect("a model");
}

/// The line stays in the model, and another change of the field does not convert a second time.
#[test]
fn what_is_converted_is_not_converted_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let url = format!("sqlite:{}", folder.join("shop.db").display());
    for name in ["shop.db", "migrate.toml"] {
        std::fs::write(folder.join(name), "").expect("an empty file");
    }
    let next = |name: &str, price: &str| {
        model(folder, price);
        run(folder, &["plan", name, "--url", &url], 0);
        run(folder, &["apply", "--url", &url, "--yes"], 0);
    };
    let database = || rusqlite::Connection::open(folder.join("shop.db")).expect("a database");
    let price = || -> f64 {
        let value = database().query_row("SELECT price FROM item", (), |row| row.get(0));
        value.expect("a price")
    };
    next("one", "int");
    database().execute_batch("INSERT INTO item VALUES (1, 250)").expect("a row");
    let said = "from: int, using: \"price * 0.01\", down: \"price * 100\"";
    next("two", &format!("{{ type: \"decimal(10,2)\", {said} }}"));
    assert!((price() - 2.5).abs() < 1e-9, "{}", price());
    next("three", &format!("{{ type: \"decimal(12,2)\", min: 0, {said} }}"));
    assert!((price() - 2.5).abs() < 1e-9, "{}", price());
    run(folder, &["rollback", "--url", &url, "--steps", "2", "--yes"], 0);
    assert!((price() - 250.0).abs() < 1e-9, "{}", price());
}

#[test]
fn using_reads_the_field_alone_and_gives_the_same_each_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    for (price, message) in [
        ("{ type: int, using: \"id\" }", "reads the old value of `price` and nothing else"),
        ("{ type: int, from: text }", "is the type that `using` reads"),
        ("{ type: text, using: \"CAST(now() AS text)\" }", "now"),
    ] {
        model(folder, price);
        let text = run(folder, &["diff", "empty", "model.yaml", "--dialect", "sqlite"], 1);
        assert!(text.contains(message), "{price}: {text}");
    }
}

/// Both ends of a reference get other values in one version: each row is looked for among the keys as they will be.
#[test]
fn a_reference_is_asked_of_both_ends_as_they_will_be() {
    let before = "CREATE TABLE product (code varchar(20) PRIMARY KEY);
        CREATE TABLE line (id integer PRIMARY KEY, product varchar(20) REFERENCES product (code));";
    let after = |child: &str| {
        format!(
            "CREATE TABLE product (\n-- migrate:using lower(code)\ncode varchar(10) PRIMARY KEY);
             CREATE TABLE line (id integer PRIMARY KEY,\n-- migrate:using {child}(product)\nproduct varchar(10) \
             REFERENCES product (code));"
        )
    };
    let rows =
        "INSERT INTO product VALUES ('AB'), ('cd'); INSERT INTO line VALUES (1, 'AB'), (2, 'cd')";
    let other = after("upper");
    for shop in Shop::on_both_engines("sql", [before, &other], rows) {
        refused(&shop, Shop::up, 5, &["2 of 2 rows in `line`", "id=1", "id=2"]);
    }
    let same = after("lower");
    for shop in Shop::on_both_engines("sql", [before, &same], rows) {
        done(shop.up());
        // The old key comes back, and a row that was written since means the new one.
        shop.write("INSERT INTO line VALUES (3, 'ab')");
        refused(&shop, Shop::down, 5, &["line"]);
        shop.write("DELETE FROM line WHERE id = 3");
        done(shop.down());
        let held =
            support::rows(&mut shop.place.open(), "SELECT id, product FROM line ORDER BY id");
        assert_eq!(held, [["1", "AB"], ["2", "cd"]]);
    }
}
