# Peregrine's everyday commands. `make help` lists them.

CARGO ?= cargo
# Optimised, quick to build, with checks kept: see [profile.ci] in Cargo.toml.
TEST_PROFILE ?= ci
MDBOOK_VERSION = 0.4.52

.PHONY: help build demo test test-deps bench soak instructions figures lint docs clean

help:            ## list the commands
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

build:           ## release build of the `peregrine` binary
	$(CARGO) build --release

demo:            ## the whole product in namespaces, without root (KEEP=1 leaves it running)
	@$(CARGO) build --quiet --profile $(TEST_PROFILE) -p bgp-daemon -p integration --bins
	@$(CARGO) run --quiet --profile $(TEST_PROFILE) -p integration --bin demo -- $(if $(KEEP),--keep)

test-deps:       ## install what the tests need: Debian packages, as root
	./integration/install-peers.sh

test: test-deps  ## every test, against the other daemons too
	$(CARGO) build --profile $(TEST_PROFILE) --workspace --bins
	$(CARGO) test --profile $(TEST_PROFILE) --workspace

bench:           ## speed and memory against the rivals on this machine (QUICK=1: under a minute; WRITE=1: into the book)
	$(CARGO) build --release --workspace --bins
	$(CARGO) run --release -p integration --bin bench -- $(if $(QUICK),--quick) $(if $(WRITE),--write)

soak:            ## ten minutes of random churn with 300 peers (MINUTES=n for another time)
	$(CARGO) build --release --workspace --bins
	$(CARGO) run --release -p integration --bin bench -- --scenario soak --target peregrine --runs 1 --minutes $(or $(MINUTES),10)

instructions:    ## instructions the hot paths take a route, against their limits (needs valgrind)
	$(CARGO) bench --quiet -p reflector --bench instructions

figures:         ## an idle agent, and how long a route takes to another host's kernel
	@$(CARGO) build --quiet --release -p bgp-daemon -p integration --bins
	@$(CARGO) run --quiet --release -p integration --bin figures

lint:            ## formatting and clippy; the crate rules are tests
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

docs:            ## API documentation and the book
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --document-private-items
	@command -v mdbook >/dev/null || test -x target/tools/bin/mdbook || \
	  $(CARGO) install --quiet --locked --root target/tools --no-default-features --version $(MDBOOK_VERSION) mdbook
	PATH="$$PATH:target/tools/bin" mdbook build docs

clean:           ## remove what was built
	$(CARGO) clean
