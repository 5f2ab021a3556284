# What the CLI shows of refusals: code and message of each protocol.
. "$LIB/lib.sh"

refused ClusterNotFoundException "Cluster not found." aws ecs list-tasks --cluster nowhere
aws ecs create-cluster --cluster-name c >/dev/null
refused ServiceNotFoundException "Service not found." aws ecs update-service --cluster c --service none --desired-count 1
refused ClientException "Unable to describe task definition." aws ecs describe-task-definition --task-definition none
equal "$(aws ecs describe-services --cluster c --services none --query 'failures[0].reason')" MISSING "a service that is not there"
refused TargetGroupNotFound "" aws elbv2 describe-target-groups --names none
refused LoadBalancerNotFound "" aws elbv2 describe-load-balancers --names none
refused ResourceNotFound "" aws cloudwatch set-alarm-state --alarm-name none --state-value OK --state-reason test
refused NoSuchEntity "none" aws iam get-role --role-name none
refused InvalidSubnetID.NotFound "subnet-none" aws ec2 describe-subnets --subnet-ids subnet-none
refused RepositoryNotFoundException "none" aws ecr describe-repositories --repository-names none
refused ResourceNotFoundException "" aws logs get-log-events --log-group-name none --log-stream-name none
equal "$(aws sts get-caller-identity --query Account)" 123456789012 "account"
