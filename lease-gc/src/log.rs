//! The log: structured messages on standard error. Standard output belongs to the history.

use std::io;

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::{SetGlobalDefaultError, set_global_default};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{Layer as _, fmt, registry};

use crate::cli::{LogFormat, LogLevel};

/// Our own crates. Others never say less important things than warnings: at `trace` some print what
/// they send, tokens included.
const OURS: [&str; 2] = ["lease_gc", "store"];

/// Logs every request that fails, which our own messages also tell, with what was asked and why.
const TWICE: &str = "kube_client";

/// Sends all messages of this process to standard error from now on.
///
/// # Errors
/// Where that was already done.
pub fn start(format: LogFormat, level: LogLevel) -> Result<(), SetGlobalDefaultError> {
    set_global_default(subscriber(format, level, io::stderr))
}

fn subscriber<W>(format: LogFormat, level: LogLevel, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let level = filter(level);
    let targets = Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_targets(OURS.map(|target| (target, level)))
        .with_target(TWICE, LevelFilter::OFF);
    // A log that cannot be written must not end the process, as a failing eprintln! would.
    let layer = fmt::layer().with_writer(writer).log_internal_errors(false);
    let layer = match format {
        LogFormat::Json => layer
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .boxed(),
        LogFormat::Text => layer.with_ansi(false).boxed(),
    };
    registry().with(layer.with_filter(targets))
}

const fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use tracing::{debug, error, info, warn};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, level: LogLevel, log: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = subscriber(format, level, move || writer.clone());
        tracing::subscriber::with_default(subscriber, log);
        String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn json_lines_have_the_fields_at_their_top() {
        let text = logged(LogFormat::Json, LogLevel::Info, || {
            info!(address = "10.0.0.1", "released");
        });
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["message"], "released");
        assert_eq!(line["address"], "10.0.0.1");
        assert_eq!(line["level"], "INFO");
    }

    #[test]
    fn text_is_for_people() {
        let text = logged(LogFormat::Text, LogLevel::Info, || {
            info!(address = "10.0.0.1", "released");
        });
        assert!(text.contains("INFO"), "{text}");
        assert!(text.contains("released address=\"10.0.0.1\""), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn what_is_less_important_than_the_level_is_not_logged() {
        for (level, lines) in [
            (LogLevel::Error, 0),
            (LogLevel::Warn, 1),
            (LogLevel::Info, 2),
            (LogLevel::Trace, 3),
        ] {
            let text = logged(LogFormat::Text, level, || {
                warn!("one");
                info!("two");
                debug!("three");
            });
            assert_eq!(text.lines().count(), lines, "{level:?}: {text}");
        }
    }

    #[test]
    fn other_crates_never_say_less_than_warnings() {
        let text = logged(LogFormat::Text, LogLevel::Trace, || {
            info!(target: "h2::codec", "authorization: Bearer …");
            warn!(target: "hyper::proto", "trouble");
            error!(target: "kube_client::client::builder", "failed");
            debug!(target: "store::etcd", "asked");
        });
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(!text.contains("Bearer"), "{text}");
    }
}
