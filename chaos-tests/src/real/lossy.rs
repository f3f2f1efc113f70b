//! A proxy that loses what a server answers to a write, after the server has done it.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context as _, Result};

/// What every transaction that writes an owner record, or deletes one, has in it: a field of the record.
const MARK: &[u8] = b"\"plugin\":";

/// The proxy. Its threads end with the process.
#[derive(Debug)]
pub struct Lossy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    connections: AtomicUsize,
    lost: AtomicUsize,
    forgiving: AtomicBool,
}

impl Lossy {
    /// A proxy at this address of the member at this URL.
    pub fn start(ip: Ipv4Addr, url: &str) -> Result<Self> {
        let (_, server) = url.split_once("://").context("not a URL")?;
        let server: SocketAddr = server.parse()?;
        let listener = TcpListener::bind((ip, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::<Shared>::default();
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // Who cannot be connected sees the connection end.
                let _ = connect(&client, server, &accepting);
            }
        });
        Ok(Self { address, shared })
    }

    /// Where clients connect.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many answers were lost.
    pub fn lost(&self) -> usize {
        self.shared.lost.load(Ordering::SeqCst)
    }

    /// Loses nothing any more.
    pub fn forgive(&self) {
        self.shared.forgiving.store(true, Ordering::SeqCst);
    }
}

fn connect(client: &TcpStream, server: SocketAddr, shared: &Arc<Shared>) -> std::io::Result<()> {
    let server = TcpStream::connect(server)?;
    let number = shared.connections.fetch_add(1, Ordering::SeqCst);
    let loses = number.is_multiple_of(2) && !shared.forgiving.load(Ordering::SeqCst);
    // Whether a write was passed on, whose answer is what comes next.
    let written = Arc::new(AtomicBool::new(false));
    let (from, to) = (client.try_clone()?, server.try_clone()?);
    let told = Arc::clone(&written);
    thread::spawn(move || {
        pass(&from, &to, |piece| {
            if loses && piece.windows(MARK.len()).any(|window| window == MARK) {
                told.store(true, Ordering::SeqCst);
            }
            true
        });
    });
    let (from, to) = (server, client.try_clone()?);
    let shared = Arc::clone(shared);
    thread::spawn(move || {
        pass(&from, &to, |piece| {
            // The headers of an answer are a frame of type 1; settings and windows are none.
            let answers = written.load(Ordering::SeqCst) && piece.get(3) == Some(&1);
            if answers {
                shared.lost.fetch_add(1, Ordering::SeqCst);
            }
            !answers
        });
    });
    Ok(())
}

/// Passes on what is sent, as long as `wanted` says so; then ends both sides.
fn pass(mut from: &TcpStream, mut to: &TcpStream, mut wanted: impl FnMut(&[u8]) -> bool) {
    let mut buffer = [0; 16 << 10];
    loop {
        let length = from.read(&mut buffer).unwrap_or(0);
        let Some(piece) = buffer.get(..length).filter(|piece| !piece.is_empty()) else {
            break;
        };
        if !wanted(piece) || to.write_all(piece).is_err() {
            break;
        }
    }
    // One that is closed already stays so.
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
