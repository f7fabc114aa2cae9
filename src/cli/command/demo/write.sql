INSERT INTO customer (organization_id, name, email, city)
  VALUES (3, 'Noor Haddad', 'noor@mail.example', 'Utrecht');
INSERT INTO invoice (organization_id, customer_id, number, currency, issued_on, due_on, total, status)
  SELECT 3, max(id), 'N-1', 'USD', '2026-01-15', '2026-02-14', 190.00, 'sent' FROM customer;
INSERT INTO line (document_id, description, quantity, price)
  SELECT max(id), 'Support, one hour', 2, 95.00 FROM invoice;
INSERT INTO payment (document_id, amount, paid_on, method)
  SELECT max(id), 190.00, '2026-01-20', 'card' FROM invoice;
