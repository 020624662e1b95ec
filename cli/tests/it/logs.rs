//! Everyone who follows a log has every line once, in order.

use std::time::Duration;

use contract::{LogLine, PipelineStatus};
use testkit::{Notebook, Project};

use crate::mlsys;

fn in_order(lines: &[LogLine], after: u64) {
    assert!(lines.iter().zip(after + 1..).all(|(line, seq)| line.seq == seq), "a gap or a repetition");
}

#[tokio::test(flavor = "multi_thread")]
async fn three_followers_have_every_line_once_however_they_join() {
    let mlsys = mlsys();
    let talk = "import time\nfor i in range(3600):\n    print('tick', i, flush=True); time.sleep(1 / 60)";
    let notebook = Notebook::valid("talkative").before("mlops:export", talk);
    let id = Project::new(mlsys, "talkative").push_notebook("n.ipynb", notebook.json());

    let early = mlsys.follow(id, 0, usize::MAX);
    let late = async {
        mlsys.until(id, Duration::from_mins(1), |pipeline| pipeline.phases[2].started_at.is_some()).await;
        // Late: when a third of the lines are there.
        mlsys.follow(id, 0, 1200).await;
        mlsys.follow(id, 0, usize::MAX).await
    };
    let cut_off = async {
        let (mut lines, end) = mlsys.follow(id, 0, 1200).await;
        assert_eq!(end, None);
        let (rest, end) = mlsys.follow(id, lines.last().expect("lines").seq, usize::MAX).await;
        lines.extend(rest);
        (lines, end)
    };
    let (early, late, cut_off) = tokio::join!(early, late, cut_off);
    let stored = mlsys.stored_log(id).await;
    for (lines, end) in [early, late, cut_off, (stored, Some(PipelineStatus::Succeeded))] {
        assert_eq!(end, Some(PipelineStatus::Succeeded));
        in_order(&lines, 0);
        let ticks = lines.iter().filter(|line| line.text.starts_with("tick ")).count();
        assert_eq!(ticks, 3600);
    }
    let (again, end) = mlsys.follow(id, 100, usize::MAX).await;
    assert_eq!(end, Some(PipelineStatus::Succeeded), "a finished log can be read again");
    in_order(&again, 100);
}
