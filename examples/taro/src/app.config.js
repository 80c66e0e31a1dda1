export default defineAppConfig({
  pages: ['pages/index/index'],
  window: {
    backgroundTextStyle: 'light',
    navigationBarBackgroundColor: '#f5f3ee',
    navigationBarTitleText: '无感茶铺',
    navigationBarTextStyle: 'black',
  },
})
