# Short names for what people do here. `make` alone lists them.

DEMO_FLAGS := --data demo-data --listen 127.0.0.1:8443 --ops-listen 127.0.0.1:5001

.DEFAULT_GOAL := help
.PHONY: help web console demo dev test quick bench alerts drill rolling fmt lint docs

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

web: ## Build the console in the browser (Node.js 20.19 or later); the program then contains it
	web/tools/build.sh

console:
	@web/tools/build.sh || echo "Going on without the console: its address will show a page that says how to build it."

demo: console ## Run the gateway with a demo rack on http://127.0.0.1:8443
	@[ -x target/release/rack-gateway ] || echo "First build, optimised: several minutes on two cores. Later starts are immediate."
	cargo run --locked --release -- demo $(DEMO_FLAGS)

dev: console ## The same as a debug build, with LOG_LEVEL=debug
	LOG_LEVEL=debug cargo run --locked -- demo $(DEMO_FLAGS)

test: ## Run every test: SQLite, PostgreSQL, command line clients
	tests/run

quick: ## Run the tests that need nothing but Rust
	tests/run --quick

bench: ## Measure the gateway beside named peers
	bench/run

alerts: ## Test the alerts, and that their tests notice moved thresholds (minutes)
	alerts/check --mutants

drill: ## Bring twelve faults about and look which alerts arrive (some minutes; PostgreSQL, Prometheus, Alertmanager)
	cargo build --locked --bin rack-gateway
	tests/drill/run $${CARGO_TARGET_DIR:-target}/debug/rack-gateway

rolling: ## Twenty rolling restarts under load, behind a load balancer and on one port (a minute or two; PostgreSQL)
	ROLLING_RESTARTS=20 cargo test --locked --test it -- --nocapture chaos::rolling

fmt: ## Format the sources
	cargo fmt

lint: ## Check formatting, lints and banned crates
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	tests/supply-chain.sh

docs: ## Print docs/CONFIG.md and docs/METRICS.md again
	UPDATE_DOCS=1 cargo test --locked --lib docs::
