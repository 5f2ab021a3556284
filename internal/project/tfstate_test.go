package project_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-ecs/slipway/internal/project"
)

const terraform = `{"version": 4, "terraform_version": "1.9.0", "serial": 7,
 "outputs": {"image": {"value": "repo/app:7", "type": "string"}, "count": {"value": 3, "type": "number"}, "region": {"value": "eu-west-1"},
  "db": {"value": {"host": "db.local", "ports": [5432, 5433], "tls": true, "none": null}}},
 "resources": [
  {"mode": "managed", "type": "aws_iam_role", "name": "exec", "instances": [{"schema_version": 0, "attributes": {"arn": "arn:role/exec", "tags": {"a.b": "dotted"}}}]},
  {"mode": "managed", "type": "aws_subnet", "name": "a", "instances": [{"index_key": 0, "attributes": {"id": "subnet-0"}}, {"index_key": 1, "attributes": {"id": "subnet-1"}}]},
  {"mode": "data", "type": "aws_vpc", "name": "main", "instances": [{"attributes": {"id": "vpc-1", "cidr_block_associations": [{"cidr_block": "10.0.0.0/8"}]}}]},
  {"module": "module.net[\"eu\"].module.inner", "mode": "managed", "type": "aws_subnet", "name": "b", "instances": [{"index_key": "x]y", "attributes": {"id": "subnet-x"}}]}
 ]}`

func TestTerraformsStateIsAskedByAddress(t *testing.T) {
	t.Parallel()
	ask := func(address string) (string, error) {
		p, err := load(t, strings.Replace(good, "repo/app:1", "'${tfstate:"+address+"}'", 1), map[string]string{project.StateFile: terraform})
		if err != nil {
			return "", err
		}
		return p.Services[0].Images["app"], nil
	}
	for address, want := range map[string]string{
		"output.image": "repo/app:7", "output.count": "3", "output.db.host": "db.local", "output.db.ports[1]": "5433", "output.db.tls": "true",
		"aws_iam_role.exec.arn": "arn:role/exec", `aws_iam_role.exec.tags["a.b"]`: "dotted", "aws_subnet.a[1].id": "subnet-1",
		"data.aws_vpc.main.id": "vpc-1", "data.aws_vpc.main.cidr_block_associations[0].cidr_block": "10.0.0.0/8",
		`module.net["eu"].module.inner.aws_subnet.b["x]y"].id`: "subnet-x",
	} {
		if got, err := ask(address); err != nil || got != want {
			t.Errorf("%s is %q (%v), want %q", address, got, err, want)
		}
	}
	for address, says := range map[string][]string{
		"output.imgae":                {`no output "imgae"`, `did you mean "image"?`},
		"output.db":                   {"output.db is a map", "host, none, ports, tls"},
		"output.db.ports":             {"is a list of 2", "output.db.ports[0]"},
		"output.db.ports[2]":          {"output.db.ports is a list of 2", "[0] to [1]"},
		"output.db.none":              {"is null"},
		"output.db.host.name":         {"output.db.host is a single value", "${tfstate:output.db.host}"},
		"aws_iam_role.exce.arn":       {"no resource aws_iam_role.exce", `did you mean "aws_iam_role.exec"?`},
		"aws_iam_role.exec.arm":       {`aws_iam_role.exec has no "arm"`, `did you mean "arn"?`},
		"aws_iam_role.exec":           {"no attribute of a resource", "TYPE.NAME.ATTRIBUTE"},
		"aws_subnet.a.id":             {"no such instance of aws_subnet.a", "aws_subnet.a[0], aws_subnet.a[1]"},
		"aws_subnet.a[2].id":          {"no such instance", "aws_subnet.a[1]"},
		"aws_lb.main.arn":             {"no resource aws_lb.main", "terraform state list"},
		"aws_subnet.a[x].id":          {"is no address"},
		"aws_subnet..id":              {"is no address"},
		"image":                       {"is no address", "output.NAME"},
		"module.net.aws_subnet.b.id":  {"no resource module.net.aws_subnet.b"},
		"data.aws_iam_role.exec.arn":  {"no resource data.aws_iam_role.exec"},
		`aws_subnet.a["unclosed].id`:  {"is no address"},
		"output.db.ports[-1]":         {"list of 2"},
		`output.db.ports["first"].it`: {"list of 2"},
	} {
		_, err := ask(address)
		if err == nil {
			t.Errorf("%s is no error", address)
			continue
		}
		for _, say := range append(says, "slipway.yaml:6:12") {
			if !strings.Contains(err.Error(), say) {
				t.Errorf("%s: does not say %q:\n%v", address, say, err)
			}
		}
	}
}

func TestTheStateIsWhereTheFileSays(t *testing.T) {
	t.Parallel()
	use := strings.Replace(good, "repo/app:1", "${tfstate:output.image}", 1)
	for name, c := range map[string]struct {
		text   string
		others map[string]string
		says   string // "" is no error
	}{
		"by itself":         {use, map[string]string{"terraform.tfstate": terraform}, ""},
		"named":             {use + "tfstate: net.tfstate\n", map[string]string{"net.tfstate": terraform}, ""},
		"by a variable":     {use + "tfstate: ${NOWHERE:-net}.tfstate\n", map[string]string{"net.tfstate": terraform}, ""},
		"for the region":    {use + "aws: {region: \"${tfstate:output.region}\"}\n", map[string]string{"terraform.tfstate": terraform}, ""},
		"gone":              {use, nil, "tfstate: s3://BUCKET/KEY"},
		"no state":          {use, map[string]string{"terraform.tfstate": "{}"}, "is no Terraform state"},
		"no JSON":           {use, map[string]string{"terraform.tfstate": "hello"}, "is no Terraform state"},
		"of old":            {use, map[string]string{"terraform.tfstate": `{"version": 3}`}, "has version 3"},
		"by itself, in it":  {use + "tfstate: ${tfstate:output.image}\n", map[string]string{"terraform.tfstate": terraform}, "there is no Terraform state"},
		"far, for a region": {use + "tfstate: s3://b/k\naws: {region: \"${tfstate:output.image}\"}\n", nil, "cannot stand here"},
		"far, nobody there": {use + "tfstate: s3://b/k\n", nil, "cannot be asked for here"},
	} {
		_, err := load(t, c.text, c.others)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

func TestAStateThatIsFarIsAskedForOnceWithTheFilesAccount(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), project.File)
	text := strings.Replace(good, "repo/app:1", "${tfstate:output.image}", 1) + "    env: {app: {DB: \"${tfstate:output.db.host}\"}}\ntfstate: s3://b/k\naws: {region: eu-west-1}\nenvironments: {prod: {tfstate: s3://b/prod}}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for environment, url := range map[string]string{"": "s3://b/k", "prod": "s3://b/prod"} {
		asked := 0
		p, err := project.Load(t.Context(), path, project.Options{Environment: environment, Source: func(_ context.Context, where project.AWS, kind, arg string) (string, error) {
			asked++
			if where.Region != "eu-west-1" || kind != "tfstate" || arg != url {
				t.Errorf("asked %q %q with %+v", kind, arg, where)
			}
			return terraform, nil
		}})
		if err != nil || asked != 1 || p.Services[0].Images["app"] != "repo/app:7" || p.Services[0].Env["app"]["DB"] != "db.local" {
			t.Errorf("asked %d times: %+v, %v", asked, p, err)
		}
	}
}
