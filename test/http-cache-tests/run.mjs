// Runs the public HTTP cache conformance suite against bin/upshift and judges the result.
// usage: run.mjs [-v] [--id ID] [--command CMD]
//   -v         the informative cases too
//   --id       one test, with its traffic
//   --command  a rival: a command that takes the origin's URL and prints "gateway URL"
import { runTests, getResults } from 'http-cache-tests/client/runner.mjs'
import { determineTestResult } from 'http-cache-tests/lib/display.mjs'
import suites from 'http-cache-tests/tests/index.mjs'
import fetch from 'node-fetch'

import { atOnce, minRequiredRatio, safety } from './bars.mjs'
import * as gateway from './gateway.mjs'
import * as origin from './origin.mjs'

const args = process.argv.slice(2)
const valueOf = (flag) => (args.includes(flag) ? args[args.indexOf(flag) + 1] : '')
const verbose = args.includes('-v')
const only = valueOf('--id')

const tests = suites.flatMap((suite) => suite.tests).filter((test) => !test.browser_only && (!only || test.id === only))
const known = new Set(tests.map((test) => test.id))
const missing = only ? [only] : safety
if (missing.some((id) => !known.has(id))) {
  console.error(`the suite has no test ${missing.filter((id) => !known.has(id)).join(', ')}`)
  process.exit(2)
}
tests.forEach((test) => { test.dump = only !== '' })

const server = await origin.listen()
try {
  const proxy = await gateway.start(`http://127.0.0.1:${server.address().port}`, valueOf('--command'))
  try {
    await runTests([{ tests }], fetch, false, proxy.url, atOnce)
  } finally {
    await proxy.stop()
  }
} finally {
  server.closeAllConnections()
  server.close()
}
process.exitCode = report(getResults()) ? 0 : 1

// verdict is what the suite's own rules make of a test: a test whose precondition failed counts
// neither as passed nor as failed.
function verdict(test, results) {
  const names = {
    '✅': 'pass', 'Y': 'pass', '⛔️': 'fail', '⚠️': 'fail', 'N': 'no', '🔹': 'setup', '⁉️': 'harness',
    '⚪️': 'dependency', '↻': 'retry', '-': 'untested',
  }
  return names[determineTestResult(suites, test.id, results)[2]]
}

// report prints the counts and what did not pass, and says whether the bars are met.
function report(results) {
  const kinds = { required: [], optimal: [], check: [] }
  for (const test of tests) {
    kinds[test.kind ?? 'required'].push({ test, is: verdict(test, results) })
  }
  for (const [kind, all] of Object.entries(kinds)) {
    console.log(`${kind} ${all.filter(({ is }) => is === 'pass').length}/${all.length}`)
    if (kind === 'required' || verbose) {
      for (const { test, is } of all.filter(({ is }) => is !== 'pass')) {
        const why = Array.isArray(results[test.id]) ? `: ${results[test.id][1]}` : ''
        console.log(`  ${is.padEnd(10)} ${test.id}${why}`)
      }
    }
  }
  return only ? true : judge(kinds.required, results)
}

function judge(required, results) {
  const ratio = required.filter(({ is }) => is === 'pass').length / required.length
  const enough = ratio >= minRequiredRatio
  const unsafe = safety.filter((id) => results[id] !== true)
  console.log(`${enough ? 'PASS' : 'FAIL'}  required cases passed: ${(100 * ratio).toFixed(1)} %, wanted ${100 * minRequiredRatio} %`)
  console.log(`${unsafe.length ? 'FAIL' : 'PASS'}  safety: ${safety.length - unsafe.length} of ${safety.length} ${unsafe.join(' ')}`)
  return enough && unsafe.length === 0
}
