//! `--mask` from the command line: what runs on the copy sees stand-ins, and joins, keys and rules are as true as before.

mod journey;
mod support;

use std::path::Path;

use journey::{Place, Ran, migrate, ran, typed};
use migrate::text::Dialect;

const MODEL: &str = "model: 1
name: shop
targets: [postgres >= 13, sqlite >= 3.38]
entities:
  Customer:
    key: [email]
    fields:
      email: { type: text, pii: email, match: '^[a-z0-9]+@[a-z.]+$' }
      born: { type: date, optional: true, pii: birth }
      token: { type: uuid, pii: token }
      n: int
    unique: { one_token: [token] }
  Note:
    fields:
      id: int
      author: { ref: Customer }
      text: text
";

/// The same as SQL.
const SCHEMA: &str = "CREATE TABLE customer (
  -- migrate:pii email
  email text PRIMARY KEY NOT NULL,
  -- migrate:pii birth
  born date,
  -- migrate:pii token
  token UUID_TYPE NOT NULL UNIQUE,
  n int NOT NULL
);
CREATE TABLE note (id int PRIMARY KEY NOT NULL, author_id text NOT NULL, text text NOT NULL,
  FOREIGN KEY (Author_ID) REFERENCES Customer);
";

/// Rows that share their addresses, one letter's stand-in among them: a stand-in may be what another row has.
const ROWS: &str = "INSERT INTO customer (email, born, token, n) VALUES
     ('ada@example.com', '1990-02-28', '6f1ed002-ab5e-4b5a-8a0c-aa0f5d3e1c11', 1),
     ('bob@example.com', NULL, '6f1ed002-ab5e-4b5a-8a0c-aa0f5d3e1c12', 2), ('a@a.a', '2000-01-01', '6f1ed002-ab5e-4b5a-8a0c-aa0f5d3e1c13', 3),
     ('b@b.b', '2000-01-02', '6f1ed002-ab5e-4b5a-8a0c-aa0f5d3e1c14', 4), ('c@c.c', '2000-01-03', '6f1ed002-ab5e-4b5a-8a0c-aa0f5d3e1c15', 5),
     ('d@d.d', '2000-01-04', '6f1ed002-ab5e-4b5a-8a0c-aa0f5d3e1c16', 6);
     INSERT INTO note (id, author_id, text) VALUES (1, 'ada@example.com', 'x'), (2, 'ada@example.com', 'y'), (3, 'd@d.d', 'z');";

/// Stops where a real value is seen, or where a row lost its partner.
fn looking(dialect: Dialect) -> String {
    let real = "SELECT count(*) FROM customer WHERE email LIKE 'ada%' OR email = 'a@a.a' AND n = 3 OR n = 1 AND born = '1990-02-28' \
         OR n = 2 AND token = '6f1ed002-ab5e-4b5a-8a0c-aa0f5d3e1c12'";
    let pairs = "SELECT count(*) FROM note JOIN customer ON email = author_id WHERE n IN (1, 6)";
    match dialect {
        Dialect::Postgres => format!(
            "DO $$ BEGIN ASSERT ({real}) = 0, 'real values'; ASSERT ({pairs}) IN (0, 3), 'lost partners'; END $$;\n"
        ),
        Dialect::Sqlite => format!(
            "CREATE TABLE planted (real_values CHECK (real_values = 0), partners CHECK (partners IN (0, 3)));\n\
             INSERT INTO planted VALUES (({real}), ({pairs}));\nDROP TABLE planted;\n"
        ),
    }
}

struct Shop {
    folder: tempfile::TempDir,
    place: Place,
}

impl Shop {
    fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = migrate(self.folder.path());
        ran(command.args(arguments).args(["--url", &typed(self.place.url())]))
    }

    fn done(&self, arguments: &[&str]) -> Ran {
        let done = self.run(arguments);
        assert_eq!(done.code, 0, "{arguments:?}: {}", done.text);
        done
    }
}

fn version(folder: &Path, number: &str) -> std::path::PathBuf {
    let entries = std::fs::read_dir(folder.join("migrations")).expect("a folder").flatten();
    let mut paths = entries.map(|entry| entry.path());
    let is_it =
        |path: &std::path::PathBuf| path.display().to_string().contains(&format!("/{number}_"));
    paths.find(is_it).expect("the version")
}

#[test]
fn what_runs_on_a_masked_copy_sees_stand_ins_and_everything_still_fits() {
    let models = ["model.yaml", "schema.sql"];
    let kinds = [Dialect::Sqlite, Dialect::Postgres].map(|it| models.map(|model| (it, model)));
    for (dialect, model) in kinds.into_iter().flatten() {
        let Some(place) = Place::new(dialect) else { continue };
        let shop = Shop { folder: tempfile::tempdir().expect("a temporary folder"), place };
        let uuid = if dialect == Dialect::Postgres { "uuid" } else { "text" };
        let text = match model {
            "model.yaml" => MODEL.to_owned(),
            _ => SCHEMA.replace("UUID_TYPE", uuid),
        };
        std::fs::write(shop.folder.path().join("migrate.toml"), format!("model = '{model}'"))
            .expect("a file");
        std::fs::write(shop.folder.path().join(model), text).expect("a file");
        shop.done(&["plan", "first"]);
        shop.done(&["apply", "-y"]);
        support::run(&mut shop.place.open(), ROWS);
        let before = journey::contents(&mut shop.place.open());
        shop.done(&["new", "look"]);
        let up = version(shop.folder.path(), "0002").join(format!("{}.up.sql", dialect.name()));
        let text = std::fs::read_to_string(&up).expect("a file");
        std::fs::write(&up, format!("{text}{}", looking(dialect))).expect("a file");
        shop.done(&["rehash"]);

        let plain = shop.run(&["rehearse", "--whole"]);
        assert_ne!(plain.code, 0, "{}", plain.text);
        assert!(plain.text.contains("real"), "{}", plain.text);
        let masked = shop.done(&["rehearse", "--whole", "--mask", "--json"]);
        let report: serde_json::Value = serde_json::from_str(&masked.text).expect("JSON");
        let evidence = &report["evidence"][0];
        // A masked copy is never called the whole.
        assert_eq!(evidence["snapshot"], "part", "{}", masked.text);
        let tables = evidence["extent"]["tables"].as_array().expect("tables");
        let masked: Vec<&serde_json::Value> =
            tables.iter().filter_map(|table| table.get("masked")).collect();
        assert!(
            masked.contains(&&serde_json::json!(["born", "email", "token"])),
            "{dialect}: {masked:?}"
        );
        assert!(masked.contains(&&serde_json::json!(["author_id"])), "{dialect}: {masked:?}");
        assert_eq!(before, journey::contents(&mut shop.place.open()));
    }
}

#[test]
fn values_without_a_stand_in_are_named() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let Some(place) = Place::new(dialect) else { continue };
        let shop = Shop { folder: tempfile::tempdir().expect("a temporary folder"), place };
        std::fs::write(shop.folder.path().join("migrate.toml"), "").expect("a file");
        let model = MODEL.replace("      n: int", "      n: { type: int, pii: number }");
        std::fs::write(shop.folder.path().join("model.yaml"), model).expect("a file");
        shop.done(&["plan", "first"]);
        shop.done(&["apply", "-y"]);
        support::run(&mut shop.place.open(), ROWS);
        shop.done(&["new", "look"]);
        let refused = shop.run(&["rehearse", "--mask"]);
        assert_eq!(refused.code, 1, "{}", refused.text);
        assert!(refused.text.contains("customer.n` cannot be masked"), "{}", refused.text);
    }
}
