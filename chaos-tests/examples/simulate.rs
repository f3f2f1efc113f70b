//! temporary
use chaos_tests::simulation::{campaign::Campaign, run::run};
use std::time::{Duration, Instant};
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let mutant = args.get(3).map(|m| m.parse().unwrap());
    if args[1] == "one" {
        let seed = args[2].parse().unwrap();
        let began = Instant::now();
        let r = run(seed, mutant).unwrap();
        let ran = began.elapsed();
        let began = Instant::now();
        let v = chaos_tests::checks::check(&r.history);
        eprintln!(
            "{} events {:?} run {:?} checks {:?} requests {}",
            r.history.events.len(),
            r.virtual_time,
            ran,
            began.elapsed(),
            r.requests
        );
        r.history
            .write(
                std::fs::File::create(format!("/tmp/h-{seed}.jsonl"))
                    .map(std::io::BufWriter::new)
                    .unwrap(),
            )
            .unwrap();
        eprintln!("{} {:?}", v.finish, v.void);
        for x in &v.violations {
            eprintln!("{x}");
        }
        return;
    }
    let n: u64 = args[2].parse().unwrap();
    let first: u64 = std::env::var("FIRST").map_or(0, |f| f.parse().unwrap());
    let began = Instant::now();
    let s = Campaign {
        first,
        most: n,
        time: Duration::from_secs(300),
        mutant,
        until_failure: args[1] == "hunt",
    }
    .run()
    .unwrap();
    eprintln!(
        "{} seeds {} void {} failed, {:?} virtual, {} requests, {} acked in {:?}",
        s.seeds,
        s.void,
        s.failed.len(),
        s.virtual_time,
        s.requests,
        s.acknowledged,
        began.elapsed()
    );
    let mut by = std::collections::BTreeMap::new();
    for (seed, v) in &s.failed {
        for x in v.violations.iter().take(1) {
            by.entry(x.check)
                .or_insert_with(Vec::new)
                .push((*seed, x.to_string()));
        }
    }
    for (c, l) in by {
        eprintln!("{c}: {} e.g. {:?}", l.len(), &l[..l.len().min(3)]);
    }
}
