import uni from '@dcloudio/vite-plugin-uni'
import { defineConfig } from 'vite'

export default defineConfig({
  plugins: [uni()],
  // Of the service's CORS_ORIGINS: see README.md.
  server: { host: 'localhost', port: 5173, strictPort: true },
})
