// compress writes a .br and a .gz beside every text file of the build, so that the server
// only picks one. The results depend on nothing but the file: CI compares them.
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';
import { gzipSync } from 'fflate';
import type { Plugin } from 'vite';

const compressible = /\.(html|js|css|svg|json)$/;
const minBytes = 512; // below, the headers outweigh the gain

export function compress(): Plugin {
  let outDir = '';
  return {
    name: 'upshift-compress',
    apply: 'build',
    enforce: 'post',
    configResolved(config) {
      outDir = join(config.root, config.build.outDir);
      if (config.build.outDir.startsWith('/')) outDir = config.build.outDir;
    },
    closeBundle() {
      for (const name of readdirSync(outDir, { recursive: true, encoding: 'utf8' })) {
        const path = join(outDir, name);
        if (compressible.test(name) && statSync(path).size >= minBytes) write(path);
      }
    },
  };
}

function write(path: string): void {
  const data = readFileSync(path);
  // fflate, because zlib's output differs between processors.
  writeFileSync(`${path}.gz`, gzipSync(data, { level: 9, mtime: 0 }));
  writeFileSync(
    `${path}.br`,
    brotliCompressSync(data, {
      params: {
        [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
        [constants.BROTLI_PARAM_QUALITY]: 11,
        [constants.BROTLI_PARAM_SIZE_HINT]: data.length,
      },
    }),
  );
}
