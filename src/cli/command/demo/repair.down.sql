-- Put the bad values back
UPDATE bill SET number = kept.number, due_on = kept.due_on
  FROM "_migrate_kept_bill_repair" AS kept WHERE kept.id = bill.id;
UPDATE line SET quantity = kept.quantity
  FROM "_migrate_kept_line_repair" AS kept WHERE kept.id = line.id;
DROP TABLE "_migrate_kept_bill_repair";
DROP TABLE "_migrate_kept_line_repair";
