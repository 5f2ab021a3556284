# Lambda with the AWS CLI: a function from a zip file, invoked, updated, published, behind an alias, and refused.
. "$LIB/lib.sh"

zip() { python3 -c 'import sys, zipfile; zipfile.ZipFile(sys.argv[1], "w").writestr("app.py", sys.argv[2])' "$1" "$2"; }
zip one.zip 'def handler(event, context): return {"said": event["say"], "version": context.function_version}'
zip two.zip 'def handler(event, context): raise ValueError("not " + event["say"])'
for word in well so still; do echo "{\"say\": \"$word\"}" >$word.json; done
role=arn:aws:iam::123456789012:role/f

equal "$(aws lambda create-function --function-name hello --runtime python3.12 --role $role --handler app.handler --zip-file fileb://one.zip \
	--timeout 30 --query '[FunctionName,Runtime,Version,Handler,Timeout]' | tr '\t' ' ')" 'hello python3.12 $LATEST app.handler 30' "what is made"
refused ResourceConflictException "already exist" aws lambda create-function --function-name hello --runtime python3.12 --role $role --handler app.handler --zip-file fileb://one.zip
equal "$(aws lambda invoke --function-name hello --payload fileb://well.json out.json --query '[StatusCode,FunctionError,ExecutedVersion]' | tr '\t' ' ')" \
	'200 None $LATEST' "an invocation"
equal "$(cat out.json)" '{"said": "well", "version": "$LATEST"}' "what the function gives"
equal "$(aws lambda publish-version --function-name hello --query Version)" 1 "the first version"
holds ":function:hello:live" "$(aws lambda create-alias --function-name hello --name live --function-version 1 --query AliasArn)" "an alias"
equal "$(aws lambda update-function-code --function-name hello --zip-file fileb://two.zip --query LastUpdateStatus | grep -cE 'Successful|InProgress')" 1 "an update"
equal "$(aws lambda invoke --function-name hello --payload fileb://so.json out.json --log-type Tail --query FunctionError)" Unhandled "a function that raises"
holds '"errorMessage": "not so", "errorType": "ValueError"' "$(cat out.json)" "what it raised"
aws lambda invoke --function-name hello:live --payload fileb://still.json out.json >/dev/null
equal "$(cat out.json)" '{"said": "still", "version": "1"}' "what the alias gives"
aws lambda delete-function --function-name hello >/dev/null
refused ResourceNotFoundException "Function not found" aws lambda get-function --function-name hello
