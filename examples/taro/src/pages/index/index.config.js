export default definePageConfig({
  navigationBarTitleText: '无感茶铺',
})
