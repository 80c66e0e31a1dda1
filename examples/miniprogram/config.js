module.exports = {
  // `make run` in the repository starts the service here.
  baseURL: 'http://127.0.0.1:8080',
  // `go run ./examples/shop` answers here: advice in pieces, and notices by a socket.
  shopURL: 'http://127.0.0.1:8081',
  // examples/browser (`npm start`) is the page in the web-view.
  webURL: 'http://127.0.0.1:5173/',
  // `wugan dev` has a stand-in for WeChat, which knows this name and no code of the real wx.login.
  // With your own service, set it to null: then wx.login is used.
  devUser: 'alice',
}
