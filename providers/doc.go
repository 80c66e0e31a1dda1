// Package providers is the seam between this service and the platforms that
// know who a person is. A [Provider] is one app of one platform: it exchanges a
// login code for a proven identity. What else a platform can do, it declares by
// implementing one of the small interfaces beside it ([PhoneNumberer],
// [Decrypter] and so on); the caller asks with a type assertion.
//
// A platform is one package that holds a [Registration], and one line where the
// service lists the registrations. The package also owns what all clients of
// platforms share: a [Caller] that writes a code once, keeps to 5 s, stops
// calling a platform that is down and keeps secrets out of its errors, an
// [AppToken] that is fetched once for all who ask, and the typed [Error].
//
// It refuses to own users, sessions, storage and HTTP codes, and it knows no
// platform: what a response means, each platform's package says with a
// [Judge].
package providers
