//! What people and keys may: a few rows each.

use std::fmt::Display;

use contract::Grant;
use sqlx::any::AnyRow;

use crate::{
    StoreError,
    db::{database::Write, fields::Fields},
};

/// The columns of a grant, of a table `g`.
pub(super) const COLUMNS: &str = "g.role, g.repo, g.model_name, g.environment, g.expires_at AS grant_expires_at";

/// Gives somebody these grants, in the place of those they have.
pub(super) async fn replace(write: &mut Write, holder: impl Display, grants: &[Grant]) -> Result<(), StoreError> {
    let holder = holder.to_string();
    write.run(sqlx::query("DELETE FROM grants WHERE holder = $1").bind(holder.clone())).await?;
    for (place, grant) in (0_i64..).zip(grants) {
        let insert = sqlx::query(
            "INSERT INTO grants (holder, place, role, repo, model_name, environment, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(holder.clone())
        .bind(place)
        .bind(grant.role.as_str())
        .bind(grant.repo.as_ref().map(ToString::to_string))
        .bind(grant.model.as_ref().map(ToString::to_string))
        .bind(grant.environment.as_ref().map(|environment| environment.as_str().to_owned()))
        .bind(grant.expires_at.map(jiff::Timestamp::as_millisecond));
        write.run(insert).await?;
    }
    Ok(())
}

/// The grant of a row; none where its holder has none.
pub(super) fn of(row: &AnyRow) -> Result<Option<Grant>, StoreError> {
    let fields = Fields(row);
    let Some(role) = fields.parsed_option("role")? else { return Ok(None) };
    Ok(Some(Grant {
        role,
        repo: fields.parsed_option("repo")?,
        model: fields.parsed_option("model_name")?,
        environment: fields.parsed_option("environment")?,
        expires_at: fields.time_option("grant_expires_at")?,
    }))
}

/// Rows of one thing after the other, each with one of its grants, as things with all of theirs.
pub(super) fn gathered<T>(
    rows: &[AnyRow],
    first: impl Fn(&AnyRow) -> Result<T, StoreError>,
    grants: impl Fn(&mut T) -> &mut Vec<Grant>,
) -> Result<Vec<T>, StoreError> {
    let (mut things, mut last) = (Vec::new(), String::new());
    for row in rows {
        let id: String = Fields(row).get("id")?;
        if last != id {
            things.push(first(row)?);
            last = id;
        }
        if let (Some(thing), Some(grant)) = (things.last_mut(), of(row)?) {
            grants(thing).push(grant);
        }
    }
    Ok(things)
}
