//! A database as it is after months of work: three hundred thousand pipelines, batches of log lines and deliveries, of four hundred
//! repositories one of which has half of all, most of them over, a few waiting or running.

use jiff::Timestamp;

/// How many there are of everything there may be many of.
pub const MANY: i64 = 300_000;

/// Statements that fill the store's tables with so many pipelines: the same rows in both databases. `hex` makes twelve
/// hexadecimal digits.
pub fn statements(many: i64, hex: impl Fn(&str) -> String) -> Vec<String> {
    let now = Timestamp::now().as_millisecond();
    let numbers = |count| {
        format!("WITH RECURSIVE n (i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < {count})")
    };
    let time = hex("made");
    let id = format!("SUBSTR({time}, 1, 8) || '-' || SUBSTR({time}, 9) || '-7000-8000-' || {}", hex("i"));
    let commit = format!("{} || '0000000000000000000000000000'", hex("(i * 2654435761 % 1099511627776)"));
    let pipelines = format!(
        "{}, made AS (
             SELECT i, {now} - ({many} - i) * 7776 AS made,
                 CASE WHEN i % 2 = 0 THEN 'acme/monorepo' ELSE 'acme/r' || (i % 799) END AS repo,
                 CASE WHEN i % 10 = 7 THEN 'feature-' || (i % 9973) ELSE 'main' END AS branch,
                 CASE WHEN i > {many} - 1000 THEN 'live-' || i ELSE 'n' || (i * 7 % 3000) END AS notebook,
                 CASE WHEN i > {many} - 100 THEN 'running' WHEN i > {many} - 1000 THEN 'queued'
                     WHEN i % 10 IN (0, 3) THEN 'failed' WHEN i % 10 = 1 THEN 'cancelled'
                     WHEN i % 50 = 2 THEN 'skipped' ELSE 'succeeded' END AS status
             FROM n)
         INSERT INTO pipelines (id, repo, branch, commit_sha, notebook_path, parameters, manual, delivery_id, status,
             model_name, registry_version, deployed, created_at, started_at, finished_at, lease_owner, lease_expires_at)
         SELECT {id}, repo, branch, {commit}, notebook || '.ipynb', '{{}}', 0, 'd' || i, status,
             CASE WHEN status IN ('succeeded', 'failed') THEN
                 CASE WHEN i % 4 = 0 THEN 'prices' ELSE 'model-' || (i % 1200) END END,
             CASE status WHEN 'succeeded' THEN i END, CASE WHEN status = 'succeeded' AND i % 4 > 0 THEN 1 ELSE 0 END,
             made, made + 1000, CASE WHEN status NOT IN ('queued', 'running') THEN made + 60000 END,
             CASE status WHEN 'running' THEN 'w' END,
             CASE status WHEN 'running' THEN {now} + CASE WHEN i % 10 = 0 THEN -1 ELSE 600000 END END
         FROM made",
        numbers(many)
    );
    // Others than these may have been made before.
    let made = "(SELECT * FROM pipelines WHERE delivery_id LIKE 'd%')";
    let newest = |count: i64| format!("created_at > {}", now - count * 7776);
    let sql = format!(
        "{pipelines};
         {} INSERT INTO repos (id, full_name, branch, notebook_glob, created_at)
             SELECT i, CASE i WHEN 400 THEN 'acme/monorepo' ELSE 'acme/r' || (2 * i - 1) END, 'main', '*.ipynb', 1
             FROM n;
         INSERT INTO turns SELECT full_name, id FROM repos WHERE id > 0 ON CONFLICT DO NOTHING;
         INSERT INTO jobs_to_send SELECT id FROM {made} p WHERE status = 'queued';
         INSERT INTO phases SELECT p.id, f.phase, CASE p.status WHEN 'failed' THEN 'failed' ELSE 'succeeded' END, 1, 2, 1, NULL, NULL
             FROM {made} p CROSS JOIN (SELECT 'download' AS phase UNION ALL SELECT 'validate') f WHERE p.{};
         INSERT INTO log_chunks SELECT id, 1, 9, '[\"What a notebook prints while it learns\"]' FROM {made} p;
         {} INSERT INTO log_chunks SELECT p.id, i * 10, i * 10 + 9, '[]'
             FROM n CROSS JOIN (SELECT id FROM {made} m ORDER BY id LIMIT 1) p;
         INSERT INTO notebooks SELECT id, '{{}}' FROM {made} p WHERE {};
         INSERT INTO deliveries (delivery_id, event, repo, pipelines, received_at)
             SELECT delivery_id, 'push', repo, '[[\"' || id || '\", \"' || notebook_path || '\"]]', created_at FROM {made} p;
         INSERT INTO versions SELECT model_name, registry_version, id, 'onnx', 'file:///models', 'sha', finished_at
             FROM {made} p WHERE status = 'succeeded';
         INSERT INTO deployment_history (generation, former, model_name, environment, version, pipeline_id, uri, sha256,
             metrics, deployed_at, ended_at, ended_by)
             SELECT {many} + version, {many} + LAG(version) OVER (PARTITION BY model_name ORDER BY version), model_name, 'dev', version,
                 pipeline_id, uri, sha256, '{{}}', created_at, created_at + 1, 'replaced' FROM versions WHERE version <= {many};
         INSERT INTO deployments SELECT model_name, 'dev', MAX(version), {many} + MAX(version) FROM versions WHERE version <= {many} GROUP BY model_name;
         UPDATE deployment_changes SET latest = 2 * {many};
         {} INSERT INTO tasks (id, kind, payload, run_at, status, max_attempts, created_at, finished_at)
             SELECT '00000000-0000-7000-8000-' || {}, 'retention', 'null', i, CASE WHEN i < 200 THEN 'queued' ELSE 'succeeded' END, 1,
                 i, CASE WHEN i >= 200 THEN i END FROM n",
        numbers(400),
        newest(many / 20),
        numbers(many / 100),
        newest(many / 3),
        numbers(many / 5),
        hex("i"),
    );
    sql.split(';').map(str::to_owned).collect()
}
