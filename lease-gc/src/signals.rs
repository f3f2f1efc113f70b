//! What the process is told by signals: to end, or to sweep now.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Whether the process was told to end. Cheap to clone; every clone sees it.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<bool>);

impl Shutdown {
    /// Told as soon as this says `true`.
    pub const fn by(told: watch::Receiver<bool>) -> Self {
        Self(told)
    }

    /// Waits until the process is told to end: by SIGTERM or SIGINT where it listens for them.
    pub async fn told(&self) {
        // It fails only once nobody can tell any more, because the process ends.
        let _ = self.0.clone().wait_for(|told| *told).await;
    }
}

/// Listens for signals from now on.
///
/// # Errors
/// If the kernel does not let the process listen.
pub fn listen(hang_up: impl Fn() + Send + 'static) -> std::io::Result<Shutdown> {
    let (tell, told) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_ups = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                () = received(&mut terminate) => break,
                () = received(&mut interrupt) => break,
                () = received(&mut hang_ups) => hang_up(),
            }
        }
        tracing::info!("told to end");
        // The receivers may all be gone, because the process ends by itself.
        let _ = tell.send(true);
        // Once all senders are gone nobody would learn of it.
        std::future::pending::<()>().await;
    });
    Ok(Shutdown(told))
}

async fn received(signal: &mut Signal) {
    signal.recv().await;
}
