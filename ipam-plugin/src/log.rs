//! Logs: people read standard error, programs read JSON lines in the configured file. Standard
//! output belongs to CNI.

use std::fs::OpenOptions;
use std::path::Path;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{Layer as _, fmt, registry};

/// Starts logging; warnings always reach standard error. A log file that cannot be written is a
/// warning, never a failure: no address may depend on it.
pub(crate) fn start(file: Option<&Path>, level: LevelFilter) {
    let to_stderr = fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_filter(level.max(LevelFilter::WARN));
    let opened = file.map(|path| OpenOptions::new().create(true).append(true).open(path));
    let (file_writer, problem) = match opened {
        Some(Ok(file)) => (Some(file), None),
        Some(Err(error)) => (None, Some(error)),
        None => (None, None),
    };
    let to_file = file_writer.map(|file| {
        let json = fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(false);
        json.with_span_list(false)
            .with_writer(std::sync::Mutex::new(file))
            .with_filter(level)
    });
    // A second subscriber in one process: only where tests call twice.
    let _ = tracing::subscriber::set_global_default(registry().with(to_stderr).with(to_file));
    if let (Some(error), Some(path)) = (problem, file) {
        tracing::warn!(path = %path.display(), %error, "the log file cannot be written");
    }
}

/// Whereabouts' levels beside the usual ones. Unknown ones are warnings and worse.
pub(crate) fn level(name: Option<&str>) -> LevelFilter {
    match name.unwrap_or_default().to_ascii_lowercase().as_str() {
        "debug" => LevelFilter::DEBUG,
        "verbose" | "info" => LevelFilter::INFO,
        "error" | "panic" => LevelFilter::ERROR,
        _ => LevelFilter::WARN,
    }
}
