package dropin

import (
	"bytes"
	"context"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/slipway-ecs/slipway/internal/fail"
)

// call runs Main with words that come to no call of AWS.
func call(t *testing.T, env map[string]string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, talk bytes.Buffer
	code, err := Main(t.Context(), args, World{
		Stdout: &out, Stderr: &talk,
		Env: func(k string) (string, bool) { v, ok := env[k]; return v, ok },
		Connect: func(context.Context, Options) (ECS, error) {
			return nil, &exit{77} // got as far as calling AWS
		},
	})
	if err != nil {
		talk.WriteString(err.Error())
	}
	return out.String(), talk.String(), code
}

const calls = 77

func TestExitCodesAndMessagesComeInTheOriginalsOrder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args string // words
		code int
		says string // on stdout
	}{
		{"", 3, "##### ecs-deploy #####"},
		{"--help", 3, "##### ecs-deploy #####"},
		{"-h", 3, "##### ecs-deploy #####"},
		{"-c=main", 3, "##### ecs-deploy #####"},
		{"-c main -n web -i a:1 word", 3, "##### ecs-deploy #####"},
		{"--version", 0, "3.10.22\n"},
		{"-n web --version --nonsense", 0, "3.10.22\n"},
		{"-i a", 5, "One of SERVICE or TASK DEFINITION is required. You can pass the value using -n / --service-name for a service, or -d / --task-definition for a task\n"},
		{"-n false -i a", 5, "One of SERVICE or TASK DEFINITION is required"},
		{"-n web -d web -i a", 6, "Only one of SERVICE or TASK DEFINITION may be specified, but you supplied both\n"},
		{"-n web -i a", 7, "CLUSTER is required. You can pass the value using -c or --cluster\n"},
		{"-n web -c false -i a", 7, "CLUSTER is required"},
		{"-n web -c main", 8, "IMAGE is required. You can pass the value using -i or --image\n"},
		{"-n web -c main -i false", 8, "IMAGE is required"},
		{"-d web --max-definitions x", 8, "IMAGE is required"},
		{"-d web -i a --max-definitions x", 9, "MAX_DEFINITIONS must be numeric, or not defined.\n"},
		{"-d web -i a --max-definitions 1.5", 9, "MAX_DEFINITIONS must be numeric"},
		{"-d web -i a --max-definitions -3", calls, ""},
		{"-d web -i a --max-definitions x --launch-type FARGATE", 9, "MAX_DEFINITIONS must be numeric"},
		{"-d web -i a --launch-type FARGATE --network-configuration x", 10, "LAUNCH TYPE requires setting RUN TASK argument. You can set it using --run-task flag.\n"},
		{"-d web -i a --network-configuration x --wait-for-success", 11, "NETWORK CONFIGURATION requires setting RUN TASK argument. You can set it using --run-task flag.\n"},
		{"-d web -i a --wait-for-success --platform-version 1.4.0", 11, "WAIT FOR SUCCESS requires setting RUN TASK argument. You can set it using --run-task flag.\n"},
		{"-d web -i a --platform-version 1.4.0", 12, "PLATFORM VERSION requires setting RUN TASK argument. You can set it using --run-task flag.\n"},
		{"-d web -i $(id)", 13, "Unable to parse image name: $(id), check the format and try again\n"},
		{"-d web -i a", calls, ""},
		{"-c main -n web --force-new-deployment", calls, ""},
		{"-c main -n web --force-new-deployment -i $(id)", calls, ""},
		{"-n web --force-new-deployment", 7, "CLUSTER is required"},
		{"--aws-instance-profile -d web -i a", calls, "--aws-instance-profile is not yet in use\n"},
		{"-d web -i /x -i a", calls, ""},
		{"-c main -n web -i a -D two", 252, ""},
		{"-d web -i a --run-task --network-configuration awsvpcConfiguration={subnets", 252, ""},
	} {
		out, _, code := call(t, nil, strings.Fields(c.args)...)
		if code != c.code {
			t.Errorf("%s: exit code %d, want %d", c.args, code, c.code)
		}
		if whole := strings.HasSuffix(c.says, "\n") || c.says == ""; whole && out != c.says || !strings.HasPrefix(out, c.says) {
			t.Errorf("%s: said %q, want %q", c.args, out, c.says)
		}
	}
}

func TestAValueFlagWithoutAValueEndsWithOneAndNoCall(t *testing.T) {
	t.Parallel()
	for flag := range (&Options{}).values() {
		out, talk, code := call(t, nil, "-c", "main", "-n", "web", "-i", "a", flag)
		if code != 1 || out != "" || !strings.Contains(talk, flag) {
			t.Errorf("%s: exit code %d, said %q and %q", flag, code, out, talk)
		}
	}
}

func TestEveryFlagOfTheOriginalIsTakenInEachOfItsForms(t *testing.T) {
	t.Parallel()
	o, end := parse(strings.Fields("-k K -s S -r R -p P -a A -c C -n N -d D -i I -D 1 -m 2 -M 3 -t 4 -e E -to T"), nil, nil)
	if end != nil {
		t.Fatal(end)
	}
	long, end := parse(strings.Fields("--tag-only T --tag-env-var E --timeout 4 --max 3 --min 2 --desired-count 1 --image I --task-definition D "+
		"--service-name N --cluster C --aws-assume-role A --profile P --region R --aws-secret-key S --aws-access-key K"), nil, nil)
	if end != nil || !reflect.DeepEqual(o, long) {
		t.Errorf("short %+v\nlong %+v (%v)", o, long, end)
	}
	want := Options{AccessKey: "K", SecretKey: "S", Region: "R", Profile: "P", AssumeRole: "A", Cluster: "C", Service: "N", TaskDefinition: "D",
		Image: "I", DesiredCount: "1", Min: "2", Max: "3", Timeout: "4", TagVar: "E", TagOnly: "T", MaxDefinitions: "0"}
	if !reflect.DeepEqual(o, want) {
		t.Errorf("got %+v, want %+v", o, want)
	}
	o, end = parse(strings.Fields("--max-definitions 5 --task-definition-file F --enable-rollback --use-latest-task-def --force-new-deployment "+
		"--skip-deployments-check --run-task --wait-for-success --launch-type L --platform-version V --network-configuration W "+
		"--copy-task-definition-tags --verbose"), nil, nil)
	want = Options{Image: "false", Timeout: "90", MaxDefinitions: "5", File: "F", Rollback: true, UseLatest: true, Force: true, SkipDeploymentsCheck: true,
		RunTask: true, WaitForSuccess: true, LaunchType: "L", PlatformVersion: "V", Network: "W", CopyTags: true, Verbose: true}
	if end != nil || !reflect.DeepEqual(o, want) {
		t.Errorf("got %+v, want %+v (%v)", o, want, end)
	}
}

// TestTheActionsWordsAreTaken gives the words the original's GitHub Action passes: a flag and a
// value for each input, both empty where nothing is set.
func TestTheActionsWordsAreTaken(t *testing.T) {
	t.Parallel()
	words := []string{
		"", "", "", "", "", "", "", "", "--region", "eu-west-1", "--service-name", "web", "", "", "--cluster", "main", "--image", "repo/app:2",
		"", "", "", "", "--min", "100", "--max", "200", "", "", "--timeout", "90", "", "", "", "", "--enable-rollback", "", "", "",
	}
	o, end := parse(words, nil, nil)
	want := Options{Region: "eu-west-1", Service: "web", Cluster: "main", Image: "repo/app:2", Min: "100", Max: "200", Timeout: "90",
		MaxDefinitions: "0", Rollback: true}
	if end != nil || !reflect.DeepEqual(o, want) {
		t.Errorf("got %+v, want %+v (%v)", o, want, end)
	}
	var out bytes.Buffer
	if _, end := parse([]string{"--enable-rollback", "true"}, &out, &out); end == nil || end.code != 3 {
		t.Errorf("a value for a switch: %v, want the usage", end)
	}
}

func TestRegionProfileAndKeysComeFromTheEnvironmentWhereNoFlagGivesThem(t *testing.T) {
	t.Parallel()
	env := map[string]string{"AWS_DEFAULT_REGION": "a", "AWS_REGION": "b", "AWS_PROFILE": "", "AWS_SECRET_ACCESS_KEY": "s"}
	look := func(k string) (string, bool) { v, ok := env[k]; return v, ok }
	o := Options{AccessKey: "k"}
	o.fill(look)
	if o.Region != "a" || o.Profile != "" || o.AccessKey != "k" || o.SecretKey != "s" {
		t.Errorf("got %+v", o)
	}
	delete(env, "AWS_DEFAULT_REGION")
	env["AWS_PROFILE"] = "shop"
	o = Options{}
	o.fill(look)
	if o.Region != "b" || o.Profile != "shop" || o.SecretKey != "" {
		t.Errorf("got %+v", o)
	}
	o = Options{Region: "r", Profile: "p"}
	o.fill(look)
	if o.Region != "r" || o.Profile != "p" {
		t.Errorf("flags do not win: %+v", o)
	}
}

func TestATimeoutThatIsNoNumberIsOverAtOnce(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{"90": 90 * time.Second, "0": 0, "-5": 0, "abc": 0, "1.5": 0, "": 0, "9999999999": mostPatience,
		"99999999999999999999": mostPatience, "-99999999999999999999": 0} {
		if got := (Options{Timeout: text}).patience(); got != want {
			t.Errorf("-t %q: %s, want %s", text, got, want)
		}
	}
}

func TestEndsBeforeTheFirstCallHaveTheAWSProgramsCodes(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]int{
		"access.profile": ExitOther, "access.credentials": ExitNoAccess, "usage.region": ExitNoAccess, "access.role": ExitRefused,
	} {
		if got := codeOf(fail.New(code, "", "no")); got != want {
			t.Errorf("%s: exit code %d, want %d", code, got, want)
		}
	}
}
