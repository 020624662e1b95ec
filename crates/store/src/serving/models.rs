//! Which models there are, where they are deployed, and how many.

use std::collections::BTreeMap;

use contract::{Environment, ModelName, RepoName, Scope};
use jiff::Timestamp;
use serde::Serialize;
use sqlx::{AssertSqlSafe, any::AnyRow};
use utoipa::{
    ToSchema,
    openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, Type},
};

use crate::{
    Serving, StoreError,
    db::{
        dialect::Dialect,
        fields::Fields,
        scope,
        search::{like, words},
        texts::Texts,
    },
    serving::versions::{cut, one_more},
};

/// A model, in a list of models.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ModelSummary {
    /// Its name.
    pub name: ModelName,
    /// The repository that its name belongs to: no other one can register a version of it.
    #[schema(required)]
    pub owner: Option<RepoName>,
    /// Its newest registry version.
    pub latest_version: u64,
    /// How many versions it has.
    pub versions: u64,
    /// The version deployed in each environment that has one.
    #[schema(schema_with = by_environment)]
    pub environments: BTreeMap<Environment, u64>,
    /// Since when each of those has been deployed.
    #[schema(schema_with = times_by_environment)]
    pub deployed_at: BTreeMap<Environment, Timestamp>,
    /// When its newest version was recorded.
    pub updated_at: Timestamp,
}

/// In which order models are listed, and after what a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelOrder {
    /// By name; after this one.
    Name(Option<ModelName>),
    /// Those with the newest version first; after one whose newest version is of this moment, and its name.
    Updated(Option<(Timestamp, ModelName)>),
}

impl Default for ModelOrder {
    fn default() -> Self {
        Self::Name(None)
    }
}

/// Which models to list. What is `None` does not matter.
#[derive(Debug, Clone, Default)]
pub struct ModelFilter {
    /// Those that belong to these.
    pub scope: Scope,
    /// Those whose name has each of these words in it.
    pub search: Option<String>,
    /// Those deployed there.
    pub environment: Option<Environment>,
    /// In which order, and from where.
    pub order: ModelOrder,
    /// At most how many.
    pub limit: usize,
}

/// How many models and versions there are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct ModelCounts {
    /// Models that have a version.
    pub models: u64,
    /// Versions of all models.
    pub versions: u64,
    /// How many models are deployed in each environment.
    #[schema(schema_with = by_environment)]
    pub deployed: BTreeMap<Environment, u64>,
}

/// Models with the environments they are deployed in: those `of` the versions, of them those that `having` says.
pub(super) fn select(of: &str, having: &str, order: &str) -> String {
    let outer = order.replace("model_name", "v.model_name").replace("updated_at", "v.updated_at");
    format!(
        "SELECT v.model_name, v.latest_version, v.versions, v.updated_at, d.environment, d.version, h.deployed_at,
             o.repo AS owner FROM
             (SELECT model_name, MAX(version) AS latest_version, COUNT(*) AS versions, MAX(created_at) AS updated_at
              FROM versions WHERE {of} GROUP BY model_name {having}) v
         LEFT JOIN deployments d ON d.model_name = v.model_name
         LEFT JOIN deployment_history h ON h.generation = d.generation
         LEFT JOIN model_owners o ON o.model_name = v.model_name
         ORDER BY {outer}"
    )
}

/// The conditions of a filter on versions, and the texts that they compare with.
fn conditions(dialect: Dialect, filter: &ModelFilter, mut texts: Texts) -> (Vec<String>, Texts) {
    let mut all = vec![scope::has_model(dialect, &filter.scope, "model_name", &mut texts)];
    for word in filter.search.as_deref().map(words).unwrap_or_default() {
        all.push(like("model_name", &texts.place(format!("%{word}%"))));
    }
    if let Some(environment) = &filter.environment {
        let deployed =
            format!("SELECT model_name FROM deployments WHERE environment = {}", texts.place(environment.to_string()));
        all.push(dialect.one_of("model_name", &deployed));
    }
    (all, texts)
}

impl Serving {
    /// Models that have a version; and where to go on, if there are more.
    pub async fn models(&self, filter: &ModelFilter) -> Result<(Vec<ModelSummary>, Option<ModelOrder>), StoreError> {
        let (mut of, mut texts) = conditions(self.database.dialect, filter, Texts::after(1));
        let mut after_millis = None;
        let mut having = String::new();
        let order = match &filter.order {
            ModelOrder::Name(after) => {
                if let Some(after) = after {
                    of.push(format!("model_name > {}", texts.place(after.to_string())));
                }
                "model_name"
            }
            ModelOrder::Updated(after) => {
                if let Some((at, name)) = after {
                    let (name, at_place) = (texts.place(name.to_string()), texts.next());
                    after_millis = Some(at.as_millisecond());
                    having = format!(
                        "HAVING MAX(created_at) < {at_place} OR (MAX(created_at) = {at_place} AND model_name > {name})"
                    );
                }
                "updated_at DESC, model_name"
            }
        };
        let text = select(&of.join(" AND "), &format!("{having} ORDER BY {order} LIMIT $1"), order);
        let query = texts.bind(sqlx::query(AssertSqlSafe(text)).bind(one_more(filter.limit)));
        let query = after_millis.into_iter().fold(query, sqlx::query::Query::bind);
        let mut models = summaries(&self.database.all(query).await?)?;
        let next = cut(&mut models, filter.limit).map(|last| match filter.order {
            ModelOrder::Name(_) => ModelOrder::Name(Some(last.name.clone())),
            ModelOrder::Updated(_) => ModelOrder::Updated(Some((last.updated_at, last.name.clone()))),
        });
        Ok((models, next))
    }

    /// How many models a filter finds on all its pages.
    pub async fn count_models(&self, filter: &ModelFilter) -> Result<u64, StoreError> {
        let (of, texts) = conditions(self.database.dialect, filter, Texts::default());
        let text = format!("SELECT COUNT(DISTINCT model_name) AS total FROM versions WHERE {}", of.join(" AND "));
        let row = self.database.optional(texts.bind(sqlx::query(AssertSqlSafe(text)))).await?.ok_or(StoreError::NotFound)?;
        Fields(&row).count("total")
    }

    /// How many models and versions of a scope there are, and where they are deployed.
    pub async fn counts(&self, scope: &Scope) -> Result<ModelCounts, StoreError> {
        let mut texts = Texts::default();
        let theirs = scope::has_model(self.database.dialect, scope, "model_name", &mut texts);
        let sql = format!(
            "SELECT NULL AS environment, COUNT(DISTINCT model_name) AS models, COUNT(*) AS versions FROM versions
             WHERE {theirs}
             UNION ALL
             SELECT environment, COUNT(*) AS models, 0 AS versions FROM deployments WHERE {theirs} GROUP BY environment"
        );
        let mut counts = ModelCounts::default();
        for row in &self.database.all(texts.bind(sqlx::query(AssertSqlSafe(sql)))).await? {
            let fields = Fields(row);
            let models = fields.count("models")?;
            if let Some(environment) = fields.parsed_option("environment")? {
                counts.deployed.insert(environment, models);
            } else {
                (counts.models, counts.versions) = (models, fields.count("versions")?);
            }
        }
        Ok(counts)
    }
}

/// One row for each environment of a model, or one without any.
pub(super) fn summaries(rows: &[AnyRow]) -> Result<Vec<ModelSummary>, StoreError> {
    let mut models: Vec<ModelSummary> = Vec::new();
    for row in rows {
        let fields = Fields(row);
        let name: ModelName = fields.parsed("model_name")?;
        if models.last().is_none_or(|model| model.name != name) {
            models.push(ModelSummary {
                name,
                owner: fields.parsed_option("owner")?,
                latest_version: fields.count("latest_version")?,
                versions: fields.count("versions")?,
                environments: BTreeMap::new(),
                deployed_at: BTreeMap::new(),
                updated_at: fields.time("updated_at")?,
            });
        }
        let environment: Option<Environment> = fields.parsed_option("environment")?;
        if let (Some(environment), Some(model)) = (environment, models.last_mut()) {
            model.environments.insert(environment.clone(), fields.count("version")?);
            model.deployed_at.insert(environment, fields.time("deployed_at")?);
        }
    }
    Ok(models)
}

/// A number for each environment that has one.
fn by_environment() -> RefOr<Schema> {
    each_environment(|| {
        ObjectBuilder::new().schema_type(Type::Integer).format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
    })
}

/// A moment for each environment that has one.
fn times_by_environment() -> RefOr<Schema> {
    each_environment(|| {
        ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
    })
}

fn each_environment(value: fn() -> ObjectBuilder) -> RefOr<Schema> {
    Environment::ALL.iter().fold(ObjectBuilder::new(), |object, name| object.property(*name, value())).into()
}
