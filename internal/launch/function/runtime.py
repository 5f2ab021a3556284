"""A client of the Lambda Runtime API for handlers in Python.

It loads the handler that _HANDLER names, then asks for events one after another, calls the handler
with each and posts what came of it. Failures have Lambda's shapes.
"""

import http.client
import importlib
import json
import logging
import os
import sys
import time
import traceback

API = os.environ["AWS_LAMBDA_RUNTIME_API"]
BASE = "/2018-06-01/runtime"
ROOT = os.environ["LAMBDA_TASK_ROOT"]


class Fault(Exception):
    """A failure of the function's set-up, or of its answer, with Lambda's word for it."""

    def __init__(self, kind, message, stack=None):
        super().__init__(message)
        self.kind, self.message, self.stack = kind, message, stack or []


class ClientContext:
    class Client:
        installation_id = app_title = app_version_name = app_version_code = app_package_name = None

    def __init__(self, text):
        given = json.loads(text)
        self.custom, self.env = given.get("custom"), given.get("env")
        self.client = None
        if isinstance(given.get("client"), dict):
            self.client = self.Client()
            for name, value in given["client"].items():
                setattr(self.client, name, value)


class Identity:
    cognito_identity_id = cognito_identity_pool_id = None


class Context:
    """What a handler gets as its second argument."""

    def __init__(self, headers):
        self._deadline = int(headers.get("Lambda-Runtime-Deadline-Ms", "0"))
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.invoked_function_arn = headers.get("Lambda-Runtime-Invoked-Function-Arn")
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = Identity()
        text = headers.get("Lambda-Runtime-Client-Context")
        self.client_context = ClientContext(text) if text else None
        self.tenant_id = None

    def get_remaining_time_in_millis(self):
        return max(self._deadline - int(time.time() * 1000), 0)

    def log(self, message):
        sys.stdout.write(str(message))

    def __repr__(self):
        shown = ("aws_request_id", "log_group_name", "log_stream_name", "function_name", "memory_limit_in_mb", "function_version", "invoked_function_arn", "client_context", "identity")
        return "LambdaContext([" + ",".join(f"{k}={getattr(self, k)}" for k in shown) + "])"


class Handler(logging.Handler):
    """The root logger's, which writes as Lambda's does."""

    def emit(self, record):
        sys.stdout.write(self.format(record))
        sys.stdout.flush()


request_id = ""


def stamp(record):
    record.aws_request_id = request_id
    return True


def set_up_logging():
    logging.Formatter.converter = time.gmtime
    root, handler = logging.getLogger(), Handler()
    handler.setFormatter(logging.Formatter("[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n", "%Y-%m-%dT%H:%M:%S"))
    handler.addFilter(stamp)
    root.addHandler(handler)


def load(name):
    """Gives the handler that "module.function" names, "dir/module.function" too."""
    module, dot, function = name.rpartition(".")
    if not dot:
        raise Fault("Runtime.MalformedHandlerName", f"Bad handler '{name}': not enough values to unpack (expected 2, got 1)")
    try:
        if module.split(".")[0] in sys.builtin_module_names:
            raise Fault("Runtime.BuiltInModuleConflict", f"Cannot use built-in module {module} as a handler module")
        found = importlib.import_module(module.replace("/", "."))
    except ImportError as e:
        raise Fault("Runtime.ImportModuleError", f"Unable to import module '{module}': {e}") from None
    except SyntaxError as e:
        raise Fault("Runtime.UserCodeSyntaxError", f"Syntax error in module '{module}': {e}", [f'  File "{e.filename}" Line {e.lineno}\n    {e.text or ""}']) from None
    try:
        return getattr(found, function)
    except AttributeError:
        raise Fault("Runtime.HandlerNotFound", f"Handler '{function}' missing on module '{module}'") from None


def describe(error):
    """Gives a failure in Lambda's shape. Frames of this file are nobody's business."""
    if isinstance(error, Fault):
        return {"errorMessage": error.message, "errorType": error.kind, "requestId": request_id, "stackTrace": error.stack}
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename != __file__ and not f.filename.startswith("<frozen importlib")]
    return {"errorMessage": str(error), "errorType": type(error).__name__, "requestId": request_id, "stackTrace": traceback.format_list(frames)}


def log_failure(told):
    lines = [f"[ERROR] {told['errorType']}: {told['errorMessage']}"]
    if told["stackTrace"]:
        lines.append("Traceback (most recent call last):")
        lines += [line.rstrip("\n") for line in told["stackTrace"]]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


class Api:
    def __init__(self):
        self.connection = http.client.HTTPConnection(API)

    def next(self):
        self.connection.request("GET", BASE + "/invocation/next")
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            sys.exit(1)
        return answer.headers, body

    def post(self, path, body, headers=None):
        self.connection.request("POST", BASE + path, body, {"Content-Type": "application/json", **(headers or {})})
        answer = self.connection.getresponse()
        answer.read()
        return answer.status

    def fail(self, path, told):
        self.post(path, json.dumps(told, ensure_ascii=False).encode(), {"Lambda-Runtime-Function-Error-Type": told["errorType"]})


def default(value):
    import decimal

    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def serve(api, handler):
    global request_id
    while True:
        headers, body = api.next()
        request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        trace = headers.get("Lambda-Runtime-Trace-Id")
        if trace:
            os.environ["_X_AMZN_TRACE_ID"] = trace
        try:
            try:
                event = json.loads(body)
            except ValueError as e:
                raise Fault("Runtime.UnmarshalError", f"Unable to unmarshal input: {e}") from None
            answer = handler(event, Context(headers))
            try:
                answer = json.dumps(answer, default=default, ensure_ascii=False, allow_nan=False).encode()
            except (TypeError, ValueError) as e:
                raise Fault("Runtime.MarshalError", f"Unable to marshal response: {e}") from None
        except Exception as e:
            told = describe(e)
            log_failure(told)
            sys.stderr.flush()
            api.fail(f"/invocation/{request_id}/error", told)
            continue
        sys.stdout.flush()
        sys.stderr.flush()
        api.post(f"/invocation/{request_id}/response", answer)


def main():
    sys.path[0] = ROOT  # in place of this file's directory
    set_up_logging()
    api = Api()
    try:
        handler = load(os.environ["_HANDLER"])
    except Exception as e:
        told = describe(e)
        log_failure(told)
        api.fail("/init/error", told)
        sys.exit(1)
    try:
        serve(api, handler)
    except (ConnectionError, http.client.HTTPException):
        os._exit(1)  # whoever ran us is gone


main()
