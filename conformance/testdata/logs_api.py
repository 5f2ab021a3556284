"""CloudWatch Logs by hand: groups, streams, events in order, filters, refusals."""

from lib import *

logs = aws.logs
logs.create_log_group(logGroupName="/app", tags={"team": "shop"})
logs.create_log_stream(logGroupName="/app", logStreamName="one")
now = int(time.time() * 1000)
logs.put_log_events(logGroupName="/app", logStreamName="one", logEvents=[{"timestamp": now - 2000 + i, "message": f"line {i} {'ERROR' if i % 2 else 'fine'}"} for i in range(4)])
events = until("the events are there", lambda: (e := logs.get_log_events(logGroupName="/app", logStreamName="one", startFromHead=True))["events"] and e)
equal([e["message"] for e in events["events"]], ["line 0 fine", "line 1 ERROR", "line 2 fine", "line 3 ERROR"], "events in order")
equal([e["timestamp"] for e in events["events"]], [now - 2000 + i for i in range(4)], "timestamps")
again = logs.get_log_events(logGroupName="/app", logStreamName="one", nextToken=events["nextForwardToken"])
equal((again["events"], again["nextForwardToken"]), ([], events["nextForwardToken"]), "the end: no events, the same token")
equal([e["message"] for e in logs.filter_log_events(logGroupName="/app", filterPattern="ERROR")["events"]], ["line 1 ERROR", "line 3 ERROR"], "filtered")
equal([s["logStreamName"] for s in logs.describe_log_streams(logGroupName="/app")["logStreams"]], ["one"], "streams")
equal([g["logGroupName"] for g in logs.describe_log_groups(logGroupNamePrefix="/a")["logGroups"]], ["/app"], "groups")
logs.put_retention_policy(logGroupName="/app", retentionInDays=7)
equal(logs.describe_log_groups()["logGroups"][0]["retentionInDays"], 7, "retention")
refused("ResourceAlreadyExistsException", "", logs.create_log_group, logGroupName="/app")
refused("ResourceNotFoundException", "", logs.get_log_events, logGroupName="/none", logStreamName="x")
logs.delete_log_group(logGroupName="/app")
equal(logs.describe_log_groups()["logGroups"], [], "groups left")
