package dropin

// usage is what no words, or an unknown one, are answered with.
const usage = `##### ecs-deploy #####
Deploy an image to Amazon Elastic Container Service, with the flags, output and exit codes of
silinternational/ecs-deploy. This one is part of slipway and needs neither aws nor jq.

One of the following is required:
    -n | --service-name          Service to deploy
    -d | --task-definition       Task definition to make a new revision of

Required unless noted:
    -k | --aws-access-key        AWS access key id (or AWS_ACCESS_KEY_ID, or any place the AWS SDKs look in)
    -s | --aws-secret-key        AWS secret access key (or AWS_SECRET_ACCESS_KEY)
    -r | --region                AWS region (or AWS_DEFAULT_REGION, or AWS_REGION)
    -p | --profile               Profile of the AWS config files (or AWS_PROFILE)
    -c | --cluster               ECS cluster; with a service it is required
    -i | --image                 Image to run; not needed with --force-new-deployment
                                 Format: [domain][:port][/repo][/][image][:tag] or [@sha256:digest]
                                 Examples: mariadb, mariadb:latest, silintl/mariadb,
                                           silintl/mariadb:latest, private.registry.com:8000/repo/image:tag
    --aws-instance-profile       Accepted, without effect

Optional:
    -a | --aws-assume-role       ARN of a role to assume for the run
    -D | --desired-count         How many tasks the service shall keep
    -m | --min                   minimumHealthyPercent of the service
    -M | --max                   maximumPercent of the service
    -t | --timeout               Seconds each phase of waiting may take; default 90
    -e | --tag-env-var           Name of an environment variable with the tag, for images without one
    -to | --tag-only             New tag for every image of the task definition; needs -i ignore
    --max-definitions            Keep this many active revisions, deregister older ones
    --task-definition-file       File, in the shape of describe-task-definition, to make the revision of
    --enable-rollback            Go back to the former revision if the new one does not run in time
    --use-latest-task-def        Start from the newest revision, not from the one in use
    --force-new-deployment       Only deploy again what is there
    --skip-deployments-check     Do not wait until old tasks are gone
    --run-task                   Run the new revision once (with -d)
    --wait-for-success           Wait until that task has stopped with exit code 0
    --launch-type                Launch type of that task
    --platform-version           Fargate platform version of that task
    --network-configuration      Network of that task, as awsvpcConfiguration={subnets=[..],securityGroups=[..]} or JSON
    --copy-task-definition-tags  Put the tags of the former revision on the new one
    --compat=strict              Deploy, with a warning, though no image matches or the tag variable is not set
    -v | --verbose               Tell each call to AWS on stderr
         --version               Version of the interface

Examples:
  A new image for a service:

    ecs-deploy -c production1 -n doorman-service -i docker.repo.com/doorman:latest

  A new revision of a task definition, nothing deployed:

    ecs-deploy -d open-door-task -i docker.repo.com/doorman:17

  Only another tag, on every container's image:

    ecs-deploy -c staging -n core-service -to 0.1.899 -i ignore

Exit codes: 0 done, 1 failed or out of time, 3 usage, 5-12 arguments that do not go together, 13 image
cannot be read, 14 no image of the definition matches, 252-255 as of the aws program.
`
