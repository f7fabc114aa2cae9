//! Rows that get kept values back, told from those that do not.

mod journey;
mod support;

use std::time::{Duration, Instant};

use journey::shop::{Shop, done, refused};
use migrate::text::Dialect;

/// A column that is required on the way back, and that `down` cannot compute for every row; the key is of two columns, one
/// of them with an order of its own.
const SCHEMAS: [&str; 2] = [
    "CREATE TABLE item (
       code text COLLATE \"C\" NOT NULL,
       part bigint NOT NULL,
       first text NOT NULL,
       name text NOT NULL,
       PRIMARY KEY (code, part)
     );",
    "-- migrate:down name nullif(upper(first), '')
     CREATE TABLE item (
       code text COLLATE \"C\" NOT NULL,
       part bigint NOT NULL,
       first text NOT NULL,
       PRIMARY KEY (code, part)
     );",
];

/// Where each row is looked for among all kept ones, these take minutes.
const ROWS: usize = 100_000;

#[test]
fn rows_without_a_kept_value_are_found_in_one_pass() {
    let rows = format!(
        "INSERT INTO item SELECT 'c' || i % 7, i, '', 'n' || i FROM {}",
        "(WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS}) SELECT i FROM n) AS n"
            .replace("{ROWS}", &ROWS.to_string())
    );
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let collation = if dialect == Dialect::Sqlite { "COLLATE NOCASE" } else { "COLLATE \"C\"" };
        let schemas = SCHEMAS.map(|text| text.replace("COLLATE \"C\"", collation));
        let schemas = [schemas[0].as_str(), schemas[1].as_str()];
        let Some(shop) = Shop::new(dialect, "sql", schemas, &rows) else { continue };
        let before = shop.contents();
        done(shop.run(&["apply", "--plan", "plan", "--no-rehearsal", "--yes"]));
        shop.write("INSERT INTO item VALUES ('new', 0, ''), ('new', 1, 'ada')");
        let began = Instant::now();
        refused(&shop, Shop::down, 7, &["item.name", "1 of 100,002 rows", "part=0"]);
        shop.write("DELETE FROM item WHERE code = 'new'");
        done(shop.down());
        assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
        assert_eq!(shop.contents(), before);
    }
}
