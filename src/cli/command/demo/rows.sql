-- Rows of a small company's billing. INVOICES stands for how many invoices; everything else follows from it.
-- Values come from multiplications by primes and moduli: they look mixed and are the same every time.

CREATE TEMP TABLE first_name (n INTEGER PRIMARY KEY, name TEXT);
INSERT INTO first_name (name) VALUES
  ('Ana'), ('Bruno'), ('Chiara'), ('Daan'), ('Elif'), ('Freya'), ('Goran'), ('Hanna'), ('Ivo'), ('Jana'), ('Karim'),
  ('Lena'), ('Marta'), ('Nils'), ('Oona'), ('Pablo'), ('Quentin'), ('Rosa'), ('Selma'), ('Tomas'), ('Uma'), ('Vera'),
  ('Wim'), ('Ximena'), ('Yusuf'), ('Zoe'), ('Anton'), ('Bea'), ('Carlos'), ('Dora'), ('Emil');

CREATE TEMP TABLE last_name (n INTEGER PRIMARY KEY, name TEXT);
INSERT INTO last_name (name) VALUES
  ('Almeida'), ('Bakker'), ('Costa'), ('Dvorak'), ('Eriksen'), ('Fischer'), ('Garcia'), ('Horvat'), ('Ivanova'),
  ('Jensen'), ('Kowalski'), ('Lindgren'), ('Moreau'), ('Novak'), ('Olsen'), ('Petrov'), ('Quist'), ('Rossi'),
  ('Schmidt'), ('Tanaka'), ('Ulrich'), ('Varga'), ('Weber'), ('Yilmaz'), ('Zeman'), ('Berg'), ('Silva'), ('Keller'),
  ('Lang');

CREATE TEMP TABLE place (n INTEGER PRIMARY KEY, city TEXT, country TEXT, currency TEXT);
INSERT INTO place (city, country, currency) VALUES
  ('Lisbon', 'PT', 'EUR'), ('Utrecht', 'NL', 'EUR'), ('Zurich', 'CH', 'CHF'), ('Oslo', 'NO', 'NOK'),
  ('Prague', 'CZ', 'CZK'), ('Leeds', 'GB', 'GBP'), ('Berlin', 'DE', NULL), ('Lyon', 'FR', NULL),
  ('Malmo', 'SE', 'SEK'), ('Warsaw', 'PL', 'PLN'), ('Bologna', 'IT', 'EUR'), ('Boston', 'US', 'USD');

CREATE TEMP TABLE product (n INTEGER PRIMARY KEY, name TEXT, cents INTEGER);
INSERT INTO product (name, cents) VALUES
  ('Hosting, one month', 4900), ('Support, one hour', 9500), ('Licence, one seat', 12900),
  ('Workshop, one day', 145000),
  ('Domain name, one year', 1450), ('Backup, 100 GB', 890), ('Setup', 25000), ('Travel', 18350), ('Printer paper', 625),
  ('Laptop stand', 3999), ('Network cable', 1275);

INSERT INTO "organization" (id, name, country, default_currency)
WITH RECURSIVE count(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < 24)
SELECT count.n, last_name.name || ' & ' || other.name, country, currency
FROM count JOIN last_name ON last_name.n = 1 + (count.n * 7) % 29
JOIN last_name AS other ON other.n = 1 + (count.n * 11 + 5) % 29 JOIN place ON place.n = 1 + count.n % 12;

INSERT INTO "user" (id, organization_id, name, email, fax)
WITH RECURSIVE count(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < 120)
SELECT count.n, 1 + count.n % 24, first_name.name || ' ' || last_name.name,
  lower(first_name.name || '.' || last_name.name) || '@office.example',
  CASE WHEN count.n % 3 > 0
    THEN printf('+%d %d-%04d', 31 + count.n % 18, 200 + count.n % 700, count.n * 7919 % 10000) END
FROM count JOIN first_name ON first_name.n = 1 + (count.n * 13) % 31
JOIN last_name ON last_name.n = 1 + (count.n * 17) % 29;

INSERT INTO "customer" (id, organization_id, name, mail, city)
WITH RECURSIVE count(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < max(100, INVOICES / 25))
SELECT count.n, 1 + count.n % 24, first_name.name || ' ' || last_name.name,
  lower(first_name.name || '.' || last_name.name) || count.n || '@mail.example', city
FROM count JOIN first_name ON first_name.n = 1 + (count.n * 13) % 31
JOIN last_name ON last_name.n = 1 + (count.n * 17) % 29
JOIN place ON place.n = 1 + (count.n * 5) % 12;

-- A customer's number n belongs to organization 1 + n % 24; so does its bill.
INSERT INTO "bill" (id, organization_id, customer_id, number, issued_on, due_on, total, status)
WITH RECURSIVE
  count(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < INVOICES),
  drawn AS (
    SELECT n, 1 + (n * 7919 % 104729) % max(100, INVOICES / 25) AS customer,
      date('2021-01-04', '+' || (n * 1600 / INVOICES) || ' days') AS issued, n * 48271 % 100 AS chance
    FROM count
  )
SELECT n, 1 + customer % 24, customer, printf('%s-%06d', substr(issued, 1, 4), n), issued,
  date(issued, CASE n % 3 WHEN 0 THEN '+14 days' ELSE '+30 days' END), 0,
  CASE WHEN chance < 4 THEN 'draft' WHEN chance < 9 THEN 'pending' WHEN chance < 17 THEN 'sent'
    WHEN chance < 98 THEN 'paid' ELSE 'void' END
FROM drawn;

INSERT INTO "line" (document_id, description, quantity, price)
WITH RECURSIVE position(p) AS (SELECT 1 UNION ALL SELECT p + 1 FROM position WHERE p < 4)
SELECT bill.id, product.name, 1 + (bill.id * p * 31) % 5, product.cents / 100.0
FROM "bill" CROSS JOIN position ON p <= 1 + bill.id % 4
JOIN product ON product.n = 1 + (bill.id * 5 + p * 3) % 11
ORDER BY bill.id, p;

CREATE TEMP TABLE sums AS SELECT document_id, round(sum(quantity * price), 2) AS total FROM "line" GROUP BY document_id;
UPDATE "bill" SET total = sums.total FROM sums WHERE sums.document_id = bill.id;

INSERT INTO "payment" (document_id, amount, paid_on, method)
SELECT id, total, date(issued_on, '+' || (id * 37 % 45) || ' days'),
  CASE id % 5 WHEN 0 THEN 'card' WHEN 1 THEN 'debit' ELSE 'transfer' END
FROM "bill" WHERE status = 'paid' ORDER BY id;

-- Years leave traces: what nobody checked at the time.
UPDATE "bill" SET due_on = date(issued_on, '-1 month') WHERE id IN (640, 1203);
UPDATE "bill" SET (organization_id, number) =
  (SELECT organization_id, number FROM "bill" AS earlier WHERE earlier.id = bill.id - 24)
WHERE id = 925;
UPDATE "line" SET quantity = 0 WHERE id IN (1207, 2604);

DROP TABLE sums;
DROP TABLE product;
DROP TABLE place;
DROP TABLE last_name;
DROP TABLE first_name;
