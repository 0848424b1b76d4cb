// Bundles the tests with Vite and runs them with Node's own runner: quiet when all is well.
// usage: node test/run.mjs [part of a file's name ...]
import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { build } from 'vite';

const out = 'node_modules/.upshift-test';
const wanted = process.argv.slice(2);
const files = readdirSync('test', { recursive: true, encoding: 'utf8' })
  .filter((f) => f.endsWith('.test.ts'))
  .filter((f) => wanted.length === 0 || wanted.some((w) => f.includes(w)));
if (files.length === 0) {
  console.error(`no test matches ${wanted.join(' ')}`);
  process.exit(2);
}

rmSync(out, { recursive: true, force: true });
await build({
  configFile: false,
  logLevel: 'error',
  publicDir: false,
  build: {
    ssr: true,
    outDir: out,
    target: 'node20',
    sourcemap: 'inline',
    rolldownOptions: {
      input: Object.fromEntries(files.map((f) => [basename(f, '.ts'), join('test', f)])),
      output: { entryFileNames: '[name].mjs' },
    },
  },
});

const run = spawnSync(
  process.execPath,
  ['--enable-source-maps', '--test', '--test-concurrency=1', '--test-reporter=spec', ...files.map((f) => join(out, `${basename(f, '.ts')}.mjs`))],
  { stdio: 'inherit' },
);
process.exit(run.status ?? 1);
