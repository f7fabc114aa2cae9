//! The conditions that tell which values fit another type, against the casts of a real server: no condition raises an error, none
//! lets a value pass whose cast would fail, and what a type prints itself always fits.

mod support;

use migrate::catalog::rule::{Enforce, Nulls, Requirement, Rule};
use migrate::db::{Access, Database};
use migrate::dialect::castability::{computed_misfit, misfit};
use migrate::dialect::check::standing::{Doubts, Extent, Wanted, standing};
use migrate::dialect::script::statements;
use migrate::text::{Dialect, QName};
use migrate::verify::{Choice, How, Wish, survey};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Types that texts are read as.
const FROM_TEXT: [&str; 16] = [
    "smallint",
    "integer",
    "bigint",
    "numeric",
    "numeric(10,2)",
    "numeric(3,3)",
    "numeric(4,0)",
    "real",
    "double precision",
    "uuid",
    "boolean",
    "date",
    "time without time zone",
    "timestamp without time zone",
    "timestamp with time zone",
    "timestamp(3) with time zone",
];

const NUMBERS: [&str; 9] = [
    "smallint",
    "integer",
    "bigint",
    "numeric",
    "numeric(10,2)",
    "numeric(3,3)",
    "numeric(20,0)",
    "real",
    "double precision",
];

/// Texts at the edges of what the types take.
const EDGES: &str = "|  |0|-0|+1|--1|00000000000000000000000007|32767|32768|-32768|-32769|2147483647|2147483648|-2147483648\
|-2147483649|9223372036854775807|9223372036854775808|-9223372036854775808|-9223372036854775809|99999999999999999999\
|999999999999999999|1.5|.5|5.|.|1e5|1e|1e+|1e400|1e-400|-1e308|1.8e308|1.7976931348623157e308|1.7976931348623158e308|3.4e38\
|3.5e38|3.4028235e38|3.4028236e38|1e-45|1e-46|7e-46|5e-324|2e-324|4e-324|1e99999|1e9999|-1e-9999|NaN|nan|-nan|Infinity|-inf|inf|infinit\
|0x1F|1_000|0b11|0o7|1 2|99999999.994|99999999.995|99999999.999|-99999999.99|0.9994|0.9995|-0.9999|9999.4|9999.5\
|1,5|١|\u{a0}1|\u{2003}1|1\u{2003}|\t1\n|\u{b}1\u{c}|\r1|1\u{85}|t|tr|TRUE|tRu|truee|of|o|on|off|offf|y|yes|yess|n|no|f|fals|01|2\
|a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11|{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}|{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11|a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}\
| a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11|a0eebc999c0b4ef8bb6d6bb9bd380a11|a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11\
|a0e-ebc99-9c0b-4ef8-bb6d-6bb9bd380a11|A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A1G|a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11-\
|2024-02-29|2023-02-29|1900-02-29|2000-02-29|2100-02-29|2024-04-31|2024-12-31|2024-13-01|2024-00-10|2024-01-00|0000-01-01|0001-01-01|9999-12-31\
|10000-01-01|2024-1-1|20240101|Jan 1 2024|infinity|epoch|now|today|2024-01-01T|2024-01-01 |2024-01-01 10:00|2024-01-01T10:00:00Z|2024-01-01 24:00:00\
|2024-01-01 23:59:60|2024-01-01 23:59:59.999999999|2024-01-01 23:59:59.9999999999999999|2024-01-01 10:00+15|2024-01-01 10:00+16|2024-01-01 10:00-15:59\
|2024-01-01 10:00 +02:00|2024-01-01 10:00  +02|2024-01-01 10:00 Z|2024-01-01 10|2024-01-01  10:00|2024-02-30 10:00|9999-12-31 23:59:59.9999999+00|0001-01-01 00:00:00+15:59\
|10:00|23:59:59.5|24:00|24:00:01|23:59:60|10:00:00.|10|10:0|10:00Z|10:00 PM|null|NULL|''|\\|{}|[]|[1]";

/// Numbers at the edges, as texts of `numeric`.
const EDGE_NUMBERS: [&str; 40] = [
    "0",
    "1",
    "-1",
    "0.5",
    "1.5",
    "-0.5",
    "32767",
    "32767.4",
    "32767.49",
    "32767.5",
    "-32768",
    "-32768.4",
    "-32768.5",
    "-32768.6",
    "32768",
    "2147483647",
    "2147483647.4999",
    "2147483647.5",
    "-2147483648",
    "-2147483648.5",
    "-2147483649",
    "2147483583",
    "2147483584",
    "9223372036854775807",
    "9223372036854774784",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "1e30",
    "-1e30",
    "99999999.99",
    "99999999.994",
    "99999999.995",
    "0.9994",
    "0.9995",
    "-0.9996",
    "99999999999999999999",
    "99999999999999999999.5",
    "123456.789",
    "NaN",
];

fn server() -> Option<(support::TestDatabase, Database)> {
    let server = support::postgres()?;
    let made = server.database();
    let mut database = Database::open(&made.url, Access::ReadWrite).expect("it opens");
    let function = "CREATE FUNCTION fits(value anyelement, type text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN \
        EXECUTE format('SELECT CAST($1 AS %s)', type) USING value; RETURN true; EXCEPTION WHEN others THEN RETURN false; END $$";
    run(&mut database, function);
    Some((made, database))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn run(database: &mut Database, sql: &str) {
    for statement in statements(sql, Dialect::Postgres) {
        database.execute(&statement).unwrap_or_else(|error| panic!("{error}: {sql}"));
    }
}

/// Asks each value of the column `c` of `v`: its text, whether it is told to fit, whether its cast works.
fn asked(database: &mut Database, condition: &str, after: &str) -> Vec<(String, bool, bool)> {
    let sql = format!(
        "SELECT c::text, (({condition}) IS NOT TRUE)::text, fits(c, '{after}')::text FROM v WHERE c IS NOT NULL"
    );
    let [statement] = &statements(&sql, Dialect::Postgres)[..] else {
        panic!("one statement: {sql}")
    };
    let rows = database.rows(statement).unwrap_or_else(|error| panic!("{error}: {sql}"));
    let text = |cell: &Option<String>| cell.clone().unwrap_or_default();
    rows.iter()
        .map(|row| (text(&row[0]), text(&row[1]) == "true", text(&row[2]) == "true"))
        .collect()
}

fn fill(database: &mut Database, data_type: &str, values: &[String]) {
    run(database, &format!("DROP TABLE IF EXISTS v; CREATE TABLE v (c {data_type})"));
    for some in values.chunks(500) {
        let list: Vec<String> = some.iter().map(|value| format!("({})", literal(value))).collect();
        run(
            database,
            &format!(
                "INSERT INTO v SELECT x::{data_type} FROM (VALUES {}) AS t (x)",
                list.join(", ")
            ),
        );
    }
    run(database, "INSERT INTO v VALUES (NULL)");
}

/// Pieces of which the texts of these types are made, in any order.
fn texts() -> Vec<String> {
    let pieces = vec![
        "0",
        "1",
        "9",
        "12",
        "31",
        "59",
        "2024",
        "0001",
        "9999",
        "-",
        "-",
        ":",
        ":",
        ".",
        " ",
        "T",
        "Z",
        "+",
        "e",
        "E5",
        "e-300",
        "{",
        "}",
        "a0ee",
        "bc99",
        "true",
        "fal",
        "\t",
        "\n",
        "\u{2003}",
        "02-29",
        "2023-",
        "10:00",
        "+02",
        "NaN",
        "Infinity",
        "x",
        "9223372036854775807",
        "32768",
        "99999999.995",
        "_",
    ];
    let text = prop::collection::vec(prop::sample::select(pieces), 1..7).prop_map(|it| it.concat());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut found: Vec<String> = EDGES.split('|').map(str::to_owned).collect();
    found.extend((0..6000).map(|_| text.new_tree(&mut runner).expect("a text").current()));
    found.push("1".repeat(400));
    found.push("1".repeat(1001));
    found.push(format!("0.{}1e-9999", "0".repeat(900)));
    found
}

#[test]
fn no_text_passes_whose_cast_fails() {
    let Some((_made, mut database)) = server() else { return };
    fill(&mut database, "text", &texts());
    for after in FROM_TEXT {
        let condition = misfit("c", "text", after, Dialect::Postgres).expect("a condition");
        let found = asked(&mut database, &condition, after);
        let wrong: Vec<_> = found.iter().filter(|(_, told, fits)| *told && !fits).collect();
        assert!(
            wrong.is_empty(),
            "{after}: {} pass although their cast fails: {:?}",
            wrong.len(),
            &wrong[..wrong.len().min(20)]
        );
        let passed = found.iter().filter(|(_, told, _)| *told).count();
        assert!(passed > 0, "{after}: some texts fit");
        if std::env::var_os("CASTS_SAID").is_some() {
            let left: Vec<_> =
                found.iter().filter(|(_, told, fits)| !*told && *fits).map(|it| &it.0).collect();
            println!(
                "{after}: {passed} fit, {} more that a cast would take: {:?}",
                left.len(),
                &left[..left.len().min(40)]
            );
        }
    }
}

/// Whole numbers are read from texts by the program where rows are sent to it, and by the server where they are not.
#[test]
fn both_engines_read_the_same_numbers() {
    let Some((_made, mut database)) = server() else { return };
    let rule = |name: &str, requirement| Rule {
        name: name.to_owned(),
        table: QName::local(Dialect::Postgres, "v"),
        requirement,
        enforce: Enforce::Verify,
        message: None,
        origin: None,
    };
    let holds = |text: &str| Requirement::Holds { expression: text.to_owned() };
    let unique =
        Requirement::Unique { keys: vec!["c".into()], predicate: None, nulls: Nulls::Distinct };
    let rules = [
        rule("range", holds("c BETWEEN -5 AND 12")),
        rule("sum", holds("c <> 7 AND n > 10")),
        rule("unique", unique),
        rule("there", holds("c IS NOT NULL OR n < 100")),
    ];
    for held_as in ["text", "character varying(4000)", "character(1100)"] {
        fill(&mut database, held_as, &texts());
        run(&mut database, "ALTER TABLE v ADD n bigserial PRIMARY KEY");
        let catalog = database.inspect().expect("it can be inspected");
        for after in ["smallint", "integer", "bigint"] {
            let mut meant = catalog.clone();
            let columns = meant.tables.values_mut().flat_map(|table| &mut table.columns);
            for column in columns.filter(|column| column.name.as_str() == "c") {
                after.clone_into(&mut column.data_type);
            }
            let wanted = Wanted { rules: &rules, catalog: Some(&meant), ..Wanted::default() };
            let checks = standing(&catalog, &wanted, &Doubts::new(), Extent::Unproven).checks;
            let mut found = |engine| {
                let wish = Wish { shown: 10_000, baseline: None };
                let how = How { engine, ..How::default() };
                let verdict = survey(&mut database, &checks, &wish, how, None, &mut |_| {});
                let mut violations = verdict.expect("it is asked").violations;
                violations.iter_mut().for_each(|it| it.sample.sort());
                violations.sort_by(|left, right| left.rule.cmp(&right.rule));
                violations
            };
            let (server, here) = (found(Choice::Sql), found(Choice::Stream));
            assert_eq!(server.len(), here.len());
            for (server, here) in server.iter().zip(&here) {
                let (rows, more) = (&server.sample, &here.sample);
                assert_eq!(server.rows, here.rows, "{held_as} as {after}: {}", server.rule);
                assert!(rows == more, "{held_as} as {after}: {} finds others", server.rule);
            }
            assert!(server.len() >= 4, "{held_as} as {after}");
        }
    }
}

#[test]
fn what_a_type_prints_fits_it() {
    let Some((_made, mut database)) = server() else { return };
    let printed = [
        ("smallint", "(n * 7919 % 65536 - 32768)::smallint"),
        ("integer", "((n * 7919::bigint * 104729) % 4294967296 - 2147483648)::integer"),
        ("bigint", "(n - 500) * 18446744073709551::bigint"),
        ("numeric", "(n - 500)::numeric / 7 * power(10::numeric, n % 40 - 20)"),
        ("numeric(10,2)", "((n - 500) * 199999.99)::numeric(10,2)"),
        ("real", "((n - 500) / 7.0 * power(10::float8, n % 70 - 35))::real"),
        ("double precision", "(n - 500) / 7.0 * power(10::float8, n % 600 - 300)"),
        ("uuid", "md5(n::text)::uuid"),
        ("boolean", "n % 2 = 0"),
        ("date", "date '0001-01-01' + n * 3651"),
        ("time without time zone", "time '00:00' + n * interval '86.399999 seconds'"),
        (
            "timestamp without time zone",
            "timestamp '0001-01-01' + n * interval '3651 days 86.123456 seconds'",
        ),
        (
            "timestamp with time zone",
            "timestamptz '1950-01-01' + n * interval '31 days 86.123456 seconds'",
        ),
    ];
    run(&mut database, "SET TimeZone TO 'America/New_York'");
    for (after, expression) in printed {
        run(&mut database, "DROP TABLE IF EXISTS v");
        run(
            &mut database,
            &format!(
                "CREATE TABLE v AS SELECT ({expression})::text AS c FROM generate_series(0, 999) AS n"
            ),
        );
        let condition = misfit("c", "text", after, Dialect::Postgres).expect("a condition");
        let found = asked(&mut database, &condition, after);
        assert_eq!(found.len(), 1000);
        let wrong: Vec<_> = found.iter().filter(|(_, told, fits)| !told || !fits).collect();
        assert!(wrong.is_empty(), "{after}: {:?}", &wrong[..wrong.len().min(20)]);
    }
}

#[test]
fn numbers_fit_exactly_where_their_cast_works() {
    let Some((_made, mut database)) = server() else { return };
    let mut asked_for = 0;
    for before in NUMBERS {
        run(&mut database, "DROP TABLE IF EXISTS v");
        run(&mut database, &format!("CREATE TABLE v (c {before})"));
        for value in EDGE_NUMBERS.iter().copied().chain(["Infinity", "-Infinity"]) {
            let value = literal(value);
            let asked = format!("SELECT fits({value}::text, '{before}')::text");
            if database.rows(&statements(&asked, Dialect::Postgres)[0]).expect("it answers")[0][0]
                .as_deref()
                == Some("true")
            {
                run(&mut database, &format!("INSERT INTO v VALUES ({value}::text::{before})"));
            }
        }
        for after in NUMBERS {
            let Some(condition) = misfit("c", before, after, Dialect::Postgres) else {
                run(
                    &mut database,
                    &format!(
                        "SELECT c::{after} FROM v WHERE c::text NOT LIKE '%Inf%' AND '{after}' NOT IN ('real')"
                    ),
                );
                continue;
            };
            let found = asked(&mut database, &condition, after);
            asked_for += found.len();
            let wrong: Vec<_> = found.iter().filter(|(_, told, fits)| told != fits).collect();
            assert!(wrong.is_empty(), "{before} to {after}: text, told to fit, fits: {wrong:?}");
            // The text of a float is the shortest that tells it from others, not its value.
            if ["real", "double precision"].contains(&before) {
                continue;
            }
            let computed =
                computed_misfit("(c)::text", after, Dialect::Postgres).expect("a condition");
            let found = asked(&mut database, &computed, after);
            let wrong: Vec<_> = found.iter().filter(|(_, told, fits)| *told && !fits).collect();
            assert!(wrong.is_empty(), "computed {before} to {after}: {wrong:?}");
        }
    }
    assert!(asked_for > 400, "{asked_for}");
}
