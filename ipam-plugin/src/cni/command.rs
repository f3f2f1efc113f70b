//! The environment that a runtime calls a plugin with.

use std::fmt;

use super::error::{CniError, Code};

/// What the runtime wants, and of which interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Give an interface its addresses.
    Add(Target),
    /// Take back what an interface holds.
    Del(Target),
    /// Is what an interface was given still its own?
    Check(Target),
    /// Take back what no listed interface holds.
    Gc,
    /// Could an ADD be served?
    Status,
    /// Which versions of the specification are spoken?
    Version,
}

impl Command {
    /// The interface that the command is about.
    pub const fn target(&self) -> Option<&Target> {
        match self {
            Self::Add(target) | Self::Del(target) | Self::Check(target) => Some(target),
            Self::Gc | Self::Status | Self::Version => None,
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Add(_) => "ADD",
            Self::Del(_) => "DEL",
            Self::Check(_) => "CHECK",
            Self::Gc => "GC",
            Self::Status => "STATUS",
            Self::Version => "VERSION",
        })
    }
}

/// One interface of one container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// `CNI_CONTAINERID`.
    pub container: String,
    /// `CNI_IFNAME`.
    pub interface: String,
}

/// The environment variables of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// `CNI_COMMAND` with the variables that it needs.
    pub command: Command,
    /// `CNI_ARGS` as it was given; empty where it was not. See [`super::args::Args`].
    pub args: String,
}

impl Environment {
    /// Reads and checks the variables (CNI specification, section 2, "Parameters"). One that is
    /// set but empty counts as not set: libcni sends GC and STATUS empty ones. `CNI_PATH` is never
    /// needed, and `CNI_NETNS` only has to be there.
    ///
    /// `None` where `CNI_COMMAND` is not set: then it was not a runtime that called.
    pub fn read(vars: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, CniError> {
        let get = |name: &str| vars(name).filter(|value| !value.is_empty());
        let Some(command) = get("CNI_COMMAND") else {
            return Ok(None);
        };
        let command = match command.as_str() {
            "ADD" => Command::Add(target(&get, &command, true)?),
            "DEL" => Command::Del(target(&get, &command, false)?),
            "CHECK" => Command::Check(target(&get, &command, true)?),
            "GC" => Command::Gc,
            "STATUS" => Command::Status,
            "VERSION" => Command::Version,
            other => {
                return Err(CniError::new(
                    Code::InvalidEnvironment,
                    format!(
                        "CNI_COMMAND {other:?} is unknown; \
                         it is one of ADD, DEL, CHECK, GC, STATUS, VERSION"
                    ),
                ));
            }
        };
        let args = get("CNI_ARGS").unwrap_or_default();
        Ok(Some(Self { command, args }))
    }
}

/// Reads the variables that name an interface. Whatever is wrong is said in one error.
fn target(
    get: &impl Fn(&str) -> Option<String>,
    command: &str,
    needs_netns: bool,
) -> Result<Target, CniError> {
    let mut problems = Vec::new();
    let mut read = |name: &str, check: fn(&str) -> Option<&'static str>| {
        let value = get(name);
        match value.as_deref().map(check) {
            None => problems.push(format!("{name} is missing")),
            Some(Some(rule)) => problems.push(format!(
                "{name} {:?} {rule}",
                value.as_deref().unwrap_or_default()
            )),
            Some(None) => {}
        }
        value.unwrap_or_default()
    };
    let container = read("CNI_CONTAINERID", |id| {
        (!is_identifier(id)).then_some(
            "must begin with a letter or a digit and continue with these, '_', '.' and '-'",
        )
    });
    let interface = read("CNI_IFNAME", interface_problem);
    if needs_netns {
        read("CNI_NETNS", |_| None);
    }
    if problems.is_empty() {
        Ok(Target {
            container,
            interface,
        })
    } else {
        Err(CniError::new(
            Code::InvalidEnvironment,
            format!("{command}: {}", problems.join("; ")),
        ))
    }
}

/// Whether a network's name or a container's ID is allowed: `^[a-zA-Z0-9][a-zA-Z0-9_.\-]*$`
/// (CNI specification, sections 1 and 2).
pub fn is_identifier(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

/// What is wrong with an interface's name, by the kernel's rules.
fn interface_problem(name: &str) -> Option<&'static str> {
    if name.len() > 15 {
        Some("must have at most 15 bytes")
    } else if name == "." || name == ".." {
        Some("must not be . or ..")
    } else if name.contains(|c: char| c == '/' || c == ':' || c.is_whitespace()) {
        Some("must not contain '/', ':' or white space")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(vars: &[(&str, &str)]) -> Result<Option<Environment>, CniError> {
        Environment::read(|name| {
            vars.iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    fn with(
        command: &str,
        container: &str,
        interface: &str,
    ) -> Result<Option<Environment>, CniError> {
        read(&[
            ("CNI_COMMAND", command),
            ("CNI_CONTAINERID", container),
            ("CNI_IFNAME", interface),
            ("CNI_NETNS", "/run/netns/x"),
        ])
    }

    #[test]
    fn all_that_is_missing_is_named_at_once() {
        let error = read(&[("CNI_COMMAND", "ADD"), ("CNI_IFNAME", "")]).unwrap_err();
        assert_eq!(error.code(), Code::InvalidEnvironment);
        for name in ["CNI_CONTAINERID", "CNI_IFNAME", "CNI_NETNS"] {
            assert!(error.msg().contains(name), "{error}");
        }
    }

    #[test]
    fn del_needs_no_network_namespace() {
        let read = |command| {
            read(&[
                ("CNI_COMMAND", command),
                ("CNI_CONTAINERID", "c"),
                ("CNI_IFNAME", "eth0"),
                ("CNI_NETNS", ""),
            ])
        };
        assert!(read("DEL").is_ok());
        assert!(read("ADD").is_err());
        assert!(read("CHECK").is_err());
    }

    #[test]
    fn verbs_without_an_interface_need_only_the_command() {
        for command in ["GC", "STATUS", "VERSION"] {
            let environment = with(command, "", "").unwrap().unwrap();
            assert_eq!(environment.command.target(), None);
        }
    }

    #[test]
    fn without_a_command_no_runtime_has_called() {
        assert_eq!(read(&[]).unwrap(), None);
        assert_eq!(read(&[("CNI_COMMAND", "")]).unwrap(), None);
    }

    #[test]
    fn commands_are_upper_case() {
        for command in ["add", "FROBNICATE", " ADD"] {
            let error = with(command, "c", "eth0").unwrap_err();
            assert_eq!(error.code(), Code::InvalidEnvironment);
        }
    }

    #[test]
    fn names_follow_the_specification() {
        for good in ["a", "0", "a.b_c-d", &"f".repeat(64), "0xdeadbeef"] {
            assert!(with("ADD", good, "eth0").is_ok(), "{good}");
        }
        for bad in ["-a", ".a", "_a", "a b", "a/b", "a;b", "ä", "a\n"] {
            assert!(with("ADD", bad, "eth0").is_err(), "{bad}");
        }
        for good in ["eth0", "abcdefghijklmno", "...", "eth0.100", "äö"] {
            assert!(with("ADD", "c", good).is_ok(), "{good}");
        }
        for bad in [".", "..", "abcdefghijklmnop", "a/b", "a:b", "a b", "a\tb"] {
            assert!(with("ADD", "c", bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_environment_makes_it_panic(command in "(ADD|DEL|GC|.{0,4})", id in ".{0,20}", name in ".{0,20}") {
            let _ = with(&command, &id, &name);
        }
    }
}
