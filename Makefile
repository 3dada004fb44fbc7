# Every job of this project has one name here; the scripts do the work and say what they do.
# `make help` lists them. Only a Debian machine with Rust (rustup) is needed: the rest is installed.

.DEFAULT_GOAL := help
.PHONY: help run run-vcsim demo dev test soak check site sqlx bench release clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

run: ## install what is missing, build, and serve http://127.0.0.1:3000 with a simulated vCenter
	@scripts/run

run-vcsim: ## the same against govmomi's vCenter simulator, over SOAP
	@scripts/run vcsim

demo: ## the same with a dozen VMs in every state but "needs attention", in a data folder that is removed at the end
	@scripts/run demo

dev: ## serve, and build and restart whenever a source file changes
	@scripts/dev

test: ## run all tests: Rust, scripts, and the page in Chromium
	@scripts/test

soak: ## kill servers, end backends and fail calls for MINUTES=20, SEED=... for the same again, and count what is lost
	@scripts/soak

check: ## format, lints, documentation, and the checked queries
	@scripts/check

site: ## build what the browser loads, into target/site
	@scripts/setup run && scripts/build-site

sqlx: ## describe the checked queries anew, after a change of a query or a migration
	@scripts/sqlx

bench: ## measure a release build, as ratios to something in the same run
	@scripts/bench

release: ## build target/stagewatch-<version>-<machine>.tar.gz: the server and its page
	@scripts/release

clean: ## remove what was built and installed here (the data folder stays)
	cargo clean
	rm -rf scripts/site-tools/node_modules end2end/node_modules
