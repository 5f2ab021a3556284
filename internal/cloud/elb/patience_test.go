package elb

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/slipway-ecs/slipway/internal/store"
)

func TestAnOperationWaitsForTheDataPlaneWithinItsPatience(t *testing.T) {
	t.Parallel()
	live(t, Options{Patience: time.Second}, func(r room) {
		took := func(f func()) time.Duration { start := time.Now(); f(); return time.Since(start) }
		var b, g, l string
		if d := took(func() { b, g = r.balancer("web"), r.group("blue") }); d != 0 {
			t.Errorf("without a listener there is nobody to wait for: took %v", d)
		}
		if d := took(func() { l = r.listener(b, 80, to(g)) }); d != time.Second {
			t.Errorf("with nobody who serves: took %v, want all patience", d)
		}
		r.ack()
		go func() { // ends with its acknowledgement
			time.Sleep(100 * time.Millisecond)
			var v uint64
			r.view(func(tx *store.Tx) { v = r.Version(tx) })
			r.update(func(tx *store.Tx) { r.Acked(tx, v) })
		}()
		if d := took(func() {
			must(r, r.ModifyListener, &elbv2.ModifyListenerInput{ListenerArn: &l, DefaultActions: []types.Action{says("200")}})
		}); d != 100*time.Millisecond {
			t.Errorf("with an acknowledgement after 100 ms: took %v", d)
		}
		if d := took(func() {
			must(r, r.AddTags, &elbv2.AddTagsInput{ResourceArns: []string{l}, Tags: []types.Tag{{Key: aws.String("a")}}})
			must(r, r.ModifyListener, &elbv2.ModifyListenerInput{ListenerArn: &l, Port: aws.Int32(80)})
		}); d != 0 {
			t.Errorf("where the table says nothing new: took %v", d)
		}
		synctest.Wait()
	})
}
