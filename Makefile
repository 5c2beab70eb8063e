.DEFAULT_GOAL := help
GO ?= go

run: ## build and serve on http://127.0.0.1:8080 with a sample database and project
	$(GO) build -o bin/patchbay .
	PATCHBAY_SAMPLE=$${PATCHBAY_SAMPLE:-true} ./bin/patchbay serve

build: ## build bin/patchbay
	$(GO) build -trimpath -ldflags "-s -w" -o bin/patchbay .

test: ## install the test servers that are missing, then lint and run every test
	./e2e/servers/install
	$(MAKE) lint
	$(GO) test -timeout 20m ./...

e2e: ## run the browser tests alone
	./e2e/servers/install
	$(GO) test -count=1 -timeout 15m ./e2e/...

bench: ## run the benchmarks and print their ratios beside their goals, with BENCH_TABLES=100000 on sources as large as those are for
	./e2e/servers/install
	@echo "Refreshes read $${BENCH_TABLES:-10000} tables. The goals, which stand beside the figures as -goal, are for 100000 (BENCH_TABLES=100000)."
	$(GO) test -p 1 -run '^$$' -bench . -benchtime 1x -timeout 60m ./...

fuzz: ## run every fuzz target for 30 seconds
	./.ci/fuzz

mutate: ## take each check of a provider's answer out, and see that a test fails without it
	$(GO) test -tags mutate -run '^TestMutants$$' -v -timeout 60m ./handlers

lint: ## gofmt, vet, staticcheck, templ fmt, stale generated files
	./.ci/lint

generate: ## write the templ output and the static bundle again
	$(GO) tool templ generate -path views
	$(GO) run ./static/build

help: ## show this
	@grep -E '^[a-z0-9]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

.PHONY: run build test e2e bench fuzz mutate lint generate help
