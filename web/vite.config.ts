import tailwindcss from '@tailwindcss/vite';
import { defineConfig } from 'vite';
import { compress } from './compress.ts';

export default defineConfig({
  plugins: [tailwindcss(), compress()],
  build: {
    target: 'es2023',
    assetsInlineLimit: 0, // the policy allows no data: addresses
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  // `npm run dev` beside a running upshift.
  server: { proxy: { '/api': 'http://127.0.0.1:8090', '/docs': 'http://127.0.0.1:8090' } },
});
