package cloudwatch

import "github.com/slipway-ecs/slipway/internal/store"

// StoreRule gives a composite alarm a rule that PutCompositeAlarm has not seen, as an earlier version may have left it.
func (s *Service) StoreRule(tx *store.Tx, arn, rule string) {
	a, _ := s.alarms.Get(tx, arn)
	a.Composite.Rule = rule
	s.alarms.Put(tx, a)
}
