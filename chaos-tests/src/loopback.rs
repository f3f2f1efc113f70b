//! Addresses for servers of one test.

use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};

use anyhow::{Result, bail};
use rand::RngExt as _;

/// Where a server listens: all of `127.0.0.0/8` is loopback, so each server gets an address of its
/// own. A port that is free now on `127.0.0.1` may be anybody's a moment later, also the local end
/// of a connection that goes out; on an address drawn from sixteen million, nobody else comes by,
/// and a stopped server finds its ports free when it starts again.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The address.
    pub ip: Ipv4Addr,
}

impl Place {
    /// Where clients connect.
    pub const CLIENT_PORT: u16 = 2379;
    /// Where the other members connect.
    pub const PEER_PORT: u16 = 2380;

    /// An address whose ports are free.
    pub fn free() -> Result<Self> {
        let mut random = rand::rng();
        for _ in 0..100 {
            let [a, b, c] = random.random::<[u8; 3]>();
            let ip = Ipv4Addr::new(127, a.max(1), b, c.clamp(1, 254));
            let is_free = |port| TcpListener::bind(SocketAddrV4::new(ip, port)).is_ok();
            if is_free(Self::CLIENT_PORT) && is_free(Self::PEER_PORT) {
                return Ok(Self { ip });
            }
        }
        bail!("none of 100 loopback addresses has its ports 2379 and 2380 free");
    }
}
