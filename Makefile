# One place for the commands people use; CI calls the same ones.
GO ?= go

# The suites drive the built binary, which Go's test cache knows nothing of: they run each time.
# Conformance fills two cores by itself; the others wait more than they compute.
UNITS = $$($(GO) list ./... | grep -v -e /conformance$$ -e /crash$$ -e /e2e$$)

# How long one package's tests may take on a busy machine before what hangs is shown.
PATIENCE = 30m

.PHONY: docs release build test race lint demo demos sim mutants conformance bench clean

build:            ## the static binary, ./slipway
	CGO_ENABLED=0 $(GO) build -o slipway ./cmd/slipway

docs:             ## the list of operations, from the rooms themselves
	$(GO) run ./cmd/slipway local operations --output markdown > docs/operations.md

demo:             ## the whole story on this machine
	$(GO) run ./cmd/slipway demo

demos:            ## the same for ECS's own strategies, and by CodeDeploy
	$(GO) run ./cmd/slipway demo blue-green
	$(GO) run ./cmd/slipway demo canary
	$(GO) run ./cmd/slipway demo linear
	$(GO) run ./cmd/slipway demo codedeploy

test:             ## every test; what needs a missing tool skips and says so
	$(GO) test -timeout $(PATIENCE) $(UNITS)
	$(GO) test -count=1 -timeout $(PATIENCE) ./conformance
	$(GO) test -count=1 -p 2 -timeout $(PATIENCE) ./crash ./e2e

race:             ## under the race detector, with fewer random cases; but for the suites that drive the built binary
	$(GO) test -race -short -timeout $(PATIENCE) $(UNITS)

lint:             ## formatting, vet, staticcheck
	@unformatted="$$(gofmt -l .)"; test -z "$$unformatted" || { echo "gofmt would change: $$unformatted"; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

sim:              ## a minute of random rollouts; a failing seed prints its transcript
	$(GO) test ./internal/sim -count=1 -run Simulation -sim.for 60s

mutants:          ## plant faults in the core, one at a time; each must fail a test
	$(GO) run ./internal/sim/mutants

conformance:      ## AWS CLI and boto3 drive a local cloud
	$(GO) test ./conformance -count=1 -v

bench:            ## the figures of bench/README.md
	bench/run

release:          ## archives for every platform in dist/, with checksums; VERSION=v1.2.3 names them
	$(GO) run ./internal/release -version "$(VERSION)"

clean:
	rm -rf slipway dist
