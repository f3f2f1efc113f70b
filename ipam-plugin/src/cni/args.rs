//! `CNI_ARGS`: extra arguments as `KEY=VALUE;KEY=VALUE`.

use store::record::Pod;

use super::error::{CniError, Code};

/// What we understand of `CNI_ARGS`. `GATEWAY` and `K8S_POD_INFRA_CONTAINER_ID` are known and
/// say nothing that is needed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Args {
    /// `IP`: requested addresses, as they were written in a list with commas.
    pub ips: Vec<String>,
    /// `K8S_POD_NAMESPACE`, `K8S_POD_NAME` and `K8S_POD_UID`.
    pub pod: Pod,
}

impl Args {
    /// Reads them as the reference library does (`LoadArgs` of containernetworking/cni): a pair
    /// has exactly one `=`, keys are case-sensitive, of two equal keys the last wins, and an
    /// unknown key needs `IgnoreUnknown` to be true, wherever that stands. Else code 4.
    pub fn parse(text: &str) -> Result<Self, CniError> {
        let mut args = Self::default();
        let mut unknown = Vec::new();
        let mut ignore_unknown = false;
        for pair in text.split(';').filter(|_| !text.is_empty()) {
            let (key, value) = pair
                .split_once('=')
                .filter(|(_, value)| !value.contains('='))
                .ok_or_else(|| wrong(&format!("{pair:?} is not KEY=VALUE")))?;
            if key == "IgnoreUnknown" {
                ignore_unknown = parse_bool(value).ok_or_else(|| {
                    wrong(&format!("IgnoreUnknown is {value:?}, not true or false"))
                })?;
            } else if !args.take(key, value) {
                unknown.push(key);
            }
        }
        if unknown.is_empty() || ignore_unknown {
            Ok(args)
        } else {
            Err(wrong(&format!(
                "unknown {}; add IgnoreUnknown=1 to have them ignored",
                unknown.join(", ")
            )))
        }
    }

    /// Takes what can be understood and never fails: what nobody may trip over who only gives
    /// back an address.
    pub fn parse_leniently(text: &str) -> Self {
        let mut args = Self::default();
        for (key, value) in text.split(';').filter_map(|pair| pair.split_once('=')) {
            args.take(key, value);
        }
        args
    }

    /// Takes a pair, or says that its key is unknown.
    fn take(&mut self, key: &str, value: &str) -> bool {
        match key {
            "IP" => {
                self.ips = value
                    .split(',')
                    .filter(|ip| !ip.is_empty())
                    .map(str::to_owned)
                    .collect();
            }
            "K8S_POD_NAMESPACE" => value.clone_into(&mut self.pod.namespace),
            "K8S_POD_NAME" => value.clone_into(&mut self.pod.name),
            "K8S_POD_UID" => value.clone_into(&mut self.pod.uid),
            "GATEWAY" | "K8S_POD_INFRA_CONTAINER_ID" => {}
            _ => return false,
        }
        true
    }
}

fn parse_bool(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" => Some(true),
        "0" | "false" => Some(false),
        _ => None,
    }
}

fn wrong(what: &str) -> CniError {
    CniError::new(Code::InvalidEnvironment, format!("CNI_ARGS: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_arguments_of_real_callers_are_understood() {
        let containerd = "K8S_POD_UID=u1;K8S_POD_INFRA_CONTAINER_ID=abc;K8S_POD_NAME=pod1;\
                          K8S_POD_NAMESPACE=ns1;IgnoreUnknown=1";
        let multus = "IgnoreUnknown=true;K8S_POD_NAMESPACE=ns1;K8S_POD_NAME=pod1;\
                      K8S_POD_INFRA_CONTAINER_ID=;K8S_POD_UID=u1;IgnoreUnknown=1;\
                      K8S_POD_NAMESPACE=ns1;MAC=c2:11:22:33:44:66;IP=10.0.0.15/24,fd00::15";
        let pod = Pod {
            namespace: "ns1".into(),
            name: "pod1".into(),
            uid: "u1".into(),
        };
        assert_eq!(Args::parse(containerd).unwrap().pod, pod);
        let args = Args::parse(multus).unwrap();
        assert_eq!(args.pod, pod);
        assert_eq!(args.ips, ["10.0.0.15/24", "fd00::15"]);
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for text in [
            "FOO=BAR",
            "ip=10.0.0.1",
            "FOO=BAR;IgnoreUnknown=0",
            "IgnoreUnknown=yes",
            "IgnoreUnknown=1;",
            "IgnoreUnknown=1;;K8S_POD_NAME=x",
            "K8S_POD_NAME=a=b",
            "K8S_POD_NAME",
        ] {
            let error = Args::parse(text).unwrap_err();
            assert_eq!(error.code(), Code::InvalidEnvironment, "{text}");
        }
    }

    #[test]
    fn what_go_accepts_is_accepted() {
        for text in [
            "",
            "IgnoreUnknown=TRUE",
            "FOO=;IgnoreUnknown=1",
            "GATEWAY=10.0.0.1",
            "IP=",
        ] {
            assert_eq!(Args::parse(text).unwrap(), Args::default(), "{text}");
        }
    }

    #[test]
    fn of_two_equal_keys_the_last_wins() {
        let args = Args::parse("K8S_POD_NAME=a;IP=10.0.0.1;K8S_POD_NAME=b;IP=10.0.0.2").unwrap();
        assert_eq!(args.pod.name, "b");
        assert_eq!(args.ips, ["10.0.0.2"]);
    }

    proptest! {
        #[test]
        fn the_lenient_form_takes_at_least_what_the_strict_form_takes(
            text in "((IP|FOO|K8S_POD_NAME|IgnoreUnknown)=[a1=,;]{0,3};?){0,4}|.{0,20}"
        ) {
            let lenient = Args::parse_leniently(&text);
            if let Ok(strict) = Args::parse(&text) {
                prop_assert_eq!(strict, lenient);
            }
        }
    }
}
