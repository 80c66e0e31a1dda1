module.exports = {
  presets: [['taro', { framework: 'react', compiler: 'vite' }]],
}
