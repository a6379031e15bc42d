package kayenta

import "errors"

// hasKind says whether err is an *Error of that kind.
func hasKind(err error, kind Kind) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Kind == kind
}
