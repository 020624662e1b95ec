//! Several statements with their values as one call of SQLite. Each call is handed to the thread that has the connection and
//! back, which takes longer than many a statement.

use sqlx::{Arguments, AssertSqlSafe, any::AnyArguments};

use crate::{StoreError, db::database::Query};

/// From so many values on, a call's statements are not kept for the next one of the same form.
const MANY: usize = 2000;

/// A value for a statement.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    Text(Option<&'a str>),
    Number(Option<i64>),
}

/// A call in the making. Each `?` in its text stands for the next of its values.
#[derive(Default)]
pub(crate) struct Call {
    sql: String,
    values: AnyArguments,
}

impl Call {
    /// Adds text with one `?` for each of the values.
    pub(crate) fn add(&mut self, sql: &str, values: &[Value<'_>]) -> Result<(), StoreError> {
        self.sql.push_str(sql);
        self.bind(values)
    }

    /// Adds rows: `VALUES (?, ?), (?, ?)`.
    pub(crate) fn add_rows<'a, const N: usize>(
        &mut self,
        rows: impl Iterator<Item = [Value<'a>; N]>,
    ) -> Result<(), StoreError> {
        for (number, row) in rows.enumerate() {
            self.sql.push_str(if number == 0 { "VALUES (?" } else { ", (?" });
            (1..N).for_each(|_| self.sql.push_str(", ?"));
            self.sql.push(')');
            self.bind(&row)?;
        }
        Ok(())
    }

    fn bind(&mut self, values: &[Value<'_>]) -> Result<(), StoreError> {
        for value in values {
            let added = match value {
                Value::Text(text) => self.values.add(*text),
                Value::Number(number) => self.values.add(*number),
            };
            added.map_err(|error| StoreError::Corrupt(error.to_string()))?;
        }
        Ok(())
    }

    pub(crate) fn query<'q>(self) -> Query<'q> {
        let kept = self.values.len() < MANY;
        sqlx::query_with(AssertSqlSafe(self.sql), self.values).persistent(kept)
    }
}
