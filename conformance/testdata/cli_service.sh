# The whole path with the AWS CLI: register, create a service behind an ALB, wait, update, look, scale, delete.
# speed: 40
. "$LIB/lib.sh"

nets=$(subnets)
vpc=$(aws ec2 describe-subnets --query 'Subnets[0].VpcId')
equal "$(aws ecs create-cluster --cluster-name c --query cluster.status)" ACTIVE "cluster"
lb=$(aws elbv2 create-load-balancer --name web --subnets ${nets/,/ } --query 'LoadBalancers[0].LoadBalancerArn')
tg=$(aws elbv2 create-target-group --name web --protocol HTTP --port 8080 --vpc-id "$vpc" --target-type ip --health-check-path /health \
	--health-check-interval-seconds 5 --health-check-timeout-seconds 2 --healthy-threshold-count 2 --query 'TargetGroups[0].TargetGroupArn')
aws elbv2 modify-target-group-attributes --target-group-arn "$tg" --attributes Key=deregistration_delay.timeout_seconds,Value=5 >/dev/null
port=$(free_port)
listener=$(aws elbv2 create-listener --load-balancer-arn "$lb" --protocol HTTP --port "$port" \
	--default-actions "Type=forward,TargetGroupArn=$tg" --query 'Listeners[0].ListenerArn')
where=$(address "$listener" "$port")

register() {
	aws ecs register-task-definition --family web --network-mode awsvpc --requires-compatibilities FARGATE --cpu 256 --memory 512 \
		--container-definitions "[{\"name\":\"web\",\"image\":\"web:$1\",\"stopTimeout\":2,\"portMappings\":[{\"containerPort\":8080}]}]" \
		--query 'taskDefinition.[revision,status]' | tr '\t' ' '
}
equal "$(register v1)" "1 ACTIVE" "first revision"
equal "$(aws ecs create-service --cluster c --service-name web --task-definition web:1 --desired-count 2 --launch-type FARGATE \
	--network-configuration "awsvpcConfiguration={subnets=[$nets]}" \
	--load-balancers "targetGroupArn=$tg,containerName=web,containerPort=8080" \
	--query 'service.[status,desiredCount,runningCount,deployments[0].status,deployments[0].rolloutState]' | tr '\t' ' ')" \
	"ACTIVE 2 0 PRIMARY IN_PROGRESS" "a new service"
aws ecs wait services-stable --cluster c --services web
state() {
	aws ecs describe-services --cluster c --services web \
		--query 'services[0].[length(deployments),runningCount,pendingCount,deployments[0].rolloutState]' | tr '\t' ' '
}
until_is "1 2 0 COMPLETED" state
equal "$(aws elbv2 describe-target-health --target-group-arn "$tg" --query 'TargetHealthDescriptions[].TargetHealth.State')" "healthy	healthy" "health"
holds "hello from v1" "$(curl -sS "http://$where/")" "answer"

equal "$(register v2)" "2 ACTIVE" "second revision"
equal "$(aws ecs update-service --cluster c --service web --task-definition web:2 --query 'service.deployments[].[status,rolloutState]' | tr '\t\n' '  ')" \
	"PRIMARY IN_PROGRESS ACTIVE COMPLETED " "deployments right after the update"
until_is "1 2 0 COMPLETED" state
aws ecs wait services-stable --cluster c --services web
holds "hello from v2" "$(curl -sS "http://$where/")" "answer after the update"
holds "has reached a steady state." "$(aws ecs describe-services --cluster c --services web --query 'services[0].events[0].message')" "newest event"

aws ecs update-service --cluster c --service web --desired-count 1 >/dev/null
until_is "1 1 0 COMPLETED" state

refused InvalidParameterException "The service cannot be stopped while it is scaled above 0." aws ecs delete-service --cluster c --service web
aws ecs delete-service --cluster c --service web --force >/dev/null
aws ecs wait services-inactive --cluster c --services web
equal "$(aws ecs list-services --cluster c --query 'length(serviceArns)')" 0 "services listed"
