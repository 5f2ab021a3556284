package shapes

import (
	"reflect"
	"sync"

	cloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	logs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs/document"
	ecs "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	iam "github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// unions holds the members of each union: reflection cannot list who implements an interface.
// Each member is a pointer to a struct with the one field Value.
var unions = sync.OnceValue(func() map[reflect.Type][]any {
	return map[reflect.Type][]any{
		reflect.TypeFor[ecs.DescribeGatewayConfiguration]():         {&ecs.DescribeGatewayConfigurationMemberHostSharedAlb{}},
		reflect.TypeFor[ecs.GatewayConfiguration]():                 {&ecs.GatewayConfigurationMemberHostSharedAlb{}},
		reflect.TypeFor[ecs.GatewayConnectionResources]():           {&ecs.GatewayConnectionResourcesMemberHostSharedAlb{}},
		reflect.TypeFor[ecs.GatewayElbAccessLogDestination]():       {&ecs.GatewayElbAccessLogDestinationMemberS3{}},
		reflect.TypeFor[ecs.GatewayInfrastructureResources]():       {&ecs.GatewayInfrastructureResourcesMemberHostSharedAlb{}},
		reflect.TypeFor[ecs.GatewayRouteResources]():                {&ecs.GatewayRouteResourcesMemberHostSharedAlb{}},
		reflect.TypeFor[ecs.ServiceConnectContainerConfiguration](): {&ecs.ServiceConnectContainerConfigurationMemberLogLevel{}},
		reflect.TypeFor[ecs.SharingStrategy]():                      {&ecs.SharingStrategyMemberNvidiaMps{}},
		reflect.TypeFor[ecs.UpdateGatewayConfiguration]():           {&ecs.UpdateGatewayConfigurationMemberHostSharedAlb{}},
		reflect.TypeFor[logs.IntegrationDetails]():                  {&logs.IntegrationDetailsMemberOpenSearchIntegrationDetails{}},
		reflect.TypeFor[logs.ResourceConfig]():                      {&logs.ResourceConfigMemberOpenSearchResourceConfig{}},
		reflect.TypeFor[cloudwatch.EvaluationCriteria]():            {&cloudwatch.EvaluationCriteriaMemberPromQLCriteria{}},
		reflect.TypeFor[cloudwatch.EvaluationWindow](): {
			&cloudwatch.EvaluationWindowMemberSlidingWindow{}, &cloudwatch.EvaluationWindowMemberWallClockWindow{},
		},
		reflect.TypeFor[iam.PolicyIdentifier](): {
			&iam.PolicyIdentifierMemberInlinePolicyIdentifier{}, &iam.PolicyIdentifierMemberPolicyArn{}, &iam.PolicyIdentifierMemberPolicyType{},
		},
	}
})

// Union gives the members of a union, as pointers to structs with the one field Value; nil where
// t is no union known here.
func Union(t reflect.Type) []reflect.Type {
	var members []reflect.Type
	for _, m := range unions()[t] {
		members = append(members, reflect.TypeOf(m))
	}
	return members
}

// Document gives the maker of a service's documents: free-form JSON, given as the plain Go values
// of it (nil, bool, int64, float64, string, []any, map[string]any). It is nil where t is none.
func Document(t reflect.Type) func(any) any {
	if t == reflect.TypeFor[document.Interface]() {
		return func(v any) any { return document.NewLazyDocument(v) }
	}
	return nil
}
