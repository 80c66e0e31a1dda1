// Package providers defines the interface between the service and the platforms that
// authenticate users. A [Provider] is one app of one platform: it exchanges a login
// code for a confirmed identity. A platform implements small optional interfaces for
// its other capabilities ([PhoneNumberer], [Decrypter] and so on); the caller tests
// for them with a type assertion.
//
// A platform is one package with a [Registration], and one line in the list of
// registrations in internal/service. This package also has what the clients of all
// platforms share: a [Caller], which sends a code at most once, limits a call to 5 s,
// stops calling a platform that is down and keeps secrets out of errors; an
// [AppToken], which is fetched once for all concurrent callers; and the typed
// [Error].
//
// It does not own users, sessions, storage or HTTP status codes. The meaning of a
// platform's response is defined in that platform's package, by a [Judge].
package providers
