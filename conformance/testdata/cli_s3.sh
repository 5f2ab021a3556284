# S3 with the AWS CLI: the commands of `aws s3`, links, and what `aws s3api` prints.
. "$LIB/lib.sh"

aws s3 mb s3://cli-bucket >/dev/null
aws s3 mb s3://cli-west --region eu-west-1 >/dev/null
equal "$(aws s3api get-bucket-location --bucket cli-west)" eu-west-1 "location"
refused NoSuchBucket "does not exist" aws s3api list-objects-v2 --bucket no-such-bucket-here

mkdir -p tree/sub
echo one >tree/one.txt
echo two >tree/sub/two.txt
head -c 20000000 /dev/zero | tr '\0' 'z' >tree/large.bin
aws s3 cp --recursive --quiet tree s3://cli-bucket/tree
holds "PRE sub/" "$(aws s3 ls s3://cli-bucket/tree/)" "ls"
equal "$(aws s3 ls --recursive s3://cli-bucket/ | wc -l | tr -d ' ')" 3 "objects"
aws s3 cp --quiet s3://cli-bucket/tree/large.bin back.bin
cmp tree/large.bin back.bin || fail "a large file came back otherwise"
equal "$(aws s3api head-object --bucket cli-bucket --key tree/large.bin --query ETag | tr -d '"' | sed 's/.*-//')" 3 "parts of a large file"
equal "$(aws s3 cp s3://cli-bucket/tree/one.txt -)" one "to stdout"
echo three | aws s3 cp - s3://cli-bucket/stdin.txt
equal "$(aws s3 cp s3://cli-bucket/stdin.txt -)" three "from stdin"
aws s3 cp --quiet s3://cli-bucket/tree/large.bin s3://cli-west/copy.bin --region eu-west-1
equal "$(aws s3api head-object --bucket cli-west --key copy.bin --query ContentLength)" 20000000 "a copy between buckets"
echo more >tree/more.txt
rm tree/one.txt
aws s3 sync --quiet --delete tree s3://cli-bucket/tree
equal "$(aws s3 ls --recursive s3://cli-bucket/tree/ | awk '{print $4}' | tr '\n' ' ')" "tree/large.bin tree/more.txt tree/sub/two.txt " "synced"
aws s3 mv --quiet s3://cli-bucket/stdin.txt s3://cli-bucket/moved.txt
refused 404 "Not Found" aws s3api head-object --bucket cli-bucket --key stdin.txt
url=$(aws s3 presign s3://cli-bucket/moved.txt --expires-in 60)
equal "$(python3 -c 'import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode().strip())' "$url")" three "a link"
equal "$(aws s3api put-object --bucket cli-bucket --key app.yaml --body tree/more.txt --query ETag)" "\"$(md5sum tree/more.txt | cut -d' ' -f1)\"" "ETag"
refused BucketNotEmpty "not empty" aws s3api delete-bucket --bucket cli-bucket
aws s3 rb --force s3://cli-bucket >/dev/null
aws s3 rb --force s3://cli-west --region eu-west-1 >/dev/null
equal "$(aws s3 ls)" "" "nothing left"
