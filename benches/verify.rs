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

use migrate::catalog::rule::{Enforce, Matching, Nulls, Requirement, Rule};
use migrate::db::{Access, Database, DatabaseUrl, Env, Mode};
use migrate::dialect::check::Check;
use migrate::dialect::check::standing::{Doubts, Extent, Wanted, standing};
use migrate::dialect::script::statements;
use migrate::shadow::cluster::cluster;
use migrate::text::{Dialect, QName};
use migrate::verify::{Choice, How, Wish, survey};

const ROUNDS: usize = 3;

/// Row rules: name and condition, as they stand in a CHECK.
const CONDITIONS: [(&str, &str); 12] = [
    ("range", "quantity >= 1 AND quantity <= 1000"),
    ("amount", "amount >= 0"),
    ("length", "length(number) <= 12"),
    ("pattern", "number ~ '^ORD-[0-9]{8}$'"),
    ("email", "email ~ '^[^@ ]+@[^@ ]+[.][a-z]+$'"),
    ("status", "status IN ('open', 'paid', 'sent', 'done')"),
    ("currency", "currency IN ('EUR', 'USD', 'GBP')"),
    ("dates", "sent_at >= paid_at"),
    ("state", "status <> 'sent' OR sent_at IS NOT NULL"),
    ("tax", "tax >= 0 AND tax <= amount"),
    ("note", "length(note) >= 1"),
    ("discount", "discount >= 0 AND discount <= 100"),
];

const TABLES: &str = "
    CREATE TABLE customer (id bigint PRIMARY KEY);
    INSERT INTO customer SELECT generate_series(1, 200000);
    CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, number text, quantity integer, amount numeric(12,2),
        tax numeric(12,2), discount numeric(5,2), status text, currency text, email text, note text, paid_at timestamptz,
        sent_at timestamptz, meta jsonb);
    INSERT INTO orders SELECT n, 1 + n % 200000, 'ORD-' || lpad(n::text, 8, '0'), 1 + n % 1000, (n % 100000) / 100.0,
        (n % 1000) / 10000.0, n % 100, (ARRAY['open', 'paid', 'sent', 'done'])[1 + n % 4],
        (ARRAY['EUR', 'USD', 'GBP'])[1 + n % 3], 'user' || n || '@mail.example', 'note ' || n,
        timestamptz '2024-01-01' + n * interval '1 second', timestamptz '2024-01-02' + n * interval '1 second',
        jsonb_build_object('k', n) FROM generate_series(1, :rows) AS n;
    UPDATE orders SET quantity = 0, number = 'bad', status = 'lost' WHERE id <= 5;
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
    let sets = [("unique".to_owned(), unique), ("references".to_owned(), references)];
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

fn checks(database: &mut Database, rules: &[Rule]) -> Vec<Check> {
    let catalog = database.inspect().expect("it can be inspected");
    let wanted = Wanted { rules, ..Wanted::default() };
    standing(&catalog, &wanted, &Doubts::new(), Extent::Unproven).checks
}

fn simple() -> Rule {
    let requirement = Requirement::Holds { expression: "quantity <> 7777".into() };
    Rule { name: "17th".into(), requirement, ..rules().remove(0) }
}

fn asked(database: &mut Database, how: How, checks: &[Check]) {
    let wish = Wish { shown: 10, baseline: None };
    let verdict = survey(database, checks, &wish, how, None, &mut |_| {}).expect("it is asked");
    assert_eq!(verdict.violations.len(), 4, "what was planted is found");
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

/// What a person would write: all conditions in one query, and the best query for the key and for the reference.
fn by_hand(database: &mut Database) {
    let conditions = CONDITIONS.map(|(_, text)| format!("count(*) FILTER (WHERE NOT ({text}))"));
    let queries = [
        format!(
            "SET LOCAL jit TO off; SELECT {}, count(*) FILTER (WHERE customer_id IS NULL), \
             count(*) FILTER (WHERE email IS NULL) FROM orders",
            conditions.join(", ")
        ),
        "SELECT number FROM orders GROUP BY number HAVING count(*) > 1".to_owned(),
        "SELECT count(*) FROM orders AS o WHERE NOT EXISTS (SELECT 1 FROM customer AS c WHERE c.id = o.customer_id)"
            .to_owned(),
    ];
    let asked: Result<(), migrate::db::DbError> = database.within(Mode::Snapshot, |database| {
        queries.iter().for_each(|query| run(database, query));
        Ok(())
    });
    asked.expect("they answer");
}
