//! The plugin as a program of a simulated machine.

use std::io::{self, Write};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use ipam_plugin::cni::command::{Command, Environment};
use ipam_plugin::cni::error::CniError;
use ipam_plugin::config::{NetworkConfig, NodeFile};
use ipam_plugin::local::machine::Machine;
use ipam_plugin::verb::{self, Call, budget};

use super::{Process, SimMachine};
use crate::mutants::Mutant;
use crate::mutants::call::{failed_add_releases, misread};

/// The name that the plugin is called by.
const BINARY: &str = "etcd-ipam";

/// What a runtime calls the plugin with.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// The environment.
    pub environment: Environment,
    /// Standard input.
    pub config: String,
    /// The node's file, if it has one.
    pub node_file: Option<NodeFile>,
}

/// A program that answers calls, on whatever it makes of the machine that it is started on.
pub type Program =
    Rc<dyn Fn(SimMachine, Invocation, Stdout) -> LocalBoxFuture<'static, Result<(), CniError>>>;

/// The real plugin, on each machine as `decorate` leaves it.
pub fn plugin<M: Machine + 'static>(decorate: impl Fn(SimMachine) -> M + 'static) -> Program {
    Rc::new(move |machine, invocation, mut out| {
        let process = machine.process().clone();
        let machine = decorate(machine);
        Box::pin(async move {
            let Invocation {
                environment,
                config,
                node_file,
            } = invocation;
            let config = NetworkConfig::parse(config.as_bytes())?;
            config.version().allows(&environment.command)?;
            let config = match &node_file {
                Some(file) => config.with_node_file(file),
                None => config,
            };
            let call = Call::new(machine, config, node_file, BINARY.to_owned());
            let end = call.budget(budget::of(&environment.command)) + budget::GRACE;
            process.set_alarm(Duration::from_secs(end.as_secs() + 1));
            verb::run(&call, &environment, &mut out).await
        })
    })
}

/// A program with a bug between it and its callers.
pub fn misused(program: Program, mutant: Option<Mutant>) -> Program {
    Rc::new(move |machine, mut invocation, out| {
        let program = Rc::clone(&program);
        invocation.config = misread(mutant, invocation.config);
        let way_back = match &invocation.environment.command {
            Command::Add(target) if failed_add_releases(mutant) => {
                let mut del = invocation.clone();
                del.environment.command = Command::Del(target.clone());
                Some((machine.clone(), del))
            }
            _ => None,
        };
        Box::pin(async move {
            let result = program(machine, invocation, out.clone()).await;
            if let (Err(_), Some((machine, del))) = (&result, way_back) {
                // Nobody hears of it.
                let _ = program(machine, del, out).await;
            }
            result
        })
    })
}

/// The standard output of a process.
#[derive(Clone)]
pub struct Stdout {
    process: Process,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Stdout {
    /// That of this process.
    pub fn of(process: &Process) -> Self {
        Self {
            process: process.clone(),
            written: Arc::default(),
        }
    }

    /// What was written.
    pub fn take(&self) -> Vec<u8> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut written)
    }
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.process.step() {
            if self.process.is_unread() {
                return Err(io::Error::from(io::ErrorKind::BrokenPipe));
            }
            let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
            written.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
