//! `migrate verify` on real rows: every planted violation is found, none is invented, and what cannot be asked is said.

#[path = "../journey/mod.rs"]
mod journey;
#[path = "../support/mod.rs"]
mod support;
mod engines;
mod parts;
mod place;
mod contracts;
mod faults;
mod repairs;
mod said;
mod versions;

use migrate::text::Dialect;
use place::{Place, counts, keys, told};

const BOTH: [Dialect; 2] = [Dialect::Postgres, Dialect::Sqlite];

const MODEL: &str = r#"model: 1
name: shop
targets: [postgres >= 13, sqlite >= 3.38]
entities:
  Customer:
    fields:
      id: int
      email: { type: text, format: email, pii: email }
      country: { type: text, match: '^[A-Z][A-Z]$' }
      parent: { ref: Customer, optional: true }
    unique:
      email_once: [lower(email)]
  Purchase:
    fields:
      id: int
      customer: { ref: Customer }
      number: { type: text, min: 3, max: 8 }
      quantity: { type: int, min: 1, max: 100 }
      status: { states: [open, paid, shipped], initial: open }
      paid_on: date?
      shipped_on: date?
    unique:
      number_once: { fields: [customer, number], where: "status <> 'open'" }
    rules:
      paid_first: { check: shipped_on >= paid_on }
      paid_has_date: { check: paid_on IS NOT NULL, where: "status <> 'open'", enforce: verify, message: paid without a date }
      odd: { check: "quantity <> 13", enforce: warn }
"#;

fn rows(dialect: Dialect) -> String {
    let date = match dialect {
        Dialect::Postgres => "date",
        Dialect::Sqlite => "text",
    };
    format!(
        "CREATE TABLE customer (id bigint PRIMARY KEY, email text, country text, parent_id bigint);
         CREATE TABLE purchase (id bigint PRIMARY KEY, customer_id bigint, number text, quantity bigint,
                                status text, paid_on {date}, shipped_on {date});
         INSERT INTO customer VALUES
           (1, 'a@b.org', 'FR', NULL), (2, 'A@B.org', 'fr', 1), (3, 'no mail', 'DE', 99), (4, NULL, NULL, 4);
         INSERT INTO purchase VALUES
           (1, 1, 'AB-1', 5, 'open', NULL, NULL),
           (2, 1, 'AB-2', 0, 'paid', '2024-01-02', NULL),
           (3, 1, 'AB-2', 101, 'paid', '2024-01-02', '2024-01-01'),
           (4, 9, 'A', 13, 'lost', NULL, NULL),
           (5, 2, 'AB-3456789', NULL, 'shipped', '2024-01-02', '2024-01-03'),
           (6, 2, 'AB-5', 7, NULL, NULL, NULL)"
    )
}

#[test]
fn every_rule_of_a_model_is_asked_of_tables_that_have_none() {
    for dialect in BOTH {
        let Some(place) = Place::new(dialect, MODEL, &rows(dialect)) else { return };
        let (code, verdict) = place.judged(&[]);
        assert_eq!(code, 5, "{verdict:#}");
        let expected = told(&[
            ("Customer.email required", 1),
            ("Customer.email_format", 1),
            ("Customer.country required", 1),
            ("Customer.country_match", 1),
            ("Customer.email_once", 2),
            ("Customer.parent", 1),
            ("Purchase.customer", 1),
            ("Purchase.number_min", 1),
            ("Purchase.number_max", 1),
            ("Purchase.number_once", 2),
            ("Purchase.odd", 1),
            ("Purchase.paid_first", 1),
            ("Purchase.paid_has_date", 1),
            ("Purchase.quantity required", 1),
            ("Purchase.quantity_max", 1),
            ("Purchase.quantity_min", 1),
            ("Purchase.status required", 1),
            ("Purchase.status_check", 1),
        ]);
        assert_eq!(counts(&verdict), expected, "{dialect}: {verdict:#}");
        assert_eq!(keys(&verdict, "Purchase.number_once"), ["2", "3"]);
        assert_eq!(keys(&verdict, "Customer.parent"), ["3"]);
        assert!(verdict.get("unasked").is_none(), "{verdict:#}");
        let text = verdict.to_string();
        assert!(!text.contains("no mail") && text.contains("•••"), "personal values: {text}");
        let origin = &verdict["violations"][0]["origin"];
        assert!(origin[0].as_u64().is_some_and(|line| line > 5), "{verdict:#}");
    }
}

#[test]
fn what_is_not_in_the_database_is_named_and_the_rest_is_asked() {
    for dialect in BOTH {
        let sql = "CREATE TABLE customer (id bigint PRIMARY KEY, email text, countri text, parent_id bigint);
                   INSERT INTO customer VALUES (1, 'no mail', 'FR', NULL)";
        let Some(place) = Place::new(dialect, MODEL, sql) else { return };
        let ran = place.verify(&["--model", "m.yaml"]);
        assert_eq!(ran.code, 1, "{}", ran.text);
        let wanted = [
            "not asked Customer.country_match (line 9, column 7 of the model): `customer` has no column `country`; \
             did you mean `countri`?",
            "`purchase`",
            "violation Customer.email_format: 1 of 1 row",
        ];
        for part in wanted {
            let text = ran.text.replace(
                "violation Customer.email_format (line 8, column 7 of the model)",
                "violation Customer.email_format",
            );
            assert!(text.contains(part), "{dialect}: `{part}` in {}", ran.text);
        }
    }
}

#[test]
fn what_the_engine_holds_is_trusted_and_what_it_does_not_is_asked() {
    let sql = "CREATE TABLE p (id int PRIMARY KEY);
               CREATE TABLE c (id int PRIMARY KEY, p int REFERENCES p, n int CHECK (n > 0), m int);
               INSERT INTO p VALUES (1);
               INSERT INTO c VALUES (1, 1, 1, -1), (2, NULL, 2, 5);
               ALTER TABLE c ADD CONSTRAINT m_positive CHECK (m > 0) NOT VALID;
               ALTER TABLE c DISABLE TRIGGER ALL;
               INSERT INTO c VALUES (3, 7, 3, 3)";
    let Some(place) = Place::new(Dialect::Postgres, "", sql) else { return };
    let ran = place.verify(&["--json"]);
    let verdict: serde_json::Value = serde_json::from_str(&ran.text).expect("JSON");
    assert_eq!(counts(&verdict), told(&[("c.c_p_fkey", 1), ("c.m_positive", 1)]), "{verdict:#}");
    assert_eq!(
        verdict["trusted"],
        serde_json::json!([
            "c.id required",
            "c.c_n_check",
            "c.c_pkey",
            "p.id required",
            "p.p_pkey"
        ])
    );
    let all = place.verify(&["--all"]);
    assert!(all.text.contains("2 of 7 rules broken"), "{}", all.text);
}

#[test]
fn keys_are_composite_and_nulls_equal_where_the_database_says_so() {
    let sql = "CREATE TABLE p (a int, b int, PRIMARY KEY (a, b));
               CREATE TABLE c (id int PRIMARY KEY, a int, b int);
               INSERT INTO p VALUES (1, 1);
               INSERT INTO c VALUES (1, 1, 1), (2, 1, NULL), (3, NULL, NULL), (4, 2, 1);
               ALTER TABLE c ADD CONSTRAINT c_full FOREIGN KEY (a, b) REFERENCES p MATCH FULL NOT VALID;
               ALTER TABLE c ADD CONSTRAINT c_simple FOREIGN KEY (a, b) REFERENCES p NOT VALID;
               CREATE TABLE stay (id int PRIMARY KEY, room int, during int4range);
               INSERT INTO stay VALUES (1, 1, '[1,5)'), (2, 1, '[4,9)'), (3, 2, '[1,5)'), (4, 1, '[9,12)')";
    let model = "model: 1
name: m
targets: [postgres >= 13]
entities:
  Stay:
    fields:
      id: { type: int, postgres: { type: integer } }
      room: { type: int, postgres: { type: integer } }
      during: { type: text, postgres: { type: int4range } }
    constraints:
      no_overlap: { postgres: 'EXCLUDE USING gist (room WITH =, during WITH &&)' }
      twice: { postgres: 'UNIQUE NULLS NOT DISTINCT (room)' }
";
    let Some(place) = Place::new(Dialect::Postgres, model, sql) else { return };
    let (_, verdict) = place.judged(&[]);
    let expected =
        told(&[("Stay.no_overlap", 2), ("Stay.twice", 3), ("c.c_full", 2), ("c.c_simple", 1)]);
    assert_eq!(counts(&verdict), expected, "{verdict:#}");
    assert_eq!(keys(&verdict, "c.c_full"), ["2", "4"]);
    assert_eq!(keys(&verdict, "Stay.no_overlap"), ["1", "2"]);
}

#[test]
fn sequences_behind_their_rows_are_found() {
    let sql =
        "CREATE TABLE s (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, n serial, m int);
               INSERT INTO s (m) VALUES (1), (2);
               INSERT INTO s (id, n) VALUES (3, 3), (9, 9)";
    let Some(place) = Place::new(Dialect::Postgres, "", sql) else { return };
    let ran = place.verify(&["--json"]);
    let verdict: serde_json::Value = serde_json::from_str(&ran.text).expect("JSON");
    assert_eq!(counts(&verdict), told(&[("s.id sequence", 2), ("s.n sequence", 2)]), "{verdict:#}");
    place.run("SELECT setval('s_id_seq', 9); SELECT setval('s_n_seq', 9)");
    assert_eq!(place.verify(&[]).code, 0);
}

#[test]
fn sqlite_values_that_their_column_does_not_declare_are_found() {
    let sql = "CREATE TABLE p (id INTEGER PRIMARY KEY);
               CREATE TABLE t (a INTEGER, b TEXT, c REAL, d DATE, e DATETIME, f NUMERIC(10,2), g BOOLEAN, h BLOB,
                               p INTEGER REFERENCES p, q UUID CHECK (length(q) = 2));
               PRAGMA foreign_keys = OFF;
               PRAGMA ignore_check_constraints = ON;
               INSERT INTO t VALUES
                 (1, 'x', 1.5, '2024-02-29', '2024-02-29 10:00:00', 1.25, 1, x'00', NULL, 'ab'),
                 ('one', x'ff', 'much', '2025-02-29', '2025-02-31T10:00', 'dear', 'yes', 'text', 5, 'abc'),
                 (1.5, 7, 2, 20240229, 1709200000, 3, 0, NULL, NULL, NULL)";
    let Some(place) = Place::new(Dialect::Sqlite, "", sql) else { return };
    let ran = place.verify(&["--json"]);
    let verdict: serde_json::Value = serde_json::from_str(&ran.text).expect("JSON");
    let one = ["b", "c", "d", "e", "f", "g", "h"].map(|column| (format!("t.{column} storage"), 1));
    let mut expected: Vec<(&str, u64)> = one.iter().map(|(rule, n)| (rule.as_str(), *n)).collect();
    expected.extend([
        ("t.a storage", 2),
        ("t.FOREIGN KEY (\"p\") REFERENCES \"p\"", 1),
        ("t.CHECK (length(\"q\") = 2)", 1),
    ]);
    let found = counts(&verdict);
    assert_eq!(found.values().sum::<u64>(), 11, "{verdict:#}");
    assert!(one.iter().all(|(rule, _)| found.contains_key(rule)), "{verdict:#}");
    assert_eq!(found.len(), expected.len(), "{verdict:#}");
    assert_eq!(keys(&verdict, "t.b storage"), ["2"]);
}

#[test]
fn a_table_that_may_not_be_read_hides_no_other() {
    let sql = "CREATE TABLE a (id int PRIMARY KEY, n int);
               CREATE TABLE b (id int PRIMARY KEY, n int);
               INSERT INTO a VALUES (1, -1); INSERT INTO b VALUES (1, -1);
               ALTER TABLE a ADD CHECK (n > 0) NOT VALID; ALTER TABLE b ADD CHECK (n > 0) NOT VALID;
               DO $$ BEGIN CREATE ROLE verify_reader LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
               GRANT USAGE ON SCHEMA public TO verify_reader; GRANT SELECT ON b TO verify_reader";
    let Some(place) = Place::new(Dialect::Postgres, "", sql) else { return };
    let migrate::db::DatabaseUrl::Postgres(url) = &place.url else { panic!("a server") };
    let mut url = url.clone();
    url.user = "verify_reader".to_owned();
    let address = journey::typed(&migrate::db::DatabaseUrl::Postgres(url));
    let mut command = journey::migrate(place.folder.path());
    let ran = journey::ran(command.args(["verify", "-q", "--url", &address]));
    assert_eq!(ran.code, 1, "{}", ran.text);
    assert!(
        ran.text.contains("not asked a.a_n_check: permission denied for table a"),
        "{}",
        ran.text
    );
    assert!(ran.text.contains("violation b.b_n_check: 1 of 1 row"), "{}", ran.text);
}

#[test]
fn rows_without_a_key_are_named_by_the_engine_and_views_by_the_model() {
    for dialect in BOTH {
        let sql = "CREATE TABLE raw (id bigint, n bigint);
                   INSERT INTO raw VALUES (1, 5), (2, -5);
                   CREATE VIEW seen AS SELECT id, n FROM raw";
        let model = "model: 1
name: m
targets: [postgres >= 13, sqlite >= 3.38]
entities:
  Seen: { fields: { id: int, n: { type: int, min: 0 } } }
  Raw: { fields: { id: int, n: { type: int, min: 0 } } }
";
        let Some(place) = Place::new(dialect, model, sql) else { return };
        let (code, verdict) = place.judged(&[]);
        assert_eq!(code, 5, "{verdict:#}");
        assert_eq!(counts(&verdict), told(&[("Raw.n_min", 1), ("Seen.n_min", 1)]), "{verdict:#}");
        assert_eq!(keys(&verdict, "Seen.n_min"), ["2"]);
        let row = if dialect == Dialect::Postgres { "(0,2)" } else { "2" };
        assert_eq!(keys(&verdict, "Raw.n_min"), [row]);
    }
}

#[test]
fn values_that_do_not_fit_the_models_type_are_found_without_an_error() {
    let sql = "CREATE TABLE item (id bigint PRIMARY KEY, amount text, day text);
               INSERT INTO item VALUES (1, '12', '2024-01-01'), (2, 'x', '2024-01-01'), (3, '-4', 'soon'), (4, NULL, NULL)";
    let model = "model: 1
name: m
targets: [postgres >= 13]
entities:
  Item: { fields: { id: int, amount: { type: int, min: 0, optional: true }, day: date? } }
";
    let Some(place) = Place::new(Dialect::Postgres, model, sql) else { return };
    let (_, verdict) = place.judged(&[]);
    let expected =
        told(&[("Item.amount_min", 1), ("item.amount as bigint", 1), ("item.day as date", 1)]);
    assert_eq!(counts(&verdict), expected, "{verdict:#}");
}

#[test]
fn a_baseline_lets_known_rows_pass_and_only_those() {
    for dialect in BOTH {
        let Some(place) = Place::new(dialect, MODEL, &rows(dialect)) else { return };
        assert_eq!(place.verify(&["--model", "m.yaml", "--save-baseline", "known.txt"]).code, 0);
        let (code, verdict) = place.judged(&["--baseline", "known.txt"]);
        assert_eq!(code, 0, "{verdict:#}");
        place.run("INSERT INTO purchase VALUES (7, 1, 'AB-7', 1000, 'open', NULL, NULL)");
        let (code, verdict) = place.judged(&["--baseline", "known.txt"]);
        assert_eq!(code, 5, "{verdict:#}");
        assert_eq!(keys(&verdict, "Purchase.quantity_max"), ["7"]);
        let text = std::fs::read_to_string(place.folder.path().join("known.txt")).expect("a file");
        assert!(!text.contains("b.org"), "keys are hashed: {text}");
    }
}

#[test]
fn all_keys_are_saved_and_personal_values_are_not() {
    for dialect in BOTH {
        let Some(place) = Place::new(dialect, MODEL, &rows(dialect)) else { return };
        place.verify(&["--model", "m.yaml", "--save", "out", "--sample", "1"]);
        let read = |name: &str| {
            std::fs::read_to_string(place.folder.path().join("out").join(name)).expect("a file")
        };
        assert_eq!(read("Purchase.number_once.csv"), "id,customer_id,number\n2,1,AB-2\n3,1,AB-2\n");
        assert_eq!(read("Customer.email_format.csv"), "id,email\n3,•••\n");
        place.verify(&["--model", "m.yaml", "--save", "out", "--save-format", "ndjson"]);
        assert_eq!(read("Purchase.quantity_required.ndjson"), "{\"id\":\"5\",\"quantity\":null}\n");
    }
}

#[test]
fn several_connections_say_what_one_says() {
    let Some(place) = Place::new(Dialect::Postgres, MODEL, &rows(Dialect::Postgres)) else {
        return;
    };
    assert_eq!(place.judged(&["--jobs", "3"]), place.judged(&[]));
}

#[test]
fn other_programs_get_their_format() {
    let Some(place) = Place::new(Dialect::Sqlite, MODEL, &rows(Dialect::Sqlite)) else { return };
    let told = |format: &str| place.verify(&["--model", "m.yaml", "--format", format]).text;
    let sarif: serde_json::Value = serde_json::from_str(&told("sarif")).expect("JSON");
    let place_of = &sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place_of["artifactLocation"]["uri"], "m.yaml", "{sarif:#}");
    assert!(place_of["region"]["startLine"].as_u64().is_some(), "{sarif:#}");
    let github = told("github");
    assert!(
        github.contains("::error file=m.yaml,line=18,col=7,title=Purchase.quantity required::"),
        "{github}"
    );
    // GitHub shows ten a step, of which the last says so.
    let errors = github.lines().filter(|line| line.starts_with("::error ")).count();
    assert!(errors == 10 && github.contains("title=more findings::8 more"), "{github}");
    assert!(github.contains("::warning file=m.yaml,line=27,col="), "{github}");
    let junit = told("junit");
    assert!(
        junit.contains("<testcase classname=\"purchase\" name=\"Purchase.number_once\"><failure"),
        "{junit}"
    );
    let lines = told("jsonl");
    assert!(lines.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
    assert!(told("markdown").contains("| `Purchase.number_once` | 2 | 6 |"));
    let explained = place.verify(&["--model", "m.yaml", "--explain"]);
    assert!(explained.text.contains("rules in one scan"), "{}", explained.text);
    assert_eq!(explained.code, 0);
    let one = place.verify(&["--model", "m.yaml", "--rule", "quantity_max", "--table", "Purchase"]);
    assert!(one.text.contains("1 of 1 rule broken"), "{}", one.text);
    assert_eq!(place.verify(&["--model", "m.yaml", "--rule", "nothing"]).code, 2);
}

const ACROSS: &str = r#"model: 1
name: billing
targets: [postgres >= 13, sqlite >= 3.38]
entities:
  Customer:
    fields:
      id: int
      tier: { enum: [basic, gold] }
      credit: decimal(12,2)
      region: { ref: Region, optional: true }
      parent: { ref: Customer, optional: true }
  Region: { fields: { id: int, active: bool = true } }
  Invoice:
    fields:
      id: int
      customer: { ref: Customer }
      total: decimal(12,2)
      first_on: date?
      lines: { many: Line, inverse: invoice }
      tags: { many: Tag, through: invoice_tags }
    rules:
      lines_add_up: { check: "total = coalesce(sum(lines.amount), 0)", enforce: verify, message: the lines do not add up }
      priced: { check: "total >= sum(lines.quantity * lines.price)", enforce: verify }
      has_lines: { check: count(lines) > 0, where: total > 0, enforce: verify }
      no_refunds: { check: "count(lines) FILTER (WHERE lines.amount < 0) = 0", enforce: warn }
      within_credit: { check: total <= customer.credit, enforce: verify }
      active: { check: "customer.region.active OR customer.tier = 'gold'", enforce: verify }
      starts_with_lines: { check: min(lines.made_on) >= first_on, enforce: verify }
      few_tags: { check: count(tags) <= 1, enforce: verify }
  Line:
    fields:
      id: int
      invoice: { ref: Invoice }
      amount: decimal(12,2)
      quantity: int
      price: decimal(12,2)
      made_on: date
  Tag: { fields: { id: int, label: text } }
"#;

#[test]
fn rules_reach_over_references_and_add_up_what_belongs_to_a_row() {
    for dialect in BOTH {
        let (decimal, date) = match dialect {
            Dialect::Postgres => ("numeric(12,2)", "date"),
            Dialect::Sqlite => ("real", "text"),
        };
        let truth = if dialect == Dialect::Postgres { "boolean" } else { "integer" };
        let sql = format!(
            "CREATE TABLE region (id bigint PRIMARY KEY, active {truth} NOT NULL);
             CREATE TABLE customer (id bigint PRIMARY KEY, tier text NOT NULL, credit {decimal} NOT NULL,
                                    region_id bigint, parent_id bigint);
             CREATE TABLE invoice (id bigint PRIMARY KEY, customer_id bigint NOT NULL, total {decimal} NOT NULL, first_on {date});
             CREATE TABLE line (id bigint PRIMARY KEY, invoice_id bigint NOT NULL, amount {decimal} NOT NULL,
                                quantity bigint NOT NULL, price {decimal} NOT NULL, made_on {date} NOT NULL);
             CREATE TABLE tag (id bigint PRIMARY KEY, label text NOT NULL);
             CREATE TABLE invoice_tags (invoice_id bigint NOT NULL, tag_id bigint NOT NULL, PRIMARY KEY (invoice_id, tag_id));
             INSERT INTO region VALUES (1, TRUE), (2, FALSE);
             INSERT INTO customer VALUES (1, 'basic', 100, 1, NULL), (2, 'gold', 1, 2, 1), (3, 'basic', 50, 2, NULL),
                                         (4, 'basic', 9, NULL, NULL);
             INSERT INTO invoice VALUES (1, 1, 0.30, '2024-01-01'), (2, 1, 10.50, '2024-01-01'), (3, 2, 0, NULL),
                                        (4, 3, 60, NULL), (5, 4, 5, '2024-05-05');
             INSERT INTO line VALUES (1, 1, 0.10, 1, 0.10, '2024-01-01'), (2, 1, 0.20, 2, 0.10, '2024-01-02'),
                                     (3, 2, 10, 1, 10, '2023-12-31'), (4, 5, 6, 1, 3, '2024-05-06'), (5, 5, -1, 1, 3, '2024-05-06');
             INSERT INTO tag VALUES (1, 'a'), (2, 'b');
             INSERT INTO invoice_tags VALUES (1, 1), (2, 1), (2, 2)"
        );
        let Some(place) = Place::new(dialect, ACROSS, &sql) else { return };
        let (code, verdict) = place.judged(&[]);
        assert_eq!(code, 5, "{verdict:#}");
        let expected = told(&[
            ("Invoice.active", 1),
            ("Invoice.few_tags", 1),
            ("Invoice.has_lines", 1),
            ("Invoice.lines_add_up", 2),
            ("Invoice.no_refunds", 1),
            ("Invoice.priced", 1),
            ("Invoice.starts_with_lines", 1),
            ("Invoice.within_credit", 1),
        ]);
        assert_eq!(counts(&verdict), expected, "{dialect}: {verdict:#}");
        assert_eq!(keys(&verdict, "Invoice.lines_add_up"), ["2", "4"]);
        assert_eq!(keys(&verdict, "Invoice.active"), ["4"]);
        assert_eq!(keys(&verdict, "Invoice.priced"), ["5"]);
        place.run("DROP TABLE tag; DROP TABLE invoice_tags");
        let ran = place.verify(&["--model", "m.yaml", "--rule", "few_tags"]);
        assert_eq!(ran.code, 1, "{}", ran.text);
        assert!(ran.text.contains("the database has no table `invoice_tags`"), "{}", ran.text);
    }
}

#[test]
fn what_an_aggregate_cannot_mean_is_refused_with_its_place() {
    let told = |rule: &str| {
        let model = ACROSS.replace("count(lines) > 0, where", &format!("\"{rule}\", where"));
        let place = Place::new(Dialect::Sqlite, &model, "CREATE TABLE t (a)").expect("a file");
        place.verify(&["--model", "m.yaml"]).text
    };
    for (rule, wanted) in [
        ("lines > 0", "`lines` is many rows, not a value"),
        ("sum(lines.total) > 0", "no field `total` in `Line`"),
        ("sum(lines.made_on) > 0", "`sum` takes numbers only"),
        ("sum(lines.amount + total) > 0", "`total` is no field of `lines`"),
        ("count(*) > customer.credit", "this form of `count` is not in the portable subset"),
        ("customer.name = 'x'", "no field `name` in `Customer`"),
    ] {
        let text = told(rule);
        assert!(text.contains(wanted), "{rule}: {text}");
    }
}

#[test]
fn constraints_that_the_model_states_are_asked_once_or_trusted() {
    let Some(place) = Place::new(Dialect::Postgres, MODEL, "") else { return };
    let run = |words: &[&str]| {
        let ran = journey::ran(journey::migrate(place.folder.path()).args(words));
        assert_eq!(ran.code, 0, "{}", ran.text);
    };
    run(&[
        "plan",
        "--from",
        "empty",
        "--to",
        "m.yaml",
        "--out",
        "p",
        "--dialect",
        "postgres",
        "--no-proof",
    ]);
    run(&["apply", "--plan", "p", "--no-rehearsal", "--url", &journey::typed(&place.url)]);
    let (code, verdict) = place.judged(&[]);
    assert_eq!(code, 0, "{verdict:#}");
    // Only the two rules that no constraint holds are left, and the model's names are those of the trusted ones.
    assert_eq!(verdict["checked"], 2, "{verdict:#}");
    let trusted = verdict["trusted"].to_string();
    for rule in [
        "Customer.email_format",
        "Purchase.status_check",
        "Purchase.number_once",
        "Customer.email_once",
    ] {
        assert!(trusted.contains(rule), "{rule}: {trusted}");
    }
    place.run(
        "ALTER TABLE purchase DROP CONSTRAINT purchase_quantity_max;
         INSERT INTO customer VALUES (1, 'a@b', 'FR', NULL);
         INSERT INTO purchase VALUES (1, 1, 'AB-1', 1000, 'open', NULL, NULL);
         ALTER TABLE purchase ADD CONSTRAINT purchase_quantity_max CHECK (quantity <= 100) NOT VALID",
    );
    let (_, verdict) = place.judged(&[]);
    assert_eq!(counts(&verdict), told(&[("Purchase.quantity_max", 1)]), "{verdict:#}");
    place.run("UPDATE purchase SET quantity = 100");
    let ran = place.verify(&["--model", "m.yaml"]);
    let wanted = "ready Purchase.quantity_max: no row breaks it: \
                  ALTER TABLE \"public\".\"purchase\" VALIDATE CONSTRAINT \"purchase_quantity_max\"";
    assert!(ran.text.contains(wanted), "{}", ran.text);
}

#[test]
fn partitions_are_asked_with_their_table_and_awkward_names_are_names() {
    let sql = r#"CREATE TABLE part (a int, b int) PARTITION BY RANGE (a);
        CREATE TABLE part1 PARTITION OF part FOR VALUES FROM (0) TO (10);
        CREATE TABLE part2 PARTITION OF part FOR VALUES FROM (10) TO (20);
        INSERT INTO part VALUES (1, -1), (11, -1);
        ALTER TABLE part ADD CHECK (b > 0) NOT VALID;
        CREATE TABLE "Odd ""N" ("a""b" int, "C d" text);
        INSERT INTO "Odd ""N" VALUES (-1, 'x');
        ALTER TABLE "Odd ""N" ADD CONSTRAINT one CHECK ("a""b" > 0) NOT VALID;
        ALTER TABLE "Odd ""N" ADD CONSTRAINT two CHECK ("C d" <> 'x') NOT VALID;
        CREATE TABLE par (id int PRIMARY KEY);
        CREATE TABLE kid () INHERITS (par);
        INSERT INTO par VALUES (1); INSERT INTO kid VALUES (1), (2);
        CREATE TABLE r (id int PRIMARY KEY, par int);
        INSERT INTO r VALUES (1, 2), (2, 1);
        ALTER TABLE r ADD FOREIGN KEY (par) REFERENCES par NOT VALID"#;
    let Some(place) = Place::new(Dialect::Postgres, "", sql) else { return };
    let ran = place.verify(&["--json"]);
    let verdict: serde_json::Value = serde_json::from_str(&ran.text).expect("JSON");
    let expected = told(&[
        ("Odd \"N.one", 1),
        ("Odd \"N.two", 1),
        ("part.part_b_check", 2),
        ("r.r_par_fkey", 1),
    ]);
    assert_eq!(counts(&verdict), expected, "{verdict:#}");
    assert_eq!(keys(&verdict, "part.part_b_check"), ["part1 (0,1)", "part2 (0,1)"]);
    assert_eq!(verdict["violations"][0]["values"], serde_json::json!(["a\"b"]), "{verdict:#}");
    let sql = "CREATE TABLE n (rowid TEXT, x INT); INSERT INTO n VALUES ('r', 'bad')";
    let place = Place::new(Dialect::Sqlite, "", sql).expect("a file");
    let ran = place.verify(&["--json"]);
    let verdict: serde_json::Value = serde_json::from_str(&ran.text).expect("JSON");
    assert_eq!(keys(&verdict, "n.x storage"), ["1"], "{verdict:#}");
}
