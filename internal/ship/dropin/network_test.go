package dropin

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

func TestNetworkConfigurationIsReadInEachFormAndNothingIsEvaluated(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "net.json")
	if err := os.WriteFile(file, []byte(`{"awsvpcConfiguration":{"subnets":["s-1","s-2"],"securityGroups":["sg-1"],"assignPublicIp":"ENABLED"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, in := range []string{
		`awsvpcConfiguration={subnets=[s-1,s-2],securityGroups=[sg-1],assignPublicIp=ENABLED}`,
		`awsvpcConfiguration={subnets=["s-1",'s-2'], securityGroups=[sg-1], assignPublicIp="ENABLED"}`,
		`awsvpcConfiguration={assignPublicIp=ENABLED,subnets=[ s-1 , s-2 ],securityGroups=[ sg-1 ]}`,
		` {"awsvpcConfiguration": {"subnets": ["s-1", "s-2"], "securityGroups": ["sg-1"], "assignPublicIp": "ENABLED"}}`,
		"file://" + file,
	} {
		got, err := readNetwork(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		c := got.AwsvpcConfiguration
		if strings.Join(c.Subnets, " ") != "s-1 s-2" || strings.Join(c.SecurityGroups, " ") != "sg-1" || c.AssignPublicIp != types.AssignPublicIpEnabled {
			t.Errorf("%s: %+v", in, c)
		}
	}
	got, err := readNetwork(`awsvpcConfiguration={subnets=[$(id)]}`)
	if err != nil || got.AwsvpcConfiguration.Subnets[0] != "$(id)" {
		t.Errorf("a command in it: %v, %v", got, err)
	}
	for _, in := range []string{"x", "awsvpcConfiguration={subnets=[a}", "awsvpcConfiguration={subnets=[a]", "awsvpcConfiguration={subnets=[a]} x",
		"awsvpcConfiguration={nets=[a]}", "{", "{}", "subnets=[a]", `awsvpcConfiguration={subnets=["a]}`, "file:///nowhere", "awsvpcConfiguration={subnets=a}"} {
		if got, err := readNetwork(in); err == nil {
			t.Errorf("%s is taken: %+v", in, got)
		}
	}
	if got, err := readNetwork(""); got != nil || err != nil {
		t.Errorf("nothing gives %v, %v", got, err)
	}
}
