-- Set the bad values aside
CREATE TABLE "_migrate_kept_bill_repair" AS SELECT id, number, due_on FROM bill
  WHERE due_on < issued_on
    OR id NOT IN (SELECT min(id) FROM bill GROUP BY organization_id, number);
CREATE TABLE "_migrate_kept_line_repair" AS SELECT id, quantity FROM line WHERE quantity < 1;

-- Repair them
UPDATE bill SET due_on = date(issued_on, '+30 days') WHERE due_on < issued_on;
UPDATE bill SET number = printf('%s-%06d', substr(issued_on, 1, 4), id)
  WHERE id IN (SELECT id FROM "_migrate_kept_bill_repair");
UPDATE line SET quantity = 1 WHERE quantity < 1;
