// The suite's own origin, on a port of loopback: what its server.mjs does, which listens on
// every address.
import http from 'node:http'

import handleConfig from 'http-cache-tests/server/handle-config.mjs'
import handleState from 'http-cache-tests/server/handle-state.mjs'
import handleTest from 'http-cache-tests/server/handle-test.mjs'

const handlers = { config: handleConfig, state: handleState, test: handleTest }

// listen resolves to a server that listens; its port is server.address().port.
export function listen() {
  const server = http.createServer((request, response) => {
    const [, kind, ...rest] = new URL(request.url, 'http://localhost/').pathname.split('/')
    const handle = handlers[kind]
    if (!handle) {
      response.writeHead(404)
      response.end()
      return
    }
    handle(rest, request, response)
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => resolve(server))
  })
}
