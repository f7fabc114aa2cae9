//! How long it takes to hold 16 rules against the rows of one table, beside 16 queries of one rule each and beside the
//! best single query that a person would write: `cargo bench --bench verify`. `ROWS=5000000` for more rows.
//!
//! Nothing here passes or fails; all are run in turn and the best of each counts. The engines, two connections, one rule more, and
//! a link of 100 Mbit/s stand beside each other.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use migrate::catalog::rule::{Enforce, Join, Matching, Nulls, Requirement, Rule};
use migrate::db::{Access, Database, DatabaseUrl, Env, Mode};
use migrate::dialect::check::Check;
use migrate::dialect::check::standing::{Doubts, Extent, Wanted, standing};
use migrate::dialect::script::statements;
use migrate::shadow::cluster::cluster;
use migrate::text::{Dialect, QName};
use migrate::verify::{Choice, How, Wish, survey};

const ROUNDS: usize = 3;

/// Row rules: name and condition, as they stand in a CHECK. With two required columns, a text that is read as a number, a unique
/// number, a reference, and what a row may say beside the row it refers to they are 16.
const CONDITIONS: [(&str, &str); 10] = [
    ("kind of json", "jsonb_typeof(meta -> 'k') = 'number'"),
    ("amount", "amount >= 0"),
    ("quantity", "quantity >= 1 AND quantity <= 1000"),
    ("length", "length(note) <= 50"),
    ("email", "email ~ '^[^@ ]+@[^@ ]+[.][a-z]+$'"),
    ("pattern", "number ~ '^ORD-[0-9]{8}$'"),
    ("status", "status IN ('open', 'paid', 'sent', 'done')"),
    ("currency", "currency IN ('EUR', 'USD', 'GBP')"),
    ("dates", "sent_at >= paid_at"),
    ("state", "status <> 'sent' OR sent_at IS NOT NULL"),
];

/// Of each rule five rows break it; of the unique number six, for one is there before them.
const TABLES: &str = "
    CREATE TABLE customer (id bigint PRIMARY KEY, credit numeric(12,2) NOT NULL);
    INSERT INTO customer SELECT n, 100000 FROM generate_series(1, 200000) AS n;
    CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, number text, quantity text, amount numeric(12,2),
        status text, currency text, email text, note text, region text, placed_at timestamptz, paid_at timestamptz,
        sent_at timestamptz, meta jsonb);
    INSERT INTO orders SELECT n, 1 + n % 200000, 'ORD-' || lpad(n::text, 8, '0'), 1 + n % 1000, (n % 100000) / 100.0,
        (ARRAY['open', 'paid', 'sent', 'done'])[1 + n % 4], (ARRAY['EUR', 'USD', 'GBP'])[1 + n % 3],
        'user' || n || '@mail.example', CASE WHEN n % 3 > 0 THEN 'note ' || n END, 'r' || n % 9,
        timestamptz '2024-01-01' + n * interval '1 second', timestamptz '2024-01-02' + n * interval '1 second',
        timestamptz '2024-01-03' + n * interval '1 second', jsonb_build_object('k', n, 'tags', jsonb_build_array('a', n % 7))
        FROM generate_series(1, :rows) AS n;
    UPDATE orders SET customer_id = NULL WHERE id BETWEEN 101 AND 105;
    UPDATE orders SET email = NULL WHERE id BETWEEN 201 AND 205;
    UPDATE orders SET quantity = 'many' WHERE id BETWEEN 301 AND 305;
    UPDATE orders SET meta = '{\"k\": \"x\"}' WHERE id BETWEEN 401 AND 405;
    UPDATE orders SET amount = -1 WHERE id BETWEEN 501 AND 505;
    UPDATE orders SET quantity = '5000' WHERE id BETWEEN 601 AND 605;
    UPDATE orders SET note = repeat('n', 60) WHERE id BETWEEN 701 AND 705;
    UPDATE orders SET email = 'nobody' WHERE id BETWEEN 801 AND 805;
    UPDATE orders SET number = 'XRD-' || lpad(id::text, 8, '0') WHERE id BETWEEN 901 AND 905;
    UPDATE orders SET status = 'lost' WHERE id BETWEEN 1001 AND 1005;
    UPDATE orders SET currency = 'XXX' WHERE id BETWEEN 1101 AND 1105;
    UPDATE orders SET sent_at = paid_at - interval '1 day' WHERE id BETWEEN 1201 AND 1205;
    UPDATE orders SET sent_at = NULL, status = 'sent' WHERE id BETWEEN 1301 AND 1305;
    UPDATE orders SET number = 'ORD-00002000' WHERE id BETWEEN 1401 AND 1405;
    UPDATE orders SET customer_id = 999999 WHERE id BETWEEN 1501 AND 1505;
    UPDATE orders SET amount = 200000 WHERE id BETWEEN 1601 AND 1605;
    VACUUM ANALYZE";

fn main() {
    let env = Env::new(std::env::vars());
    let rows = std::env::var("ROWS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    match cluster(&env, None) {
        Ok(server) => postgres(&server.url("postgres"), rows),
        Err(reason) => println!("skipped, no PostgreSQL: {reason}"),
    }
}

fn rules() -> Vec<Rule> {
    let table = QName::local(Dialect::Postgres, "orders");
    let unique = Requirement::Unique {
        keys: vec!["\"number\"".into()],
        predicate: None,
        nulls: Nulls::Distinct,
    };
    let references = Requirement::References {
        columns: vec!["customer_id".into()],
        table: QName::local(Dialect::Postgres, "customer"),
        referenced_columns: vec!["id".into()],
        matching: Matching::Simple,
    };
    let required =
        |name: &str| (format!("{name} required"), Requirement::Required { column: name.into() });
    let holds = CONDITIONS.iter().map(|(name, text)| {
        ((*name).to_owned(), Requirement::Holds { expression: (*text).to_owned() })
    });
    let credit = Requirement::Across {
        columns: vec!["amount".into(), "customer_id".into()],
        joins: vec![Join {
            from: "customer AS j1".into(),
            on: "j1.id = r.customer_id".into(),
            needs: vec![(
                QName::local(Dialect::Postgres, "customer"),
                vec!["id".into(), "credit".into()],
            )],
        }],
        expression: "r.amount <= j1.credit".into(),
    };
    let sets = [("unique", unique), ("references", references), ("credit", credit)];
    let sets = sets.map(|(name, requirement)| (name.to_owned(), requirement));
    holds
        .chain([required("customer_id"), required("email")])
        .chain(sets)
        .map(|(name, requirement)| Rule {
            name,
            table: table.clone(),
            requirement,
            enforce: Enforce::Verify,
            message: None,
            origin: None,
        })
        .collect()
}

fn run(database: &mut Database, sql: &str) {
    for statement in statements(sql, Dialect::Postgres) {
        database.execute(&statement).expect("a statement of the bench");
    }
}

fn timed(work: &mut dyn FnMut()) -> Duration {
    let started = Instant::now();
    work();
    started.elapsed()
}

fn postgres(url: &DatabaseUrl, rows: u64) {
    let mut database = Database::open(url, Access::ReadWrite).expect("the server answers");
    run(&mut database, &TABLES.replace(":rows", &rows.to_string()));
    let checks = checks(&mut database, &rules());
    let more = [rules(), vec![simple()]].concat();
    let one_more = self::checks(&mut database, &more);
    let slow = throttled(url);
    let slow = slow.map(|url| Database::open(&url, Access::ReadOnly).expect("it answers"));
    let database = RefCell::new(database);
    let slow = RefCell::new(slow);
    let ask = |engine, jobs, checks: &[Check]| {
        asked(&mut database.borrow_mut(), How { engine, jobs, ..How::default() }, checks);
    };
    let ask_slowly = |engine| {
        if let Some(slow) = &mut *slow.borrow_mut() {
            asked(slow, How { engine, ..How::default() }, &checks);
        }
    };
    let ways: [(&str, &dyn Fn()); 10] = [
        ("by hand, 3 queries", &|| by_hand(&mut database.borrow_mut())),
        ("16 queries", &|| each(&mut database.borrow_mut(), &checks)),
        ("--engine sql", &|| ask(Choice::Sql, 1, &checks)),
        ("--engine stream", &|| ask(Choice::Stream, 1, &checks)),
        ("--engine auto", &|| ask(Choice::Auto, 1, &checks)),
        ("--engine auto, a 17th rule", &|| ask(Choice::Auto, 1, &one_more)),
        ("--engine auto --jobs 2", &|| ask(Choice::Auto, 2, &checks)),
        ("100 Mbit/s, --engine sql", &|| ask_slowly(Choice::Sql)),
        ("100 Mbit/s, --engine stream", &|| ask_slowly(Choice::Stream)),
        ("100 Mbit/s, --engine auto", &|| ask_slowly(Choice::Auto)),
    ];
    let mut best = ways.map(|_| Duration::MAX);
    for _ in 0..ROUNDS {
        for (best, (_, way)) in best.iter_mut().zip(ways) {
            *best = (*best).min(timed(&mut || way()));
        }
    }
    println!("PostgreSQL, {rows} rows, {} checks:", checks.len());
    for ((name, _), time) in ways.iter().zip(best) {
        let against = time.as_secs_f64() / best[0].as_secs_f64();
        println!("  {name}: {:.2} s, {against:.2} times by hand", time.as_secs_f64());
    }
}

/// The rules, over a schema in which a text has become a number.
fn checks(database: &mut Database, rules: &[Rule]) -> Vec<Check> {
    let catalog = database.inspect().expect("it can be inspected");
    let mut meant = catalog.clone();
    let orders = meant.tables.get_mut(&QName::local(Dialect::Postgres, "orders"));
    let columns = orders.into_iter().flat_map(|table| &mut table.columns);
    for column in columns.filter(|column| column.name.as_str() == "quantity") {
        "integer".clone_into(&mut column.data_type);
    }
    let wanted = Wanted { rules, catalog: Some(&meant), ..Wanted::default() };
    standing(&catalog, &wanted, &Doubts::new(), Extent::Unproven).checks
}

fn simple() -> Rule {
    let requirement = Requirement::Holds { expression: "region <> 'nowhere'".into() };
    Rule { name: "17th".into(), requirement, ..rules().remove(0) }
}

fn asked(database: &mut Database, how: How, checks: &[Check]) {
    let wish = Wish { shown: 10, baseline: None };
    let verdict = survey(database, checks, &wish, how, None, &mut |_| {}).expect("it is asked");
    assert_eq!(verdict.violations.len(), 16, "what was planted is found");
}

/// The same server behind a link of 100 Mbit/s; `None` where it has no socket.
fn throttled(url: &DatabaseUrl) -> Option<DatabaseUrl> {
    let DatabaseUrl::Postgres(url) = url else { return None };
    let host = url.hosts.first().filter(|host| host.is_socket())?;
    let socket = format!("{}/.s.PGSQL.{}", host.name, host.port);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("it has one").port();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let server = UnixStream::connect(&socket).expect("the server listens");
            let (mut from, mut to) =
                (client.try_clone().expect("twice"), server.try_clone().expect("twice"));
            std::thread::spawn(move || std::io::copy(&mut from, &mut to));
            std::thread::spawn(move || slowly(server, client));
        }
    });
    let mut slow = url.clone();
    slow.hosts[0].name = "127.0.0.1".into();
    slow.hosts[0].port = port;
    slow.tls.mode = migrate::db::url::TlsMode::Disable;
    Some(DatabaseUrl::Postgres(slow))
}

/// Passes on 12.5 bytes a microsecond.
fn slowly(mut server: UnixStream, mut client: TcpStream) {
    let (started, mut sent) = (Instant::now(), 0);
    let mut bytes = [0; 16 << 10];
    let mut begun = started;
    while let Ok(length @ 1..) = server.read(&mut bytes) {
        let due = Duration::from_secs_f64(sent as f64 / 12.5e6);
        match due.checked_sub(begun.elapsed()) {
            Some(early) => std::thread::sleep(early),
            // What was not sent in time is not made up for.
            None => (begun, sent) = (Instant::now(), 0),
        }
        sent += length;
        if client.write_all(&bytes[..length]).is_err() {
            break;
        }
    }
}

/// One query for each rule, as most tools ask.
fn each(database: &mut Database, checks: &[Check]) {
    for check in checks {
        database.rows(&check.count).expect("it answers");
    }
}

/// What a person would write: all conditions in one query, the best query for the key, and one join for the reference and the credit.
fn by_hand(database: &mut Database) {
    // A text is cast where it is short and all digits, which costs less than a pattern.
    let digits = "octet_length(quantity) BETWEEN 1 AND 9 AND ltrim(quantity, '0123456789') = ''";
    let conditions = CONDITIONS.map(|(name, text)| match name {
        "quantity" => format!(
            "count(*) FILTER (WHERE CASE WHEN {digits} THEN quantity::integer NOT BETWEEN 1 AND 1000 END)"
        ),
        _ => format!("count(*) FILTER (WHERE NOT ({text}))"),
    });
    let queries = [
        format!(
            "SET LOCAL jit TO off; SELECT {}, count(*) FILTER (WHERE customer_id IS NULL), \
             count(*) FILTER (WHERE email IS NULL), count(*) FILTER (WHERE NOT ({digits})) FROM orders",
            conditions.join(", ")
        ),
        "SELECT number FROM orders GROUP BY number HAVING count(*) > 1".to_owned(),
        "SELECT count(*) FILTER (WHERE o.customer_id IS NOT NULL AND c.id IS NULL), count(*) FILTER (WHERE o.amount > c.credit) \
         FROM orders AS o LEFT JOIN customer AS c ON c.id = o.customer_id"
            .to_owned(),
    ];
    let asked: Result<(), migrate::db::DbError> = database.within(Mode::Snapshot, |database| {
        queries.iter().for_each(|query| run(database, query));
        Ok(())
    });
    asked.expect("they answer");
}
