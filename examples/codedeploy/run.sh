#!/usr/bin/env bash
# Blue/green on ECS with CodeDeploy, as most set-ups have it: a load balancer with listeners for
# production and test, two target groups, a service of controller CODE_DEPLOY, an application and
# a deployment group. It deploys a new task definition by an AppSpec file in S3, watches, waits,
# then begins another deployment and stops it with a rollback.
#
# Against the local cloud:
#   slipway local --speed 20 &  eval "$(slipway local env)"
#   IMAGE_1=… IMAGE_2=… examples/codedeploy/run.sh
# Against AWS: credentials and a region, and EXECUTION_ROLE and CODEDEPLOY_ROLE (their ARNs).
# What it made is removed in the end; it all has the name $NAME.
set -euo pipefail

NAME=${NAME:-slipway-example}
IMAGE_1=${IMAGE_1:-public.ecr.aws/nginx/nginx:1.28}
IMAGE_2=${IMAGE_2:-public.ecr.aws/nginx/nginx:1.29}
PORT=${PORT:-80}                        # of the container
HEALTH=${HEALTH:-/}                     # the path that answers 200
LISTEN=${LISTEN:-80} LISTEN_TEST=${LISTEN_TEST:-8080}
CONFIG=${CONFIG:-CodeDeployDefault.ECSLinear10PercentEvery1Minutes}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
account=$(aws sts get-caller-identity --query Account --output text)
BUCKET=${BUCKET:-$NAME-$account}
EXECUTION_ROLE=${EXECUTION_ROLE:-arn:aws:iam::$account:role/ecsTaskExecutionRole}
CODEDEPLOY_ROLE=${CODEDEPLOY_ROLE:-arn:aws:iam::$account:role/codeDeployECSRole}

say() { printf '\n== %s\n' "$*"; }
text() { aws "$@" --output text; }

# register IMAGE prints the ARN of a new task definition.
register() {
	text ecs register-task-definition --family "$NAME" --network-mode awsvpc --requires-compatibilities FARGATE \
		--cpu 256 --memory 512 --execution-role-arn "$EXECUTION_ROLE" --query taskDefinition.taskDefinitionArn \
		--container-definitions "[{\"name\":\"web\",\"image\":\"$1\",\"portMappings\":[{\"containerPort\":$PORT}],\"stopTimeout\":5}]"
}

# deploy ARN uploads the AppSpec file for a task definition and prints the id of its deployment.
deploy() {
	sed -e "s|<TASK_DEFINITION>|$1|" -e "s|<PORT>|$PORT|" "$here/appspec.yaml" >"$work/appspec.yaml"
	aws s3 cp --quiet "$work/appspec.yaml" "s3://$BUCKET/appspec.yaml"
	text deploy create-deployment --application-name "$NAME" --deployment-group-name "$NAME" --query deploymentId \
		--revision "revisionType=S3,s3Location={bucket=$BUCKET,key=appspec.yaml,bundleType=YAML}"
}

# keeping MINUTES prints how traffic moves: at once when the new tasks are healthy, and the old ones stay
# for so long. Until then a deployment can be stopped.
keeping() {
	printf '{"terminateBlueInstancesOnDeploymentSuccess": {"action": "TERMINATE", "terminationWaitTimeInMinutes": %d}, "deploymentReadyOption": {"actionOnTimeout": "CONTINUE_DEPLOYMENT"}}' "$1"
}

# watch prints how a deployment stands: its status, its events, its targets' health.
watch() {
	text deploy get-deployment --deployment-id "$1" --query 'deploymentInfo.status'
	text deploy get-deployment-target --deployment-id "$1" --target-id "$NAME:$NAME" \
		--query 'deploymentTarget.ecsTarget.lifecycleEvents[?status!=`Pending`].[lifecycleEventName,status]' || true
	for group in "$blue" "$green"; do
		text elbv2 describe-target-health --target-group-arn "$group" --query 'TargetHealthDescriptions[].TargetHealth.State'
	done
	weights
}

# weights prints the share of each target group behind the production listener.
weights() {
	text elbv2 describe-listeners --listener-arns "$production" --query 'Listeners[0].DefaultActions[0].ForwardConfig.TargetGroups[].Weight'
}

clean() {
	trap - EXIT
	say "removing what was made"
	set +e
	aws deploy delete-application --application-name "$NAME"
	aws ecs delete-service --cluster "$NAME" --service "$NAME" --force >/dev/null
	[ -z "${balancer:-}" ] || aws elbv2 delete-load-balancer --load-balancer-arn "$balancer"
	aws ecs wait services-inactive --cluster "$NAME" --services "$NAME"
	for group in ${blue:-} ${green:-}; do aws elbv2 delete-target-group --target-group-arn "$group"; done
	aws ecs delete-cluster --cluster "$NAME" >/dev/null
	aws s3 rm --quiet "s3://$BUCKET/appspec.yaml"
	aws s3api delete-bucket --bucket "$BUCKET"
	rm -rf "$work"
}
trap clean EXIT

say "load balancer with listeners for production and test, and two target groups"
vpc=${VPC:-$(text ec2 describe-vpcs --filters Name=is-default,Values=true --query 'Vpcs[0].VpcId')}
subnets=${SUBNETS:-$(text ec2 describe-subnets --filters "Name=vpc-id,Values=$vpc" --query 'Subnets[:2].SubnetId')}
# shellcheck disable=SC2086 # two words, two subnets
balancer=$(text elbv2 create-load-balancer --name "$NAME" --subnets $subnets --query 'LoadBalancers[0].LoadBalancerArn')
group() {
	text elbv2 create-target-group --name "$NAME-$1" --protocol HTTP --port "$PORT" --vpc-id "$vpc" --target-type ip --query 'TargetGroups[0].TargetGroupArn' \
		--health-check-path "$HEALTH" --health-check-interval-seconds 10 --healthy-threshold-count 2
}
blue=$(group blue) green=$(group green)
listener() {
	text elbv2 create-listener --load-balancer-arn "$balancer" --protocol HTTP --port "$1" --query 'Listeners[0].ListenerArn' \
		--default-actions "Type=forward,TargetGroupArn=$blue"
}
production=$(listener "$LISTEN") test=$(listener "$LISTEN_TEST")

say "service that CodeDeploy drives"
aws ecs create-cluster --cluster-name "$NAME" >/dev/null
aws ecs create-service --cluster "$NAME" --service-name "$NAME" --task-definition "$(register "$IMAGE_1")" --desired-count 2 --launch-type FARGATE \
	--deployment-controller type=CODE_DEPLOY --health-check-grace-period-seconds 60 \
	--load-balancers "targetGroupArn=$blue,containerName=web,containerPort=$PORT" \
	--network-configuration "awsvpcConfiguration={subnets=[${subnets//[[:space:]]/,}],assignPublicIp=ENABLED}" >/dev/null
until [ "$(text ecs describe-services --cluster "$NAME" --services "$NAME" --query 'services[0].taskSets[0].stabilityStatus')" = STEADY_STATE ]; do sleep 1; done

say "application and deployment group"
aws s3api create-bucket --bucket "$BUCKET" ${AWS_REGION:+$([ "$AWS_REGION" = us-east-1 ] || echo --create-bucket-configuration "LocationConstraint=$AWS_REGION")} >/dev/null
aws deploy create-application --application-name "$NAME" --compute-platform ECS >/dev/null
cat >"$work/group.json" <<JSON
{
  "applicationName": "$NAME", "deploymentGroupName": "$NAME", "serviceRoleArn": "$CODEDEPLOY_ROLE", "deploymentConfigName": "$CONFIG",
  "deploymentStyle": {"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"},
  "ecsServices": [{"clusterName": "$NAME", "serviceName": "$NAME"}],
  "loadBalancerInfo": {"targetGroupPairInfoList": [{
    "targetGroups": [{"name": "$NAME-blue"}, {"name": "$NAME-green"}],
    "prodTrafficRoute": {"listenerArns": ["$production"]}, "testTrafficRoute": {"listenerArns": ["$test"]}}]},
  "blueGreenDeploymentConfiguration": $(keeping 5),
  "autoRollbackConfiguration": {"enabled": true, "events": ["DEPLOYMENT_FAILURE"]}
}
JSON
aws deploy create-deployment-group --cli-input-json "file://$work/group.json" >/dev/null

say "deploying $IMAGE_2 by $CONFIG"
id=$(deploy "$(register "$IMAGE_2")")
echo "$id"
until [ "$(weights)" != "$(printf '100\t0')" ]; do sleep 1; done
watch "$id"
aws deploy wait deployment-successful --deployment-id "$id"
say "succeeded"
watch "$id"

say "deploying $IMAGE_1 again, with an hour to think, and stopping that with a rollback"
aws deploy update-deployment-group --application-name "$NAME" --current-deployment-group-name "$NAME" \
	--blue-green-deployment-configuration "$(keeping 60)" >/dev/null
before=$(weights)
id=$(deploy "$(register "$IMAGE_1")")
echo "$id"
until [ "$(weights)" != "$before" ]; do sleep 1; done
aws deploy stop-deployment --deployment-id "$id" --auto-rollback-enabled
until [ "$(weights)" = "$before" ]; do sleep 1; done
back=$(text deploy get-deployment --deployment-id "$id" --query deploymentInfo.rollbackInfo.rollbackDeploymentId)
aws deploy wait deployment-successful --deployment-id "$back"
watch "$back"
say "stopped and rolled back: $(text deploy get-deployment --deployment-id "$id" --query 'deploymentInfo.[status,errorInformation.code]')"
