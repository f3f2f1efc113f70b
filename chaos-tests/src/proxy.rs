//! A network between a client and a server, which can be cut.

use std::convert::Infallible;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;

use anyhow::{Context as _, Result};

use crate::loopback::Place;

/// Passes connections on to a server. While it is cut, connections stand and nothing comes through
/// them; what was sent waits for the cut to be mended, as it would in a network.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_cut: bool,
    is_over: bool,
    /// What clients have sent since the cut.
    waiting: Vec<u8>,
}

impl Proxy {
    /// A proxy of the server at this URL, of an address and a port.
    pub fn of(url: &str) -> Result<Self> {
        let address: SocketAddr = (Place::free()?.ip, Place::CLIENT_PORT).into();
        Self::at(TcpListener::bind(address)?, url)
    }

    /// A proxy of that server for those who connect to this socket.
    pub fn at(listener: TcpListener, url: &str) -> Result<Self> {
        let (_, server) = url.split_once("://").context("not a URL")?;
        let server = server.parse()?;
        let address = listener.local_addr()?;
        let shared = Arc::<Shared>::default();
        let connections = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming() {
                if connections.state().is_over {
                    return;
                }
                // Who cannot be connected sees the connection end.
                let _ = client.and_then(|client| connect(&client, server, &connections));
            }
        });
        Ok(Self { address, shared })
    }

    /// Where clients of a plain HTTP server connect instead.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Cuts the network: from now on, everything waits.
    pub fn cut(&self) {
        let mut state = self.shared.state();
        state.is_cut = true;
        state.waiting.clear();
    }

    /// Mends the network: what waits goes on its way.
    pub fn mend(&self) {
        self.shared.state().is_cut = false;
        self.shared.changed.notify_all();
    }

    /// Whether clients have sent this text since the cut, in one piece.
    pub fn holds(&self, text: &str) -> bool {
        let waiting = &self.shared.state().waiting;
        let mut windows = waiting.windows(text.len());
        windows.any(|window| window == text.as_bytes())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.state().is_over = true;
        self.mend();
        // Lets the listener notice. Where it cannot be reached, it has ended.
        let _ = TcpStream::connect(self.address);
    }
}

fn connect(client: &TcpStream, server: SocketAddr, shared: &Arc<Shared>) -> std::io::Result<()> {
    let server = TcpStream::connect(server)?;
    for (from, to, is_request) in [(client, &server, true), (&server, client, false)] {
        let (from, to) = (from.try_clone()?, to.try_clone()?);
        let (sent, arriving) = mpsc::channel();
        let (reading, writing) = (Arc::clone(shared), Arc::clone(shared));
        // A connection that breaks ends like any other.
        thread::spawn(move || reading.read(&from, is_request, &sent));
        thread::spawn(move || {
            let _ = writing.write(&to, &arriving);
            let _ = to.shutdown(Shutdown::Write);
        });
    }
    Ok(())
}

impl Shared {
    /// Takes what one side sends, also while the network is cut.
    fn read(
        &self,
        mut from: &TcpStream,
        is_request: bool,
        sent: &mpsc::Sender<Vec<u8>>,
    ) -> Option<Infallible> {
        let mut buffer = [0; 16 << 10];
        loop {
            let length = from.read(&mut buffer).ok()?;
            let piece = buffer.get(..length).filter(|piece| !piece.is_empty())?;
            let mut state = self.state();
            if state.is_cut && is_request {
                state.waiting.extend_from_slice(piece);
            }
            drop(state);
            sent.send(piece.to_vec()).ok()?;
        }
    }

    /// Passes it on to the other side, unless the network is cut.
    fn write(&self, mut to: &TcpStream, arriving: &mpsc::Receiver<Vec<u8>>) -> std::io::Result<()> {
        for piece in arriving {
            let passes = self.changed.wait_while(self.state(), |state| state.is_cut);
            drop(passes.unwrap_or_else(PoisonError::into_inner));
            to.write_all(&piece)?;
        }
        Ok(())
    }

    /// Nobody panics while holding the lock.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
