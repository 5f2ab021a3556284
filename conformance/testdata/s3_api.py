"""S3 with boto3: buckets, objects, versions, conditions, ranges, multipart, links, errors."""

import hashlib
import io
import urllib.error
import urllib.request

from lib import *

s3 = aws.s3
B = "conf-bucket"

# --- buckets
equal(s3.list_buckets()["Buckets"], [], "no buckets at first")
refused("NoSuchBucket", "does not exist", s3.list_objects_v2, Bucket=B)
equal(s3.create_bucket(Bucket=B)["Location"], "/" + B, "location")
s3.create_bucket(Bucket=B)  # again, in us-east-1: no error
west = client("s3", "eu-west-1")
refused("IllegalLocationConstraintException", "unspecified", west.create_bucket, Bucket="west-bucket")
west.create_bucket(Bucket="west-bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
refused("BucketAlreadyOwnedByYou", "you already own it", west.create_bucket, Bucket="west-bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
refused("BucketAlreadyExists", "not available", client("s3", key="210987654321").create_bucket, Bucket=B)
refused("AccessDenied", "", client("s3", key="210987654321").list_objects_v2, Bucket=B)
refused("InvalidBucketName", "not valid", s3.create_bucket, Bucket="bad..name")
equal(s3.get_bucket_location(Bucket=B)["LocationConstraint"], None, "us-east-1 has no constraint")
equal(west.get_bucket_location(Bucket="west-bucket")["LocationConstraint"], "eu-west-1", "constraint")
equal(s3.head_bucket(Bucket="west-bucket")["BucketRegion"], "eu-west-1", "region of a bucket")
refused("404", "Not Found", s3.head_bucket, Bucket="none-such-bucket")
equal([b["Name"] for b in s3.list_buckets()["Buckets"]], [B, "west-bucket"], "buckets")
west.delete_bucket(Bucket="west-bucket")

# --- objects
put = s3.put_object(Bucket=B, Key="a/hello.txt", Body=b"hello world", ContentType="text/plain", Metadata={"Team": "shop"}, CacheControl="no-cache", Tagging="x=1&y=2")
equal(put["ETag"], '"' + hashlib.md5(b"hello world").hexdigest() + '"', "ETag")
equal(put["ChecksumCRC32"], "DUoRhQ==", "the checksum boto3 sent")
got = s3.get_object(Bucket=B, Key="a/hello.txt")
equal((got["Body"].read(), got["ContentType"], got["Metadata"], got["CacheControl"], got["TagCount"], got["ContentLength"]), (b"hello world", "text/plain", {"team": "shop"}, "no-cache", 2, 11), "what comes back")
equal(got["ServerSideEncryption"], "AES256", "encryption")
head = s3.head_object(Bucket=B, Key="a/hello.txt", ChecksumMode="ENABLED")
equal((head["ChecksumCRC32"], head["ChecksumType"]), ("DUoRhQ==", "FULL_OBJECT"), "checksum of head")
part = s3.get_object(Bucket=B, Key="a/hello.txt", Range="bytes=6-")
equal((part["Body"].read(), part["ContentRange"], part["ResponseMetadata"]["HTTPStatusCode"]), (b"world", "bytes 6-10/11", 206), "range")
equal(s3.get_object(Bucket=B, Key="a/hello.txt", Range="bytes=-3")["Body"].read(), b"rld", "the last bytes")
refused("InvalidRange", "not satisfiable", s3.get_object, Bucket=B, Key="a/hello.txt", Range="bytes=11-")
refused("304", "Not Modified", s3.get_object, Bucket=B, Key="a/hello.txt", IfNoneMatch=put["ETag"])
refused("PreconditionFailed", "pre-conditions", s3.get_object, Bucket=B, Key="a/hello.txt", IfMatch='"other"')
refused("304", "", s3.head_object, Bucket=B, Key="a/hello.txt", IfModifiedSince=head["LastModified"])
e = refused("NoSuchKey", "The specified key does not exist.", s3.get_object, Bucket=B, Key="none")
equal(e["Error"]["Key"], "none", "the key in the error")
refused("404", "", s3.head_object, Bucket=B, Key="none")
refused("PreconditionFailed", "", s3.put_object, Bucket=B, Key="a/hello.txt", Body=b"x", IfNoneMatch="*")
refused("BadDigest", "did not match", s3.put_object, Bucket=B, Key="bad", Body=b"x", ContentMD5="XrY7u+Ae7tCTyyK7j1rNww==")
refused("BadDigest", "CRC32 you specified", s3.put_object, Bucket=B, Key="bad", Body=b"x", ChecksumCRC32="AAAAAA==")
equal(s3.put_object(Bucket=B, Key="sum", Body=b"hello world", ChecksumAlgorithm="SHA256")["ChecksumSHA256"], "uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=", "SHA-256")

# --- keys that need care, and streams
for key in ("sp ace", "plus+and&amp;<x>", "ünïcode/Ж", "a//b", "per%cent", "q?mark#hash", "~tilde'quote(paren)*"):
    s3.put_object(Bucket=B, Key="odd/" + key, Body=key.encode())
    equal(s3.get_object(Bucket=B, Key="odd/" + key)["Body"].read(), key.encode(), key)
listed = [o["Key"] for o in s3.list_objects_v2(Bucket=B, Prefix="odd/")["Contents"]]
equal(listed, sorted(listed, key=lambda k: k.encode()), "in the order of their bytes")
holds("odd/plus+and&amp;<x>", listed, "listed as they are")
s3.upload_fileobj(io.BytesIO(b"s" * 100000), B, "stream")
equal(s3.head_object(Bucket=B, Key="stream")["ContentLength"], 100000, "streamed")

# --- listing
for i in range(5):
    s3.put_object(Bucket=B, Key=f"list/{i}/x", Body=b"")
    s3.put_object(Bucket=B, Key=f"list/{i}", Body=b"")
page = s3.list_objects_v2(Bucket=B, Prefix="list/", Delimiter="/", MaxKeys=3)
equal((page["KeyCount"], page["IsTruncated"], [o["Key"] for o in page["Contents"]], [p["Prefix"] for p in page["CommonPrefixes"]]), (3, True, ["list/0", "list/1"], ["list/0/"]), "first page")
every = list(s3.get_paginator("list_objects_v2").paginate(Bucket=B, Prefix="list/", Delimiter="/", PaginationConfig={"PageSize": 3}))
equal([o["Key"] for p in every for o in p.get("Contents", [])], [f"list/{i}" for i in range(5)], "all keys")
equal([c["Prefix"] for p in every for c in p.get("CommonPrefixes", [])], [f"list/{i}/" for i in range(5)], "all prefixes, each once")
old = list(s3.get_paginator("list_objects").paginate(Bucket=B, Prefix="list/", Delimiter="/", PaginationConfig={"PageSize": 2}))
equal([c["Prefix"] for p in old for c in p.get("CommonPrefixes", [])], [f"list/{i}/" for i in range(5)], "version 1: all prefixes, each once")
equal([o["Key"] for o in s3.list_objects_v2(Bucket=B, StartAfter="list/3/x")["Contents"]][:1], ["list/4"], "start after")
refused("InvalidArgument", "continuation token", s3.list_objects_v2, Bucket=B, ContinuationToken="bogus")

# --- copies
s3.copy_object(Bucket=B, Key="copy ü", CopySource={"Bucket": B, "Key": "a/hello.txt"})
got = s3.get_object(Bucket=B, Key="copy ü")
equal((got["Body"].read(), got["Metadata"], got["ETag"], got["TagCount"]), (b"hello world", {"team": "shop"}, put["ETag"], 2), "a copy")
s3.copy_object(Bucket=B, Key="copy ü", CopySource={"Bucket": B, "Key": "copy ü"}, MetadataDirective="REPLACE", Metadata={"n": "1"})
equal(s3.head_object(Bucket=B, Key="copy ü")["Metadata"], {"n": "1"}, "replaced metadata")
refused("InvalidRequest", "to itself", s3.copy_object, Bucket=B, Key="copy ü", CopySource={"Bucket": B, "Key": "copy ü"})
refused("NoSuchKey", "", s3.copy_object, Bucket=B, Key="c", CopySource={"Bucket": B, "Key": "none"})

# --- multipart
M = 5 << 20
up = s3.create_multipart_upload(Bucket=B, Key="big", ContentType="application/x-big")["UploadId"]
one = s3.upload_part(Bucket=B, Key="big", UploadId=up, PartNumber=1, Body=b"1" * M)
two = s3.upload_part(Bucket=B, Key="big", UploadId=up, PartNumber=2, Body=b"2" * 10)
equal([u["UploadId"] for u in s3.list_multipart_uploads(Bucket=B)["Uploads"]], [up], "uploads")
equal([(p["PartNumber"], p["Size"], p["ETag"]) for p in s3.list_parts(Bucket=B, Key="big", UploadId=up)["Parts"]], [(1, M, one["ETag"]), (2, 10, two["ETag"])], "parts")
listing = [{"PartNumber": 1, "ETag": one["ETag"]}, {"PartNumber": 2, "ETag": two["ETag"]}]
refused("InvalidPartOrder", "ascending", s3.complete_multipart_upload, Bucket=B, Key="big", UploadId=up, MultipartUpload={"Parts": listing[::-1]})
refused("InvalidPart", "could not be found", s3.complete_multipart_upload, Bucket=B, Key="big", UploadId=up, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": '"0"'}]})
refused("NoSuchKey", "", s3.get_object, Bucket=B, Key="big")
done = s3.complete_multipart_upload(Bucket=B, Key="big", UploadId=up, MultipartUpload={"Parts": listing})
want = hashlib.md5(hashlib.md5(b"1" * M).digest() + hashlib.md5(b"2" * 10).digest()).hexdigest()
equal(done["ETag"], f'"{want}-2"', "ETag of a multipart upload")
got = s3.get_object(Bucket=B, Key="big")
equal((hashlib.md5(got["Body"].read()).hexdigest(), got["ContentType"]), (hashlib.md5(b"1" * M + b"2" * 10).hexdigest(), "application/x-big"), "its body")
equal(s3.get_object(Bucket=B, Key="big", Range=f"bytes={M - 1}-{M}")["Body"].read(), b"12", "a range over two parts")
part = s3.head_object(Bucket=B, Key="big", PartNumber=2)
equal((part["ContentLength"], part["PartsCount"]), (10, 2), "a part's head")
refused("NoSuchUpload", "", s3.upload_part, Bucket=B, Key="big", UploadId=up, PartNumber=3, Body=b"")
up = s3.create_multipart_upload(Bucket=B, Key="small")["UploadId"]
tags = [s3.upload_part(Bucket=B, Key="small", UploadId=up, PartNumber=n, Body=b"x")["ETag"] for n in (1, 2)]
refused("EntityTooSmall", "smaller than the minimum", s3.complete_multipart_upload, Bucket=B, Key="small", UploadId=up, MultipartUpload={"Parts": [{"PartNumber": n + 1, "ETag": t} for n, t in enumerate(tags)]})
copied = s3.upload_part_copy(Bucket=B, Key="small", UploadId=up, PartNumber=1, CopySource={"Bucket": B, "Key": "big"}, CopySourceRange="bytes=0-9")
equal(copied["CopyPartResult"]["ETag"], '"' + hashlib.md5(b"1" * 10).hexdigest() + '"', "a copied part")
s3.abort_multipart_upload(Bucket=B, Key="small", UploadId=up)
refused("NoSuchUpload", "", s3.list_parts, Bucket=B, Key="small", UploadId=up)
from boto3.s3.transfer import TransferConfig

s3.upload_fileobj(io.BytesIO(b"t" * (2 * M + 7)), B, "transfer", Config=TransferConfig(multipart_threshold=M, multipart_chunksize=M))
equal(s3.head_object(Bucket=B, Key="transfer")["ETag"][-3:], '-3"', "parts of a transfer")
back = io.BytesIO()
s3.download_fileobj(B, "transfer", back, Config=TransferConfig(multipart_threshold=M, multipart_chunksize=M))
equal(back.getvalue(), b"t" * (2 * M + 7), "transferred there and back")

# --- versions
equal("Status" in s3.get_bucket_versioning(Bucket=B), False, "never versioned")
V = "conf-versions"
s3.create_bucket(Bucket=V)
s3.put_object(Bucket=V, Key="k", Body=b"0")
s3.put_bucket_versioning(Bucket=V, VersioningConfiguration={"Status": "Enabled"})
equal(s3.get_bucket_versioning(Bucket=V)["Status"], "Enabled", "versioning")
ids = [s3.put_object(Bucket=V, Key="k", Body=str(n).encode())["VersionId"] for n in (1, 2)]
equal(s3.get_object(Bucket=V, Key="k")["VersionId"], ids[1], "the latest")
equal(s3.get_object(Bucket=V, Key="k", VersionId=ids[0])["Body"].read(), b"1", "by version")
equal(s3.get_object(Bucket=V, Key="k", VersionId="null")["Body"].read(), b"0", "from before versioning")
gone = s3.delete_object(Bucket=V, Key="k")
equal(gone["DeleteMarker"], True, "a delete makes a marker")
refused("NoSuchKey", "", s3.get_object, Bucket=V, Key="k")
refused("MethodNotAllowed", "", s3.get_object, Bucket=V, Key="k", VersionId=gone["VersionId"])
refused("NoSuchVersion", "", s3.get_object, Bucket=V, Key="k", VersionId="x" * 32)
found = s3.list_object_versions(Bucket=V)
equal([(v["VersionId"], v["IsLatest"]) for v in found["Versions"]], [(ids[1], False), (ids[0], False), ("null", False)], "versions")
equal([(m["VersionId"], m["IsLatest"]) for m in found["DeleteMarkers"]], [(gone["VersionId"], True)], "markers")
pages = s3.get_paginator("list_object_versions").paginate(Bucket=V, PaginationConfig={"PageSize": 1})
equal([x["VersionId"] for p in pages for x in p.get("Versions", []) + p.get("DeleteMarkers", [])], [gone["VersionId"], ids[1], ids[0], "null"], "in pages")
equal(s3.delete_object(Bucket=V, Key="k", VersionId=gone["VersionId"])["DeleteMarker"], True, "the marker goes")
equal(s3.get_object(Bucket=V, Key="k")["Body"].read(), b"2", "and the object is back")
s3.put_bucket_versioning(Bucket=V, VersioningConfiguration={"Status": "Suspended"})
equal(s3.put_object(Bucket=V, Key="k", Body=b"3")["VersionId"], "null", "suspended")
equal(len(s3.list_object_versions(Bucket=V)["Versions"]), 3, "the null version was replaced")
refused("BucketNotEmpty", "not empty", s3.delete_bucket, Bucket=V)
everything = [{"Key": v["Key"], "VersionId": v["VersionId"]} for v in s3.list_object_versions(Bucket=V)["Versions"]]
equal(len(s3.delete_objects(Bucket=V, Delete={"Objects": everything})["Deleted"]), 3, "deleted at once")
s3.delete_bucket(Bucket=V)

# --- records
refused("NoSuchTagSet", "The TagSet does not exist", s3.get_bucket_tagging, Bucket=B)
s3.put_bucket_tagging(Bucket=B, Tagging={"TagSet": [{"Key": "team", "Value": "shop"}]})
equal(s3.get_bucket_tagging(Bucket=B)["TagSet"], [{"Key": "team", "Value": "shop"}], "tags")
refused("NoSuchBucketPolicy", "The bucket policy does not exist", s3.get_bucket_policy, Bucket=B)
policy = '{"Version":"2012-10-17","Statement":[]}'
s3.put_bucket_policy(Bucket=B, Policy=policy)
equal(s3.get_bucket_policy(Bucket=B)["Policy"], policy, "policy")
refused("MalformedPolicy", "", s3.put_bucket_policy, Bucket=B, Policy="no")
s3.delete_bucket_policy(Bucket=B)
equal(s3.get_public_access_block(Bucket=B)["PublicAccessBlockConfiguration"]["BlockPublicAcls"], True, "blocked from the first")
s3.put_public_access_block(Bucket=B, PublicAccessBlockConfiguration={"BlockPublicAcls": False})
equal(s3.get_public_access_block(Bucket=B)["PublicAccessBlockConfiguration"]["BlockPublicAcls"], False, "no longer blocked")
s3.delete_public_access_block(Bucket=B)
refused("NoSuchPublicAccessBlockConfiguration", "", s3.get_public_access_block, Bucket=B)
equal(s3.get_bucket_encryption(Bucket=B)["ServerSideEncryptionConfiguration"]["Rules"][0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"], "AES256", "encryption")
equal(s3.get_bucket_acl(Bucket=B)["Grants"][0]["Permission"], "FULL_CONTROL", "access list")
refused("AccessControlListNotSupported", "does not allow ACLs", s3.put_object, Bucket=B, Key="acl", Body=b"", ACL="public-read")
refused("NoSuchLifecycleConfiguration", "", s3.get_bucket_lifecycle_configuration, Bucket=B)
refused("NoSuchCORSConfiguration", "", s3.get_bucket_cors, Bucket=B)
equal(s3.get_object_tagging(Bucket=B, Key="a/hello.txt")["TagSet"], [{"Key": "x", "Value": "1"}, {"Key": "y", "Value": "2"}], "an object's tags")
s3.delete_object_tagging(Bucket=B, Key="a/hello.txt")
equal(s3.get_object_tagging(Bucket=B, Key="a/hello.txt")["TagSet"], [], "no tags")
equal(s3.get_object_attributes(Bucket=B, Key="sum", ObjectAttributes=["ETag", "ObjectSize", "Checksum"])["ObjectSize"], 11, "attributes")

# --- links, of both kinds of signature
for version in ("s3", "s3v4"):
    linked = boto3.client("s3", endpoint_url=ENDPOINT, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test", config=botocore.config.Config(signature_version=version))
    url = linked.generate_presigned_url("get_object", Params={"Bucket": B, "Key": "a/hello.txt"}, ExpiresIn=60)
    equal(urllib.request.urlopen(url).read(), b"hello world", f"a link signed by {version}")
    url = linked.generate_presigned_url("put_object", Params={"Bucket": B, "Key": "linked"}, ExpiresIn=60)
    urllib.request.urlopen(urllib.request.Request(url, data=version.encode(), method="PUT", headers={"Content-Type": ""})).read()
    equal(s3.get_object(Bucket=B, Key="linked")["Body"].read(), version.encode(), "put by a link")
    url = linked.generate_presigned_url("put_object", Params={"Bucket": B, "Key": "typed", "ContentType": "text/css"}, ExpiresIn=60)
    urllib.request.urlopen(urllib.request.Request(url, data=b"p{}", method="PUT", headers={"Content-Type": "text/css"})).read()
    equal(s3.head_object(Bucket=B, Key="typed")["ContentType"], "text/css", "put by a link with a type")
    url = linked.generate_presigned_url("get_object", Params={"Bucket": B, "Key": "a/hello.txt"}, ExpiresIn=1)

    def over():
        try:
            urllib.request.urlopen(url).read()
        except urllib.error.HTTPError as e:
            return e.code == 403 and b"Request has expired" in e.read()

    until("the link has expired", over)

# --- the bucket in the host name
host, port = ENDPOINT.removeprefix("http://").split(":")
for name in (f"{B}.s3.localhost", f"{B}.localhost", f"{B}.s3.us-east-1.localhost"):
    status, headers, body = get(f"{host}:{port}", "/a/hello.txt", {"Host": f"{name}:{port}"})
    equal((status, body), (200, "hello world"), name)

for o in s3.list_objects_v2(Bucket=B)["Contents"]:
    s3.delete_object(Bucket=B, Key=o["Key"])
s3.delete_bucket(Bucket=B)
equal(s3.list_buckets()["Buckets"], [], "nothing left")
