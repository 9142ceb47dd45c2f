# The front door. Each target says what it does: `make help`.

SHELL := bash
MOLD := $(shell command -v mold 2>/dev/null)
ifneq ($(MOLD),)
export RUSTFLAGS ?= -C link-arg=-fuse-ld=mold
endif
FAULTS := --features countersign/faults

.PHONY: help run build test check tools bench chaos vectors fuzz

help: ## this list
	@grep -E '^[a-z]+:.*##' Makefile | sed 's/:.*##/\t/'

run: build ## build, then run everything with the demo; data in ./data
	./target/debug/countersign all --demo --data data

build: ## the programs
	@pkg-config --exists "openssl >= 3.0" || { echo "OpenSSL 3 is missing; on Debian: apt-get install build-essential pkg-config libssl-dev" >&2; exit 1; }
	cargo build -p countersign -p countersign-sim

tools: ## what the tests need beside Rust: cargo-nextest, Python packages, Chromium, axe-core
	@bash .ci/tools

test: tools ## every test, against real pods
	cargo build --workspace $(FAULTS)
	cargo nextest run --workspace $(FAULTS) --no-fail-fast

check: ## formatting and lints
	cargo fmt --all --check
	cargo fmt --manifest-path fuzz/Cargo.toml --check
	cargo clippy --workspace --all-targets $(FAULTS) -- -D warnings

bench: ## measure; writes bench/results.json and bench/growth.html
	cargo build --release -p countersign -p countersign-bench
	./target/release/countersign-bench

chaos: tools ## break everything below three pods while people log in, and check every promise; writes bench/chaos.json
	cargo build -p countersign --features countersign/faults
	cargo run -p countersign-chaos

vectors: ## write the Rust half of docs/vectors anew
	cargo run -p countersign-channel --features vectors --example vectors -- docs/vectors

fuzz: ## runs each fuzz target for FUZZ_SECS (60) seconds; see fuzz/README.md
	@bash fuzz/run
