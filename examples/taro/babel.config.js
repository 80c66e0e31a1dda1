module.exports = {
  presets: [['taro', { framework: 'vue3', compiler: 'vite' }]],
}
