#!/usr/bin/env bash
# The example of CodeDeploy's classic set-up, run as it stands: a canary to the end, then a deployment that is stopped and rolled back.
# speed: 60
set -euo pipefail
export AWS_ENDPOINT_URL=$ENDPOINT
free() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
said=$(IMAGE_1=web:v1 IMAGE_2=web:v2 PORT=8080 HEALTH=/health LISTEN=$(free) LISTEN_TEST=$(free) CONFIG=CodeDeployDefault.ECSCanary10Percent5Minutes \
	"$LIB/../../examples/codedeploy/run.sh" 2>&1) || { echo "$said"; exit 1; }
for words in '== succeeded' $'== stopped and rolled back: Stopped\tMANUAL_STOP' '== removing what was made'; do
	[[ $said == *"$words"* ]] || { echo "the example does not say \"$words\":"; echo "$said"; exit 1; }
done
[ "$(aws ecs list-clusters --query 'length(clusterArns)')" = 0 ] || { echo "the example left a cluster:"; echo "$said"; exit 1; }
