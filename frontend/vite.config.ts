// Build of the dashboard. The API serves `dist/` at `/`; `npm run dev` proxies to a running API.
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

const api = `http://127.0.0.1:${process.env.TRAINYARD_PORT ?? '8000'}`

export default defineConfig({
  plugins: [react()],
  build: {
    // Every asset is a file of its own, so that the content security policy needs no data: URLs.
    assetsInlineLimit: 0,
    // The frame of every page; the editor and the charts come with the pages that need them.
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            { name: 'react', test: /node_modules[\\/](react|react-dom|scheduler)[\\/]/ },
            { name: 'mantine', test: /node_modules[\\/](@mantine|@floating-ui)[\\/]/ },
            { name: 'tanstack', test: /node_modules[\\/]@tanstack[\\/]/ },
          ],
        },
      },
    },
  },
  // `..` holds the repository's examples.
  server: {
    fs: { allow: ['..'] },
    proxy: { '/v1': api, '/docs': api, '/openapi.json': api },
  },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
})
