# A weighted rule by the AWS CLI: weights as described, routes as told by headers of fixed answers.
. "$LIB/lib.sh"

nets=$(subnets)
vpc=$(aws ec2 describe-subnets --query 'Subnets[0].VpcId')
lb=$(aws elbv2 create-load-balancer --name w --subnets ${nets/,/ } --query 'LoadBalancers[0].LoadBalancerArn')
tg() { aws elbv2 create-target-group --name "$1" --protocol HTTP --port 80 --vpc-id "$vpc" --target-type ip --query 'TargetGroups[0].TargetGroupArn'; }
blue=$(tg blue)
green=$(tg green)
port=$(free_port)
listener=$(aws elbv2 create-listener --load-balancer-arn "$lb" --protocol HTTP --port "$port" \
	--default-actions 'Type=fixed-response,FixedResponseConfig={StatusCode=404,ContentType=text/plain,MessageBody=nothing}' --query 'Listeners[0].ListenerArn')
where=$(address "$listener" "$port")
both() { echo "[{\"Type\":\"forward\",\"ForwardConfig\":{\"TargetGroups\":[{\"TargetGroupArn\":\"$blue\",\"Weight\":$1},{\"TargetGroupArn\":\"$green\",\"Weight\":$2}]}}]"; }
rule=$(aws elbv2 create-rule --listener-arn "$listener" --priority 10 --conditions Field=path-pattern,Values='/shop/*' --actions "$(both 90 10)" --query 'Rules[0].RuleArn')
weights() { aws elbv2 describe-rules --rule-arns "$rule" --query 'Rules[0].Actions[0].ForwardConfig.TargetGroups[].Weight' | tr '\t' ' '; }
equal "$(weights)" "90 10" "weights"
aws elbv2 modify-rule --rule-arn "$rule" --actions "$(both 0 100)" >/dev/null
equal "$(weights)" "0 100" "weights after the change"
equal "$(curl -sS -o /dev/null -w '%{http_code}' "http://$where/shop/a")" 503 "a group without targets"
equal "$(curl -sS -w ' %{http_code}' "http://$where/other")" "nothing 404" "the default action"
refused PriorityInUse "" aws elbv2 create-rule --listener-arn "$listener" --priority 10 --conditions Field=path-pattern,Values=/x --actions "Type=forward,TargetGroupArn=$blue"
refused ResourceInUse "" aws elbv2 delete-target-group --target-group-arn "$green"
equal "$(aws elbv2 describe-rules --listener-arn "$listener" --query 'Rules[].Priority')" "10	default" "rules in order"
