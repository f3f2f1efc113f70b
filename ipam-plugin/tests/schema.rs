//! The JSON Schema in the documentation is the one that the code makes.

use std::path::Path;

#[test]
fn the_committed_schema_is_the_generated_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/ipam.schema.json");
    let committed = std::fs::read_to_string(&path).unwrap();
    let generated = format!("{:#}\n", ipam_plugin::config::ipam_schema());
    assert!(
        committed == generated,
        "docs/ipam.schema.json is not what the code makes any more; run\n\n    \
         cargo run -p ipam-plugin --example schema > docs/ipam.schema.json\n\n\
         and describe what has changed in docs/configuration.md"
    );
}
