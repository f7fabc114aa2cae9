//! The second way down, with rows that were written after up: they live on, or the plan's checks name them before.

use super::compare::Picture;
use super::measure::StepEvidence;
use super::witness::{self, Maker, Refused, Stopped, Unmade, Witnesses, Written};
use super::{Act, Fault, Finding, Place, RehearseError};
use crate::apply::run::{Expectation, Grouping};
use crate::catalog::Catalog;
use crate::dialect::{Direction, Transaction};
use crate::plan::carries::Carried;
use crate::text::QName;
use crate::verify::verify;

/// How often rows that cannot live in the old shape are looked for: each time some are named.
const ROUNDS: usize = 20;

impl Act<'_, '_, '_> {
    /// Writes rows, goes down, looks for them; and up again where another plan follows. `None` where a run failed,
    /// which is a finding then.
    pub(super) fn write_between(
        &mut self,
        before: &Picture,
        there: &Catalog,
        place: Place,
    ) -> Result<Option<(Witnesses, Vec<StepEvidence>)>, RehearseError> {
        let tables = touched(before, there);
        if tables.is_empty() {
            return Ok(Some((Witnesses::default(), Vec::new())));
        }
        let name = self.part.bundle.name.clone();
        self.context.progress.phase(&format!("{name}: writing rows of the new shape"));
        let mut maker = Maker::new(self.stage.shadow, there, &self.part.bundle.hash);
        maker.write(&tables)?;
        let (mut written, unmade) = (maker.written, maker.unmade);
        let mut found = Witnesses { none: unmade, ..Witnesses::default() };
        self.set_apart(&mut written, &mut found)?;
        let mut expected = Vec::new();
        for row in &written {
            // A partition that the plan made goes aside with its rows, as a table does.
            let home = witness::home(self.stage.shadow, row)?;
            if !before.has(&home) {
                continue;
            }
            // One that joins a tree leaves it with its rows.
            let joined = home != row.table && !before.is_within(&home, &row.table);
            let row = &if joined { Written { table: home, ..row.clone() } } else { row.clone() };
            let carried: Option<&Carried> =
                before.carried().find(|carried| carried.after.as_ref() == Some(&row.table));
            let Some(carried) = carried else { continue };
            let Some(old) = before.catalog.tables.get(&carried.before) else { continue };
            let dialect = there.dialect;
            expected.extend(witness::expected(self.stage.shadow, row, carried, old, dialect)?);
        }
        let unknown = Expectation::Unknown;
        let grouping = match place {
            Place::Last => Grouping::EachAlone,
            // What fails must leave the shadow as it was, for the next plan.
            Place::Followed => Grouping::Together,
        };
        let down = match self.try_run(Direction::Down, &unknown, grouping)? {
            Ok(down) => down,
            Err((_, error)) if !written.is_empty() && self.is_one_transaction() => {
                let rows = written.iter().take(5).map(Written::name).collect();
                found.stopped = Some(Stopped { rows, error });
                if place == Place::Followed {
                    witness::take_away(self.stage.shadow, &written, there.dialect)?;
                }
                return Ok(Some((found, Vec::new())));
            }
            Err((fault, message)) => {
                self.blame(fault, message, &written);
                return Ok(None);
            }
        };
        for row in &expected {
            self.look_for(row, before)?;
        }
        found.survived = expected.len();
        if place == Place::Followed {
            let old: Vec<Written> = expected.into_iter().map(|row| row.before).collect();
            witness::take_away(self.stage.shadow, &old, there.dialect)?;
            if self.run(Direction::Up, &unknown, Grouping::Together)?.is_none() {
                return Ok(None);
            }
            // Rows of tables that the plan makes went aside with them and came back: the next plan's rules are not asked
            // of rows that nobody has.
            witness::take_away(self.stage.shadow, &written, there.dialect)?;
        }
        Ok(Some((found, down.steps)))
    }

    /// Takes the rows away that the plan's checks name: a rollback would be refused because of them.
    fn set_apart(
        &mut self,
        written: &mut Vec<Written>,
        found: &mut Witnesses,
    ) -> Result<(), RehearseError> {
        let dialect = self.part.bundle.dialect;
        for _ in 0..ROUNDS {
            let checks = &self.part.bundle.plan.down.checks;
            let violations = verify(self.stage.shadow, checks, &mut |_| {})?.violations;
            if violations.is_empty() {
                return Ok(());
            }
            let named = witness::named(written, &violations);
            let refused = named.iter().map(|(_, row, rule)| Refused {
                table: row.table.to_string(),
                key: row.key_name(),
                rule: rule.clone(),
            });
            let refused: Vec<Refused> = refused.collect();
            let at: Vec<usize> = named.iter().map(|(at, _, _)| *at).collect();
            let apart: Vec<Written> = at.iter().map(|at| written[*at].clone()).collect();
            if apart.is_empty() || witness::take_away(self.stage.shadow, &apart, dialect).is_err() {
                break;
            }
            found.refused.extend(refused);
            let mut position = 0;
            written.retain(|_| {
                position += 1;
                !at.contains(&(position - 1))
            });
        }
        // Others point at them, or they are named in another way: none of the rows stays.
        witness::take_away(self.stage.shadow, written, dialect)?;
        found.none.push(Unmade {
            table: written.first().map(|row| row.table.to_string()).unwrap_or_default(),
            reason: "its rows depend on rows that cannot live in the old shape".to_owned(),
        });
        written.clear();
        Ok(())
    }

    /// Whether the way down is undone where it fails.
    fn is_one_transaction(&self) -> bool {
        let mut steps = self.part.bundle.down.iter();
        steps.all(|step| step.facts.transaction == Transaction::Shared)
    }

    /// The run failed half-way because of rows that were written: says so.
    fn blame(&mut self, fault: Fault, message: String, written: &[Written]) {
        let names: Vec<String> = written.iter().take(5).map(Written::name).collect();
        if names.is_empty() {
            return self.find(fault, message);
        }
        let message = format!(
            "with rows written after up the way down stops half-way, and no check of the plan says so before: \
             {message}\n  rows written: {}",
            names.join(", ")
        );
        let table = written.first().map(|row| row.table.to_string());
        let finding = self.finding(Fault::Plan, message);
        self.findings.push(Finding { table, ..finding });
    }

    fn look_for(&mut self, row: &witness::Expected, before: &Picture) -> Result<(), RehearseError> {
        let dialect = before.catalog.dialect;
        let table = Some(row.before.table.to_string());
        let keys = vec![row.before.key_name()];
        match witness::differing(self.stage.shadow, row, dialect)? {
            None => {
                let message = format!(
                    "`{}`: a row written after up is gone after down: {}",
                    row.before.table,
                    row.before.key_name()
                );
                let finding = self.finding(Fault::Plan, message);
                self.findings.push(Finding { table, keys, rows: 1, ..finding });
            }
            Some(columns) => {
                // An edit by hand says itself what it does to values.
                let carries = self.part.bundle.plan.carries.as_ref();
                let carried = before.carried().find(|it| it.before == row.before.table);
                let by_hand = carries.zip(carried).is_some_and(|(all, it)| all.is_by_hand_back(it));
                for column in columns.into_iter().filter(|_| !by_hand) {
                    let message = format!(
                        "`{}.{column}`: a row written after up holds another value after down: {}",
                        row.before.table,
                        row.before.key_name()
                    );
                    let finding = self.finding(Fault::Plan, message);
                    self.findings.push(Finding {
                        table: table.clone(),
                        column: Some(column.to_string()),
                        keys: keys.clone(),
                        rows: 1,
                        ..finding
                    });
                }
            }
        }
        Ok(())
    }
}

/// Tables of the new shape that are not as they were. Partitions get their rows from their parents.
fn touched(before: &Picture, there: &Catalog) -> Vec<QName> {
    let is_touched = |name: &QName| {
        let carried = before.carried().find(|carried| carried.after.as_ref() == Some(name));
        match carried {
            None => !before.catalog.tables.contains_key(name),
            Some(carried) => {
                let was = before.catalog.tables.get(&carried.before);
                was != there.tables.get(name)
            }
        }
    };
    there
        .tables
        .values()
        .filter(|table| !table.options.of_postgres().is_some_and(|it| it.is_partition()))
        .map(|table| table.name.clone())
        .filter(is_touched)
        .collect()
}
