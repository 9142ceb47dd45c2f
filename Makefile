# The front door. `make` alone lists what there is.

SHELL := bash
MOLD := $(shell command -v mold 2>/dev/null)
ifneq ($(MOLD),)
export RUSTFLAGS ?= -C link-arg=-fuse-ld=mold
endif
FAULTS := --features countersign/faults
# The test runner that `.ci/tools` installed, at the version it names, before one that somebody installed by hand.
NEXTEST = $(shell [ -x target/python/bin/cargo-nextest ] && echo target/python/bin/cargo-nextest || echo cargo) nextest

.PHONY: help run test build check tools test-later test-programs test-run pictures bench soak-short chaos vectors fuzz

help: # lists the targets that say what they do
	@sed -n 's/^\([a-z-]*\):[^#]*## /  make \1\t/p' Makefile | expand -t 20

run: ## build everything, then run it on this machine with a demo; data in ./data
	@bash .ci/tools run
	@[ -x target/debug/countersign ] || echo "Building. The first time this takes about five minutes on two cores; later a second."
	@$(MAKE) --no-print-directory build
	./target/debug/countersign all --demo --data data

test: tools ## every test, against real pods, databases, proxies and browsers; installs what is missing
	@$(MAKE) --no-print-directory test-programs test-run

build: ## the programs
	cargo build --locked -p countersign -p countersign-sim

check: ## formatting, lints, licences, advisories, scripts and workflows
	@bash .ci/tools check
	cargo fmt --all --check
	cargo fmt --manifest-path fuzz/Cargo.toml --check
	@bash .ci/check
	cargo clippy --locked --workspace --all-targets $(FAULTS) -- -D warnings

tools: ## install what the tests need beside Rust
	@bash .ci/tools test

test-later: ## every test 45 days from now (LATER=1100: three years), elsewhere, as an ordinary user
	@bash .ci/later

pictures: ## make the README's pictures anew, in docs/pictures
	@bash .ci/tools pictures
	cargo build --locked --workspace $(FAULTS)
	PICTURES=docs/pictures cargo test --locked $(FAULTS) --test suite pictures::

bench: ## measure; writes bench/results.json and bench/growth.html
	cargo build --locked --release -p countersign -p countersign-bench
	./target/release/countersign-bench

soak-short: ## ten minutes of logins at one pod: the worst answer beside the median, and what is kept; bench/soak.html
	cargo build --locked --release -p countersign -p countersign-bench
	./target/release/countersign-bench soak 10

chaos: tools ## break everything below three pods while people log in; writes bench/chaos.json
	cargo build --locked -p countersign --features countersign/faults
	cargo run --locked -p countersign-chaos

vectors: ## write the Rust half of docs/vectors anew
	cargo run --locked -p countersign-channel --features vectors --example vectors -- docs/vectors

fuzz: ## run each fuzz target for FUZZ_SECS (60) seconds; see fuzz/README.md
	@bash fuzz/run

# The two halves of `test`, which `test-later` does on different days.

test-programs:
	cargo build --locked --workspace $(FAULTS)
	$(NEXTEST) run --locked --workspace $(FAULTS) --no-run

test-run:
	@rm -f target/nextest/default/junit.xml
	@$(NEXTEST) run --locked --workspace $(FAULTS) --no-fail-fast --test-threads $$((2 * $$(nproc))); result=$$?; \
	python3 .ci/slowest target/nextest/default/junit.xml 20; exit $$result
