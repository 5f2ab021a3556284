# What the AWS CLI scripts share. Nothing here sleeps for effect: until_is waits for a condition.
set -euo pipefail
trap 'echo "failed at line $LINENO: $BASH_COMMAND" >&2' ERR

aws() { command aws --endpoint-url "$ENDPOINT" --output text "$@"; }

fail() { echo "FAILED: $*" >&2; exit 1; }

# equal GOT WANT WHAT
equal() { [ "$1" = "$2" ] || fail "$3: got '$1', want '$2'"; }

# holds PART WHOLE WHAT
holds() { case "$2" in *"$1"*) ;; *) fail "$3: want '$1' in '$2'" ;; esac; }

# refused CODE TEXT COMMAND... asserts that a command ends with an error that names both.
refused() {
	local code=$1 text=$2 said status=0
	shift 2
	said=$("$@" 2>&1) || status=$?
	[ $status -ne 0 ] || fail "want $code from: $*; got: $said"
	case $status in 254 | 255) ;; *) fail "status $status of a refused call, want 255 (CLI 1) or 254 (CLI 2): $said" ;; esac
	holds "($code)" "$said" "error code"
	holds "$text" "$said" "error message"
}

# until_is WANT COMMAND... runs a command until it prints WANT, for at most two minutes.
until_is() {
	local want=$1 end=$((SECONDS + 120)) got
	shift
	while got=$("$@") && [ "$got" != "$want" ]; do
		[ $SECONDS -lt $end ] || fail "after 120 s: $* prints '$got', want '$want'"
	done
	[ "$got" = "$want" ] || fail "$* failed"
}

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# subnets prints two subnets of different zones, comma between.
subnets() { aws ec2 describe-subnets --query 'Subnets[0:2].SubnetId' | tr '\t' ','; }

# address LISTENER PORT prints where a listener answers.
address() {
	local tag
	tag=$(aws elbv2 describe-tags --resource-arns "$1" --query "TagDescriptions[0].Tags[?Key=='aws:slipway:address'].Value")
	echo "${tag:-127.0.0.1:$2}"
}
