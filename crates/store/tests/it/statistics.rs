use contract::Scope;
use jiff::Timestamp;
use store::DayStatistics;

use crate::World;

fn now(text: &str) -> Timestamp {
    text.parse().unwrap()
}

async fn each_day_has_its_ends_and_the_duration_in_the_middle(world: World) {
    for name in ["a", "b", "c", "d", "e", "f", "g", "h", "running"] {
        world.by_hand(&format!("{name}.ipynb")).await;
    }
    // 2026-03-01T00:00:00Z is 1772323200000.
    world
        .tamper(
            "UPDATE pipelines SET status = 'succeeded', deployed = 1, started_at = 1772323190000, finished_at = 1772323200000
                 WHERE notebook_path = 'a.ipynb';
             UPDATE pipelines SET status = 'succeeded', started_at = 1772323200000, finished_at = 1772323240000
                 WHERE notebook_path = 'b.ipynb';
             UPDATE pipelines SET status = 'succeeded', started_at = 1772323200000, finished_at = 1772325200000
                 WHERE notebook_path = 'c.ipynb';
             UPDATE pipelines SET status = 'failed', started_at = 1772323200000, finished_at = 1772323201000
                 WHERE notebook_path = 'd.ipynb';
             UPDATE pipelines SET status = 'cancelled', finished_at = 1772409599999 WHERE notebook_path = 'e.ipynb';
             UPDATE pipelines SET status = 'succeeded', started_at = 1772582400000, finished_at = 1772582410000
                 WHERE notebook_path = 'f.ipynb';
             UPDATE pipelines SET status = 'succeeded', started_at = 1772582400000, finished_at = 1772582421000
                 WHERE notebook_path = 'g.ipynb';
             UPDATE pipelines SET status = 'skipped', started_at = 1772323199000, finished_at = 1772323199999
                 WHERE notebook_path = 'h.ipynb'",
        )
        .await;
    let days = world.store.pipelines.statistics(&Scope::Everything, now("2026-03-04T23:59:59Z"), 4).await.unwrap();
    let day = |date: &str, numbers: [u64; 5], median_seconds| {
        let [succeeded, failed, cancelled, skipped, deployed] = numbers;
        DayStatistics { date: date.parse().unwrap(), succeeded, failed, cancelled, skipped, deployed, median_seconds }
    };
    let expected = [
        day("2026-03-01", [3, 1, 1, 0, 1], Some(40.0)),
        day("2026-03-02", [0; 5], None),
        day("2026-03-03", [0; 5], None),
        day("2026-03-04", [2, 0, 0, 0, 0], Some(15.5)),
    ];
    assert_eq!(days, expected);
    let days = world.store.pipelines.statistics(&Scope::Everything, now("2026-02-28T12:00:00Z"), 1).await.unwrap();
    assert_eq!(days, [day("2026-02-28", [0, 0, 0, 1, 0], None)], "neither the day before nor the day after");
}

on_both![each_day_has_its_ends_and_the_duration_in_the_middle];
