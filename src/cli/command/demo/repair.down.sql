-- Put the set aside values back
UPDATE bill SET number = k.number, due_on = k.due_on
  FROM "_migrate_kept_bill_repair" AS k WHERE k.id = bill.id;
UPDATE bill_line SET quantity = k.quantity
  FROM "_migrate_kept_line_repair" AS k WHERE k.id = bill_line.id;
DROP TABLE "_migrate_kept_bill_repair";
DROP TABLE "_migrate_kept_line_repair";
