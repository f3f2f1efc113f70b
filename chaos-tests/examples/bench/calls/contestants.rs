//! Who is measured, and on what.

use anyhow::Result;
use chaos_tests::etcd::{EtcdServer, Options};
use serde_json::{Value, json};

use crate::effort::Effort;
use crate::peer::Peer;
use crate::plugin::{Plugin, Setting, Spool};
use crate::servers::{Three, Way, born, born_with_tls};
use crate::stats::Times;
use crate::taken::Taken;

/// How often host-local is called where its calls take long: once in so many rounds.
const RARELY: usize = 20;
/// From so many reservations on.
const MANY: u32 = 10_000;
/// The families of addresses, as the tables name them.
pub(super) const FAMILIES: [&str; 2] = ["v4", "dual"];

/// The servers that all of them share.
pub(super) struct Field {
    /// One member.
    pub(super) plain: EtcdServer,
    secure: EtcdServer,
    three: Three,
    /// How many addresses are taken.
    pub(super) occupancies: [u32; 4],
}

impl Field {
    /// Starts them.
    pub(super) fn new(effort: Effort) -> Result<Self> {
        Ok(Self {
            plain: born(Options::default())?,
            secure: born_with_tls()?,
            three: Three::start()?,
            occupancies: effort.choose([0, 250, 4_000, 60_000], [0, 25, 40, 600]),
        })
    }
}

/// A plugin, and how long its calls took.
pub(super) struct Contestant {
    /// What it is called.
    pub(super) name: String,
    /// How many addresses were taken before.
    pub(super) taken: String,
    /// What it gives out.
    pub(super) family: &'static str,
    /// Whether its failures are ours.
    pub(super) is_ours: bool,
    /// It is called in one of so many rounds.
    pub(super) one_in: usize,
    /// Whether its start is measured.
    starts: bool,
    plugin: Plugin,
    pub(super) version: Times,
    pub(super) add: Times,
    pub(super) del: Times,
    pub(super) failures: usize,
}

impl Contestant {
    fn new(name: &str, taken: &impl ToString, family: &'static str, plugin: Plugin) -> Self {
        Self {
            name: name.to_owned(),
            taken: taken.to_string(),
            family,
            is_ours: true,
            one_in: 1,
            starts: false,
            plugin,
            version: Times::default(),
            add: Times::default(),
            del: Times::default(),
            failures: 0,
        }
    }

    fn not_ours(self) -> Self {
        Self {
            is_ours: false,
            ..self
        }
    }

    fn starting(self) -> Self {
        Self {
            starts: true,
            ..self
        }
    }

    /// With all that tells it from the others.
    pub(super) fn full_name(&self) -> String {
        let Self {
            name,
            taken,
            family,
            ..
        } = self;
        format!("{name}, {family}, {taken} taken")
    }

    /// Whether it is one of the few that a plot shows.
    pub(super) fn is_plotted(&self) -> bool {
        !self.is_ours || ["lowest", "spread"].contains(&self.name.as_str())
    }

    /// Does a verb for the pod of this round.
    pub(super) fn call(&mut self, verb: &str, round: usize, counts: bool) {
        if verb == "VERSION" && !self.starts {
            return;
        }
        let pod = u64::try_from(round).unwrap_or(u64::MAX);
        let times = match verb {
            "VERSION" => &mut self.version,
            "ADD" => &mut self.add,
            _ => &mut self.del,
        };
        match self.plugin.timed(verb, pod) {
            Ok(call) if counts => times.push(call.time),
            Ok(_) => {}
            Err(error) => {
                eprintln!("{}: {error:#}", self.name);
                self.failures += 1;
            }
        }
    }
}

/// All of them.
pub(super) fn contestants(
    field: &Field,
    peers: &[Peer],
    effort: Effort,
) -> Result<Vec<Contestant>> {
    let mut all = host_locals(field)?;
    for peer in peers {
        let plugin = Plugin::peer(peer)?;
        all.push(
            Contestant::new(&peer.name, &0, "v4", plugin)
                .not_ours()
                .starting(),
        );
    }
    let (plain, secure) = (Way::to(&field.plain), Way::to(&field.secure));
    let half = Taken::half(effort.choose(None, Some(1_000)))?;
    for order in ["lowest", "spread"] {
        for taken in field.occupancies {
            let scene = Taken::lowest(taken);
            let space = format!("{order}-{taken}");
            scene.in_etcd(&field.plain, &space)?;
            let plugin = ours(&plain, order, &space, v4(&scene), Spool::Disk)?;
            let one = Contestant::new(order, &taken, FAMILIES[0], plugin);
            let is_first = order == "lowest" && taken == 0;
            all.push(if is_first { one.starting() } else { one });
        }
        let space = format!("{order}-half");
        half.in_etcd(&field.plain, &space)?;
        let plugin = ours(&plain, order, &space, v4(&half), Spool::Disk)?;
        all.push(Contestant::new(order, &"half", FAMILIES[0], plugin));

        let empty = Taken::lowest(0);
        let mut push = |name: &str, family, way: &Way, ranges: Value, spool| -> Result<()> {
            let space = format!("{name}-{family}")
                .replace(", ", "-")
                .replace(' ', "-");
            let plugin = ours(way, order, &space, ranges, spool)?;
            all.push(Contestant::new(name, &0, family, plugin));
            Ok(())
        };
        push(order, FAMILIES[1], &plain, dual(&empty), Spool::Disk)?;
        let named = |what: &str| format!("{order}, {what}");
        push(
            &named("mTLS"),
            FAMILIES[0],
            &secure,
            v4(&empty),
            Spool::Disk,
        )?;
        push(
            &named("three members"),
            FAMILIES[0],
            &field.three.way,
            v4(&empty),
            Spool::Disk,
        )?;
        push(
            &named("spool on tmpfs"),
            FAMILIES[0],
            &plain,
            v4(&empty),
            Spool::Memory,
        )?;
    }
    Ok(all)
}

/// host-local with each occupancy; none where it is not installed.
fn host_locals(field: &Field) -> Result<Vec<Contestant>> {
    let mut all = Vec::new();
    for taken in field.occupancies {
        let scene = Taken::lowest(taken);
        let Some(plugin) = Plugin::host_local(&v4(&scene))? else {
            return Ok(Vec::new());
        };
        scene.in_files(&plugin.files_of_host_local())?;
        let one = Contestant::new("host-local", &taken, FAMILIES[0], plugin).not_ours();
        let one_in = if taken > MANY { RARELY } else { 1 };
        let one = Contestant { one_in, ..one };
        all.push(if taken == 0 { one.starting() } else { one });
    }
    if let Some(plugin) = Plugin::host_local(&dual(&Taken::lowest(0)))? {
        all.push(Contestant::new("host-local", &0, FAMILIES[1], plugin).not_ours());
    }
    Ok(all)
}

fn ours(way: &Way, order: &str, space: &str, ranges: Value, spool: Spool) -> Result<Plugin> {
    Plugin::ours(&Setting {
        way,
        order,
        space,
        ranges,
        spool,
    })
}

fn v4(scene: &Taken) -> Value {
    json!([[scene.range()]])
}

fn dual(scene: &Taken) -> Value {
    json!([[scene.range()], [{"subnet": "fd00:60::/64"}]])
}
