# The targets are thin: what needs explaining is in the script that it calls.

.PHONY: help build demo test chaos soak docs bench lint deny fmt clean tools engines release
.DEFAULT_GOAL := help

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: tools ## the binaries, as they are shipped; prints where they are
	@scripts/release-dir.sh

engines: ## podman, buildah, runc and containerd with apt, for the tests that use them
	@scripts/install-engines.sh

demo: tools ## two nodes and their pods on this machine, with a throwaway etcd (as root, else by sudo)
	@bin=$$(scripts/release-dir.sh) && $(SUDO) deploy/demo/run.sh "$$bin"

test: tools ## every test, on real etcd servers
	@scripts/test.sh

chaos: tools ## the promises while etcd is being broken, in under five minutes (the real leg as root)
	@scripts/chaos.sh all

soak: tools ## the same on real servers for HOURS=1 (as root)
	@scripts/chaos.sh soak --hours "$(HOURS)"

release: tools ## programs, image, chart, manifests and checksums; prints where they are
	@scripts/release.sh

docs: ## the documentation as a book; prints where it begins
	@scripts/build-book.sh

bench: tools ## what an address costs, beside host-local and the bare etcd
	@scripts/bench.sh

lint: tools ## formatting, clippy and rustdoc, warnings being errors
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS=-Dwarnings cargo doc --no-deps --workspace

deny: ## licences, banned crates and sources of the dependencies
	scripts/cargo-deny.sh check --hide-inclusion-graph bans licenses sources

fmt: ## format the code
	cargo fmt --all

clean: ## remove everything that was built or fetched
	cargo clean

# Says what it will install, and installs only what is missing.
tools:
	@scripts/install-tools.sh

HOURS := 1

# Network namespaces need root.
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
