//! Translates between the store's transactions and the client library's.

use etcd_client as client;

use crate::txn::{Compare, Entry, Get, GetReply, Header, Op, OpReply, Txn, TxnReply, View};

pub(super) fn to_client(txn: &Txn) -> client::Txn {
    let mut out = client::Txn::new();
    if !txn.compares.is_empty() {
        out = out.when(txn.compares.iter().map(compare).collect::<Vec<_>>());
    }
    if !txn.then.is_empty() {
        out = out.and_then(txn.then.iter().map(operation).collect::<Vec<_>>());
    }
    if !txn.otherwise.is_empty() {
        out = out.or_else(txn.otherwise.iter().map(operation).collect::<Vec<_>>());
    }
    out
}

fn compare(compare: &Compare) -> client::Compare {
    let equal = client::CompareOp::Equal;
    match compare {
        Compare::Absent(key) => client::Compare::create_revision(key.as_str(), equal, 0),
        Compare::ModRevision(key, revision) => {
            client::Compare::mod_revision(key.as_str(), equal, *revision)
        }
        Compare::CreateRevision(key, revision) => {
            client::Compare::create_revision(key.as_str(), equal, *revision)
        }
        Compare::Value(key, value) => client::Compare::value(key.as_str(), equal, value.as_slice()),
    }
}

fn operation(op: &Op) -> client::TxnOp {
    match op {
        Op::Get(get) => client::TxnOp::get(get.key.as_str(), Some(options(get))),
        Op::Put(key, value) => client::TxnOp::put(key.as_str(), value.as_slice(), None),
        Op::PutLeased(key, value, lease) => {
            let options = client::PutOptions::new().with_lease(lease.0);
            client::TxnOp::put(key.as_str(), value.as_slice(), Some(options))
        }
        Op::Delete(key) => client::TxnOp::delete(key.as_str(), None),
        Op::Txn(txn) => client::TxnOp::txn(to_client(txn)),
    }
}

fn options(get: &Get) -> client::GetOptions {
    let mut options = client::GetOptions::new()
        .with_limit(get.limit)
        .with_revision(get.revision);
    if let Some(end) = &get.end {
        options = options.with_range(end.as_str());
    }
    match get.view {
        View::Entries => options,
        View::Keys => options.with_keys_only(),
        View::Count => options.with_count_only(),
        View::GreatestValues => {
            options.with_sort(client::SortTarget::Value, client::SortOrder::Descend)
        }
    }
}

pub(super) fn from_client(response: &client::TxnResponse) -> TxnReply {
    let header = response
        .header()
        .map_or_else(Header::default, |header| Header {
            revision: header.revision(),
            raft_term: header.raft_term(),
        });
    let results = response
        .op_responses()
        .into_iter()
        .map(from_operation)
        .collect();
    TxnReply {
        header,
        succeeded: response.succeeded(),
        results,
    }
}

fn from_operation(response: client::TxnOpResponse) -> OpReply {
    match response {
        client::TxnOpResponse::Get(mut get) => {
            let (more, count) = (get.more(), get.count());
            let entries = get.take_kvs().into_iter().map(entry).collect();
            OpReply::Get(GetReply {
                entries,
                more,
                count,
            })
        }
        client::TxnOpResponse::Put(_) => OpReply::Put,
        client::TxnOpResponse::Delete(_) => OpReply::Delete,
        client::TxnOpResponse::Txn(txn) => OpReply::Txn(from_client(&txn)),
    }
}

fn entry(entry: client::KeyValue) -> Entry {
    let mod_revision = entry.mod_revision();
    let (key, value) = entry.into_key_value();
    Entry {
        key: String::from_utf8_lossy(&key).into_owned(),
        value,
        mod_revision,
    }
}
