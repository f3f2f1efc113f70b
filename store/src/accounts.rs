//! The users and roles of etcd that a store needs, and what is missing or too much of them.
//!
//! [`Accounts::wanted`] is where rights are decided: `ipamctl etcd-roles` makes them, and tests
//! compare with it what [`crate::rights`] asks and what the documentation says.

mod change;
mod grant;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

pub use self::change::Change;
pub use self::grant::{Access, Grant};

use crate::key::Keyspace;

/// What the names of users and roles begin with, unless told otherwise; nodes' users do not.
pub const DEFAULT_NAME: &str = "etcd-ipam";

/// Who may do everything in etcd, and the role that says so.
const ROOT: &str = "root";

/// A role of etcd: what whoever has it may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// All that it allows.
    pub grants: Vec<Grant>,
}

/// A user of etcd. Nobody here has a password: the name is the common name of a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct User {
    /// Its name.
    pub name: String,
    /// The names of its roles.
    pub roles: Vec<String>,
}

/// Users and their roles, as they are or as they should be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Accounts {
    /// The roles.
    pub roles: Vec<Role>,
    /// The users.
    pub users: Vec<User>,
}

/// For whom accounts are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Purpose<'a> {
    /// The keys of the store.
    pub keys: &'a Keyspace,
    /// The cluster whose nodes and whose collector they are.
    pub cluster: &'a str,
    /// What the names begin with.
    pub name: &'a str,
}

/// The nodes that get users.
#[derive(Clone, Debug, Default)]
pub struct Nodes {
    /// Each of these gets one of its own.
    pub named: BTreeSet<String>,
    /// There is one for all nodes that have none of their own.
    pub shared: bool,
}

/// A name that no user can have.
#[derive(Debug, thiserror::Error)]
pub enum NameError {
    /// It would have to be quoted wherever it is written.
    #[error(
        "{0:?} cannot be a user of etcd here: a name has letters, digits, `-`, `.` and `_` only, \
         and at least one"
    )]
    Unusable(String),
    /// It is somebody else's.
    #[error(
        "a node must not be called {0:?}, because that user of etcd is not a node: give it another \
         node_name, or begin the other users' names with something else (--name)"
    )]
    Taken(String),
}

impl Purpose<'_> {
    /// The user, and the role, of the collector.
    fn collector(&self) -> String {
        format!("{}-lease-gc", self.name)
    }

    fn operator(&self) -> String {
        format!("{}-operator", self.name)
    }

    fn reader(&self) -> String {
        format!("{}-reader", self.name)
    }

    /// The role of a node; its user is called as it is.
    fn node(&self, node: &str) -> String {
        format!("{}-node-{node}", self.name)
    }

    /// What the plugin, the installer and `ipamctl node report` need on a node.
    pub fn node_grants(&self, node: &str) -> Vec<Grant> {
        let (keys, cluster) = (self.keys, self.cluster);
        vec![
            Grant::read(keys.about_store()),
            Grant::write(keys.all_addresses()),
            Grant::write(keys.all_ranges()),
            Grant::write(keys.owners_of_node(cluster, node)),
            Grant::write_key(keys.report(cluster, node)),
        ]
    }

    /// The user, and the role, that all nodes share.
    fn nodes(&self) -> String {
        format!("{}-node", self.name)
    }

    /// The same for every node of the cluster at once.
    fn shared_grants(&self) -> Vec<Grant> {
        let (keys, cluster) = (self.keys, self.cluster);
        vec![
            Grant::read(keys.about_store()),
            Grant::write(keys.all_addresses()),
            Grant::write(keys.all_ranges()),
            Grant::write(keys.owners_of_cluster(cluster)),
            Grant::write(keys.reports_of_cluster(cluster)),
        ]
    }

    /// What the collector of the cluster needs.
    fn collector_grants(&self) -> Vec<Grant> {
        let (keys, cluster) = (self.keys, self.cluster);
        vec![
            Grant::read(keys.about_store()),
            Grant::write_key(keys.store()),
            Grant::write(keys.owners_of_cluster(cluster)),
            Grant::write(keys.all_addresses()),
            Grant::write(keys.all_ranges()),
            Grant::write(keys.collector_of(cluster)),
        ]
    }

    /// What every command of `ipamctl` needs but `init` and `import`.
    fn operator_grants(&self) -> Vec<Grant> {
        let keys = self.keys;
        vec![
            Grant::read(keys.all_below_prefix()),
            Grant::write_key(keys.freeze()),
            Grant::write_key(keys.request(self.cluster)),
            Grant::write(keys.all_addresses()),
            Grant::write(keys.all_owners()),
        ]
    }
}

impl Accounts {
    /// All that a store needs whose cluster has these nodes: root, the collector, an operator, a
    /// reader, and the nodes, each confined to itself.
    ///
    /// # Errors
    /// [`NameError`] where a node's or another's name cannot be a user's.
    pub fn wanted(purpose: &Purpose<'_>, nodes: &Nodes) -> Result<Self, NameError> {
        let others = [
            (purpose.collector(), purpose.collector_grants()),
            (purpose.operator(), purpose.operator_grants()),
            (
                purpose.reader(),
                vec![Grant::read(purpose.keys.all_below_prefix())],
            ),
        ];
        let mut wanted = Self::default();
        wanted.users.push(User {
            name: ROOT.to_owned(),
            roles: vec![ROOT.to_owned()],
        });
        for (name, grants) in others {
            wanted.add(&name, &name, grants)?;
        }
        if nodes.shared {
            let name = purpose.nodes();
            wanted.add(&name, &name, purpose.shared_grants())?;
        }
        for node in &nodes.named {
            if wanted.users.iter().any(|user| user.name == *node) {
                return Err(NameError::Taken(node.clone()));
            }
            wanted.add(node, &purpose.node(node), purpose.node_grants(node))?;
        }
        Ok(wanted)
    }

    fn add(&mut self, user: &str, role: &str, grants: Vec<Grant>) -> Result<(), NameError> {
        let usable = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        if user.is_empty() || !user.bytes().all(usable) {
            return Err(NameError::Unusable(user.to_owned()));
        }
        self.roles.push(Role {
            name: role.to_owned(),
            grants,
        });
        self.users.push(User {
            name: user.to_owned(),
            roles: vec![role.to_owned()],
        });
        Ok(())
    }

    /// What etcd lacks of these accounts; all of them where it has none.
    pub fn missing(&self, standing: &Self) -> Vec<Change> {
        let (roles, users) = (standing.roles_by_name(), standing.users_by_name());
        let mut changes = Vec::new();
        for role in &self.roles {
            let found = roles.get(role.name.as_str());
            if found.is_none() {
                changes.push(Change::AddRole(role.name.clone()));
            }
            let found = found.map_or(&[][..], |found| found.grants.as_slice());
            for grant in &role.grants {
                if !found.iter().any(|found| found.includes(grant)) {
                    changes.push(Change::Grant(role.name.clone(), grant.clone()));
                }
            }
        }
        for user in &self.users {
            let found = users.get(user.name.as_str());
            if found.is_none() {
                changes.push(Change::AddUser(user.name.clone()));
            }
            for role in &user.roles {
                if !found.is_some_and(|found| found.roles.contains(role)) {
                    changes.push(Change::GrantRole(user.name.clone(), role.clone()));
                }
            }
        }
        changes
    }

    /// What etcd grants these users beyond these accounts.
    pub fn excess(&self, standing: &Self) -> Vec<Change> {
        let (roles, users) = (standing.roles_by_name(), standing.users_by_name());
        let mut changes = Vec::new();
        for role in &self.roles {
            let found = roles.get(role.name.as_str());
            for found in found.into_iter().flat_map(|found| &found.grants) {
                match role.grants.iter().find(|grant| grant.is_over(found)) {
                    // A narrower grant over the same keys takes the place of the wider one.
                    Some(grant) if !grant.includes(found) => {
                        changes.push(Change::Grant(role.name.clone(), grant.clone()));
                    }
                    Some(_) => {}
                    None => changes.push(Change::Revoke(role.name.clone(), found.clone())),
                }
            }
        }
        for user in self.users.iter().filter(|user| user.name != ROOT) {
            let found = users.get(user.name.as_str());
            for role in found.into_iter().flat_map(|found| &found.roles) {
                if !user.roles.contains(role) {
                    changes.push(Change::RevokeRole(user.name.clone(), role.clone()));
                }
            }
        }
        changes
    }

    /// The end of the accounts of nodes that are not among these: of roles that are called like a
    /// node's, and confine to a node of the cluster.
    pub fn gone(&self, purpose: &Purpose<'_>, standing: &Self) -> Vec<Change> {
        let wanted = self.roles_by_name();
        let users = standing.users_by_name();
        let beginning = purpose.node("");
        let mut changes = Vec::new();
        for role in &standing.roles {
            let Some(node) = role.name.strip_prefix(&beginning) else {
                continue;
            };
            let own = Grant::write(purpose.keys.owners_of_node(purpose.cluster, node));
            if wanted.contains_key(role.name.as_str()) || !role.grants.contains(&own) {
                continue;
            }
            if let Some(user) = users.get(node)
                && user.roles.contains(&role.name)
            {
                changes.push(Change::DeleteUser(user.name.clone()));
            }
            changes.push(Change::DeleteRole(role.name.clone()));
        }
        changes
    }

    fn roles_by_name(&self) -> BTreeMap<&str, &Role> {
        let roles = self.roles.iter();
        roles.map(|role| (role.name.as_str(), role)).collect()
    }

    fn users_by_name(&self) -> BTreeMap<&str, &User> {
        let users = self.users.iter();
        users.map(|user| (user.name.as_str(), user)).collect()
    }
}

#[cfg(test)]
mod tests;
