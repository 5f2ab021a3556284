#!/usr/bin/env bash
# A blue/green deployment of ECS that waits for a reviewer, by a Lambda function as lifecycle hook.
#
#   run.sh up              make everything, with IMAGE_1 in production
#   run.sh deploy IMAGE    begin a deployment; it comes to stand when the test listener shows it
#   run.sh approve|reject  give the verdict on it
#   run.sh wait            wait for its end and print that
#   run.sh down            remove everything
#   run.sh                 all of it: IMAGE_2 is approved, then IMAGE_1 is rejected
#
# Against the local cloud:
#   slipway local --speed 20 &  eval "$(slipway local env)"
# Against AWS: credentials and a region, and the four roles below. It all has the name $NAME.
set -euo pipefail

NAME=${NAME:-slipway-approval}
IMAGE_1=${IMAGE_1:-public.ecr.aws/nginx/nginx:1.28}
IMAGE_2=${IMAGE_2:-public.ecr.aws/nginx/nginx:1.29}
PORT=${PORT:-80}                        # of the container
HEALTH=${HEALTH:-/}                     # the path that answers 200
LISTEN=${LISTEN:-80} LISTEN_TEST=${LISTEN_TEST:-8080}
ASK_EVERY=${ASK_EVERY:-30}              # seconds between two calls of the function
here=$(cd "$(dirname "$0")" && pwd)
account=${ACCOUNT:-$(aws sts get-caller-identity --query Account --output text)}
BUCKET=${BUCKET:-$NAME-$account}
EXECUTION_ROLE=${EXECUTION_ROLE:-arn:aws:iam::$account:role/ecsTaskExecutionRole}   # of the tasks
INFRASTRUCTURE_ROLE=${INFRASTRUCTURE_ROLE:-arn:aws:iam::$account:role/ecsInfrastructureRole} # ECS moves the listeners' weights by it
HOOK_ROLE=${HOOK_ROLE:-arn:aws:iam::$account:role/ecsHookRole}                      # ECS calls the function by it
FUNCTION_ROLE=${FUNCTION_ROLE:-arn:aws:iam::$account:role/approvalFunctionRole}     # of the function

say() { printf '\n== %s\n' "$*"; }
text() { aws "$@" --output text; }

# register IMAGE prints the ARN of a new task definition.
register() {
	text ecs register-task-definition --family "$NAME" --network-mode awsvpc --requires-compatibilities FARGATE \
		--cpu 256 --memory 512 --execution-role-arn "$EXECUTION_ROLE" --query taskDefinition.taskDefinitionArn \
		--container-definitions "[{\"name\":\"web\",\"image\":\"$1\",\"portMappings\":[{\"containerPort\":$PORT}],\"stopTimeout\":5}]"
}

# newest MEMBER prints a member of the newest service deployment.
newest() {
	text ecs list-service-deployments --cluster "$NAME" --service "$NAME" --query "reverse(sort_by(serviceDeployments,&createdAt))[0].$1"
}

up() {
	local vpc subnets blue green rule rule_test function
	say "the reviewer's function, and the bucket for verdicts"
	aws s3api create-bucket --bucket "$BUCKET" ${AWS_REGION:+$([ "$AWS_REGION" = us-east-1 ] || echo --create-bucket-configuration "LocationConstraint=$AWS_REGION")} >/dev/null
	(cd "$here" && python3 -m zipfile -c "$work/approval.zip" approval.py)
	function=$(text lambda create-function --function-name "$NAME" --runtime python3.12 --handler approval.handler --timeout 30 \
		--role "$FUNCTION_ROLE" --zip-file "fileb://$work/approval.zip" --query FunctionArn)
	aws lambda wait function-active-v2 --function-name "$NAME"

	say "load balancer with listeners for production and test, and two target groups"
	vpc=${VPC:-$(text ec2 describe-vpcs --filters Name=is-default,Values=true --query 'Vpcs[0].VpcId')}
	subnets=${SUBNETS:-$(text ec2 describe-subnets --filters "Name=vpc-id,Values=$vpc" --query 'Subnets[:2].SubnetId')}
	# shellcheck disable=SC2086 # two words, two subnets
	balancer=$(text elbv2 create-load-balancer --name "$NAME" --subnets $subnets --query 'LoadBalancers[0].LoadBalancerArn')
	blue=$(group blue) green=$(group green)
	rule=$(listener "$LISTEN") rule_test=$(listener "$LISTEN_TEST")

	say "service that deploys blue/green and asks the function before production traffic moves"
	aws ecs create-cluster --cluster-name "$NAME" >/dev/null
	cat >"$work/service.json" <<-JSON
	{
	  "cluster": "$NAME", "serviceName": "$NAME", "taskDefinition": "$(register "$IMAGE_1")", "desiredCount": 1,
	  "launchType": "FARGATE", "healthCheckGracePeriodSeconds": 60,
	  "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["${subnets//[[:space:]]/\",\"}"], "assignPublicIp": "ENABLED"}},
	  "loadBalancers": [{
	    "targetGroupArn": "$blue", "containerName": "web", "containerPort": $PORT,
	    "advancedConfiguration": {"alternateTargetGroupArn": "$green", "productionListenerRule": "$rule", "testListenerRule": "$rule_test", "roleArn": "$INFRASTRUCTURE_ROLE"}}],
	  "deploymentConfiguration": {
	    "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0,
	    "lifecycleHooks": [{
	      "hookTargetArn": "$function", "roleArn": "$HOOK_ROLE", "lifecycleStages": ["POST_TEST_TRAFFIC_SHIFT"],
	      "hookDetails": {"S3_BUCKET_NAME": "$BUCKET", "SECONDS": $ASK_EVERY}}]}
	}
	JSON
	aws ecs create-service --cli-input-json "file://$work/service.json" >/dev/null
	finish
}

# group SIDE makes a target group and prints its ARN.
group() {
	text elbv2 create-target-group --name "$NAME-$1" --protocol HTTP --port "$PORT" --vpc-id "$vpc" --target-type ip --query 'TargetGroups[0].TargetGroupArn' \
		--health-check-path "$HEALTH" --health-check-interval-seconds 10 --healthy-threshold-count 2
}

# listener PORT makes one that forwards to blue, and prints the ARN of its rule.
listener() {
	local made
	made=$(text elbv2 create-listener --load-balancer-arn "$balancer" --protocol HTTP --port "$1" --query 'Listeners[0].ListenerArn' \
		--default-actions "Type=forward,ForwardConfig={TargetGroups=[{TargetGroupArn=$blue,Weight=1},{TargetGroupArn=$green,Weight=0}]}")
	text elbv2 describe-rules --listener-arn "$made" --query 'Rules[0].RuleArn'
}

# deploy IMAGE begins a deployment and waits until the function asks for a verdict.
deploy() {
	local before key
	before=$(revision)
	aws ecs update-service --cluster "$NAME" --service "$NAME" --task-definition "$(register "$1")" >/dev/null
	until key=$(revision) && [ "$key" != "$before" ]; do sleep 1; done
	until aws s3api head-object --bucket "$BUCKET" --key "$key.pending" >/dev/null 2>&1; do sleep 1; done
	say "$1 is behind the test listener and waits for a verdict: $0 approve, or reject"
}

# revision prints SERVICE/REVISION of what the newest deployment brings.
revision() {
	local arn
	arn=$(newest targetServiceRevisionArn)
	echo "$NAME/${arn##*/}"
}

# verdict TEXT writes it where the function looks.
verdict() {
	local key
	key=$(revision)
	printf %s "$1" | aws s3 cp --quiet - "s3://$BUCKET/$key"
	say "$1: $key"
}

# finish waits for the end of the newest deployment and prints it.
finish() {
	local end
	while :; do
		end=$(newest '[status,statusReason]')
		case $end in SUCCESSFUL* | STOPPED* | ROLLBACK_SUCCESSFUL* | ROLLBACK_FAILED*) break ;; esac
		sleep 1
	done
	say "ended: $end"
}

down() {
	say "removing what was made"
	set +e
	aws ecs delete-service --cluster "$NAME" --service "$NAME" --force >/dev/null
	aws ecs wait services-inactive --cluster "$NAME" --services "$NAME"
	aws elbv2 delete-load-balancer --load-balancer-arn "$(text elbv2 describe-load-balancers --names "$NAME" --query 'LoadBalancers[0].LoadBalancerArn')"
	for side in $(text elbv2 describe-target-groups --names "$NAME-blue" "$NAME-green" --query 'TargetGroups[].TargetGroupArn'); do
		aws elbv2 delete-target-group --target-group-arn "$side"
	done
	aws ecs delete-cluster --cluster "$NAME" >/dev/null
	aws lambda delete-function --function-name "$NAME"
	aws s3 rb --force "s3://$BUCKET" >/dev/null
	set -e
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
case ${1:-} in
up) up ;;
deploy) deploy "$2" ;;
approve) verdict approved ;;
reject) verdict rejected ;;
wait) finish ;;
down) down ;;
'')
	trap 'down; rm -rf "$work"' EXIT
	up
	deploy "$IMAGE_2"
	verdict approved
	finish
	deploy "$IMAGE_1"
	verdict rejected
	finish
	;;
*) sed -n '4,9s/^# *//p' "$0" >&2; exit 2 ;;
esac
