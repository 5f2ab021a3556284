"""STS, EC2, IAM, Logs and ECR, as the set-up of rolling and canary scripts calls them."""

from lib import *

equal(aws.sts.get_caller_identity()["Account"], "123456789012", "account")
role = aws.sts.assume_role(RoleArn="arn:aws:iam::123456789012:role/deploy", RoleSessionName="ci")
holds(":assumed-role/deploy/ci", role["AssumedRoleUser"]["Arn"], "assumed role")
assert role["Credentials"]["SessionToken"] and role["Credentials"]["Expiration"], role

# the network everybody has, and one of one's own
zones = aws.ec2.describe_availability_zones()["AvailabilityZones"]
equal([z["ZoneName"] for z in zones][:3], ["us-east-1a", "us-east-1b", "us-east-1c"], "zones")
vpc = next(v for v in aws.ec2.describe_vpcs()["Vpcs"] if v["IsDefault"])
nets = aws.ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc["VpcId"]]}])["Subnets"]
equal(len({n["AvailabilityZone"] for n in nets}), 3, "zones of the default subnets")
equal(len(aws.ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc["VpcId"]]}, {"Name": "group-name", "Values": ["default"]}])["SecurityGroups"]), 1, "default group")
own = aws.ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
subnets = [aws.ec2.create_subnet(VpcId=own, CidrBlock=f"10.7.{i}.0/24", AvailabilityZone=z["ZoneName"])["Subnet"]["SubnetId"] for i, z in enumerate(zones[:2])]
sg = aws.ec2.create_security_group(GroupName="web", Description="web", VpcId=own)["GroupId"]
aws.ec2.authorize_security_group_ingress(GroupId=sg, IpProtocol="tcp", FromPort=80, ToPort=80, CidrIp="0.0.0.0/0")
rules = aws.ec2.describe_security_groups(GroupIds=[sg])["SecurityGroups"][0]["IpPermissions"]
equal([(r["FromPort"], r["ToPort"], r["IpRanges"][0]["CidrIp"]) for r in rules], [(80, 80, "0.0.0.0/0")], "ingress")
lb = aws.elbv2.create_load_balancer(Name="own", Subnets=subnets, SecurityGroups=[sg])["LoadBalancers"][0]
equal((lb["VpcId"], lb["SecurityGroups"], lb["Type"], lb["Scheme"]), (own, [sg], "application", "internet-facing"), "a balancer in it")
refused("InvalidSubnetID.NotFound", "subnet-none", aws.ec2.describe_subnets, SubnetIds=["subnet-none"])

trust = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]}'
made = aws.iam.create_role(RoleName="exec", AssumeRolePolicyDocument=trust)["Role"]
equal(made["Arn"], "arn:aws:iam::123456789012:role/exec", "role")
aws.iam.attach_role_policy(RoleName="exec", PolicyArn="arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy")
equal(aws.iam.get_role(RoleName="exec")["Role"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["Service"], "ecs-tasks.amazonaws.com", "trust")
equal(len(aws.iam.list_attached_role_policies(RoleName="exec")["AttachedPolicies"]), 1, "policies")
refused("EntityAlreadyExists", "", aws.iam.create_role, RoleName="exec", AssumeRolePolicyDocument=trust)
refused("NoSuchEntity", "none", aws.iam.get_role, RoleName="none")

repo = aws.ecr.create_repository(repositoryName="shop/web")["repository"]
holds("/shop/web", repo["repositoryUri"], "repository")
token = aws.ecr.get_authorization_token()["authorizationData"][0]
assert token["authorizationToken"] and token["proxyEndpoint"] and token["expiresAt"], token
equal([r["repositoryName"] for r in aws.ecr.describe_repositories()["repositories"]], ["shop/web"], "repositories")
refused("RepositoryAlreadyExistsException", "", aws.ecr.create_repository, repositoryName="shop/web")
