# A composite alarm by the AWS CLI: made, moved by its child, told of, and deleted in order.
. "$LIB/lib.sh"

aws cloudwatch put-metric-alarm --alarm-name child --namespace Shop --metric-name Errors --statistic Sum --period 60 --evaluation-periods 1 \
	--threshold 5 --comparison-operator GreaterThanThreshold --treat-missing-data ignore
aws cloudwatch put-composite-alarm --alarm-name parent --alarm-rule 'ALARM("child") OR FALSE' --alarm-description 'any of them'
state() { aws cloudwatch describe-alarms --alarm-names parent --alarm-types CompositeAlarm --query 'CompositeAlarms[0].StateValue'; }
until_is OK state
aws cloudwatch set-alarm-state --alarm-name child --state-value ALARM --state-reason test
equal "$(state)" ALARM "state after its child's change"
equal "$(aws cloudwatch describe-alarms --parents-of-alarm-name child --alarm-types CompositeAlarm --query 'CompositeAlarms[].AlarmName')" parent "parents"
equal "$(aws cloudwatch describe-alarms --children-of-alarm-name parent --alarm-types MetricAlarm --query 'MetricAlarms[].AlarmName')" child "children"
equal "$(aws cloudwatch describe-alarm-history --alarm-name parent --alarm-types CompositeAlarm --history-item-type StateUpdate --query 'AlarmHistoryItems[0].[AlarmType,HistorySummary]')" \
	"CompositeAlarm	Alarm updated from OK to ALARM" "history"
refused ValidationError "child" aws cloudwatch delete-alarms --alarm-names child
aws cloudwatch delete-alarms --alarm-names parent
aws cloudwatch delete-alarms --alarm-names child
equal "$(aws cloudwatch describe-alarms --alarm-types CompositeAlarm MetricAlarm --query 'length([MetricAlarms,CompositeAlarms][])')" 0 "alarms left"
now=$(date -u +%s)
aws cloudwatch put-metric-data --namespace Shop --metric-data MetricName=Errors,Value=3 MetricName=Requests,Value=12 # at one time, so in one period
queries='[{"Id":"e","ReturnData":false,"MetricStat":{"Stat":"Sum","Period":86400,"Metric":{"Namespace":"Shop","MetricName":"Errors"}}},
 {"Id":"r","ReturnData":false,"MetricStat":{"Stat":"Sum","Period":86400,"Metric":{"Namespace":"Shop","MetricName":"Requests"}}},{"Id":"rate","Expression":"100*e/r"}]'
equal "$(aws cloudwatch get-metric-data --start-time $((now - 172800)) --end-time $((now + 172800)) --metric-data-queries "$queries" --query 'MetricDataResults[].[Id,sum(Values)]')" "rate	25.0" "the rate"
