//! Asks on the containers' wire who has an address, as ARP, and for IPv6 the duplicate address detection,
//! do before an address is used.
//!
//! It knows nothing of etcd and of records: two answers are two machines with one address.

mod arp;
mod neighbour;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, bind, recv, send, socket,
};

use crate::history::{Probe, What};
use crate::real::containers::{Containers, WIRE};
use crate::real::recorder::Recorder;

/// Who has not answered by then has not the address; everybody is on this machine.
const PATIENCE: Duration = Duration::from_millis(150);

/// The longest frame that says anything here.
const LONGEST: usize = 128;

/// A place on the wire.
#[derive(Debug)]
pub struct Prober {
    socket: OwnedFd,
    mac: [u8; 6],
}

impl Prober {
    /// A prober where the wire's bridge is.
    pub fn new() -> Result<Self> {
        let socket = socket(
            AddressFamily::Packet,
            SockType::Raw,
            SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC,
            SockProtocol::EthAll,
        )?;
        let link = getifaddrs()?
            .filter(|interface| interface.interface_name == WIRE)
            .find_map(|interface| interface.address?.as_link_addr().copied())
            .context("the wire has no address")?;
        bind(socket.as_raw_fd(), &link)?;
        Ok(Self {
            socket,
            mac: link.addr().context("the wire has no hardware address")?,
        })
    }

    /// Asks for each of these, and writes down who answered. A container whose address was being taken
    /// from it meanwhile may have answered or not.
    pub fn probe(
        &self,
        asked: &BTreeSet<(String, IpAddr)>,
        containers: &Containers,
        recorder: &Recorder,
    ) -> Result<()> {
        let taken = containers.taken();
        while self.receive()?.is_some() {}
        for (_, address) in asked {
            let question = match address {
                IpAddr::V4(address) => arp::question(*address, self.mac),
                IpAddr::V6(address) => neighbour::question(*address, self.mac),
            };
            send(self.socket.as_raw_fd(), &question, MsgFlags::empty())?;
        }
        let mut answers: BTreeMap<IpAddr, BTreeSet<[u8; 6]>> = BTreeMap::new();
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            match self.receive()? {
                Some(frame) => {
                    let answer = arp::answer(&frame).or_else(|| neighbour::answer(&frame));
                    if let Some((address, mac)) = answer {
                        answers.entry(address).or_default().insert(mac);
                    }
                }
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        }
        let leaving = containers.taken_since(taken);
        for (space, address) in asked {
            if let Some(macs) = answers.get(address)
                && (macs.len() > 1 || !leaving.contains(address))
            {
                recorder.push(What::Probe(Probe {
                    space: space.clone(),
                    address: *address,
                    answered: macs.iter().copied().map(spell).collect(),
                }));
            }
        }
        Ok(())
    }

    fn receive(&self) -> Result<Option<Vec<u8>>> {
        let mut frame = vec![0; LONGEST];
        match recv(self.socket.as_raw_fd(), &mut frame, MsgFlags::empty()) {
            Ok(length) => {
                frame.truncate(length);
                Ok(Some(frame))
            }
            Err(Errno::EAGAIN) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

fn spell(mac: [u8; 6]) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}
