//! `mlsys up`: everything on this machine.

use std::process::{Command, ExitCode, Stdio};

use service::Shutdown;

use crate::{
    settings::{Ports, Settings},
    stack::Stack,
};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    ports: Ports,
    /// Print where everything is as one JSON object, once it is ready
    #[arg(long)]
    json: bool,
    /// Open the dashboard in the browser, signed in
    #[arg(long)]
    open: bool,
    /// Stop when standard input ends, as it does when the program that started mlsys is gone
    #[arg(long)]
    leash: bool,
}

pub(crate) async fn run(args: Args, settings: Settings) -> anyhow::Result<ExitCode> {
    let _telemetry = settings.telemetry("info");
    let mut stack = Stack::start(&settings, args.ports, |text| eprintln!("{text}")).await?;
    if args.leash {
        hold(stack.shutdown.clone());
    }
    if args.json {
        let mut told = serde_json::to_value(&stack.addresses)?;
        told["sign_in"] = stack.sign_in.as_str().into();
        println!("{told}");
    } else {
        show(&stack, &settings);
    }
    if args.open {
        open(&stack.sign_in);
    }
    let ended = stack.wait().await;
    stack.stop().await;
    ended.map(|()| ExitCode::SUCCESS)
}

/// Begins the shutdown when standard input ends. A thread, because reading a terminal or pipe can't be cancelled.
fn hold(shutdown: Shutdown) {
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        shutdown.begin();
    });
}

/// Says where everything is.
pub(crate) fn show(stack: &Stack, settings: &Settings) {
    let at = &stack.addresses;
    println!("mlsys is up:");
    println!("  dashboard     {}", stack.sign_in);
    println!("  API           {}/api", at.api);
    println!("  model-server  {}", at.model_server);
    println!("  MLflow        {}", at.mlflow);
    println!("  state         {}", settings.home.display());
    println!("The dashboard's address signs a browser in once; `mlsys login` prints another.");
    println!("`mlsys push` in a repository with a tagged notebook deploys its model; Ctrl-C stops mlsys.");
}

/// Opens an address in the user's browser. Where that can't be done, it was printed.
pub(crate) fn open(address: &str) {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let opened = Command::new(program).arg(address).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    if opened.is_err() {
        eprintln!("no browser could be opened: {program} is missing");
    }
}
