//! The commands, one file each.

mod approvals;
mod artifacts;
mod batch;
mod data;
mod demo;
mod doctor;
mod hook;
mod keys;
mod login;
mod logs;
mod models;
mod names;
mod numbers;
mod people;
mod pipelines;
mod predict;
mod promote;
mod push;
mod registry;
mod retention;
mod run;
mod schedules;
mod secrets;
mod settings;
mod tables;
mod traffic;
mod up;
mod validate;
mod verify;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::settings::Settings;

/// Push a notebook, get a deployed model.
#[derive(Parser)]
#[command(name = "mlsys", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start everything on this machine: API, worker, model-server, MLflow
    Up(up::Args),
    /// Start everything, push the Titanic example, follow its log, ask for a prediction
    Demo(demo::Args),
    /// Push this repository to mlsys's own git remote (`git push mlsys` does the same from then on)
    Push(push::Args),
    /// Give this repository a git remote named `mlsys`, so that `git push mlsys main` works
    Remote(push::RemoteArgs),
    /// Show a pipeline's log; -f follows it to its end
    Logs(logs::Args),
    /// List pipelines, newest first
    Pipelines(pipelines::Args),
    /// List models, with what is deployed where
    Models(models::Args),
    /// Check a notebook against the contract, without running it
    Validate(validate::Args),
    /// Run a notebook on this machine, without a server: every phase but register and deploy
    Run(run::Args),
    /// Print an address that signs a browser in; for another mlsys, keep a key that commands show it
    Login(login::Args),
    /// Make, list and revoke the keys that programs show
    #[command(subcommand)]
    Keys(keys::Command),
    /// Invite and list people
    #[command(subcommand)]
    People(people::Command),
    /// Say which tables and files a repository's notebooks may reach
    #[command(subcommand)]
    Data(data::Command),
    /// Set, list and remove what a repository's notebooks ask for by name
    #[command(subcommand)]
    Secrets(secrets::Command),
    /// Take a deployed version over into the environment that follows
    Promote(promote::Args),
    /// Try a version beside the deployed one: with a share of the requests, as a shadow, or on standby
    #[command(subcommand)]
    Traffic(traffic::Command),
    /// List, approve, refuse and take back promotions that wait for a second person
    #[command(subcommand)]
    Approvals(approvals::Command),
    /// Send tables through models into tables
    #[command(subcommand)]
    Batch(batch::Command),
    /// Have tables sent through models, and notebooks run, at given times
    #[command(subcommand)]
    Schedules(schedules::Command),
    /// Ask a deployed model for predictions, of rows or of a whole table
    Predict(predict::Args),
    /// List, show, import and export tables
    #[command(subcommand)]
    Tables(tables::Command),
    /// Look which versions lie in an environment's bucket, and keep a table of them
    #[command(subcommand)]
    Registry(registry::Command),
    /// Print what things are called in an environment: service, bucket, dataset, …
    Names(names::Args),
    /// Check that a version was made from what is said of it, and is what was made
    Verify(verify::Args),
    /// Check what mlsys needs on this machine
    Doctor(doctor::Args),
    /// Count what is older than the settings keep; --apply removes it now
    Retention(retention::Args),
    /// Move all models' files to another store
    #[command(subcommand)]
    Artifacts(artifacts::Command),
    /// Prepare the Python environment that `up` and `run` use
    Prepare,
    /// Print a shell's completions: `mlsys completions bash > ~/.local/share/bash-completion/completions/mlsys`
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print every setting with its default
    Settings(settings::Args),
    /// Print the API's description
    #[command(hide = true)]
    Openapi,
    /// What the local remote's post-receive hook calls
    #[command(hide = true)]
    Hook(hook::Args),
}

/// Runs a command; its exit code says whether it did what it was asked.
pub(crate) async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let settings = Settings::load()?;
    match cli.command {
        Command::Up(args) => Box::pin(up::run(args, settings)).await,
        Command::Demo(args) => Box::pin(demo::run(args, settings)).await,
        Command::Push(args) => push::run(args, &settings).await,
        Command::Remote(args) => push::remote(args, &settings).await,
        Command::Logs(args) => logs::run(args, &settings).await,
        Command::Pipelines(args) => pipelines::run(args, &settings).await,
        Command::Models(args) => models::run(args, &settings).await,
        Command::Validate(args) => validate::run(&args),
        Command::Run(args) => run::run(args, &settings).await,
        Command::Login(args) => login::run(args, &settings).await,
        Command::Keys(command) => keys::run(command, &settings).await,
        Command::People(command) => people::run(command, &settings).await,
        Command::Data(command) => data::run(command, &settings).await,
        Command::Secrets(command) => secrets::run(command, &settings).await,
        Command::Promote(args) => promote::run(args, &settings).await,
        Command::Traffic(command) => traffic::run(command, &settings).await,
        Command::Approvals(command) => approvals::run(command, &settings).await,
        Command::Batch(command) => batch::run(command, &settings).await,
        Command::Schedules(command) => schedules::run(command, &settings).await,
        Command::Predict(args) => predict::run(args, &settings).await,
        Command::Tables(command) => tables::run(command, &settings).await,
        Command::Registry(command) => registry::run(command, &settings).await,
        Command::Names(args) => names::run(&args),
        Command::Verify(args) => verify::run(args, &settings).await,
        Command::Doctor(args) => doctor::run(&args, &settings).await,
        Command::Artifacts(command) => artifacts::run(command, &settings).await,
        Command::Retention(args) => retention::run(&args, &settings).await,
        Command::Prepare => {
            settings.platform()?.prepare(&|text| eprintln!("{text}")).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "mlsys", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
        Command::Settings(args) => Ok(settings::run(&args)),
        Command::Openapi => {
            print!("{}", backend::openapi_json());
            Ok(ExitCode::SUCCESS)
        }
        Command::Hook(args) => hook::run(args).await,
    }
}
