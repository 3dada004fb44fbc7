//! Parses the settings, starts, waits. No logic here.

use std::process::ExitCode;

use server::bootstrap::Server;
use server::config::{Config, Refusal};
use server::{shutdown, telemetry};

#[expect(clippy::print_stdout, reason = "help and version are what was asked for")]
fn main() -> ExitCode {
    let config = match Config::read(std::env::args_os()) {
        Ok(config) => config,
        Err(Refusal::Asked(text)) => {
            print!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(Refusal::Wrong(line)) => return refuse(&line),
    };
    if let Err(line) = telemetry::start(&config.log, config.log_format) {
        return refuse(&line);
    }
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return refuse(&format!("no runtime could be started: {error}")),
    };
    let ended = runtime.block_on(run(config));
    // What still runs after a second signal is not waited for.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(&format!("{error:#}")),
    }
}

async fn run(config: Config) -> anyhow::Result<()> {
    // Listened to from the first moment, so that Ctrl-C while PostgreSQL starts is not lost.
    let mut signals = shutdown::Signals::listen()?;
    let (asked, stop) = tokio::sync::oneshot::channel();
    let life = async {
        let mut server = Server::start(config).await?;
        tokio::select! {
            signal = stop => tracing::info!("{}: stopping; once more ends it at once", signal?),
            () = server.died() => {
                server.stop().await?;
                anyhow::bail!("a part of the server has died; the log says why");
            }
        }
        server.stop().await
    };
    let twice = async {
        // An error only says that the server's life is over already.
        asked.send(signals.next().await).ok();
        signals.next().await
    };
    tokio::select! {
        ended = life => ended,
        signal = twice => anyhow::bail!("{signal} for the second time: ended at once"),
    }
}

#[expect(clippy::print_stderr, reason = "the start ends here, with one line for a person")]
fn refuse(line: &str) -> ExitCode {
    eprintln!("stagewatch: {line}");
    ExitCode::FAILURE
}
