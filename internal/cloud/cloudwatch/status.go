package cloudwatch

import "github.com/slipway-ecs/slipway/internal/store"

// AlarmStatus is an alarm as `slipway local status` draws it.
type AlarmStatus struct{ ARN, Name, State, Reason string }

// Status gives all alarms of all accounts, by ARN.
func (s *Service) Status(tx *store.Tx) (all []AlarmStatus) {
	for a := range s.alarms.All(tx) {
		all = append(all, AlarmStatus{a.ARN, a.Name, string(a.State), a.Reason})
	}
	return all
}
