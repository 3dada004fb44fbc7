//! Logs. Fields that say what a line is about are dotted, and the same in all modules, as `request.id` and
//! `http.path`; what else a line tells has a plain name, as `error` and `duration_ms`.
//!
//! A failure is logged once, where it is handled. Never logged: passwords, cookies, database addresses
//! with their password, bodies of requests.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// Sends logs to standard error.
///
/// # Errors
///
/// One line when the filter cannot be read.
pub fn start(filter: &str, format: Option<LogFormat>) -> Result<(), String> {
    let filter =
        EnvFilter::try_new(filter).map_err(|error| format!("RUST_LOG={filter}: {error}"))?;
    let on_terminal = std::io::stderr().is_terminal();
    let format = format.unwrap_or(if on_terminal { LogFormat::Pretty } else { LogFormat::Json });
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Pretty => builder.with_target(false).with_ansi(on_terminal).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
    Ok(())
}
