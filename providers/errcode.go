package providers

import "strconv"

// JudgeErrcode is the Judge of platforms that took over WeChat's errcode, which is
// 0 or absent on success. kind gives the others their meaning.
func JudgeErrcode(kind func(a API, code int) Kind) Judge {
	return func(a API, f Fields, _ []byte) *Error {
		code, ok := f.Number("errcode")
		switch {
		case !ok:
			return &Error{Kind: KindUnexpected, Reason: "the errcode is not a number"}
		case code == 0:
			return nil
		}
		return &Error{Kind: kind(a, code), Code: strconv.Itoa(code)}
	}
}
