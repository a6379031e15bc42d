// Empty: it lets a Go file declare a function without a body.
