import { defineConfig } from '@tarojs/cli'

export default defineConfig(() => ({
  projectName: 'wugan-example-taro',
  designWidth: 375,
  deviceRatio: { 375: 2, 640: 1.17, 750: 1, 828: 0.905 },
  sourceRoot: 'src',
  outputRoot: `dist/${process.env.TARO_ENV}`,
  plugins: [],
  framework: 'react',
  compiler: 'vite',
  h5: {
    publicPath: './',
    router: { mode: 'hash' },
    // Of the service's CORS_ORIGINS: see README.md.
    devServer: { host: 'localhost', port: 5173, open: false },
  },
  mini: {},
}))
