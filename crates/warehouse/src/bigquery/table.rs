//! Which tables there are, and a table as it is or was.

use arrow_schema::SchemaRef;
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{BigQuery, types};
use crate::{Error, TableName};

/// How many datasets are looked into at the same time.
const AT_ONCE: usize = 8;
/// For how long it is remembered what a table was, in milliseconds; a dataset may say less.
const REMEMBERED: u64 = 7 * 24 * 60 * 60 * 1000;
/// How far our clock may be behind Google's, in milliseconds.
const SKEW: u64 = 60 * 1000;

/// A table as it is, or was.
#[derive(Debug)]
pub(crate) struct Found {
    /// Its columns, as `BigQuery` describes them.
    pub fields: Vec<Value>,
    /// The same as we do.
    pub schema: SchemaRef,
    /// How many rows it has, if that is known.
    pub rows: Option<u64>,
    /// Their size, in bytes.
    pub bytes: u64,
    /// When it was last changed, in milliseconds since 1970.
    pub modified: u64,
    /// When it was looked at.
    pub looked_at: u64,
    /// The moment as of which it is read, if it is not as it is.
    pub at: Option<u64>,
}

impl BigQuery {
    /// A table as it is, or as it was at a moment; nothing if there is none.
    pub async fn found(&self, name: &TableName, at: Option<u64>) -> Result<Option<Found>, Error> {
        let looked_at = now();
        let Some(table) = self.table(name).await? else { return Ok(None) };
        let unsupported = |what: String| Error::Unsupported { table: name.clone(), what };
        let kind = table["type"].as_str().unwrap_or("TABLE");
        if kind != "TABLE" {
            return Err(unsupported(format!("it is no table, but a {kind}; make a table of it in BigQuery")));
        }
        let found = Found {
            fields: fields(&table),
            schema: types::schema_of(&fields(&table)).map_err(unsupported)?,
            rows: number(&table["numRows"]),
            bytes: number(&table["numBytes"]).unwrap_or(0),
            modified: number(&table["lastModifiedTime"]).unwrap_or(0),
            looked_at,
            at: None,
        };
        let Some(at) = at.filter(|at| *at != found.modified) else { return Ok(Some(found)) };
        let oldest = number(&table["creationTime"]).unwrap_or(0).max(looked_at.saturating_sub(REMEMBERED));
        if at > looked_at + SKEW || at < oldest {
            return Err(Error::NoVersion { table: name.clone(), version: at, oldest, latest: found.modified });
        }
        if at > found.modified {
            return Ok(Some(found));
        }
        self.past(name, found, at).await.map(Some)
    }

    /// When a table was last changed, in milliseconds since 1970; nothing if there is none.
    pub async fn modified(&self, name: &TableName) -> Result<Option<u64>, Error> {
        Ok(self.table(name).await?.map(|table| number(&table["lastModifiedTime"]).unwrap_or(0)))
    }

    async fn table(&self, name: &TableName) -> Result<Option<Value>, Error> {
        let [project, dataset, table] = self.parts(name);
        match self.rest.get(&[project, "datasets", dataset, "tables", table], &[]).await {
            Ok(table) => Ok(Some(table)),
            Err(failure) if failure.is_missing() => Ok(None),
            Err(failure) => Err(failure.about(name)),
        }
    }

    /// What a table was, by a query that is not made: that costs nothing.
    async fn past(&self, name: &TableName, now: Found, at: u64) -> Result<Found, Error> {
        let [project, dataset, table] = self.parts(name);
        let moment = moment(at);
        let query = format!("SELECT * FROM `{project}.{dataset}.{table}` FOR SYSTEM_TIME AS OF TIMESTAMP '{moment}'");
        let location = self.location(name).await?;
        let asked = json!({ "query": query, "dryRun": true, "useLegacySql": false, "location": location });
        let answer = self.rest.post(&[self.project(), "queries"], &asked).await.map_err(|failure| failure.about(name))?;
        let unsupported = |what: String| Error::Unsupported { table: name.clone(), what };
        let fields = fields(&answer);
        let schema = types::schema_of(&fields).map_err(unsupported)?;
        let bytes = number(&answer["totalBytesProcessed"]).unwrap_or(0);
        Ok(Found { fields, schema, rows: None, bytes, at: Some(at), ..now })
    }

    /// Where a table's dataset lies; nothing if there is no such dataset.
    pub async fn location(&self, name: &TableName) -> Result<Option<String>, Error> {
        let [project, dataset, _] = self.parts(name);
        match self.rest.get(&[project, "datasets", dataset], &[]).await {
            Ok(dataset) => Ok(Some(dataset["location"].as_str().unwrap_or("US").to_owned())),
            Err(failure) if failure.is_missing() => Ok(None),
            Err(failure) => Err(failure.about(name)),
        }
    }

    /// The names of all tables of the project.
    pub async fn names(&self) -> Result<Vec<TableName>, Error> {
        let datasets = self.all(&[self.project(), "datasets"], "datasets").await?;
        let datasets =
            datasets.into_iter().filter_map(|one| Some(one["datasetReference"]["datasetId"].as_str()?.to_owned()));
        let tables = stream::iter(datasets)
            .map(async |dataset: String| self.all(&[self.project(), "datasets", &dataset, "tables"], "tables").await);
        let tables: Vec<Value> = tables.buffer_unordered(AT_ONCE).try_concat().await?;
        let tables = tables.iter().filter(|table| table["type"] == "TABLE").map(|table| &table["tableReference"]);
        let name = |part: &Value| {
            let parts = ["projectId", "datasetId", "tableId"].map(|name| part[name].as_str().unwrap_or_default());
            parts.join(".").parse().ok()
        };
        let mut names: Vec<TableName> = tables.filter_map(name).collect();
        names.sort();
        Ok(names)
    }

    /// All pages of a list. A dataset that is gone since has nothing.
    async fn all(&self, path: &[&str], of: &str) -> Result<Vec<Value>, Error> {
        let (mut items, mut page) = (Vec::new(), String::new());
        loop {
            let answer = match self
                .rest
                .get(path, &[("maxResults", "1000"), ("pageToken", &page)][..2 - usize::from(page.is_empty())])
                .await
            {
                Ok(answer) => answer,
                Err(failure) if failure.is_missing() && of == "tables" => return Ok(items),
                Err(failure) => return Err(failure.of_project(self.project())),
            };
            items.extend(answer[of].as_array().into_iter().flatten().cloned());
            match answer["nextPageToken"].as_str() {
                Some(next) if !next.is_empty() => next.clone_into(&mut page),
                _ => return Ok(items),
            }
        }
    }
}

fn fields(described: &Value) -> Vec<Value> {
    described["schema"]["fields"].as_array().cloned().unwrap_or_default()
}

/// Numbers come as texts.
pub(super) fn number(value: &Value) -> Option<u64> {
    value.as_str().map_or_else(|| value.as_u64(), |text| text.parse().ok())
}

pub(super) fn now() -> u64 {
    u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0)
}

fn moment(millis: u64) -> Timestamp {
    // What was changed in this millisecond is part of it.
    i64::try_from(millis).ok().and_then(|millis| Timestamp::from_microsecond(millis * 1000 + 999).ok()).unwrap_or_default()
}
