//! What is done to users and roles.

use std::fmt;

use super::Grant;

/// One step. It is written as the command of etcdctl that does the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Makes a role that allows nothing yet.
    AddRole(String),
    /// Lets a role do more; over the same keys it takes the place of what the role had.
    Grant(String, Grant),
    /// Makes a user without a password, who has no role yet.
    AddUser(String),
    /// Gives a user a role.
    GrantRole(String, String),
    /// Takes something from a role.
    Revoke(String, Grant),
    /// Takes a role from a user.
    RevokeRole(String, String),
    /// Deletes a user.
    DeleteUser(String),
    /// Deletes a role, also from the users who have it.
    DeleteRole(String),
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("etcdctl ")?;
        match self {
            Self::AddRole(role) => write!(f, "role add {role}"),
            Self::Grant(role, grant) => {
                write!(f, "role grant-permission {role} {}", grant.arguments())
            }
            Self::AddUser(user) => write!(f, "user add {user} --no-password"),
            Self::GrantRole(user, role) => write!(f, "user grant-role {user} {role}"),
            Self::Revoke(role, grant) => {
                write!(f, "role revoke-permission {role} {}", grant.keys())
            }
            Self::RevokeRole(user, role) => write!(f, "user revoke-role {user} {role}"),
            Self::DeleteUser(user) => write!(f, "user delete {user}"),
            Self::DeleteRole(role) => write!(f, "role delete {role}"),
        }
    }
}
