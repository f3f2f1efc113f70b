//! An export of ipamctl.

use std::io::BufReader;
use std::path::Path;

use anyhow::Context as _;
use serde_json::Value;
use store::address::Address;
use store::clock::Clock;
use store::import::{Parcel, Terms};
use store::key::{Keyspace, parse_space};
use store::names::{Attachment, Space};
use store::record::{Holder, OwnerRecord, RangeRecord};
use store::txn::Etcd;

use super::Options;
use super::input::{Input, Thing, What};
use crate::archive::{self, ArchiveError, Header, Line};
use crate::command::Context;
use crate::output::Output;

/// Reads exports, each whole or not at all.
pub(super) fn read<E: Etcd, C: Clock>(
    context: &Context<E, C>,
    output: &mut Output<'_>,
    options: &Options,
    terms: &Terms,
) -> anyhow::Result<Input> {
    let mut input = Input::default();
    for path in &options.inputs {
        let file = path.display();
        let keys = context.store.keys();
        let each = |number, line| {
            let origin = format!("{file}, line {number}");
            match thing(keys, line) {
                Ok((what, parcel)) => input.add(Thing {
                    what,
                    origin,
                    parcel,
                }),
                Err(Unusable { what, because }) => input.leave_out(what, origin, because, true),
            }
        };
        let header = open(path, each).with_context(|| format!("the export {file}"))?;
        if header.store_id == terms.store_id {
            output.warn(&format!(
                "{file} is of this very store: what was released since it was exported becomes \
                 taken again, until the collector finds it dead"
            ));
        }
    }
    Ok(input)
}

fn open(path: &Path, each: impl FnMut(u64, Line)) -> Result<Header, ArchiveError> {
    if path.as_os_str() == "-" {
        return archive::read(std::io::stdin().lock(), each);
    }
    archive::read(BufReader::new(std::fs::File::open(path)?), each)
}

/// A line that says nothing that could be written.
struct Unusable {
    what: String,
    because: String,
}

fn thing(keys: &Keyspace, line: Line) -> Result<(What, Parcel), Unusable> {
    match line {
        Line::Owner {
            cluster,
            node,
            network,
            container,
            interface,
            record,
        } => {
            let attachment = Attachment {
                cluster,
                node,
                network,
                container,
                interface,
            };
            owner(keys, attachment, &record)
        }
        Line::Holder {
            space,
            address,
            holder,
        } => kept(keys, &space, address, &holder),
        Line::Range { space, record } => range(keys, &space, &record),
        Line::Cluster { cluster, uid } => {
            let parcel = Parcel::identity(keys, &cluster, &uid);
            Ok((What::Cluster { name: cluster }, parcel))
        }
        Line::Orphan {
            space,
            address,
            holder,
        } => Err(Unusable {
            what: format!("{address} of space {space}"),
            because: format!("its holder {holder} has no record that names it"),
        }),
        Line::Damaged { key, reason, .. } => Err(Unusable {
            what: key,
            because: format!("it could not be read: {reason}"),
        }),
        Line::End(_) => Err(Unusable {
            what: "the end".to_owned(),
            because: "it is nothing to import".to_owned(),
        }),
    }
}

fn owner(
    keys: &Keyspace,
    attachment: Attachment,
    record: &Value,
) -> Result<(What, Parcel), Unusable> {
    let json = record.to_string();
    let parsed = OwnerRecord::parse(json.as_bytes()).map_err(|error| Unusable {
        what: attachment.to_string(),
        because: error.to_string(),
    })?;
    let parcel = Parcel::attachment(keys, &attachment, &parsed.addresses, json);
    let what = What::Attachment {
        attachment,
        addresses: parsed.addresses,
        kind: parsed.kind,
    };
    Ok((what, parcel))
}

fn kept(
    keys: &Keyspace,
    space: &str,
    address: Address,
    holder: &Value,
) -> Result<(What, Parcel), Unusable> {
    let unusable = |because: String| Unusable {
        what: format!("{address} of space {space}"),
        because,
    };
    let space = space_of(space).map_err(&unusable)?;
    let json = holder.to_string();
    match Holder::parse(json.as_bytes()) {
        Ok(Holder::Attachment(_)) => {
            Err(unusable("an attachment has a line of its own".to_owned()))
        }
        Ok(_) => {
            let parcel = Parcel::kept(keys, &space, address, json);
            Ok((What::Kept { space, address }, parcel))
        }
        Err(error) => Err(unusable(error.to_string())),
    }
}

fn range(keys: &Keyspace, space: &str, record: &Value) -> Result<(What, Parcel), Unusable> {
    let unusable = |because: String| Unusable {
        what: format!("a range of space {space}"),
        because,
    };
    let space = space_of(space).map_err(&unusable)?;
    let json = record.to_string();
    let parsed = RangeRecord::parse(json.as_bytes());
    let parsed = parsed.map_err(|error| unusable(error.to_string()))?;
    let no_range = || unusable("its prefix does not fit its addresses".to_owned());
    let range = parsed.range().ok_or_else(no_range)?.to_string();
    let parcel = Parcel::range(keys, &space, &parsed, json).ok_or_else(no_range)?;
    Ok((What::Range { space, range }, parcel))
}

fn space_of(text: &str) -> Result<Space, String> {
    parse_space(text).ok_or_else(|| format!("{text:?} is not the name of an address space"))
}
