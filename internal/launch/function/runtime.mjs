// A client of the Lambda Runtime API for handlers in Node: CommonJS and ES modules, handlers that
// give a promise, call back or do neither. Failures have Lambda's shapes.

import fs from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import util from 'node:util'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const env = process.env
const root = env.LAMBDA_TASK_ROOT
const [host, port] = env.AWS_LAMBDA_RUNTIME_API.split(':')
const base = '/2018-06-01/runtime'
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })

let requestId = ''
let onEmpty = null // called when the event loop has nothing left

class Fault extends Error {
  constructor(name, message) {
    super(message)
    this.name = name
  }
}

function ask(method, at, body, headers = {}) {
  return new Promise((resolve, reject) => {
    if (body !== undefined) headers['Content-Length'] = Buffer.byteLength(body)
    const request = http.request({ host, port, method, path: base + at, agent, headers }, (answer) => {
      const parts = []
      answer.on('data', (part) => parts.push(part))
      answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(parts).toString() }))
      answer.on('error', reject)
    })
    request.on('error', reject)
    request.end(body)
  })
}

function describe(error) {
  if (error instanceof Error || util.types.isNativeError(error)) {
    return { errorType: error.name?.replace(/\x7F/g, '%7F') ?? 'Error', errorMessage: error.message, trace: (error.stack ?? '').split('\n') }
  }
  return { errorType: typeof error, errorMessage: String(error), trace: [] }
}

function fail(at, told) {
  return ask('POST', at, JSON.stringify(told), { 'Content-Type': 'application/json', 'Lambda-Runtime-Function-Error-Type': told.errorType })
}

function log(level, values) {
  const text = values.length === 1 && typeof values[0] === 'string' ? values[0] : util.format(...values)
  process.stdout.write(`${new Date().toISOString()}\t${requestId || 'undefined'}\t${level}\t${text}\n`)
}

for (const [name, level] of Object.entries({ log: 'INFO', info: 'INFO', debug: 'DEBUG', trace: 'TRACE', warn: 'WARN', error: 'ERROR' })) {
  console[name] = (...values) => log(level, values)
}

function find(file) {
  for (const ending of ['', '.js', '.mjs', '.cjs']) {
    const full = file + ending
    if (fs.existsSync(full) && fs.statSync(full).isFile()) return full
  }
  return null
}

async function load(name) {
  const dir = path.dirname(name)
  const match = path.basename(name).match(/^([^.]*)\.(.*)$/)
  if (!match || name.includes('..')) throw new Fault('Runtime.MalformedHandlerName', 'Bad handler')
  const [, module, names] = match
  let file = find(path.resolve(root, dir, module))
  try {
    file ??= createRequire(path.join(root, 'index.js')).resolve(path.posix.join(dir, module))
    const found = await import(pathToFileURL(file).href)
    for (const from of [found, found.default]) {
      const handler = names.split('.').reduce((object, key) => object?.[key], from)
      if (typeof handler === 'function') return handler
      if (handler !== undefined && from === found.default) throw new Fault('Runtime.HandlerNotFound', `${name} is not a function`)
    }
  } catch (error) {
    if (error instanceof SyntaxError) throw Object.assign(new Fault('Runtime.UserCodeSyntaxError', error.toString()), { stack: error.stack })
    if (error?.code === 'MODULE_NOT_FOUND' || error?.code === 'ERR_MODULE_NOT_FOUND') {
      throw Object.assign(new Fault('Runtime.ImportModuleError', file ? error.toString() : `Error: Cannot find module '${module}'\nRequire stack:\n- ${root}`), { stack: error.stack })
    }
    throw error
  }
  throw new Fault('Runtime.HandlerNotFound', `${name} is undefined or not exported`)
}

function contextOf(headers, callback) {
  const deadline = Number(headers['lambda-runtime-deadline-ms'])
  const parse = (text) => (text ? JSON.parse(text) : undefined)
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: parse(headers['lambda-runtime-client-context']),
    identity: parse(headers['lambda-runtime-cognito-identity']),
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    getRemainingTimeInMillis: () => Math.max(deadline - Date.now(), 0),
    done: (error, value) => callback(error, value),
    fail: (error) => callback(error),
    succeed: (value) => callback(null, value),
  }
}

// call gives what the handler answers: by its promise, by its callback once nothing else is to be
// done, or null where it does neither.
function call(handler, event, headers) {
  return new Promise((resolve, reject) => {
    const end = (error, value) => (error !== undefined && error !== null ? reject(error) : resolve(value))
    const context = contextOf(headers, (error, value) => {
      if (context.callbackWaitsForEmptyEventLoop) onEmpty = () => end(error, value)
      else end(error, value)
    })
    onEmpty = () => resolve(null)
    const given = handler(event, context, context.done)
    if (given && typeof given.then === 'function') given.then(resolve, (error) => reject(error ?? new Error(String(error))))
  })
}

process.on('beforeExit', () => {
  const then = onEmpty
  onEmpty = null
  then?.()
})

async function die(kind, error, code) {
  const told = describe(error)
  if (kind !== null) {
    told.reason = told.errorMessage
    told.errorType = kind
    told.errorMessage = error instanceof Error ? error.toString() : String(error)
  }
  log('ERROR', [(kind === null ? 'Uncaught Exception ' : 'Unhandled Promise Rejection ') + '\t' + JSON.stringify(told)])
  try {
    await fail(requestId ? `/invocation/${requestId}/error` : '/init/error', told)
  } finally {
    process.exit(code)
  }
}
process.on('uncaughtException', (error) => die(null, error, 129))
process.on('unhandledRejection', (error) => die('Runtime.UnhandledPromiseRejection', error, 128))

async function next() {
  try {
    const answer = await ask('GET', '/invocation/next')
    if (answer.status === 200) return answer
  } catch {
    // whoever ran us is gone
  }
  process.exit(1)
}

async function main() {
  let handler
  try {
    handler = await load(env._HANDLER)
  } catch (error) {
    const told = describe(error)
    log('ERROR', ['Uncaught Exception \t' + JSON.stringify(told)])
    await fail('/init/error', told)
    process.exit(1)
  }
  for (;;) {
    const { headers, body } = await next()
    requestId = headers['lambda-runtime-aws-request-id']
    env._X_AMZN_TRACE_ID = headers['lambda-runtime-trace-id']
    let answer
    try {
      answer = JSON.stringify((await call(handler, JSON.parse(body), headers)) ?? null) ?? 'null'
    } catch (error) {
      const told = describe(error)
      log('ERROR', ['Invoke Error \t' + JSON.stringify({ ...told, stack: told.trace, trace: undefined })])
      await fail(`/invocation/${requestId}/error`, told)
      continue
    } finally {
      onEmpty = null
    }
    await ask('POST', `/invocation/${requestId}/response`, answer, { 'Content-Type': 'application/json' })
  }
}

main()
