//! Flags over variables over a file: what the lower layers say is put in front of the command line,
//! in the words of the command line.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Command, Error};
use serde_json::{Map, Value};

/// What the variables' names begin with. No flag may be called `port` or `service-…`: Kubernetes
/// sets such variables in every pod beside a Service called lease-gc.
const VARIABLES: &str = "LEASE_GC_";

/// The flag that names the file.
const CONFIG: &str = "config";

/// What a layer says: the arguments that give a flag.
type Layer = BTreeMap<String, Vec<OsString>>;

/// `line` with what it does not say: from the variables, else from the file that the line or a
/// variable names.
pub(super) fn merged(
    command: &mut Command,
    line: Vec<OsString>,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Vec<OsString>, Error> {
    let given = command.try_get_matches_from_mut(&line)?;
    let variable = |flag: &str| variable(&variable_of(flag)).filter(|value| !value.is_empty());
    let named = given.get_one(CONFIG).cloned();
    let path: Option<PathBuf> = named.or_else(|| variable(CONFIG).map(PathBuf::from));

    let flags: Vec<String> = flags_of(command).collect();
    let mut lower = match path {
        Some(path) => from_file(command, &flags, &path)?,
        None => Layer::new(),
    };
    let unsaid = flags.iter().filter(|flag| !says(&given, flag));
    lower.extend(from_variables(command, unsaid, variable)?);
    lower.retain(|flag, _| !says(&given, flag));

    let mut line = line.into_iter();
    let program = line.next().into_iter();
    Ok(program
        .chain(lower.into_values().flatten())
        .chain(line)
        .collect())
}

fn from_variables<'a>(
    command: &mut Command,
    flags: impl Iterator<Item = &'a String>,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Layer, Error> {
    let set = flags.filter_map(|flag| variable(flag).map(|value| (flag, value)));
    set.map(|(flag, value)| {
        let arguments = vec![argument(flag, &value)];
        check(command, &variable_of(flag), &arguments)?;
        Ok((flag.clone(), arguments))
    })
    .collect()
}

fn from_file(command: &mut Command, flags: &[String], path: &Path) -> Result<Layer, Error> {
    let settings = read(path).map_err(|why| {
        let message = format!("--{CONFIG} {}: {why}", path.display());
        command.error(ErrorKind::Io, message)
    })?;
    settings
        .into_iter()
        .map(|(flag, value)| {
            let place = format!("{flag:?} in {}", path.display());
            let known = flag != CONFIG && flags.contains(&flag);
            let arguments = if known {
                arguments(&flag, &value)
            } else {
                Err("there is no such setting; --help lists the flags, whose names they are")
            };
            let arguments = arguments.map_err(|why| {
                let message = format!("{place}: {why}");
                command.error(ErrorKind::InvalidValue, message)
            })?;
            check(command, &place, &arguments)?;
            Ok((flag, arguments))
        })
        .collect()
}

fn read(path: &Path) -> Result<Map<String, Value>, String> {
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    serde_json::from_slice(&bytes).map_err(|error| format!("it is not a JSON object: {error}"))
}

/// A setting of the file, as arguments.
fn arguments(flag: &str, value: &Value) -> Result<Vec<OsString>, &'static str> {
    match value {
        Value::Array(list) => {
            let texts = list.iter().map(Value::as_str);
            let arguments = texts.map(|text| text.map(|text| argument(flag, OsStr::new(text))));
            arguments.collect::<Option<_>>()
        }
        Value::String(text) => Some(vec![argument(flag, OsStr::new(text))]),
        Value::Number(_) | Value::Bool(_) => {
            Some(vec![argument(flag, OsStr::new(&value.to_string()))])
        }
        Value::Null | Value::Object(_) => None,
    }
    .ok_or("it must be a text, a number, true or false, or a list of texts")
}

/// Refuses arguments that clap would refuse, saying where they stand.
fn check(command: &mut Command, place: &str, arguments: &[OsString]) -> Result<(), Error> {
    let line = [OsStr::new("lease-gc")].into_iter();
    let line = line.chain(arguments.iter().map(OsString::as_os_str));
    let Err(error) = command.try_get_matches_from_mut(line) else {
        return Ok(());
    };
    let text = error.to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let why = text.split("\n\n").next().unwrap_or(text);
    Err(command.error(error.kind(), format!("{place}: {why}")))
}

/// The flags' names, without the dashes.
fn flags_of(command: &Command) -> impl Iterator<Item = String> {
    let arguments = command.get_arguments();
    let named = arguments.filter(|argument| argument.get_value_names().is_some());
    named.filter_map(|argument| argument.get_long().map(str::to_owned))
}

fn variable_of(flag: &str) -> String {
    format!("{VARIABLES}{}", flag.replace('-', "_").to_uppercase())
}

fn argument(flag: &str, value: &OsStr) -> OsString {
    let mut argument = OsString::from(format!("--{flag}="));
    argument.push(value);
    argument
}

fn says(given: &ArgMatches, flag: &str) -> bool {
    let id = flag.replace('-', "_");
    given.value_source(&id) == Some(ValueSource::CommandLine)
}
