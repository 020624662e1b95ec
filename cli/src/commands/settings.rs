//! `mlsys settings`: the source of `.env.example` and of the README's table.

use std::process::ExitCode;

use clap::ValueEnum;

use crate::settings;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How to print them
    #[arg(long, value_enum, default_value_t = Format::Env)]
    format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// As a `.env` file with every setting commented out
    Env,
    /// As a Markdown table
    Markdown,
}

pub(crate) fn run(args: &Args) -> ExitCode {
    match args.format {
        Format::Env => {
            println!("# Every setting of mlsys with its default. Copy to .env and uncomment what you change.");
            for setting in settings::all() {
                println!("\n# {}.\n#{}={}", setting.help, setting.name, setting.default);
            }
        }
        Format::Markdown => {
            println!("| variable | default | what it is |\n|---|---|---|");
            for setting in settings::all() {
                let default = if setting.default.is_empty() { "–".to_owned() } else { format!("`{}`", setting.default) };
                println!("| `{}` | {default} | {} |", setting.name, setting.help);
            }
        }
    }
    ExitCode::SUCCESS
}
