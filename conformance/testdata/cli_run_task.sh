# run-task and wait tasks-stopped: exit codes, stop codes, reasons.
# speed: 40
. "$LIB/lib.sh"

aws ecs create-cluster --cluster-name c >/dev/null
nets=$(subnets)
aws ecs register-task-definition --family job --network-mode awsvpc --requires-compatibilities FARGATE --cpu 256 --memory 512 \
	--container-definitions '[{"name":"job","image":"job","entryPoint":["/bin/sh","-c"],"command":["exit 3"]}]' >/dev/null
run() { aws ecs run-task --cluster c --task-definition job --launch-type FARGATE --network-configuration "awsvpcConfiguration={subnets=[$nets]}" "$@"; }

set -- $(run --count 2 --started-by me --query '[tasks[].taskArn, failures]')
[ $# -eq 2 ] || fail "want two tasks and no failure, got $*"
fine=$(run --overrides '{"containerOverrides":[{"name":"job","command":["test \"$GREETING\" = hello"],"environment":[{"name":"GREETING","value":"hello"}]}]}' \
	--query 'tasks[0].[taskArn]')
aws ecs wait tasks-stopped --cluster c --tasks "$@" "$fine"
look() { aws ecs describe-tasks --cluster c --tasks "$1" --query "tasks[0].[$2]" | tr '\t' ' '; }
for task; do
	equal "$(look "$task" 'lastStatus,desiredStatus,containers[0].exitCode,stopCode,startedBy,group')" \
		"STOPPED STOPPED 3 EssentialContainerExited me family:job" "a task that exits 3"
done
equal "$(look "$1" stoppedReason)" "Essential container in task exited" "reason"
equal "$(look "$fine" 'containers[0].exitCode')" 0 "exit code with another command and environment"
equal "$(aws ecs list-tasks --cluster c --query 'length(taskArns)')" 0 "running tasks"
equal "$(aws ecs list-tasks --cluster c --desired-status STOPPED --family job --query 'length(taskArns)')" 3 "stopped tasks"

# an image that is neither mapped nor given a command
aws ecs register-task-definition --family none --network-mode awsvpc --requires-compatibilities FARGATE --cpu 256 --memory 512 \
	--container-definitions '[{"name":"a","image":"nowhere/none:1"}]' >/dev/null
lost=$(aws ecs run-task --cluster c --task-definition none --launch-type FARGATE --network-configuration "awsvpcConfiguration={subnets=[$nets]}" --query 'tasks[0].taskArn')
until_is STOPPED look "$lost" lastStatus
equal "$(look "$lost" stopCode)" TaskFailedToStart "stop code without image"
holds "CannotPullContainerError" "$(look "$lost" 'stoppedReason,containers[0].reason')" "reason without image"
