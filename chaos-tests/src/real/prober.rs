//! Asks on the containers' wire who has an address, as ARP does before an address is used.
//!
//! It knows nothing of etcd and of records: two answers are two machines with one address.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
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

/// The length of an ARP message in its frame (RFC 826).
const LENGTH: usize = 42;

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
            if let IpAddr::V4(address) = address {
                send(
                    self.socket.as_raw_fd(),
                    &self.question(*address),
                    MsgFlags::empty(),
                )?;
            }
        }
        let mut answers: BTreeMap<Ipv4Addr, BTreeSet<[u8; 6]>> = BTreeMap::new();
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            match self.receive()? {
                Some(frame) => {
                    if let Some((address, mac)) = answer(&frame) {
                        answers.entry(address).or_default().insert(mac);
                    }
                }
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        }
        let leaving = containers.taken_since(taken);
        for (space, address) in asked {
            let IpAddr::V4(v4) = address else { continue };
            if let Some(macs) = answers.get(v4)
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

    fn receive(&self) -> Result<Option<[u8; LENGTH]>> {
        let mut frame = [0; LENGTH];
        match recv(self.socket.as_raw_fd(), &mut frame, MsgFlags::empty()) {
            Ok(_) => Ok(Some(frame)),
            Err(Errno::EAGAIN) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// An ARP probe: it comes from nobody's address, so nobody remembers it (RFC 5227).
    fn question(&self, address: Ipv4Addr) -> [u8; LENGTH] {
        let ethernet: [&[u8]; 3] = [&[0xff; 6], &self.mac, &[0x08, 0x06]];
        let request = [0, 1, 0x08, 0, 6, 4, 0, 1];
        let arp: [&[u8]; 5] = [&request, &self.mac, &[0; 4], &[0; 6], &address.octets()];
        let mut frame = [0; LENGTH];
        let bytes = ethernet.iter().chain(&arp).flat_map(|part| part.iter());
        for (to, from) in frame.iter_mut().zip(bytes) {
            *to = *from;
        }
        frame
    }
}

/// Who answers in this frame, and for what; `None` if it is no answer.
fn answer(frame: &[u8; LENGTH]) -> Option<(Ipv4Addr, [u8; 6])> {
    let is_reply = frame.get(12..14)? == [0x08, 0x06] && frame.get(20..22)? == [0, 2];
    let mac = frame.get(22..28)?.try_into().ok()?;
    let address: [u8; 4] = frame.get(28..32)?.try_into().ok()?;
    is_reply.then_some((address.into(), mac))
}

fn spell(mac: [u8; 6]) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}
