use super::*;
use crate::state::AlarmState;

const OPERATOR: Asker = Asker {
    signs_in: true,
    is_node: false,
};

fn member(name: &str) -> MemberState {
    MemberState {
        name: name.to_owned(),
        id: Some(name.to_owned()),
        endpoint: format!("https://{name}:2379"),
        configured: true,
        error: None,
        is_denied: false,
        health: Some(HealthState {
            cluster: "c".to_owned(),
            version: "3.5.33".to_owned(),
            support: Support::Supported,
            role: Role::Follower,
            raft_term: 66,
            db_size: 100 << 20,
            db_in_use: 90 << 20,
            quota: Some(8 << 30),
            quota_assumed: false,
            errors: Vec::new(),
        }),
    }
}

fn changed(change: impl FnOnce(&mut EtcdState)) -> Vec<String> {
    let mut etcd = EtcdState {
        members: ["a", "b", "c"].map(member).into(),
        ..EtcdState::default()
    };
    change(&mut etcd);
    let mut findings = Findings::default();
    judge(&etcd, OPERATOR, &mut findings);
    findings.bad()
}

/// What is said of the member b after a change.
fn of_b(change: impl FnOnce(&mut HealthState)) -> Vec<String> {
    changed(|etcd| change(etcd.members[1].health.as_mut().unwrap()))
}

#[test]
fn an_etcd_that_is_well_gives_no_cause_for_concern() {
    assert_eq!(changed(|_| {}), [""; 0]);
    let mut findings = Findings::default();
    let etcd = EtcdState {
        members: ["a", "b", "c"].map(member).into(),
        ..EtcdState::default()
    };
    judge(&etcd, OPERATOR, &mut findings);
    let checks: Vec<_> = findings.sorted().iter().map(|one| one.check).collect();
    assert_eq!(checks, ["members", "versions", "alarms", "database"]);
}

#[test]
fn a_dead_endpoint_is_a_problem_and_a_member_nobody_named_a_warning() {
    let dead = |configured| {
        changed(|etcd| {
            etcd.members[2] = MemberState {
                configured,
                error: Some("refused".to_owned()),
                health: None,
                ..member("c")
            };
        })
    };
    assert_eq!(
        dead(true),
        ["problem members: c (https://c:2379) does not answer: refused"]
    );
    assert_eq!(
        dead(false),
        ["warning members: c (https://c:2379) does not answer: refused"]
    );
}

#[test]
fn too_few_members_an_even_number_and_strangers_are_told() {
    assert_eq!(
        changed(|etcd| etcd.members.truncate(1)),
        ["warning redundancy: etcd has a single member"]
    );
    assert_eq!(
        changed(|etcd| etcd.members.truncate(2)),
        ["warning redundancy: etcd has 2 members, an even number"]
    );
    assert_eq!(
        of_b(|health| health.role = Role::Learner),
        ["warning redundancy: etcd has 2 members, an even number"]
    );
    assert_eq!(
        of_b(|health| health.cluster = "d".to_owned()),
        ["problem members: the endpoints belong to different etcd clusters"]
    );
    assert_eq!(
        changed(|etcd| etcd.unlisted = Some("denied".to_owned())),
        ["warning members: etcd does not tell this user how all its members are: denied"]
    );
    assert_eq!(
        of_b(|health| health.role = Role::Leaderless),
        ["problem members: b (https://b:2379) knows no leader"]
    );
    assert_eq!(
        of_b(|health| health.errors.push("odd".to_owned())),
        ["warning members: b (https://b:2379) says: odd"]
    );
}

#[test]
fn versions_must_be_supported_and_should_be_equal() {
    let all = |version: &str| {
        changed(|etcd| {
            for member in &mut etcd.members {
                let health = member.health.as_mut().unwrap();
                health.version = version.to_owned();
                health.support = Support::of(version);
            }
        })
    };
    assert_eq!(all("3.3.1").len(), 4);
    assert!(all("3.3.1")[0].starts_with("problem versions: a (https://a:2379) runs etcd 3.3.1"));
    assert!(all("3.7.2")[0].starts_with("warning versions"));
    assert_eq!(all("3.6.14"), [""; 0]);
    for lax in ["3.4.44", "3.5.30", "3.6.13"] {
        let told = all(lax);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with("warning roles: "), "{told:?}");
    }
    assert_eq!(
        of_b(|health| health.version = "3.6.14".to_owned()),
        ["warning versions: the members run different versions: 3.5.33, 3.6.14"]
    );
}

#[test]
fn roles_do_not_matter_where_nobody_signs_in() {
    let mut lax = member("a");
    lax.health.as_mut().unwrap().version = "3.4.23".to_owned();
    let etcd = EtcdState {
        members: vec![lax],
        ..EtcdState::default()
    };
    let mut findings = Findings::default();
    let nobody = Asker {
        signs_in: false,
        ..OPERATOR
    };
    judge(&etcd, nobody, &mut findings);
    assert!(!findings.has("roles"));
}

#[test]
fn an_alarm_names_its_member() {
    let alarm = |member: &str, kind: &str| AlarmState {
        member: member.to_owned(),
        kind: kind.to_owned(),
    };
    let told = changed(|etcd| {
        etcd.alarms = vec![alarm("b", "NOSPACE"), alarm("f", "NEW")];
    });
    assert_eq!(
        told,
        [
            "problem alarms: b (https://b:2379) has raised the alarm NOSPACE",
            "problem alarms: member f has raised the alarm NEW",
        ]
    );
}

#[test]
fn a_database_is_judged_by_its_quota_and_by_what_it_wastes() {
    let sized = |size, quota, assumed| {
        of_b(|health| {
            (health.db_size, health.db_in_use) = (size, size);
            (health.quota, health.quota_assumed) = (quota, assumed);
        })
    };
    let severity = |told: &[String]| told.first().map(|told| told[..7].to_owned());
    let quota = Some(1000 << 20);
    for (size, expected) in [(599, None), (600, Some("warning")), (800, Some("problem"))] {
        let told = sized(size << 20, quota, false);
        assert_eq!(severity(&told).as_deref(), expected, "{told:?}");
    }
    let told = sized(u64::MAX, Some(2 << 30), true);
    assert!(told[0].starts_with("warning database: "), "{told:?}");
    assert!(told[0].contains("does not show its quota"), "{told:?}");
    assert_eq!(sized(u64::MAX, None, false), [""; 0]);
    assert_eq!(sized(u64::MAX, Some(0), false), [""; 0]);

    let wasted = |size, in_use| of_b(|health| (health.db_size, health.db_in_use) = (size, in_use));
    assert_eq!(
        wasted(100 << 20, 49 << 20),
        [
            "warning database: of the 100 MiB of the database of b (https://b:2379) only 49 MiB are in use"
        ]
    );
    assert_eq!(wasted(100 << 20, 50 << 20), [""; 0]);
    assert_eq!(wasted(60 << 20, 1), [""; 0]);
}

#[test]
fn a_members_silence_is_told_to_operators_and_right_for_nodes() {
    let etcd = EtcdState {
        members: vec![MemberState {
            is_denied: true,
            error: Some("denied".to_owned()),
            health: None,
            ..member("a")
        }],
        unlisted: Some("denied, too".to_owned()),
        ..EtcdState::default()
    };
    for (is_node, expected) in [
        (true, vec![]),
        (
            false,
            vec!["warning members: etcd does not tell this user how all its members are: denied"],
        ),
    ] {
        let mut findings = Findings::default();
        let asker = Asker {
            is_node,
            ..OPERATOR
        };
        judge(&etcd, asker, &mut findings);
        assert_eq!(findings.bad(), expected);
    }
}
