//! `mlsys logs`: a pipeline's log.

use std::{io::IsTerminal, process::ExitCode};

use anyhow::Context;
use contract::{LogLine, PipelineId, PipelineRecord, PipelineStatus, Stream};

use crate::{
    client::{Client, Page},
    settings::Settings,
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The pipeline; without it, the newest one
    id: Option<PipelineId>,
    /// Follow the log until the pipeline ends; the exit code says whether it succeeded
    #[arg(short, long)]
    follow: bool,
    /// Start after this line
    #[arg(long, default_value_t = 0)]
    after: u64,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: Args, settings: &Settings) -> anyhow::Result<ExitCode> {
    let client = Client::new(settings)?;
    let id = match args.id {
        Some(id) => id,
        None => newest(&client).await?,
    };
    let printer = Printer::new(args.json);
    if args.follow {
        let end = client.follow(id, args.after, |line| printer.show(line)).await?;
        if !args.json {
            eprintln!("{end}");
        }
        return Ok(if end == PipelineStatus::Succeeded { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let mut after = args.after;
    loop {
        let query = [("after", after.to_string()), ("limit", "5000".to_owned())];
        let page: Page<LogLine> = client.get(&format!("/api/pipelines/{id}/logs"), &query).await?;
        let Some(last) = page.items.last() else { return Ok(ExitCode::SUCCESS) };
        after = last.seq;
        page.items.iter().for_each(|line| printer.show(line));
    }
}

async fn newest(client: &Client) -> anyhow::Result<PipelineId> {
    let page: Page<PipelineRecord> = client.get("/api/pipelines", &[("limit", "1".to_owned())]).await?;
    page.items.first().map(|pipeline| pipeline.id).context("there is no pipeline yet: push a notebook with `mlsys push`")
}

/// Prints log lines, in colour on a terminal.
pub(crate) struct Printer {
    json: bool,
    colour: bool,
}

impl Printer {
    /// A printer for standard output.
    pub fn new(json: bool) -> Self {
        let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { json, colour }
    }

    /// Prints a line.
    pub fn show(&self, line: &LogLine) {
        if self.json {
            if let Ok(text) = serde_json::to_string(line) {
                println!("{text}");
            }
            return;
        }
        let cell = line.cell.map_or(String::new(), |cell| format!(" [{cell}]"));
        let colour = match line.stream {
            Stream::System => "36",
            Stream::Stdout | Stream::Display => "0",
            Stream::Stderr => "33",
            Stream::Error => "31",
        };
        let phase = line.phase.as_str();
        if self.colour {
            println!("\u{1b}[2m{phase:>8}{cell:<5}\u{1b}[0m \u{1b}[{colour}m{}\u{1b}[0m", line.text);
        } else {
            println!("{phase:>8}{cell:<5} {}", line.text);
        }
    }
}
