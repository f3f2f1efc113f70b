//! The users and roles of the real etcd.

use etcd_client::{
    AuthClient, Permission, PermissionType, RoleRevokePermissionOptions, UserAddOptions,
};

use super::client::Client;
use super::error::EtcdError;
use crate::accounts::{Access, Accounts, Change, Grant, Role, User};
use crate::clock::Clock;
use crate::retry::{Deadline, persist};

impl Client {
    /// All users and roles that etcd has. Each question is tried again until its own deadline.
    ///
    /// # Errors
    /// [`EtcdError`]; etcd asks for the root role where authentication is on.
    pub async fn accounts(
        &self,
        clock: &impl Clock,
        deadline: impl Fn() -> Deadline,
    ) -> Result<Accounts, EtcdError> {
        let mut accounts = Accounts::default();
        let roles = self.ask_auth(clock, deadline(), async |auth| auth.role_list().await);
        for name in roles.await?.roles() {
            let role = async |auth: &mut AuthClient| auth.role_get(name.as_str()).await;
            let grants = self.ask_auth(clock, deadline(), role).await?.permissions();
            accounts.roles.push(Role {
                name: name.clone(),
                grants: grants.iter().map(grant).collect(),
            });
        }
        let users = self.ask_auth(clock, deadline(), async |auth| auth.user_list().await);
        for name in users.await?.users() {
            let user = async |auth: &mut AuthClient| auth.user_get(name.as_str()).await;
            let roles = self
                .ask_auth(clock, deadline(), user)
                .await?
                .roles()
                .to_vec();
            accounts.users.push(User {
                name: name.clone(),
                roles,
            });
        }
        Ok(accounts)
    }

    /// Changes users and roles. What is done already is well.
    ///
    /// # Errors
    /// [`EtcdError`]; etcd asks for the root role where authentication is on.
    pub async fn change_accounts(
        &self,
        change: &Change,
        clock: &impl Clock,
        deadline: Deadline,
    ) -> Result<(), EtcdError> {
        persist(clock, deadline, async || match self.change(change).await {
            Err(EtcdError::Unknown { reason, .. })
                if done(change).is_some_and(|words| reason.contains(words)) =>
            {
                Ok(())
            }
            outcome => outcome,
        })
        .await
    }

    async fn ask_auth<T>(
        &self,
        clock: &impl Clock,
        deadline: Deadline,
        question: impl AsyncFn(&mut AuthClient) -> Result<T, etcd_client::Error>,
    ) -> Result<T, EtcdError> {
        persist(clock, deadline, async || {
            self.call(async |to| question(&mut to.client.auth_client()).await)
                .await
        })
        .await
    }

    async fn change(&self, change: &Change) -> Result<(), EtcdError> {
        self.call(async |to| {
            let mut auth = to.client.auth_client();
            match change {
                Change::AddRole(role) => auth.role_add(role.as_str()).await.map(drop),
                Change::Grant(role, grant) => {
                    let granted = auth.role_grant_permission(role.as_str(), permission(grant));
                    granted.await.map(drop)
                }
                Change::AddUser(user) => {
                    let options = UserAddOptions::new().with_no_pwd();
                    let added = auth.user_add(user.as_str(), "", Some(options));
                    added.await.map(drop)
                }
                Change::GrantRole(user, role) => {
                    let granted = auth.user_grant_role(user.as_str(), role.as_str());
                    granted.await.map(drop)
                }
                Change::Revoke(role, grant) => {
                    let end = grant.end.as_deref().unwrap_or_default();
                    let options = RoleRevokePermissionOptions::new().with_range_end(end);
                    let key = grant.key.as_str();
                    let revoked = auth.role_revoke_permission(role.as_str(), key, Some(options));
                    revoked.await.map(drop)
                }
                Change::RevokeRole(user, role) => {
                    let revoked = auth.user_revoke_role(user.as_str(), role.as_str());
                    revoked.await.map(drop)
                }
                Change::DeleteUser(user) => auth.user_delete(user.as_str()).await.map(drop),
                Change::DeleteRole(role) => auth.role_delete(role.as_str()).await.map(drop),
            }
        })
        .await
    }
}

/// etcd's words for what is done already, where it minds that.
const fn done(change: &Change) -> Option<&'static str> {
    Some(match change {
        Change::AddRole(_) => "role name already exists",
        Change::AddUser(_) => "user name already exists",
        Change::Revoke(..) => "permission is not granted to the role",
        Change::RevokeRole(..) => "role is not granted to the user",
        Change::DeleteUser(_) => "user name not found",
        Change::DeleteRole(_) => "role name not found",
        Change::Grant(..) | Change::GrantRole(..) => return None,
    })
}

fn grant(permission: &Permission) -> Grant {
    let text = |key: &[u8]| String::from_utf8_lossy(key).into_owned();
    let kind = permission.get_type();
    Grant {
        access: if kind == i32::from(PermissionType::Read) {
            Access::Read
        } else if kind == i32::from(PermissionType::Write) {
            Access::Write
        } else {
            Access::ReadWrite
        },
        key: text(permission.key()),
        end: Some(text(permission.range_end())).filter(|end| !end.is_empty()),
    }
}

fn permission(grant: &Grant) -> Permission {
    let kind = match grant.access {
        Access::Read => PermissionType::Read,
        Access::Write => PermissionType::Write,
        Access::ReadWrite => PermissionType::Readwrite,
    };
    let permission = Permission::new(kind, grant.key.as_str());
    match &grant.end {
        Some(end) => permission.with_range_end(end.as_str()),
        None => permission,
    }
}
