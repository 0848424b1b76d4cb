// A gateway of this repository as a process of its own, in front of one server.
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const binary = fileURLToPath(new URL('../../bin/upshift', import.meta.url))
const startMs = 30_000

// start resolves to the gateway's URL and a function that stops it. A command takes its place if
// there is one.
export async function start(server, command) {
  const dir = await mkdtemp(join(tmpdir(), 'upshift-cache-tests-'))
  const [rival, ...args] = command.split(' ')
  const child = rival ? spawn(rival, [...args, server], { stdio: ['ignore', 'pipe', 'pipe'] }) : spawn(binary, [
    'serve', '--set', `data_dir=${dir}`,
    '--set', 'gateway.listen=127.0.0.1:0', '--set', 'api.listen=127.0.0.1:0',
    '--set', `load_balancer.servers=origin=${server}`,
    // The origin breaks connections on purpose and notices when a request comes twice.
    '--set', 'load_balancer.max_retries=1', '--set', 'load_balancer.health_check_interval=1h',
    '--set', 'cache.max_size=100000',
  ], { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env.PATH, HOME: dir } })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  const stop = async () => {
    child.kill('SIGTERM')
    await ended
    await rm(dir, { recursive: true, force: true })
  }
  try {
    return { url: await announced(child), stop }
  } catch (err) {
    await stop()
    throw err
  }
}

// announced resolves to the URL that the gateway prints when it listens.
function announced(child) {
  return new Promise((resolve, reject) => {
    let out = ''
    let err = ''
    const fail = (why) => reject(new Error(`${binary}: ${why}\n${err}`))
    const late = setTimeout(() => fail('did not listen in time'), startMs)
    child.once('error', (e) => fail(`${e.message}; run make build`))
    child.once('exit', (code) => fail(`ended with ${code}`))
    child.stderr.on('data', (data) => { err = (err + data).slice(-4096) })
    child.stdout.on('data', (data) => {
      out += data
      const found = /gateway\s+(http:\S+)/.exec(out)
      if (found) {
        clearTimeout(late)
        resolve(found[1])
      }
    })
  })
}
