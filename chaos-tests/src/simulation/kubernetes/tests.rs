use std::sync::mpsc::{Receiver, channel};

use lease_gc::pods::{LeaseState, Reading, Source as _, SourceError, View as _};
use rand::SeedableRng as _;
use tokio::time::{Instant, sleep};

use super::*;
use crate::simulation::clock::Wall;

/// An empty cluster, and what is true of it.
fn cluster() -> (Cluster, Receiver<What>) {
    let rng = || StdRng::seed_from_u64(1);
    let clock = SimClock::start(Instant::now(), &Wall::default(), rng());
    let (tell, told) = channel();
    let observer = Box::new(move |what| drop(tell.send(what)));
    let cluster = Cluster::new("c", clock, rng(), observer);
    tokio::spawn({
        let cluster = cluster.clone();
        async move { cluster.control().await }
    });
    (cluster, told)
}

fn pod(cluster: &Cluster, name: &str, node: &str) -> String {
    let uid = cluster.create_pod(NewPod {
        namespace: "shop".into(),
        name: name.into(),
        node: node.into(),
        mirrors: None,
    });
    cluster.set_phase(&uid, Phase::Running);
    uid
}

async fn read(cluster: &Cluster) -> Result<Reading, SourceError> {
    let view = cluster.view("gc-a");
    let source = view.open(Arc::new(|_, _, _| {})).await?;
    source.read().await
}

async fn has(cluster: &Cluster, uid: &str) -> bool {
    let reading = read(cluster).await.unwrap();
    reading.living.pod_of_uid(uid).is_some()
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test(start_paused = true)]
async fn the_collector_reads_what_there_is() {
    let (cluster, _) = cluster();
    cluster.add_node("a", "machine-a", "boot-1");
    let uid = pod(&cluster, "web", "a");
    cluster.set_ips(&uid, vec!["10.244.0.7".into()]);
    cluster.set_networks(
        &uid,
        vec![Network {
            name: "shop/lan".into(),
            interface: "net1".into(),
            ips: vec!["10.0.0.7".into()],
        }],
    );
    let reading = read(&cluster).await.unwrap();
    let living = &reading.living;
    let listed = living.pod_of_uid(&uid).unwrap();
    assert_eq!((listed.namespace, listed.name), ("shop", "web"));
    assert_eq!((listed.node, listed.terminating), ("a", false));
    let naming = living.naming("10.0.0.7".parse().unwrap()).next().unwrap();
    assert_eq!(naming.attachment, Some(("shop/lan", "net1")));
    assert!(
        living
            .naming("10.244.0.7".parse().unwrap())
            .next()
            .is_some()
    );
    let node = living.node("a").unwrap();
    assert_eq!((&*node.machine_id, &*node.boot_id), ("machine-a", "boot-1"));
    assert!(node.readiness.ready && node.readiness.since.is_some());

    cluster.terminate_pod(&uid);
    cluster.set_phase(&uid, Phase::Failed);
    let mirror = cluster.create_pod(NewPod {
        namespace: "kube-system".into(),
        name: "proxy-a".into(),
        node: "a".into(),
        mirrors: Some("hash".into()),
    });
    let reading = read(&cluster).await.unwrap();
    let living = &reading.living;
    let listed = living.pod_of_uid(&uid).unwrap();
    assert!(listed.terminating && listed.finished);
    assert_eq!(living.pod_of_uid("hash").unwrap().uid, mirror);
    let source = cluster.view("gc-a").open(Arc::new(|_, _, _| {})).await;
    let source = source.unwrap();
    for (name, uid, exists) in [
        ("web", uid.as_str(), true),
        ("web", "", true),
        ("web", "another", false),
        ("db", "", false),
    ] {
        let found = source.pod_exists("shop", name, uid).await.unwrap();
        assert_eq!(found, exists, "{name} {uid}");
    }
    let found = source.pod_exists("kube-system", "proxy-a", "hash").await;
    assert!(found.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_silent_node_is_unknown_and_comes_back() {
    let (cluster, told) = cluster();
    cluster.add_node("a", "machine-a", "boot-1");
    let first = cluster.node("a").unwrap().object.unwrap().since;
    sleep(secs(60)).await;
    let object = cluster.node("a").unwrap().object.unwrap();
    assert_eq!((object.ready, object.since), (Ready::True, first));
    assert!(object.heartbeat > first);

    cluster.silence_kubelet("a");
    sleep(secs(30)).await;
    assert!(cluster.node("a").unwrap().is_ready());
    sleep(secs(30)).await;
    let silent = cluster.node("a").unwrap();
    assert!(!silent.is_ready());
    assert!(silent.object.unwrap().since > first);

    cluster.set_out_of_service("a", true);
    let reading = read(&cluster).await.unwrap();
    let node = reading.living.node("a").unwrap();
    assert!(node.out_of_service.unwrap() >= node.readiness.since);

    cluster.start_kubelet("a");
    assert!(cluster.node("a").unwrap().is_ready());
    let truths: Vec<_> = told
        .try_iter()
        .map(|what| match what {
            What::Node(node) => (node.exists, node.ready, node.out_of_service),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        truths,
        [
            (true, true, false),
            (true, false, false),
            (true, false, true),
            (true, true, true)
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_boot_is_known_once_the_kubelet_has_reported() {
    let (cluster, _) = cluster();
    cluster.add_node("a", "machine-a", "boot-1");
    cluster.reboot("a", "boot-2");
    let boot = async || {
        let reading = read(&cluster).await.unwrap();
        reading.living.node("a").unwrap().boot_id.clone()
    };
    assert_eq!(boot().await, "boot-1");
    sleep(secs(15)).await;
    assert_eq!(boot().await, "boot-1");
    cluster.start_kubelet("a");
    assert_eq!(boot().await, "boot-2");
}

#[tokio::test(start_paused = true)]
async fn a_kubelet_tells_times_by_the_clock_of_its_node() {
    let (cluster, _) = cluster();
    cluster.add_node("a", "machine-a", "boot-1");
    let wall = Wall::default();
    cluster.set_wall("a", &wall);
    wall.set_error(-3_600_000);
    sleep(secs(15)).await;
    let object = cluster.node("a").unwrap().object.unwrap();
    assert_eq!(
        object.heard.duration_since(object.heartbeat).as_secs(),
        3600
    );
    sleep(secs(60)).await;
    assert!(cluster.node("a").unwrap().is_ready());
}

#[tokio::test(start_paused = true)]
async fn a_deleted_node_has_a_lease_only_while_its_kubelet_runs() {
    let (cluster, _) = cluster();
    cluster.add_node("a", "machine-a", "boot-1");
    cluster.delete_node("a");
    let lease = async || {
        let source = cluster.view("gc-a").open(Arc::new(|_, _, _| {})).await;
        source.unwrap().kubelet_lease("a").await.unwrap()
    };
    assert_eq!(lease().await, LeaseState::Absent);
    sleep(secs(15)).await;
    let first = lease().await;
    assert!(matches!(first, LeaseState::Renewed(_)));
    sleep(secs(15)).await;
    assert_ne!(lease().await, first);
    assert!(read(&cluster).await.unwrap().living.node("a").is_none());
    cluster.silence_kubelet("a");
    let last = lease().await;
    sleep(secs(60)).await;
    assert_eq!(lease().await, last);
    cluster.start_kubelet("a");
    assert!(read(&cluster).await.unwrap().living.node("a").is_some());
}

#[tokio::test(start_paused = true)]
async fn every_trouble_is_met_and_counted_and_only_by_its_reader() {
    let (cluster, _) = cluster();
    cluster.add_node("a", "machine-a", "boot-1");
    let backup = cluster.mark();
    let uid = pod(&cluster, "web", "a");
    let stale = Trouble::Stale(backup);
    for trouble in [Trouble::Empty, stale] {
        let weather = Weather {
            pods: Some(trouble.clone()),
            ..Weather::default()
        };
        cluster.set_weather("gc-a", weather);
        let reading = read(&cluster).await.unwrap();
        assert!(reading.living.pod_of_uid(&uid).is_none(), "{trouble:?}");
        assert_eq!(cluster.tally("gc-a")[trouble.name()], 1);
    }
    for (trouble, what) in [
        (Trouble::Down, "cannot be reached"),
        (Trouble::Silent, "within 30s"),
        (Trouble::Error(410), "refuses with 410"),
        (Trouble::CutMidList, "in the middle"),
    ] {
        let weather = Weather {
            pods: Some(trouble.clone()),
            ..Weather::default()
        };
        cluster.set_weather("gc-a", weather);
        let error = read(&cluster).await.unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
        assert_eq!(cluster.tally("gc-a")[trouble.name()], 1);
    }
    cluster.set_weather("gc-a", Weather::all(&Trouble::Down));
    let other = cluster.view("gc-b").open(Arc::new(|_, _, _| {})).await;
    assert!(other.unwrap().read().await.is_ok());
    let slow = Weather {
        slow: secs(5),
        ..Weather::default()
    };
    cluster.set_weather("gc-a", slow);
    let began = Instant::now();
    assert!(has(&cluster, &uid).await);
    assert!(began.elapsed() >= secs(10));
}

#[tokio::test(start_paused = true)]
async fn while_the_api_is_down_nobody_hears_of_anything() {
    let (cluster, _) = cluster();
    cluster.add_node("a", "machine-a", "boot-1");
    cluster.set_down(true);
    sleep(secs(300)).await;
    assert!(read(&cluster).await.is_err());
    cluster.set_down(false);
    sleep(secs(15)).await;
    let reading = read(&cluster).await.unwrap();
    assert!(reading.living.node("a").unwrap().readiness.ready);
}

#[tokio::test(start_paused = true)]
async fn a_backup_brings_pods_back_and_loses_others() {
    let (cluster, told) = cluster();
    let old = pod(&cluster, "old", "a");
    let backup = cluster.mark();
    assert!(cluster.delete_pod(&old));
    assert!(!cluster.delete_pod(&old));
    let new = pod(&cluster, "new", "a");
    let restored = cluster.restore(&backup);
    let uids = |pods: &[Pod]| pods.iter().map(|pod| pod.uid.clone()).collect::<Vec<_>>();
    assert_eq!(uids(&restored.vanished), [new.as_str()]);
    assert_eq!(uids(&restored.returned), [old.as_str()]);
    assert!(cluster.pod(&old).is_some() && cluster.pod(&new).is_none());
    let told: Vec<_> = told.try_iter().collect();
    let [.., What::PodDeleted(gone), What::PodCreated(back)] = told.as_slice() else {
        panic!("{told:?}");
    };
    assert_eq!((&gone.uid, &back.uid), (&new, &old));
}

#[tokio::test(start_paused = true)]
async fn the_watch_of_pods_hears_what_goes_unless_it_is_cut() {
    let (cluster, _) = cluster();
    let (tell, mut told) = tokio::sync::mpsc::channel(8);
    let view = cluster.view("gc-a");
    let watching = tokio::spawn(async move { view.deletions(Arc::new(|_, _, _| {}), tell).await });
    let uids = ["one", "two", "three"].map(|name| pod(&cluster, name, "a"));
    for (uid, cut) in uids.iter().zip([false, true, false]) {
        let weather = Weather {
            watch_is_cut: cut,
            ..Weather::default()
        };
        cluster.set_weather("gc-a", weather);
        sleep(secs(1)).await;
        cluster.delete_pod(uid);
        sleep(secs(1)).await;
    }
    assert_eq!(told.recv().await.as_ref(), Some(&uids[0]));
    assert_eq!(told.recv().await.as_ref(), Some(&uids[2]));
    drop(told);
    watching.await.unwrap();
}
